/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A recording, from its options to the profile: which processes are in it, in what order things
 * are begun and ended.  Knows the rooms below, and nothing of options on a command line or files.
 */
#ifndef RECORDER_RECORDER_H
#define RECORDER_RECORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "recorder/calls.h"

struct filter;
struct profile;
struct recorder;

struct recorder_options {
	uint32_t rate_hz;
	size_t memory_bytes; /* that adder's process may take, about; 16 MB at the least */
	double budget;       /* part of each CPU that walking at switches may take; 1: no limit */
	const struct filter *filter; /* borrowed while the recorder lives */
	const uint32_t *tables;      /* as in struct session_options */
	struct calls_options calls;  /* what is counted of calls, too */
	const char *command;         /* what @family will run, as for execvp(); NULL: not known */
	pid_t family; /* record this process and what it starts, instead of the filter's; 0: none */
};

/** A recording as it stands, for a live line. */
struct recorder_progress {
	uint64_t elapsed_ns;
	uint32_t processes; /* alive, and in it */
	uint64_t stacks, lost;
};

/** Load the kernel half.  0 or -errno; -EPERM: rights are missing. */
int recorder_open(const struct recorder_options *options, struct recorder **ret);
void recorder_close(struct recorder *r);
DEFINE_CLEANUP(struct recorder *, recorder_close);

/** Find the processes that are there, and begin.  0 or -errno. */
int recorder_start(struct recorder *r);

/** Readable when recorder_turn() has urgent work. */
int recorder_fd(const struct recorder *r);

/** How long it may be until the next recorder_turn(), in ms. */
int recorder_timeout_ms(const struct recorder *r);

/** Take what the kernel half has sent.  Call it often: every 100 ms at the least.  0 or -errno. */
int recorder_turn(struct recorder *r);

void recorder_progress(const struct recorder *r, struct recorder_progress *ret);

/** End, close every account, and make the profile: @ret is the caller's to free.  0 or -errno. */
int recorder_finish(struct recorder *r, struct profile **ret);

#endif
