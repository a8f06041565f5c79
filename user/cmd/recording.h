/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making a recording, as `record` and plain `adder` do: from the first message to the profile.
 */
#ifndef CMD_RECORDING_H
#define CMD_RECORDING_H

#include <stdint.h>

#include "recorder/filter.h"

struct profile;

struct recording {
	uint64_t duration_ns; /* 0: until a signal, or the command's end */
	uint32_t rate_hz;
	struct filter filter;
	char **command; /* NULL, or its arguments ended by NULL */
};

/**
 * Record.  Ends by time, SIGINT, SIGTERM or the end of the command, whichever comes first.
 * *@ret is the caller's to free.
 *
 * Returns 0 or -errno after one line on standard error; *@command_status is the command's exit
 * status, 0 without one.
 */
int recording_make(const struct recording *options, struct profile **ret, int *command_status);

#endif
