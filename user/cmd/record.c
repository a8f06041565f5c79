/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include <argp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/filters.h"
#include "cmd/output.h"
#include "cmd/recording.h"
#include "pprof/pprof.h"
#include "profile/profile.h"
#include "report/report.h"

#define DEFAULT_FILE   "adder.pb.gz"
#define DEFAULT_HZ     99 /* not 100: no beat with what programs do every 10 ms */
#define DEFAULT_BUDGET 0.01
#define MAX_HZ         10000
#define MIN_MB         16 /* most of it for what adder takes in any case */
#define MAX_MB         1000000

struct record_args {
	struct recording recording;
	const char *output;
	bool brief; /* plain `adder`: no file */
};

enum { OPTION_BUDGET = 0x200, OPTION_MEMORY, OPTION_TABLES };

static const struct argp_option options[] = {
	{ "duration", 'd', "SECONDS", 0,
	  "record for so long (2, 0.5, 500ms, 3m); else until Ctrl-C", 0 },
	{ "rate", 'r', "HZ", 0,
	  "ticks a second that split CPU time over functions, 1 to 10000 (99)", 0 },
	{ "frequency", 'F', "HZ", OPTION_ALIAS, NULL, 0 },
	{ "output", 'o', "FILE", 0, "the profile to write (" DEFAULT_FILE "); - is standard output",
	  0 },
	{ "budget", OPTION_BUDGET, "PERCENT", 0,
	  "of each CPU that walking stacks at switches may take (1); above it, "
	  "stacks are sampled. 100: no limit",
	  0 },
	{ "memory", OPTION_MEMORY, "MB", 0,
	  "that adder may take (64, or 8 a CPU if that is more); beyond it, new functions and "
	  "stacks are lumped together",
	  0 },
	{ "tables", OPTION_TABLES, "NAME=SIZE[,...]", 0,
	  "of the kernel's tables: processes, threads, ledger, stacks, codes, ring (in bytes)", 0 },
	{ "verbose", 'v', NULL, 0, "say more on standard error", 2 },
	{ 0 },
};

static void set_rate(struct argp_state *state, struct recording *recording, const char *text)
{
	uint64_t hz;

	if (text_to_u64(text, 1, MAX_HZ, &hz))
		argp_error(state, "the rate '%s' is no number from 1 to %d", text, MAX_HZ);
	else
		recording->rate_hz = hz;
}

static void set_budget(struct argp_state *state, struct recording *recording, const char *text)
{
	char *end;
	double percent = strtod(text, &end);

	if (end == text || *end || !(percent > 0 && percent <= 100))
		argp_error(state, "the budget '%s' is no percentage above 0 up to 100", text);
	else
		recording->budget = percent / 100;
}

static void set_memory(struct argp_state *state, struct recording *recording, const char *text)
{
	uint64_t mb;

	if (text_to_u64(text, MIN_MB, MAX_MB, &mb))
		argp_error(state, "the memory '%s' is no number of megabytes from %d to %d", text,
			   MIN_MB, MAX_MB);
	else
		recording->memory_bytes = mb * 1000000;
}

/* Not so large that the kernel would count the bytes in 32 bits. */
#define MAX_TABLE (1 << 24)

static void set_tables(struct argp_state *state, struct recording *recording, char *list)
{
#define TABLE_NAME(id, name) name,
	char *const names[] = { SESSION_TABLE_LIST(TABLE_NAME) NULL };
	char *item = list, *size;

	while (*list) {
		uint64_t number;
		int table = getsubopt(&list, names, &size);

		if (table < 0 || !size || text_to_u64(size, 1, MAX_TABLE, &number))
			argp_error(state, "'%s' is no table and a size from 1 to %d", item,
				   MAX_TABLE);
		else
			recording->tables[table] = number;
		item = list;
	}
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct record_args *args = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &args->recording.filter;
		return 0;
	case 'd':
		if (text_to_duration(arg, &args->recording.duration_ns))
			argp_error(state, "'%s' is no length of time, such as 10, 0.5 or 500ms",
				   arg);
		return 0;
	case 'r':
	case 'F':
		set_rate(state, &args->recording, arg);
		return 0;
	case OPTION_BUDGET:
		set_budget(state, &args->recording, arg);
		return 0;
	case OPTION_MEMORY:
		set_memory(state, &args->recording, arg);
		return 0;
	case OPTION_TABLES:
		set_tables(state, &args->recording, arg);
		return 0;
	case 'o':
		args->output = arg;
		if (args->brief)
			argp_failure(state, CMD_MISUSED, 0,
				     "to write a profile, use 'adder record -o %s'", arg);
		return 0;
	case 'v':
		log_set_level(LOG_DEBUG);
		return 0;
	case ARGP_KEY_ARGS:
		args->recording.command = state->argv + state->next;
		if (args->brief)
			argp_error(state, "to profile a command, use 'adder record -- COMMAND'");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = {
	{ &filters_argp, 0, "Which processes (none: all that are Python):", 1 }, { 0 }
};

static const struct argp record_argp = {
	.options = options,
	.parser = parse,
	.args_doc = "[-- COMMAND [ARG...]]",
	.doc = "Record where every Python second goes: on a CPU, or waiting, and for what.\v"
	       "A filter narrows what is recorded; of several kinds all must be met. COMMAND runs "
	       "as the user who "
	       "called sudo, and its exit status becomes adder's.",
	.children = children,
};

static void parse_args(int argc, char **argv, struct record_args *args, const char *name)
{
	argp_err_exit_status = CMD_MISUSED;
	argv[0] = (char *)name;
	argp_parse(&record_argp, argc, argv, ARGP_IN_ORDER, NULL, args);
}

static int write_profile(const struct profile *p, int fd, const char *path)
{
	int err = output_close(fd, path, pprof_write(p, fd));
	bool is_default = !strcmp(path, DEFAULT_FILE);

	if (!err && strcmp(path, "-") != 0)
		log_info("wrote %s: 'adder report%s%s' shows it", path, is_default ? "" : " ",
			 is_default ? "" : path);
	return err;
}

int cmd_record(int argc, char **argv)
{
	struct record_args args = { .recording = { .rate_hz = DEFAULT_HZ,
						   .memory_bytes = recording_default_memory(),
						   .budget = DEFAULT_BUDGET },
				    .output = DEFAULT_FILE };
	CLEANUP(recording_close) struct recording_run *run = NULL;
	CLEANUP(profile_free) struct profile *p = NULL;
	int fd;

	parse_args(argc, argv, &args, "adder record");
	if (recording_open(&args.recording, &run))
		return CMD_FAILED;
	fd = output_open(args.output); /* now: an hour's recording should not fail at its end */
	if (fd < 0)
		return CMD_FAILED;
	if (recording_make(run, &p)) {
		output_close(fd, args.output, 0);
		return CMD_FAILED;
	}
	recording_say_command(p, argc, argv);
	if (write_profile(p, fd, args.output))
		return CMD_FAILED;
	return recording_status(run);
}

int cmd_profile(int argc, char **argv)
{
	struct record_args args = {
		.recording = { .rate_hz = DEFAULT_HZ,
			       .memory_bytes = recording_default_memory(),
			       .budget = DEFAULT_BUDGET,
			       .duration_ns = 10000000000ULL },
		.brief = true,
	};
	struct report_options report = report_defaults(output_width());
	CLEANUP(recording_close) struct recording_run *run = NULL;
	CLEANUP(profile_free) struct profile *p = NULL;
	struct output output;
	int err;

	parse_args(argc, argv, &args, "adder");
	if (recording_open(&args.recording, &run) || recording_make(run, &p))
		return CMD_FAILED;
	recording_say_command(p, argc, argv);
	if (output_begin(&output, "-"))
		return CMD_FAILED;
	err = report_print(p, &report, output.stream);
	return output_end(&output, err) ? CMD_FAILED : CMD_DONE;
}
