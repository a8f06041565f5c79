/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which processes are asked for.  Kinds of filter are all to be met; of several values of one
 * kind, one is enough.
 */
#ifndef RECORDER_FILTER_H
#define RECORDER_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "wire.h"

struct container;

#define FILTER_MAX 64 /* values of a kind */

struct filter_list {
	const char *values[FILTER_MAX]; /* borrowed */
	size_t count;
};

struct filter {
	pid_t pids[FILTER_MAX];
	size_t pid_count;
	uid_t uids[FILTER_MAX];
	size_t uid_count;
	struct filter_list containers; /* id, name or glob */
	struct filter_list cgroups;    /* path: the cgroup itself, and all below it */
	struct filter_list comms;      /* glob */
};

/** What is known of a process when it is decided. */
struct filter_candidate {
	pid_t pid;
	uid_t uid;
	const char *comm;
	const char *cgroup; /* path, from the hierarchy's root */
	const struct container *container;
};

/** True if nothing is asked for: every process is recorded. */
bool filter_is_empty(const struct filter *f);

/** How the kernel half narrows what it records. */
enum adder_select filter_select(const struct filter *f);

bool filter_matches(const struct filter *f, const struct filter_candidate *candidate);

#endif
