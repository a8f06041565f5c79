/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/header.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "profile/describe.h"
#include "profile/profile.h"
#include "report/census.h"
#include "report/measures.h"
#include "report/number.h"
#include "report/view.h"

enum { PROCESSES = 10 }; /* more than the first few busy ones are for --by process */

static void print_count(size_t count, const char *one, const char *many, const char *before,
			FILE *out)
{
	if (count)
		fprintf(out, "%s%zu %s", before, count, count == 1 ? one : many);
}

static int print_host(const struct profile *p, FILE *out)
{
	const char *between = "";
	int64_t cpus, duration = profile_meta_get(p)->duration_ns;
	char pythons[512];
	struct census c;
	int err = census_take(p, &c);

	if (err)
		return err;
	if (duration > 0) {
		fprintf(out, "%.*f s", duration < 1000000000 ? 3 : 1, duration / 1e9);
		between = " · ";
	}
	if (census_number(p, "cpus", &cpus)) {
		print_count(cpus, "CPU", "CPUs", between, out);
		between = " · ";
	}
	if (c.processes) {
		print_count(c.processes, *c.pythons ? "Python process" : "process",
			    *c.pythons ? "Python processes" : "processes", between, out);
		between = " · ";
		print_count(c.threads, "thread", "threads", ", ", out);
		print_count(c.containers, "container", "containers", ", ", out);
	}
	text_escape(pythons, sizeof(pythons), c.pythons);
	if (*pythons)
		fprintf(out, "%s%s", between, pythons);
	if (!*between)
		print_count(profile_sample_count(p), "sample", "samples", "", out);
	fputc('\n', out);
	return 0;
}

/* ---- the sum ---- */

/* A line of words that goes on below its first word when the terminal ends. */
struct line {
	FILE *out;
	int width, used, indent;
};

static void put(struct line *line, const char *gap, const char *text)
{
	int columns = text_width(gap) + text_width(text);

	if (line->width > 0 && line->used + columns > line->width && line->used > line->indent) {
		fprintf(line->out, "\n%*s", line->indent, "");
		line->used = line->indent;
		gap = "";
	}
	fprintf(line->out, "%s%s", gap, text);
	line->used += text_width(gap) + text_width(text);
}

static void upper(char *text)
{
	for (; *text; text++)
		*text = toupper((unsigned char)*text);
}

static void put_state(struct line *line, const char *name, int64_t ns, int decimals, bool is_first)
{
	char text[64], seconds[32];

	seconds_format(seconds, sizeof(seconds), ns, decimals);
	snprintf(text, sizeof(text), "%s %s", name, ns ? seconds : "0");
	upper(text);
	put(line, is_first ? " = " : "   ", text);
}

/* What is said must add up as it is said: rounded together, idle time last and in one. */
static void print_states(const struct measures *m, const int64_t *sums, int width, FILE *out)
{
	int64_t parts[ADDER_STATE_NR + 1], wall = 0;
	const char *names[ADDER_STATE_NR + 1];
	struct line line = { .out = out, .width = width, .indent = 2 };
	size_t count = 0;
	char text[64];
	int decimals;

	for (int s = 0; s < ADDER_STATE_NR; s++) {
		if (MEASURES_IDLE & 1u << s)
			continue;
		names[count] = measures_state_name(s);
		parts[count++] = sums[m->state[s]];
	}
	names[count] = "idle";
	parts[count++] = sums[measures_find(m, "idle")];
	decimals = seconds_decimals(sums[m->wall]);
	if (decimals > 3)
		decimals = 3;
	wall = seconds_round_parts(parts, count, decimals);
	snprintf(text, sizeof(text), "  WALL %.*f s", decimals, wall / 1e9);
	put(&line, "", text);
	line.indent = text_width(text) + 3;
	for (size_t i = 0; i < count; i++) {
		if (i == 0 || parts[i])
			put_state(&line, names[i], parts[i], decimals, i == 0);
	}
	fputc('\n', out);
}

static void print_types(const struct measures *m, const int64_t *sums, int width, FILE *out)
{
	struct line line = { .out = out, .width = width, .indent = 2 };

	fputs("  ", out);
	line.used = 2;
	for (size_t i = 0; i < m->count; i++) {
		char name[128], number[32], text[192];

		text_escape(name, sizeof(name), m->list[i].name);
		upper(name);
		seconds_alone(number, sizeof(number), sums[i]);
		if (m->list[i].is_time)
			snprintf(text, sizeof(text), "%s %s s", name, number);
		else
			snprintf(text, sizeof(text), "%s %" PRId64, name, sums[i]);
		put(&line, i ? "   " : "", text);
	}
	fputc('\n', out);
}

static int print_sum(const struct profile *p, const struct report_options *o, FILE *out)
{
	int64_t sums[MEASURES_MAX];
	struct measures m;
	int err = measures_init(&m, p, MEASURES_ALL, MEASURES_WITH_IDLE);

	if (err)
		return err;
	measures_total(&m, p, sums);
	if (m.is_ledger)
		print_states(&m, sums, o->width, out);
	else
		print_types(&m, sums, o->width, out);
	return 0;
}

/* ---- processes ---- */

static int print_processes(const struct profile *p, const struct report_options *o, FILE *out)
{
	struct report_options by_process = { .view = REPORT_PROCESS, .width = o->width };
	struct view v;
	size_t more;
	int err;

	if (!describe_has_processes(p))
		return 0;
	err = view_make(p, &by_process, &v);
	if (err)
		return err;
	fputc('\n', out);
	table_print(v.table, PROCESSES, o->width, out);
	more = table_rows(v.table) > PROCESSES ? table_rows(v.table) - PROCESSES : 0;
	if (more)
		fprintf(out, "  … %zu more: --by process\n", more);
	view_done(&v);
	return 0;
}

int header_print(const struct profile *p, const struct report_options *o, bool processes, FILE *out)
{
	int err = print_host(p, out);

	if (err)
		return err;
	fputc('\n', out);
	err = print_sum(p, o, out);
	if (!err && processes)
		err = print_processes(p, o, out);
	return err;
}
