/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * adder: where every Python second goes.
 *
 * The map of the program, top down; arrows point down only (tests/lint/layers holds it):
 *
 *   main.c      this: the table of verbs
 *   cmd/        one file a verb: options, messages, exit status
 *   recorder/   a recording, or a look, from beginning to end
 *   report/     tables and trees on the terminal        export/   one file a format
 *   json/       JSON, for both
 *   pprof/      the recording's file
 *   resolve/    what the kernel sent -> named samples
 *   probe/      the BPF programs: load, attach, drain   (bpf/, include/wire.h)
 *   discover/   which processes are Python
 *   python/     reading CPython: its layouts, memory, line tables
 *   symbol/     ELF files           proc/      processes, cgroups, containers
 *   profile/    the model: plain data, no I/O
 *   base/       text, logging, ownership
 */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cmd/cmd.h"

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} commands[] = {
	{ "record", cmd_record, "record every Python process into a profile" },
	{ "report", cmd_report, "show a profile as tables and trees" },
	{ "export", cmd_export, "write a profile as folded stacks, flame graph, speedscope, ..." },
	{ "calls", cmd_calls, "count and time every call; show garbage collections and imports" },
	{ "dump", cmd_dump, "show what every thread does now: its state and its stack" },
};

static int usage(FILE *out, int status)
{
	fputs("Usage: adder [VERB] [OPTION...]\n"
	      "Where every Python second goes: on a CPU, or waiting, and for what.\n\n"
	      "Without a verb, profile the whole host for ten seconds and show the report.\n\n",
	      out);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].summary);
	fputs("\n'adder VERB --help' tells the options of a verb.\n", out);
	return status;
}

int main(int argc, char **argv)
{
	if (argc < 2 || argv[1][0] == '-') {
		if (argc >= 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-?") ||
				  !strcmp(argv[1], "-h")))
			return usage(stdout, CMD_DONE);
		if (argc >= 2 && (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V"))) {
			puts("adder " ADDER_VERSION);
			return CMD_DONE;
		}
		return cmd_profile(argc, argv);
	}
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	}
	log_error("there is no verb '%s': 'adder --help' lists them", argv[1]);
	return CMD_MISUSED;
}
