/* SPDX-License-Identifier: BSD-2-Clause */
#include "export/formats.h"

#include <stdbool.h>
#include <string.h>

#include "export/export.h"

/* Sorted by how often they are asked for: --help lists them so. */
static const struct exporter *const formats[] = {
	&export_folded, &export_flamegraph, &export_speedscope, &export_pstats, NULL,
};

/* Is @name one of the words of @list? */
static bool is_among(const char *list, const char *name)
{
	size_t length = strlen(name);

	for (const char *word = list; *word; word += strspn(word, " ")) {
		size_t end = strcspn(word, " ");

		if (length == end && !strncmp(word, name, length))
			return true;
		word += end;
	}
	return false;
}

const struct exporter *exporter_find(const char *name)
{
	for (size_t i = 0; formats[i]; i++) {
		if (!strcmp(formats[i]->name, name) || is_among(formats[i]->aliases, name))
			return formats[i];
	}
	return NULL;
}

const struct exporter *const *exporter_list(void)
{
	return formats;
}
