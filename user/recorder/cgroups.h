/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In which cgroup and container processes are, and what those containers are called: their engines
 * are asked once for each, not for each process.
 */
#ifndef RECORDER_CGROUPS_H
#define RECORDER_CGROUPS_H

#include <stddef.h>
#include <sys/types.h>

#include "base/tally.h"
#include "proc/container.h"

struct cgroups {
	struct tally names; /* of containers, by id */
};

struct cgroups_place {
	char path[1024];            /* the cgroup's, from the hierarchy's root; may be cut */
	struct container container; /* with its name, if that is known; untrusted */
};

void cgroups_init(struct cgroups *c);
void cgroups_done(struct cgroups *c);

/** Where process @pid is now; at the root, in no container, if it is gone. */
void cgroups_read(struct cgroups *c, pid_t pid, struct cgroups_place *ret);

/** Where a process is of whose cgroup the kernel half has told the @size bytes at @components, as
 * in container_from_components(). */
void cgroups_from_components(struct cgroups *c, const char *components, size_t size,
			     struct cgroups_place *ret);

#endif
