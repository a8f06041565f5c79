/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "base/text.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

/* Length of the valid UTF-8 character at @s and its value, or 0: overlong forms, surrogates and
 * values past U+10FFFF are not valid. */
static int decode(const unsigned char *s, uint32_t *ret)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	int length = s[0] < 0x80   ? 1
		     : s[0] < 0xc2 ? 0
		     : s[0] < 0xe0 ? 2
		     : s[0] < 0xf0 ? 3
		     : s[0] < 0xf5 ? 4
				   : 0;
	uint32_t value = length == 1 ? s[0] : s[0] & (0x7f >> length);

	for (int i = 1; i < length; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (s[i] & 0x3f);
	}
	if (length == 0 || value < least[length] || value > 0x10ffff ||
	    (value >= 0xd800 && value < 0xe000))
		return 0;
	*ret = value;
	return length;
}

/* Would a terminal obey it, or a line-based reader trip over it? */
static bool is_unsafe(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff ||
	       (c >= 0xfff9 && c <= 0xfffb);
}

static void escape_one(char *out, size_t size, uint32_t c)
{
	if (c == '\n')
		snprintf(out, size, "\\n");
	else if (c == '\t')
		snprintf(out, size, "\\t");
	else if (c == '\r')
		snprintf(out, size, "\\r");
	else if (c == 0x1b)
		snprintf(out, size, "\\e");
	else if (c < 0x100)
		snprintf(out, size, "\\x%02x", c);
	else
		snprintf(out, size, "\\u{%04x}", c);
}

size_t text_escape(char *dst, size_t size, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t used = 0;

	if (size == 0)
		return 0;
	while (*s) {
		char piece[16];
		uint32_t c;
		int length = decode(s, &c);

		if (length == 0)
			snprintf(piece, sizeof(piece), "\\x%02x", *s);
		else if (is_unsafe(c))
			escape_one(piece, sizeof(piece), c);
		else
			snprintf(piece, sizeof(piece), "%.*s", length, (const char *)s);
		if (used + strlen(piece) >= size)
			break;
		memcpy(dst + used, piece, strlen(piece));
		used += strlen(piece);
		s += length ? length : 1;
	}
	dst[used] = '\0';
	return used;
}

void text_make_utf8(char *text)
{
	unsigned char *s = (unsigned char *)text;

	while (*s) {
		uint32_t c;
		int length = decode(s, &c);

		if (length == 0)
			*s = '?';
		s += length ? length : 1;
	}
}

/* wcwidth() needs a locale; these ranges are the wide ones that names are written in. */
static int columns_of(uint32_t c)
{
	if ((c >= 0x300 && c <= 0x36f) || (c >= 0x1ab0 && c <= 0x1aff) ||
	    (c >= 0x20d0 && c <= 0x20ff) || (c >= 0xfe00 && c <= 0xfe0f))
		return 0;
	if ((c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) ||
	    (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xf900 && c <= 0xfaff) ||
	    (c >= 0xfe30 && c <= 0xfe6f) || (c >= 0xff00 && c <= 0xff60) ||
	    (c >= 0xffe0 && c <= 0xffe6) || (c >= 0x1f300 && c <= 0x1faff) ||
	    (c >= 0x20000 && c <= 0x3fffd))
		return 2;
	return 1;
}

int text_width(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	int width = 0;

	while (*s) {
		uint32_t c = '?';
		int length = decode(s, &c);

		width += columns_of(c);
		s += length ? length : 1;
	}
	return width;
}

size_t text_fit(const char *text, int columns)
{
	const unsigned char *s = (const unsigned char *)text;

	while (*s) {
		uint32_t c = '?';
		int length = decode(s, &c);

		columns -= columns_of(c);
		if (columns < 0)
			break;
		s += length ? length : 1;
	}
	return s - (const unsigned char *)text;
}

int text_to_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
	unsigned long long value;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (*end)
		return -EINVAL;
	if (errno || value < min || value > max)
		return -ERANGE;
	*ret = value;
	return 0;
}

int text_to_duration(const char *text, uint64_t *ret)
{
	static const struct {
		const char *name;
		double seconds;
	} units[] = { { "", 1 },      { "s", 1 },  { "ms", 1e-3 },
		      { "us", 1e-6 }, { "m", 60 }, { "h", 3600 } };
	char *end;
	double value;

	if ((*text < '0' || *text > '9') && *text != '.')
		return -EINVAL;
	value = strtod(text, &end);
	if (end == text || !isfinite(value))
		return -EINVAL;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		double ns = value * units[i].seconds * 1e9;

		if (strcmp(end, units[i].name) != 0)
			continue;
		if (ns < 1 || ns > 9e18)
			return -EINVAL;
		*ret = (uint64_t)ns;
		return 0;
	}
	return -EINVAL;
}

bool text_starts(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool text_ends(const char *text, const char *suffix)
{
	size_t length = strlen(text), tail = strlen(suffix);

	return length >= tail && strcmp(text + length - tail, suffix) == 0;
}

const char *text_basename(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}
