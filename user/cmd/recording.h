/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making a recording, as `record` and plain `adder` do: from the first message to the profile.
 */
#ifndef CMD_RECORDING_H
#define CMD_RECORDING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "probe/session.h"
#include "recorder/calls.h"
#include "recorder/filter.h"

struct profile;

struct recording {
	uint64_t duration_ns; /* 0: until a signal, or the command's end */
	uint32_t rate_hz;
	size_t memory_bytes;
	double budget;                     /* part of each CPU for walks at switches; 1: no limit */
	uint32_t tables[SESSION_TABLE_NR]; /* sizes; 0: as is */
	struct calls_options calls;
	struct filter filter;
	char **command; /* NULL, or its arguments ended by NULL */
};

struct recording_run;

/** What adder's process may take unless told otherwise, in bytes. */
size_t recording_default_memory(void);

/** Say why the kernel programs could not be loaded, and what to do.  Returns @err. */
int recording_say_why_not(int err);

/**
 * If Linux @release, as uname(2) gives it, is too old to count calls on, say so in one line on
 * standard error.  True if it is.
 */
bool recording_say_too_old(const char *release);

/**
 * Get everything ready: rights, kernel programs, the command's process.  @options must outlive it.
 * 0 or -errno after one line on standard error.
 */
int recording_open(const struct recording *options, struct recording_run **ret);

/** Take it down; a command that was not let go never runs. */
void recording_close(struct recording_run *run);
DEFINE_CLEANUP(struct recording_run *, recording_close);

/**
 * Record.  Ends by time, SIGINT, SIGTERM or the end of the command, whichever comes first.
 * *@ret is the caller's to free.  0 or -errno after one line on standard error.
 */
int recording_make(struct recording_run *run, struct profile **ret);

/** Wait for the command's end: its exit status, as launch_wait(); 0 without a command. */
int recording_status(struct recording_run *run);

/** Say in @p with which command line it was made. */
void recording_say_command(struct profile *p, int argc, char **argv);

#endif
