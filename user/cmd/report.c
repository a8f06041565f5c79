/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/input.h"
#include "cmd/output.h"
#include "profile/profile.h"
#include "report/measures.h"
#include "report/report.h"

enum {
	OPT_BY = 256,
	OPT_TREE,
	OPT_CALLERS,
	OPT_CALLEES,
	OPT_IDLE,
	OPT_STATE,
	OPT_JSON,
	OPT_FULL,
	OPT_PER_PROCESS
};

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "What to show:", 1 },
	{ "by", OPT_BY, "VIEW", 0,
	  "Sum by function (the default), line, process, thread, container, state, task, calls, or "
	  "on "
	  "(who "
	  "waits for whom or what)",
	  1 },
	{ "tree", OPT_TREE, NULL, 0, "The call tree, with how long each branch took", 1 },
	{ "callers", OPT_CALLERS, "FUNCTION", 0,
	  "Who calls FUNCTION (a name, a glob, or part of a name), and for how long", 1 },
	{ "callees", OPT_CALLEES, "FUNCTION", 0, "Whom FUNCTION calls, and for how long", 1 },
	{ NULL, 0, NULL, 0, "Which part of it:", 2 },
	{ "state", OPT_STATE, "STATE[,STATE...]", 0,
	  "Count only time in these states: cpu, runq, gil, lock, disk, net, ipc, child, poll, "
	  "sleep, "
	  "fault, stop, other",
	  2 },
	{ "idle", OPT_IDLE, NULL, 0, "Count waiting for work (poll and sleep), too", 2 },
	{ "sort", 's', "KEY", 0,
	  "Sort by a column: self, total, name, a head such as 'gil', or 'total-gil'", 2 },
	{ "lines", 'l', "ROWS", 0, "Show at most ROWS rows (default 25; of trees, and with 0, all)",
	  2 },
	{ NULL, 0, NULL, 0, "How:", 3 },
	{ "json", OPT_JSON, NULL, 0, "Write JSON, in nanoseconds", 3 },
	{ "per-process", OPT_PER_PROCESS, NULL, 0, "Of calls: a row for each process", 2 },
	{ "full-filenames", OPT_FULL, NULL, 0, "Show whole paths, however long", 3 },
	{ 0 },
};

struct report_args {
	const char *file; /* NULL: the default one */
	struct report_options report;
};

/* "gil,lock" as a mask; 0 if it is not that. */
static uint32_t parse_states(const char *text)
{
	uint32_t states = 0;

	while (*text) {
		size_t length = strcspn(text, ",");
		uint32_t found = 0;

		for (int s = 0; s < ADDER_STATE_NR; s++) {
			const char *name = measures_state_name(s);

			if (strlen(name) == length && !strncmp(name, text, length))
				found = 1u << s;
		}
		if (!found && length == 4 && !strncmp(text, "idle", 4))
			found = MEASURES_IDLE;
		if (!found)
			return 0;
		states |= found;
		text += length + (text[length] == ',');
	}
	return states;
}

static int parse_view(struct report_options *o, int view, const char *function)
{
	o->view = view;
	o->function = function;
	return 0;
}

/* Options that don't go together. */
static void check(const struct report_options *o, struct argp_state *state)
{
	if (o->per_process && o->view != REPORT_CALLS)
		argp_failure(state, CMD_MISUSED, 0, "--per-process is for calls: add --by calls");
	if (o->view == REPORT_CALLS && o->sort && report_sorts_processes(o->sort) &&
	    !o->per_process)
		argp_failure(state, CMD_MISUSED, 0,
			     "cannot sort by '%s', rows are of all processes: add "
			     "--per-process",
			     o->sort);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct report_args *args = state->input;
	struct report_options *o = &args->report;
	uint64_t rows;

	switch (key) {
	case OPT_BY:
		if (report_view_find(arg) < 0)
			argp_failure(state, CMD_MISUSED, 0,
				     "there is no view '%s': --help lists them", arg);
		return parse_view(o, report_view_find(arg), NULL);
	case OPT_TREE:
		return parse_view(o, REPORT_TREE, NULL);
	case OPT_CALLERS:
		return parse_view(o, REPORT_CALLERS, arg);
	case OPT_CALLEES:
		return parse_view(o, REPORT_CALLEES, arg);
	case OPT_STATE:
		o->states = parse_states(arg);
		if (!o->states)
			argp_failure(state, CMD_MISUSED, 0,
				     "'%s' is no list of states: --help lists them", arg);
		return 0;
	case OPT_IDLE:
		o->idle = true;
		return 0;
	case 's':
		o->sort = arg;
		return 0;
	case 'l':
		if (text_to_u64(arg, 0, UINT32_MAX, &rows))
			argp_failure(state, CMD_MISUSED, 0, "'%s' is no number of rows", arg);
		o->rows = rows;
		return 0;
	case OPT_JSON:
		o->json = true;
		return 0;
	case OPT_PER_PROCESS:
		o->per_process = true;
		return 0;
	case OPT_FULL:
		o->full_filenames = true;
		return 0;
	case ARGP_KEY_ARG:
		if (args->file)
			argp_failure(state, CMD_MISUSED, 0,
				     "one profile at a time: '%s' is one too many", arg);
		args->file = arg;
		return 0;
	case ARGP_KEY_END:
		check(o, state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	options,
	parse,
	"[FILE]",
	"Show a profile as tables and trees: adder's own, or any tool's in pprof format.\v"
	"FILE is adder.pb.gz unless given; '-' is standard input.  Times are seconds.",
	NULL,
	NULL,
	NULL,
};

/* What report_print() could not do, and what to do about it.  The exit status. */
static int say_failed(int err, const struct profile *p, const struct report_options *o)
{
	char keys[512];

	switch (err) {
	case -ENOENT:
		log_error("no function is called or contains '%s': 'adder report -l 0' lists all",
			  o->function);
		return CMD_FAILED;
	case -EINVAL:
		report_sort_keys(p, o, keys, sizeof(keys));
		log_error("cannot sort by '%s': there are %s", o->sort, keys);
		return CMD_MISUSED;
	case -EOPNOTSUPP:
		if (o->view == REPORT_CALLS) {
			log_error("no calls were counted in this profile: 'adder calls -o FILE' "
				  "counts them");
			return CMD_FAILED;
		}
		log_error("this profile has no states: it is not one that adder recorded");
		return CMD_FAILED;
	case -ENODATA:
		log_error("this profile has no sample types: there is nothing to show");
		return CMD_FAILED;
	default:
		log_errno(err, "cannot make the report");
		return CMD_FAILED;
	}
}

int cmd_report(int argc, char **argv)
{
	struct report_args args = { .report = report_defaults(output_width()) };
	CLEANUP(profile_free) struct profile *p = NULL;
	struct output out;
	int err;

	argp_err_exit_status = CMD_MISUSED;
	argv[0] = "adder report";
	argp_parse(&argp, argc, argv, 0, NULL, &args);
	signal(SIGPIPE, SIG_IGN);

	if (input_open(args.file, &p) || output_begin(&out, "-"))
		return CMD_FAILED;
	err = report_print(p, &args.report, out.stream);
	if (output_end(&out, 0))
		return CMD_FAILED;
	return err ? say_failed(err, p, &args.report) : CMD_DONE;
}
