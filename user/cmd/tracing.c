/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "cmd/tracing.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/tally.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/filters.h"
#include "cmd/line.h"
#include "cmd/output.h"
#include "cmd/recording.h"
#include "cmd/run.h"
#include "json/json.h"
#include "recorder/filter.h"
#include "recorder/trace.h"

#define GENERATIONS 3

enum { COLLECTION = 1, IMPORT = 2 };

/* What is told at the end of one kind of event. */
struct sum {
	uint64_t count, ns, longest_ns, missing;
	uint64_t generations[GENERATIONS];
	int64_t collected;
	char longest[256]; /* module */
	struct tally pids;
};

struct run_of_trace {
	const struct tracing *options;
	struct run run;
	struct output out;
	unsigned int kinds;
	struct sum collections, imports;
};

/* ---- text ---- */

static void put_time(char *dst, size_t size, const struct trace_event *e)
{
	line_time(dst, size, e->time_ns);
}

static void put_pid(char *dst, size_t size, const struct trace_event *e)
{
	snprintf(dst, size, "%d", e->pid);
}

static void put_tid(char *dst, size_t size, const struct trace_event *e)
{
	snprintf(dst, size, "%d", e->tid);
}

static void put_process(char *dst, size_t size, const struct trace_event *e)
{
	snprintf(dst, size, "%s", e->process);
}

static void put_kind(char *dst, size_t size, const struct trace_event *e)
{
	snprintf(dst, size, "%s", e->module ? "import" : "gc");
}

static void put_ms(char *dst, size_t size, const struct trace_event *e)
{
	snprintf(dst, size, "%.3f", e->duration_ns / 1e6);
}

static void put_self(char *dst, size_t size, const struct trace_event *e)
{
	snprintf(dst, size, "%.3f", e->self_ns / 1e6);
}

static void put_generation(char *dst, size_t size, const struct trace_event *e)
{
	snprintf(dst, size, "%" PRIu32, e->generation);
}

static void put_collected(char *dst, size_t size, const struct trace_event *e)
{
	snprintf(dst, size, "%" PRId64, e->collected);
}

static void put_module(char *dst, size_t size, const struct trace_event *e)
{
	snprintf(dst, size, "%*s%s%s", 2 * (int)(e->depth & 31), "", e->module,
		 e->found ? "" : " (not found)");
}

static void put_function(char *dst, size_t size, const struct trace_event *e)
{
	char place[512];

	line_place(place, sizeof(place), e->function ? e->file : NULL, e->line);
	snprintf(dst, size, "%s%s", e->function ? e->function : "[no Python function]", place);
}

/* In order; of the kinds of event that have it. */
static const struct column {
	const char *head;
	int width; /* negative: to the left */
	unsigned int kinds;
	bool tells_kind; /* needed where there are several */
	void (*put)(char *dst, size_t size, const struct trace_event *e);
} columns[] = {
	{ "TIME", -15, COLLECTION | IMPORT, false, put_time },
	{ "PID", 7, COLLECTION | IMPORT, false, put_pid },
	{ "TID", 7, COLLECTION | IMPORT, false, put_tid },
	{ "PROCESS", -16, COLLECTION | IMPORT, false, put_process },
	{ "EVENT", -6, COLLECTION | IMPORT, true, put_kind },
	{ "MS", 9, COLLECTION | IMPORT, false, put_ms },
	{ "SELF", 9, IMPORT, false, put_self },
	{ "GEN", 3, COLLECTION, false, put_generation },
	{ "COLLECTED", 9, COLLECTION, false, put_collected },
	{ "MODULE", -32, IMPORT, false, put_module },
	{ "FOR", -1, COLLECTION | IMPORT, false, put_function },
};

static bool is_shown(const struct run_of_trace *r, const struct column *column)
{
	return column->kinds & r->kinds &&
	       (!column->tells_kind || r->kinds == (COLLECTION | IMPORT));
}

/* Print a line of cells, whose texts are escaped: of @e, or without one the heads. */
static void print_line(struct run_of_trace *r, const struct trace_event *e)
{
	unsigned int kind = !e ? ~0U : e->module ? IMPORT : COLLECTION;
	const char *gap = "";

	for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
		const struct column *column = &columns[i];
		char text[LINE_CELL_BYTES] = "-";

		if (!is_shown(r, column))
			continue;
		if (!e)
			snprintf(text, sizeof(text), "%s", column->head);
		else if (column->kinds & kind)
			column->put(text, sizeof(text), e);
		line_cell(r->out.stream, gap, column->width, text);
		gap = "  ";
	}
	fputc('\n', r->out.stream);
}

/* ---- JSON ---- */

static void print_json(const struct trace_event *e, FILE *out)
{
	CLEANUP(json_decref) json_t *object = json_object();

	json_put_text(object, "event", e->module ? "import" : "collection");
	json_put_number(object, "time", e->time_ns);
	json_put_number(object, "duration", e->duration_ns);
	json_put_number(object, "pid", e->pid);
	json_put_number(object, "tid", e->tid);
	json_put_text(object, "process", e->process);
	json_put_text(object, "thread", e->thread);
	json_put_text(object, "container", e->container);
	json_put_text(object, "python", e->python);
	if (e->module) {
		json_put_number(object, "self", e->self_ns);
		json_put_text(object, "module", e->module);
		json_put_number(object, "depth", e->depth);
		json_object_set_new(object, "found", json_boolean(e->found));
	} else {
		json_put_number(object, "generation", e->generation);
		json_put_number(object, "collected", e->collected);
	}
	json_put_text(object, "function", e->function);
	json_put_text(object, "file", e->file);
	json_put_number(object, "line", e->line);
	json_write_line(object, out);
}

/* ---- the sum ---- */

static void add(struct sum *sum, const struct trace_event *e)
{
	sum->count++;
	sum->ns += e->self_ns;
	tally_get(&sum->pids, &e->pid, sizeof(e->pid));
	if (e->module)
		sum->missing += !e->found;
	else
		sum->collected += e->collected;
	if (!e->module && e->generation < GENERATIONS)
		sum->generations[e->generation]++;
	if (e->self_ns < sum->longest_ns)
		return;
	sum->longest_ns = e->self_ns;
	snprintf(sum->longest, sizeof(sum->longest), "%s", e->module ? e->module : "");
}

static const char *plural(uint64_t count, const char *one, const char *many)
{
	return count == 1 ? one : many;
}

static void say_collections(const struct sum *sum)
{
	if (!sum->count) {
		log_info("no collections");
		return;
	}
	log_info("%" PRIu64 " %s (%" PRIu64 ", %" PRIu64 " and %" PRIu64 " of generation 0, 1 and "
		 "2) of %zu %s took %.3f ms, the longest %.3f ms; %" PRId64 " objects collected",
		 sum->count, plural(sum->count, "collection", "collections"), sum->generations[0],
		 sum->generations[1], sum->generations[2], tally_count(&sum->pids),
		 plural(tally_count(&sum->pids), "process", "processes"), sum->ns / 1e6,
		 sum->longest_ns / 1e6, sum->collected);
}

static void say_imports(const struct sum *sum)
{
	if (!sum->count) {
		log_info("no imports");
		return;
	}
	log_info("%" PRIu64 " %s (%" PRIu64 " not found) of %zu %s took %.3f ms, the longest by "
		 "itself %s, %.3f ms",
		 sum->count, plural(sum->count, "import", "imports"), sum->missing,
		 tally_count(&sum->pids), plural(tally_count(&sum->pids), "process", "processes"),
		 sum->ns / 1e6, sum->longest, sum->longest_ns / 1e6);
}

static void say_losses(const struct trace_losses *losses)
{
	if (losses->lost)
		log_warning("%" PRIu64 " more were lost: adder fell behind", losses->lost);
	if (losses->unopened)
		log_info("%" PRIu64 " more had begun before they could be traced",
			 losses->unopened);
}

static void say_sum(struct run_of_trace *r, const struct trace_losses *losses)
{
	if (r->kinds & COLLECTION)
		say_collections(&r->collections);
	if (r->kinds & IMPORT)
		say_imports(&r->imports);
	say_losses(losses);
}

/* ---- the run ---- */

static void take_event(void *arg, const struct trace_event *e)
{
	struct run_of_trace *r = arg;

	add(e->module ? &r->imports : &r->collections, e);
	if (r->options->json)
		print_json(e, r->out.stream);
	else
		print_line(r, e);
}

static void say_untraced(void *arg, pid_t pid, const char *name, const char *reason)
{
	(void)arg;
	log_warning("not traced: %d %s: %s", pid, name, reason);
}

static int loop(struct run_of_trace *r, struct trace *t)
{
	int err = 0;

	while (!err && !r->out.err && !run_is_over(&r->run)) {
		run_wait(&r->run, trace_fd(t), trace_timeout_ms(t));
		err = trace_turn(t);
		fflush(r->out.stream);
	}
	return err;
}

static int open_trace(struct run_of_trace *r, struct trace **ret)
{
	const struct tracing *o = r->options;
	const struct trace_options options = { .filter = o->filter,
					       .family = run_family(&r->run),
					       .command = o->command ? o->command[0] : NULL,
					       .collections = o->collections,
					       .imports = o->imports,
					       .memory_bytes = o->memory_bytes };
	const struct trace_handler handler = { take_event, say_untraced, r };
	int err = trace_open(&options, &handler, ret);

	return err ? recording_say_why_not(err) : 0;
}

static int begin(struct run_of_trace *r, struct trace *t)
{
	int err;

	if (!r->options->json)
		print_line(r, NULL);
	fflush(r->out.stream);
	err = trace_start(t);
	if (err)
		return log_errno(err, "cannot begin to trace");
	run_begin(&r->run);
	log_info("tracing");
	if (!trace_processes(t) && !r->options->command && !filter_is_empty(r->options->filter))
		filters_say_waiting(r->options->filter);
	return 0;
}

static int run_trace(struct run_of_trace *r)
{
	CLEANUP(trace_close) struct trace *t = NULL;
	struct trace_losses losses;
	int err = open_trace(r, &t);

	if (!err)
		err = begin(r, t);
	if (err)
		return err;
	err = loop(r, t);
	if (err)
		log_warning("the trace ended early: %s", strerror(-err));
	trace_finish(t, &losses);
	fflush(r->out.stream);
	say_sum(r, &losses);
	return err;
}

static int run(struct run_of_trace *r)
{
	int err;

	if (run_open(&r->run, r->options->duration_ns, r->options->command))
		return CMD_FAILED;
	if (output_begin(&r->out, r->options->output))
		return CMD_FAILED;
	err = run_trace(r);
	if (output_end(&r->out, 0) || err)
		return CMD_FAILED;
	return run_status(&r->run);
}

int tracing_run(const struct tracing *options)
{
	struct run_of_trace r = { .options = options,
				  .kinds = (options->collections ? COLLECTION : 0) |
					   (options->imports ? IMPORT : 0) };
	int status;

	signal(SIGPIPE, SIG_IGN);
	status = run(&r);
	run_close(&r.run);
	tally_done(&r.collections.pids);
	tally_done(&r.imports.pids);
	return status;
}
