/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A verb's run that lasts: until its time is over, a signal ends it, or its command has ended.
 * What goes wrong is said here, once.
 */
#ifndef CMD_RUN_H
#define CMD_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "cmd/launch.h"

struct run {
	uint64_t duration_ns; /* 0: no limit */
	char **command;       /* NULL: none */
	struct launch launch; /* of the command */
	int signals;          /* a signalfd */
	uint64_t start_ns;
};

/**
 * Prepare to be ended by SIGINT, SIGTERM or SIGHUP, and fork for @command (NULL: none), ended by
 * NULL, which must outlive the run.  0, or -errno after one line on standard error.
 */
int run_open(struct run *run, uint64_t duration_ns, char **command);

/** Take it down; a command that was not let go never runs. */
void run_close(struct run *run);

/** The command's process; 0 without one. */
pid_t run_family(const struct run *run);

/** From now on time counts, and the command runs. */
void run_begin(struct run *run);

/** Sleep until @fd is readable or something ends the run, @timeout_ms at the most. */
void run_wait(const struct run *run, int fd, int timeout_ms);

/** True once anything has ended it. */
bool run_is_over(struct run *run);

/**
 * After the run: signals end adder again as they would any program.  Waits for the command's end:
 * its exit status, as launch_wait(); 0 without a command.
 */
int run_status(struct run *run);

#endif
