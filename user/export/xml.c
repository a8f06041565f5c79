/* SPDX-License-Identifier: BSD-2-Clause */
#include "export/xml.h"

#include <string.h>

#include "base/text.h"

static const char *entity(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

/* U+FFFE and U+FFFF are characters in UTF-8, but not in XML. */
static int is_not_xml(const char *c)
{
	return !strncmp(c, "\xef\xbf\xbe", 3) || !strncmp(c, "\xef\xbf\xbf", 3);
}

void xml_print(const char *text, FILE *out)
{
	char safe[8192];

	text_escape(safe, sizeof(safe), text);
	for (const char *c = safe; *c; c++) {
		if (entity(*c)) {
			fputs(entity(*c), out);
		} else if (is_not_xml(c)) {
			fputc('?', out);
			c += 2;
		} else {
			fputc(*c, out);
		}
	}
}
