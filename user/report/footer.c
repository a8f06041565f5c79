/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/footer.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "profile/profile.h"
#include "report/census.h"
#include "report/measures.h"
#include "report/number.h"
#include "wire.h"

/* The law of the ledger allows this much between what was measured and what is shown. */
enum { TOLERANCE = 1000 }; /* 1 in TOLERANCE */

/* Of a recording's length, 1 in this. */
enum { STOLEN_MATTERS = 200 };

/* Named in one line; the others are a number. */
enum { PROCESSES_SHOWN = 8 };

/* The recorder's own count of the threads' lifetimes against what the samples sum to. */
static bool print_accounted(const struct profile *p, FILE *out)
{
	int64_t sums[MEASURES_MAX], lived, seen, gap;
	char seconds[32], of[32];
	struct measures m;
	int decimals;

	if (!census_number(p, "wall_ns", &lived) ||
	    measures_init(&m, p, MEASURES_ALL, MEASURES_WITH_IDLE) || !m.is_ledger)
		return false;
	measures_total(&m, p, sums);
	seen = sums[m.wall];
	if (__builtin_sub_overflow(seen, lived, &gap))
		gap = INT64_MIN;
	decimals = lived >= 100LL * 1000000000 ? 1 : 2;
	snprintf(seconds, sizeof(seconds), "%.*f", decimals, seen / 1e9);
	snprintf(of, sizeof(of), "%.*f", decimals, lived / 1e9);
	if (gap <= lived / TOLERANCE && gap >= -(lived / TOLERANCE))
		fprintf(out, "  every second accounted for: %s of %s s", seconds, of);
	else
		fprintf(out, "  NOT every second accounted for: %s of %s s", seconds, of);
	return true;
}

/* Splits the comment "lost_CAUSE: COUNT"; false if it is none. */
static bool read_loss(const struct profile *p, size_t index, char *cause, size_t size,
		      int64_t *count)
{
	const char *loss = census_comment(p, index, "lost_");
	const char *number = loss ? strstr(loss, ": ") : NULL;
	uint64_t value;

	if (!number || text_to_u64(number + 2, 0, INT32_MAX, &value))
		return false;
	snprintf(cause, size, "%.*s", (int)(number - loss), loss);
	*count = value;
	return true;
}

/* Stacks lost in all, as the recorder says or as the causes sum to; -1 if nobody counted. */
static int64_t count_losses(const struct profile *p)
{
	int64_t sum = -1, count;
	char cause[128];

	if (census_number(p, "lost_stacks", &count))
		return count;
	for (size_t i = 0; i < profile_comment_count(p); i++) {
		if (read_loss(p, i, cause, sizeof(cause), &count))
			sum = (sum < 0 ? 0 : sum) + count;
	}
	return sum;
}

static bool print_cost(const struct profile *p, const char *before, FILE *out)
{
	int64_t cpu = 0, bpf = 0, rss, duration = profile_meta_get(p)->duration_ns;
	bool has_cpu = census_number(p, "own_cpu_ns", &cpu);
	bool has_bpf = census_number(p, "own_bpf_ns", &bpf);
	double percent;

	if ((!has_cpu && !has_bpf) || duration <= 0)
		return false;
	percent = percent_of(cpu, duration) + percent_of(bpf, duration);
	fprintf(out, "%sadder used %.*f %% of one CPU", before, percent < 0.1 ? 2 : 1, percent);
	if (census_number(p, "own_rss_bytes", &rss) && rss > 0)
		fprintf(out, " and %.0f MB", rss / 1e6);
	return true;
}

static void print_first_line(const struct profile *p, FILE *out)
{
	bool any = print_accounted(p, out);
	int64_t losses = count_losses(p);

	if (losses >= 0) {
		fprintf(out, "%s%" PRId64 " %s lost", any ? "; " : "  ", losses,
			losses == 1 ? "stack" : "stacks");
		any = true;
	}
	any |= print_cost(p, any ? "; " : "  ", out);
	if (any)
		fputc('\n', out);
}

/* What was lost for @cause, as the recorder's own list says it; NULL for causes of other versions.
 */
static const char *describe_loss(const char *cause)
{
	static const struct {
		const char *name, *text;
	} known[] = {
#define LOSS(id, name, text) { name, text },
		ADDER_LOST_LIST(LOSS)
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (!strcmp(known[i].name, cause))
			return known[i].text;
	}
	return NULL;
}

bool footer_loss(const struct profile *p, size_t index, char *dst, size_t size)
{
	char cause[128], safe[512];
	int64_t count;

	if (!read_loss(p, index, cause, sizeof(cause), &count) || count == 0 ||
	    !strcmp(cause, "stacks"))
		return false;
	text_escape(safe, sizeof(safe), cause);
	if (describe_loss(cause))
		snprintf(dst, size, "%" PRId64 " %s", count, describe_loss(cause));
	else
		snprintf(dst, size, "%" PRId64 " lost: %s", count, safe);
	return true;
}

static void print_losses(const struct profile *p, FILE *out)
{
	char loss[1024];

	for (size_t i = 0; i < profile_comment_count(p); i++) {
		if (footer_loss(p, i, loss, sizeof(loss)))
			fprintf(out, "  %s\n", loss);
	}
}

static void print_split(const struct profile *p, FILE *out)
{
	int64_t ticks, rate;

	if (!census_number(p, "ticks", &ticks))
		return;
	fprintf(out, "  CPU time is exact in sum; split among functions by %" PRId64 " %s", ticks,
		ticks == 1 ? "tick" : "ticks");
	if (census_number(p, "rate_hz", &rate))
		fprintf(out, " at %" PRId64 " Hz", rate);
	fputc('\n', out);
}

static void print_repeated(const struct profile *p, const char *key, const char *before, FILE *out)
{
	for (size_t i = 0; i < profile_comment_count(p); i++) {
		const char *value = census_comment(p, i, key);
		char text[1024];

		if (!value)
			continue;
		text_escape(text, sizeof(text), value);
		fprintf(out, "  %s%s\n", before, text);
	}
}

/* What the hypervisor took matters where it is a part of what the CPU had. */
static void print_stolen(const struct profile *p, FILE *out)
{
	int64_t duration = profile_meta_get(p)->duration_ns;
	bool any = false;

	for (size_t i = 0; i < profile_comment_count(p); i++) {
		const char *text = census_comment(p, i, "stolen_ns");
		unsigned cpu;
		int64_t ns;

		if (!text || sscanf(text, "%u %" SCNd64, &cpu, &ns) != 2 ||
		    ns < duration / STOLEN_MATTERS)
			continue;
		fprintf(out, "%s CPU %u %.2f s", any ? "," : "  taken by the hypervisor: of", cpu,
			ns / 1e9);
		any = true;
	}
	if (any)
		fputc('\n', out);
}

/* Splits "PID NAME: TEXT"; where TEXT begins in @value, or NULL. */
static const char *text_of(const char *value)
{
	const char *text = NULL;

	for (const char *at = strstr(value, ": "); at; at = strstr(at + 1, ": "))
		text = at + 2;
	return text;
}

/* Is what is said of a process what was said of one before, so that they are in one line? */
static bool was_said(const struct profile *p, const char *key, size_t index, const char *text)
{
	for (size_t i = 0; i < index; i++) {
		const char *value = census_comment(p, i, key);
		const char *other = value ? text_of(value) : NULL;

		if (other && !strcmp(other, text))
			return true;
	}
	return false;
}

/* The processes of which @text is said, from the @index-th comment on. */
static void print_processes(const struct profile *p, const char *key, size_t index,
			    const char *text, FILE *out)
{
	size_t count = 0;

	for (size_t i = index; i < profile_comment_count(p); i++) {
		const char *value = census_comment(p, i, key);
		const char *other = value ? text_of(value) : NULL;
		char name[256], safe[1024];

		if (!other || strcmp(other, text) != 0 || ++count > PROCESSES_SHOWN)
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)(other - 2 - value), value);
		text_escape(safe, sizeof(safe), name);
		fprintf(out, "%s%s", count > 1 ? ", " : "", safe);
	}
	if (count > PROCESSES_SHOWN)
		fprintf(out, " and %zu more", count - PROCESSES_SHOWN);
}

/* A line for each thing that is said of processes by @key, with all of whom it is said. */
static void print_grouped(const struct profile *p, const char *key, const char *before, FILE *out)
{
	for (size_t i = 0; i < profile_comment_count(p); i++) {
		const char *value = census_comment(p, i, key);
		const char *text = value ? text_of(value) : NULL;
		char safe[512];

		if (!text || was_said(p, key, i, text))
			continue;
		text_escape(safe, sizeof(safe), text);
		fprintf(out, "  %s%s: ", before, safe);
		print_processes(p, key, i, text, out);
		fputc('\n', out);
	}
}

int footer_print(const struct profile *p, FILE *out)
{
	print_first_line(p, out);
	print_losses(p, out);
	print_split(p, out);
	print_stolen(p, out);
	print_repeated(p, "unprofiled", "not profiled: ", out);
	print_grouped(p, "counted", "calls counted at ", out);
	print_grouped(p, "uncounted", "calls not counted, ", out);
	print_repeated(p, "note", "", out);
	return 0;
}
