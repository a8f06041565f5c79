/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list that a snapshot hands out: from ids and hashes to texts.
 */
#ifndef RECORDER_LISTING_H
#define RECORDER_LISTING_H

#include <stddef.h>
#include <sys/types.h>

#include "base/arena.h"

struct profile;
struct resolver;
struct seen_process;
struct snapshot_process;

/** All zeroes is an empty one.  Its texts are those of the profile that it was made from. */
struct listing {
	struct snapshot_process *processes;
	size_t count, capacity;
	struct arena pieces; /* threads and frames */
};

/** Add @process, whose stacks @resolver knows.  0 or -ENOMEM. */
int listing_add(struct listing *l, const struct profile *p, const struct resolver *resolver,
		const struct seen_process *process);

/** Add a process of which nothing but @problem is known; both texts must live as long. */
int listing_add_problem(struct listing *l, pid_t pid, const char *name, const char *problem);

/** Put the processes in the order of their ids. */
void listing_sort(struct listing *l);

void listing_done(struct listing *l);

#endif
