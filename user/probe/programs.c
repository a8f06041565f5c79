/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/programs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "adder.skel.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "probe/cpu_events.h"
#include "probe/options.h"
#include "probe/programs_old.h"
#include "probe/usdt.h"

#define LOOK_RING_BYTES (256 << 10) /* room for 600 things that are waited for, between reads */

static int print_debug(enum libbpf_print_level level, const char *format, va_list args)
{
	char text[512];

	if (!log_enabled(LOG_DEBUG) || level == LIBBPF_DEBUG)
		return 0;
	vsnprintf(text, sizeof(text), format, args);
	text[strcspn(text, "\n")] = '\0';
	log_debug("%s", text);
	return 0;
}

/* Next to no kernel memory for a ledger: maps are made, but no program adds to them. */
static int leave_out_ledger(struct adder_bpf *skel)
{
	struct bpf_map *const unused[] = {
		skel->maps.threads,     skel->maps.ledger_a, skel->maps.ledger_b,
		skel->maps.stacks_told, skel->maps.looked,
	};
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(unused) && !err; i++)
		err = bpf_map__set_max_entries(unused[i], 1);
	return err;
}

static int keep_iterator_only(struct adder_bpf *skel)
{
	struct bpf_program *program;
	int err = leave_out_ledger(skel);

	bpf_object__for_each_program (program, skel->obj)
		bpf_program__set_autoload(program, program == skel->progs.look_at_thread);
	if (!err)
		err = bpf_map__set_max_entries(skel->maps.codes_told, 1);
	if (!err)
		err = bpf_map__set_max_entries(skel->maps.pids, 1);
	if (!err)
		err = bpf_map__set_max_entries(skel->maps.events, LOOK_RING_BYTES);
	return err;
}

/* What follows processes, and the programs on static probes. */
static int keep_tracing_only(struct adder_bpf *skel, unsigned int what)
{
	struct bpf_program *program;
	int err = leave_out_ledger(skel);

	bpf_object__for_each_program (program, skel->obj)
		bpf_program__set_autoload(program, program == skel->progs.on_exec ||
							   program == skel->progs.on_fork ||
							   program == skel->progs.on_exit);
	return err ? err : usdt_choose(skel, what);
}

/* Give the tables the sizes that were asked for. */
static int size_tables(struct adder_bpf *skel, const uint32_t *sizes)
{
	struct bpf_map *const maps[SESSION_TABLE_NR][2] = {
		[SESSION_TABLE_PROCESSES] = { skel->maps.processes },
		[SESSION_TABLE_THREADS] = { skel->maps.threads },
		[SESSION_TABLE_LEDGER] = { skel->maps.ledger_a, skel->maps.ledger_b },
		[SESSION_TABLE_STACKS] = { skel->maps.stacks_told },
		[SESSION_TABLE_CODES] = { skel->maps.codes_told },
		[SESSION_TABLE_RING] = { skel->maps.events },
	};
	int err = 0;

	for (int i = 0; i < SESSION_TABLE_NR; i++) {
		for (int k = 0; k < 2 && maps[i][k] && sizes[i] && !err; k++)
			err = bpf_map__set_max_entries(maps[i][k], sizes[i]);
	}
	return err;
}

/* Calls: their program, and tables of the size that is needed. */
static int set_up_calls(struct adder_bpf *skel, const struct session_calls *calls)
{
	const struct {
		struct bpf_map *map;
		bool is_needed;
	} tables[] = {
		{ skel->maps.calls, calls->count },
		{ skel->maps.open_calls, calls->clock },
		{ skel->maps.call_wants, calls->select },
		{ skel->maps.call_marks, calls->slow_ns },
		{ skel->maps.histograms, calls->histograms },
	};
	int err = 0;

	skel->rodata->call_clock = calls->clock;
	skel->rodata->call_select = calls->select;
	skel->rodata->call_histograms = calls->histograms;
	skel->rodata->slow_ns = calls->slow_ns;
	if (!calls->count)
		bpf_program__set_autoload(skel->progs.on_call, false);
	for (size_t i = 0; i < ARRAY_SIZE(tables) && !err; i++) {
		if (!tables[i].is_needed)
			err = bpf_map__set_max_entries(tables[i].map, 1);
	}
	return err;
}

/* Load @skel; NULL if it could not be opened. */
static int load(struct adder_bpf *skel, const struct session_options *options)
{
	int err;

	if (!skel)
		return errno ? -errno : -ENOMEM;
	skel->rodata->select_by = options->select;
	skel->rodata->clock_ns = options->rate_hz ? CLOCK_PERIOD_NS(options->rate_hz) : 0;
	skel->rodata->budget_ppm = options->budget_ppm;
	skel->rodata->self_pid = getpid();
	if (options->trace)
		err = keep_tracing_only(skel, options->trace);
	else
		err = usdt_choose(skel, options->calls.clock ? USDT_RETURNS : 0);
	if (!err && options->look_only)
		err = keep_iterator_only(skel);
	if (!err && options->tables)
		err = size_tables(skel, options->tables);
	if (!err)
		err = set_up_calls(skel, &options->calls);
	if (!err && options->select != ADDER_SELECT_PIDS && options->select != ADDER_SELECT_FAMILY)
		err = bpf_map__set_max_entries(skel->maps.pids, 1); /* 5 MB for nothing */
	return err ? err : adder_bpf__load(skel);
}

/* What a kernel has is found out by trying: distributions add to old ones what newer ones have. */
int programs_load(const struct session_options *options, struct adder_bpf **ret)
{
	struct adder_bpf *skel;
	int err;

	libbpf_set_print(print_debug);
	skel = adder_bpf__open();
	err = load(skel, options);
	if (err && err != -EPERM) {
		log_debug("trying the programs for Linux 5.10 to 5.17");
		adder_bpf__destroy(skel);
		skel = programs_open_old();
		err = load(skel, options);
	}
	if (err)
		adder_bpf__destroy(skel);
	else
		*ret = skel;
	return err;
}
