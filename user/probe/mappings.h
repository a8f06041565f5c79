/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which process maps which file for execution, as it happens: how a libpython that a program loads
 * late is noticed.  By perf's own records, which every kernel has; the programs are not involved.
 */
#ifndef PROBE_MAPPINGS_H
#define PROBE_MAPPINGS_H

#include <stdint.h>
#include <sys/types.h>

struct mappings;

/** Begin; @mapped is called by mappings_consume().  0 or -errno. */
int mappings_open(void (*mapped)(void *arg, pid_t pid, const char *path), void *arg,
		  struct mappings **ret);
void mappings_close(struct mappings *m);

/** Hand over what has been mapped since the last call. */
void mappings_consume(struct mappings *m);

/** How often the buffer had no room: some mappings were not handed over. */
uint64_t mappings_lost(const struct mappings *m);

#endif
