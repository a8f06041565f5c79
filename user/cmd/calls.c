/* SPDX-License-Identifier: BSD-2-Clause */
#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"
#include "cmd/call_lines.h"
#include "cmd/cmd.h"
#include "cmd/filters.h"
#include "cmd/output.h"
#include "cmd/recording.h"
#include "cmd/tracing.h"
#include "pprof/pprof.h"
#include "profile/profile.h"
#include "python/entries.h"
#include "report/report.h"

#define RATE_HZ   99
#define MATCH_MAX 64

struct calls_args {
	struct recording recording;
	struct report_options report;
	const char *output; /* NULL: the table alone */
	bool collections, imports;
	const char *match[MATCH_MAX];
	struct output live;   /* lines as they come; without a stream: a table at the end */
	uint64_t shown;       /* of them */
	const char *of_table; /* an option that only a table has; NULL: none was given */
};

enum {
	OPT_JSON = 0x100,
	OPT_CPU,
	OPT_GC,
	OPT_IMPORTS,
	OPT_MATCH,
	OPT_SLOWER,
	OPT_NO_ARGS,
	OPT_HISTOGRAM,
	OPT_NO_TIMES,
	OPT_PER_PROCESS,
};

static const struct argp_option options[] = {
	{ "duration", 'd', "SECONDS", 0, "count for so long (2, 0.5, 500ms, 3m); else until Ctrl-C",
	  0 },
	{ "sort", 's', "KEY", 0, "sort by ncalls (the default), tottime, cumtime or name", 0 },
	{ "cpu", OPT_CPU, NULL, 0, "time calls by their CPU time; else by wall time", 0 },
	{ "lines", 'l', "ROWS", 0, "show at most ROWS rows (25; 0: all)", 0 },
	{ "per-process", OPT_PER_PROCESS, NULL, 0, "a row for each process, not one for all", 0 },
	{ "no-times", OPT_NO_TIMES, NULL, 0,
	  "count only, at half the cost: the ledger's times have to do", 0 },
	{ "match", OPT_MATCH, "GLOB", 0,
	  "only functions whose name, its last part, or file matches GLOB; may be repeated", 0 },
	{ "slower", OPT_SLOWER, "MS", 0,
	  "instead of a table, show each call that takes MS milliseconds or longer, as it ends: "
	  "what it waited for, its arguments, who called it",
	  0 },
	{ "no-args", OPT_NO_ARGS, NULL, 0, "without arguments", 0 },
	{ "histogram", OPT_HISTOGRAM, "FUNC", 0,
	  "instead of a table, show how long calls of functions named FUNC, a glob, took", 0 },
	{ "json", OPT_JSON, NULL, 0, "write JSON, in nanoseconds", 0 },
	{ "output", 'o', "FILE", 0, "write a profile, too; - is standard output, without a table",
	  0 },
	{ "gc", OPT_GC, NULL, 0,
	  "instead of counting calls, show each garbage collection as it ends: how long it took, "
	  "what "
	  "it collected, and the function that it was for",
	  0 },
	{ "imports", OPT_IMPORTS, NULL, 0, "likewise each import", 0 },
	{ "verbose", 'v', NULL, 0, "say more on standard error", 2 },
	{ 0 },
};

/* Milliseconds, or with another unit. */
static int parse_slow(const char *text, uint64_t *ret)
{
	char *end;
	double ms = strtod(text, &end);

	if (end == text || *end)
		return text_to_duration(text, ret);
	if (!(ms > 0 && ms < 1e9))
		return -EINVAL;
	*ret = ms * 1e6;
	return *ret ? 0 : -EINVAL;
}

/* Now: what was counted should not be lost for a word. */
static void check_sort(const struct calls_args *args, struct argp_state *state)
{
	const char *key = args->report.sort;
	char keys[256];

	if (!key)
		return;
	if (!report_sorts_calls(key)) {
		report_sort_keys(NULL, &args->report, keys, sizeof(keys));
		argp_failure(state, CMD_MISUSED, 0, "cannot sort by '%s': there are %s", key, keys);
	}
	if (report_sorts_processes(key) && !args->report.per_process)
		argp_failure(state, CMD_MISUSED, 0,
			     "cannot sort by '%s', rows are of all processes: add --per-process",
			     key);
}

/* Options that don't go together. */
static void check(const struct calls_args *args, struct argp_state *state)
{
	const struct calls_options *calls = &args->recording.calls;
	bool is_trace = args->collections || args->imports;

	if (args->of_table && is_trace)
		argp_error(state, "--gc and --imports print no table: leave %s out",
			   args->of_table);
	if (args->of_table && (calls->slow_ns || calls->histogram_of))
		argp_error(state, "--slower and --histogram print no table: leave %s out",
			   args->of_table);
	if (is_trace && (calls->slow_ns || calls->histogram_of || calls->match_count))
		argp_error(state, "--gc and --imports count no calls: leave --match, --slower and "
				  "--histogram out");
	if ((calls->slow_ns || calls->histogram_of) && calls->clock == ADDER_CLOCK_NONE)
		argp_error(state, "--slower and --histogram need times: leave --no-times out");
	if ((calls->slow_ns || calls->histogram_of) && args->output && !strcmp(args->output, "-"))
		argp_failure(state, CMD_MISUSED, 0,
			     "--slower and --histogram write to standard output themselves: name a "
			     "file with -o");
	if (calls->slow_ns && calls->clock == ADDER_CLOCK_CPU)
		argp_error(state, "--slower goes by wall time: leave --cpu out");
	check_sort(args, state);
}

static error_t parse_calls(int key, char *arg, struct argp_state *state)
{
	struct calls_args *args = state->input;
	struct calls_options *calls = &args->recording.calls;

	switch (key) {
	case OPT_CPU:
		calls->clock = ADDER_CLOCK_CPU;
		return 0;
	case OPT_NO_TIMES:
		calls->clock = ADDER_CLOCK_NONE;
		return 0;
	case OPT_MATCH:
		if (calls->match_count == MATCH_MAX)
			argp_error(state, "--match may be given %d times", MATCH_MAX);
		else
			args->match[calls->match_count++] = arg;
		return 0;
	case OPT_SLOWER:
		if (parse_slow(arg, &calls->slow_ns))
			argp_error(state, "'%s' is no number of milliseconds", arg);
		return 0;
	case OPT_NO_ARGS:
		calls->arguments = false;
		return 0;
	case OPT_HISTOGRAM:
		calls->histogram_of = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct calls_args *args = state->input;
	uint64_t rows;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &args->recording.filter;
		return 0;
	case 'd':
		if (text_to_duration(arg, &args->recording.duration_ns))
			argp_error(state, "'%s' is no length of time, such as 10, 0.5 or 500ms",
				   arg);
		return 0;
	case 's':
		args->of_table = "-s";
		args->report.sort = arg;
		return 0;
	case 'l':
		if (text_to_u64(arg, 0, UINT32_MAX, &rows))
			argp_error(state, "'%s' is no number of rows", arg);
		args->of_table = "-l";
		args->report.rows = rows;
		return 0;
	case OPT_PER_PROCESS:
		args->of_table = "--per-process";
		args->report.per_process = true;
		return 0;
	case OPT_JSON:
		args->report.json = true;
		return 0;
	case OPT_GC:
		args->collections = true;
		return 0;
	case OPT_IMPORTS:
		args->imports = true;
		return 0;
	case 'o':
		args->output = arg;
		return 0;
	case 'v':
		log_set_level(LOG_DEBUG);
		return 0;
	case ARGP_KEY_SUCCESS:
		check(args, state);
		return 0;
	case ARGP_KEY_ARGS:
		args->recording.command = state->argv + state->next;
		return 0;
	default:
		return parse_calls(key, arg, state);
	}
}

static const struct argp_child children[] = {
	{ &filters_argp, 0, "Which processes (none: all that are Python):", 1 }, { 0 }
};

static const struct argp calls_argp = {
	.options = options,
	.parser = parse,
	.args_doc = "[-- COMMAND [ARG...]]",
	.doc = "Count and time every call of every Python function, in programs that are running. "
	       "Each call takes up to two microseconds longer meanwhile: a program that does "
	       "little "
	       "else is slowed many times.\vTimes are the program's own, without what adder costs "
	       "it.  Before Python 3.11 they are the ledger's, as in 'adder report', unless the "
	       "build has static probes (--with-dtrace).",
	.children = children,
};

static int print_table(const struct profile *p, const struct calls_args *args)
{
	struct output output;

	if (output_begin(&output, "-"))
		return CMD_FAILED;
	return output_end(&output, report_print(p, &args->report, output.stream)) ? CMD_FAILED
										  : CMD_DONE;
}

static int trace(const struct calls_args *args)
{
	const struct tracing tracing = { .collections = args->collections,
					 .imports = args->imports,
					 .json = args->report.json,
					 .duration_ns = args->recording.duration_ns,
					 .memory_bytes = args->recording.memory_bytes,
					 .output = args->output ? args->output : "-",
					 .filter = &args->recording.filter,
					 .command = args->recording.command };

	return tracing_run(&tracing);
}

/* ---- single calls, and histograms ---- */

static void take_slow(void *arg, const struct slow_call *call)
{
	struct calls_args *args = arg;

	log_progress(NULL); /* or the line would begin where that one ends */
	call_lines_slow(call, args->report.json, args->live.stream);
	args->shown++;
	fflush(args->live.stream);
}

static void take_histogram(void *arg, const struct call_histogram *histogram)
{
	struct calls_args *args = arg;

	call_lines_histogram(histogram, args->report.json, args->live.stream);
	args->shown++;
}

/* Where they go; before the recording is opened, which has to know. */
static int open_live(struct calls_args *args)
{
	struct calls_options *calls = &args->recording.calls;

	calls->slow = take_slow;
	calls->histogram = take_histogram;
	calls->arg = args;
	return output_begin(&args->live, "-");
}

static void begin_live(struct calls_args *args)
{
	if (args->recording.calls.slow_ns && !args->report.json)
		call_lines_head(args->live.stream);
	fflush(args->live.stream);
}

static int end(struct calls_args *args, const struct profile *p)
{
	if (args->live.stream)
		call_lines_say_missing(p, !args->shown, args->recording.calls.histogram_of);
	if (args->live.stream)
		return output_end(&args->live, 0) ? CMD_FAILED : CMD_DONE;
	if (args->output && !strcmp(args->output, "-"))
		return CMD_DONE;
	return print_table(p, args);
}

int cmd_calls(int argc, char **argv)
{
	struct calls_args args = { .recording = { .rate_hz = RATE_HZ,
						  .budget = 0.01,
						  .memory_bytes = recording_default_memory(),
						  .calls = { .on = true,
							     .clock = ADDER_CLOCK_WALL,
							     .arguments = true } },
				   .report = report_defaults(output_width()) };
	CLEANUP(recording_close) struct recording_run *run = NULL;
	CLEANUP(profile_free) struct profile *p = NULL;
	const struct calls_options *calls = &args.recording.calls;
	int fd = -1;

	args.report.view = REPORT_CALLS;
	args.recording.calls.match = args.match;
	argp_err_exit_status = CMD_MISUSED;
	argv[0] = "adder calls";
	argp_parse(&calls_argp, argc, argv, ARGP_IN_ORDER, NULL, &args);
	if (args.collections || args.imports)
		return trace(&args);
	if (!entries_are_known()) {
		log_error("cannot count calls on this processor: of CPython's machine code only "
			  "x86_64's is understood; 'adder record' works here");
		return CMD_FAILED;
	}
	if ((calls->slow_ns || calls->histogram_of) && open_live(&args))
		return CMD_FAILED;
	if (recording_open(&args.recording, &run))
		return CMD_FAILED;
	if (args.output) {
		fd = output_open(args.output); /* now: what was counted should not be lost */
		if (fd < 0)
			return CMD_FAILED;
	}
	if (args.live.stream)
		begin_live(&args);
	if (recording_make(run, &p)) {
		if (fd >= 0)
			output_close(fd, args.output, 0);
		return CMD_FAILED;
	}
	recording_say_command(p, argc, argv);
	if (fd >= 0 && output_close(fd, args.output, pprof_write(p, fd)))
		return CMD_FAILED;
	return end(&args, p) == CMD_DONE ? recording_status(run) : CMD_FAILED;
}
