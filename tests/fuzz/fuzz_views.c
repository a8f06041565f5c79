/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a profile, shown: the first two bytes choose a view or format and its options.
 *
 * Whatever names the file has, what is shown is UTF-8 without control characters.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "export/export.h"
#include "pprof/pprof.h"
#include "profile/profile.h"
#include "report/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* No control character but @allowed, and what text_make_utf8() leaves as it is. */
static void check_text(const char *text, size_t size, const char *allowed)
{
	cleanup_free char *copy = malloc(size + 1);

	if (!copy)
		return;
	memcpy(copy, text, size);
	copy[size] = '\0';
	if (strlen(copy) != size)
		abort();
	text_make_utf8(copy);
	if (memcmp(copy, text, size) != 0)
		abort();
	for (size_t i = 0; i < size; i++) {
		if ((uint8_t)text[i] < ' ' && !strchr(allowed, text[i]))
			abort();
	}
}

/* False if what it writes is no text. */
static bool show(const struct profile *p, const uint8_t *choice, FILE *out)
{
	struct report_options options = report_defaults(choice[1] & 128 ? choice[1] & 127 : 0);
	const struct exporter *const *exporters = exporter_list();
	struct export_view view = { .type = choice[1] % profile_type_count(p), .title = "title" };
	size_t formats = 0;

	while (exporters[formats])
		formats++;
	if (choice[0] & 128) {
		const struct exporter *exporter = exporters[choice[0] % formats];

		exporter->write(p, &view, out);
		return strcmp(exporter->name, "pstats") != 0;
	}
	options.view = choice[0] % REPORT_VIEW_NR;
	options.function = "a";
	options.json = choice[0] & 64;
	options.idle = choice[1] & 1;
	options.states = choice[1] & 2 ? 0x55 : 0;
	report_print(p, &options, out);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	CLEANUP(profile_free) struct profile *p = NULL;
	cleanup_free char *text = NULL;
	size_t length = 0;
	bool is_text;
	FILE *out;

	if (size < 2 || pprof_parse(bytes + 2, size - 2, &p) || !profile_type_count(p))
		return 0;
	out = open_memstream(&text, &length);
	if (!out)
		return 0;
	is_text = show(p, bytes, out);
	if (!fclose(out) && is_text) /* formats have programs in them, which are indented */
		check_text(text, length, bytes[0] & 128 ? "\n\t" : "\n");
	return 0;
}
