/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/line.h"

#include <stdbool.h>
#include <time.h>

#include "base/text.h"
#include "profile/describe.h"

void line_time(char *dst, size_t size, int64_t time_ns)
{
	time_t seconds = time_ns / 1000000000;
	char clock[16];
	struct tm tm;

	localtime_r(&seconds, &tm);
	strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	snprintf(dst, size, "%s.%06d", clock, (int)(time_ns % 1000000000 / 1000));
}

void line_place(char *dst, size_t size, const char *file, int64_t line)
{
	char place[512] = "";

	*dst = '\0';
	if (file)
		describe_place(place, sizeof(place), file, line, false);
	if (*place)
		snprintf(dst, size, " (%s)", place);
}

void line_cell(FILE *out, const char *gap, int width, char *text)
{
	char safe[LINE_CELL_BYTES];

	text_make_utf8(text);
	text_escape(safe, sizeof(safe), text);
	fprintf(out, "%s%*s", gap, width, safe);
}
