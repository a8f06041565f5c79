/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/call_lines.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/histogram.h"
#include "base/log.h"
#include "base/text.h"
#include "cmd/line.h"
#include "json/json.h"
#include "profile/profile.h"
#include "recorder/calls.h"
#include "report/footer.h"

#define BAR_WIDTH 40

static const char *const state_names[] = {
#define STATE_NAME(id, name, text) name,
	ADDER_STATE_LIST(STATE_NAME)
#undef STATE_NAME
};

/* ---- slow calls ---- */

static void put_time(char *dst, size_t size, const struct slow_call *c)
{
	line_time(dst, size, c->time_ns);
}

static void put_pid(char *dst, size_t size, const struct slow_call *c)
{
	snprintf(dst, size, "%d", c->pid);
}

static void put_tid(char *dst, size_t size, const struct slow_call *c)
{
	snprintf(dst, size, "%d", c->tid);
}

static void put_process(char *dst, size_t size, const struct slow_call *c)
{
	snprintf(dst, size, "%s", c->process);
}

static void put_ms(char *dst, size_t size, const struct slow_call *c)
{
	snprintf(dst, size, "%.3f", c->duration_ns / 1e6);
}

/* The states that make up all but a hundredth of it, in ms. */
static void put_states(char *dst, size_t size, const struct slow_call *c)
{
	size_t used = 0;

	*dst = '\0';
	for (int s = 0; s < ADDER_STATE_NR && used < size; s++) {
		if (c->states_ns[s] <= c->duration_ns / 100)
			continue;
		used += snprintf(dst + used, size - used, "%s%s %.1f", used ? ", " : "",
				 state_names[s], c->states_ns[s] / 1e6);
	}
}

static void put_function(char *dst, size_t size, const struct slow_call *c)
{
	size_t used;

	if (c->arguments)
		snprintf(dst, size, "%s(%s)", c->function, c->arguments);
	else
		snprintf(dst, size, "%s", c->function);
	used = strlen(dst);
	line_place(dst + used, size - used, c->file, c->line);
}

static void put_caller(char *dst, size_t size, const struct slow_call *c)
{
	size_t used;

	if (!c->caller)
		return;
	snprintf(dst, size, "%s", c->caller);
	used = strlen(dst);
	line_place(dst + used, size - used, c->caller_file, c->caller_line);
}

static const struct column {
	const char *head;
	int width; /* negative: to the left */
	void (*put)(char *dst, size_t size, const struct slow_call *c);
} columns[] = {
	{ "TIME", -15, put_time },
	{ "PID", 7, put_pid },
	{ "TID", 7, put_tid },
	{ "PROCESS", -16, put_process },
	{ "MS", 10, put_ms },
	{ "OF WHICH", -24, put_states },
	{ "FUNCTION", -48, put_function },
	{ "CALLED BY", -1, put_caller },
};

static void print_line(const struct slow_call *c, FILE *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
		char text[LINE_CELL_BYTES] = "";

		if (c)
			columns[i].put(text, sizeof(text), c);
		else
			snprintf(text, sizeof(text), "%s", columns[i].head);
		line_cell(out, i ? "  " : "", columns[i].width, text);
	}
	fputc('\n', out);
}

void call_lines_head(FILE *out)
{
	print_line(NULL, out);
}

static void print_json(const struct slow_call *c, FILE *out)
{
	CLEANUP(json_decref) json_t *object = json_object();
	json_t *states = json_object();

	json_put_text(object, "event", "slow call");
	json_put_number(object, "time", c->time_ns);
	json_put_number(object, "duration", c->duration_ns);
	for (int s = 0; s < ADDER_STATE_NR; s++) {
		if (c->states_ns[s])
			json_put_number(states, state_names[s], c->states_ns[s]);
	}
	json_object_set_new(object, "states", states);
	json_put_number(object, "pid", c->pid);
	json_put_number(object, "tid", c->tid);
	json_put_text(object, "process", c->process);
	json_put_text(object, "thread", c->thread);
	json_put_text(object, "container", c->container);
	json_put_text(object, "python", c->python);
	json_put_text(object, "function", c->function);
	json_put_text(object, "file", c->file);
	json_put_number(object, "line", c->line);
	json_put_text(object, "caller", c->caller);
	json_put_text(object, "caller_file", c->caller_file);
	json_put_text(object, "arguments", c->arguments);
	json_write_line(object, out);
}

void call_lines_slow(const struct slow_call *call, bool json, FILE *out)
{
	if (json)
		print_json(call, out);
	else
		print_line(call, out);
}

/* ---- histograms ---- */

static uint64_t count_of(const uint32_t *counts, size_t from, size_t to)
{
	uint64_t sum = 0;

	for (size_t i = from; i < to; i++)
		sum += counts[i];
	return sum;
}

static void put_ns(char *dst, size_t size, uint64_t ns)
{
	if (ns < 1000)
		snprintf(dst, size, "%" PRIu64 " ns", ns);
	else if (ns < 1000000)
		snprintf(dst, size, "%.1f us", ns / 1e3);
	else if (ns < 1000000000)
		snprintf(dst, size, "%.1f ms", ns / 1e6);
	else
		snprintf(dst, size, "%.2f s", ns / 1e9);
}

static void print_bar(const uint32_t *counts, size_t bucket, uint64_t most, FILE *out)
{
	uint64_t count = count_of(counts, bucket, bucket + 8);
	char from[16], to[16];

	put_ns(from, sizeof(from), histogram_from(bucket));
	put_ns(to, sizeof(to), histogram_from(bucket + 8));
	fprintf(out, "  %9s to %9s  %10" PRIu64 "  ", from, to, count);
	for (uint64_t i = 0; i < (count * BAR_WIDTH + most - 1) / most; i++)
		fputc('#', out);
	fputc('\n', out);
}

static void print_bars(const uint32_t *counts, FILE *out)
{
	size_t first = ADDER_BUCKETS, last = 0;
	uint64_t most = 1;

	for (size_t b = 0; b < ADDER_BUCKETS; b += 8) {
		uint64_t count = count_of(counts, b, b + 8);

		if (!count)
			continue;
		first = b < first ? b : first;
		last = b;
		most = count > most ? count : most;
	}
	for (size_t b = first; b <= last; b += 8)
		print_bar(counts, b, most, out);
}

/* Those that aren't empty, each as [from, to, count], in nanoseconds. */
static json_t *buckets_json(const uint32_t *counts)
{
	json_t *list = json_array();

	for (size_t b = 0; b < ADDER_BUCKETS; b++) {
		if (counts[b])
			json_array_append_new(list,
					      json_pack("[I, I, I]", (json_int_t)histogram_from(b),
							(json_int_t)histogram_from(b + 1),
							(json_int_t)counts[b]));
	}
	return list;
}

void call_lines_histogram(const struct call_histogram *h, bool json, FILE *out)
{
	const uint32_t *counts = h->times.counts;
	uint64_t half = histogram_quantile(counts, ADDER_BUCKETS, h->times.longest_ns, 0.5);
	uint64_t most = histogram_quantile(counts, ADDER_BUCKETS, h->times.longest_ns, 0.99);
	CLEANUP(json_decref) json_t *object = json_object();
	char name[LINE_CELL_BYTES], p50[16], p99[16], longest[16];

	json_put_text(object, "event", "histogram");
	json_put_text(object, "function", h->function);
	json_put_text(object, "file", h->file);
	json_put_number(object, "line", h->line);
	json_put_number(object, "pid", h->pid);
	json_put_text(object, "process", h->process);
	json_put_number(object, "calls", count_of(counts, 0, ADDER_BUCKETS));
	json_put_number(object, "p50", half);
	json_put_number(object, "p99", most);
	json_put_number(object, "max", h->times.longest_ns);
	json_object_set_new(object, "buckets", buckets_json(counts));
	if (json) {
		json_write_line(object, out);
		return;
	}
	snprintf(name, sizeof(name), "%s", h->function);
	line_place(name + strlen(name), sizeof(name) - strlen(name), h->file, h->line);
	put_ns(p50, sizeof(p50), half);
	put_ns(p99, sizeof(p99), most);
	put_ns(longest, sizeof(longest), h->times.longest_ns);
	line_cell(out, "\n", 0, name);
	fprintf(out, " of %d: %" PRIu64 " calls, p50 %s, p99 %s, max %s\n", h->pid,
		count_of(counts, 0, ADDER_BUCKETS), p50, p99, longest);
	print_bars(counts, out);
}

/* ---- what is missing ---- */

/* What comment @index says was lost of calls. */
static bool say_lost(const struct profile *p, size_t index)
{
	const char *comment = profile_comment_at(p, index);
	char text[1024];

	if (!text_starts(comment, "lost_call") && !text_starts(comment, "lost_slow_calls"))
		return false;
	if (!footer_loss(p, index, text, sizeof(text)))
		return false;
	log_warning("%s", text);
	return true;
}

void call_lines_say_missing(const struct profile *p, bool none_shown, bool of_histograms)
{
	bool any_lost = false;

	for (size_t i = 0; i < profile_comment_count(p); i++) {
		const char *comment = profile_comment_at(p, i);

		any_lost |= say_lost(p, i);
		if (text_starts(comment, "untimed: "))
			log_warning("calls of Python %s can't be timed: none of theirs are shown",
				    comment + strlen("untimed: "));
		if (text_starts(comment, "uncounted: "))
			log_warning("calls not seen: %s", comment + strlen("uncounted: "));
	}
	if (none_shown && !any_lost)
		log_info(of_histograms ? "no such call was timed" : "no call took that long");
}
