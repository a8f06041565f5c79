/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a hypervisor takes from this host's CPUs.
 */
#ifndef PROC_STOLEN_H
#define PROC_STOLEN_H

#include <stddef.h>
#include <stdint.h>

#define STOLEN_CPUS_MAX 1024 /* CPUs beyond are not told */

/** Time taken from each CPU since boot, nanoseconds in steps of the kernel's clock tick. */
struct stolen {
	uint64_t ns[STOLEN_CPUS_MAX]; /* by the CPU's number; 0 where there is none */
};

/** Read /proc/stat.  0 or -errno. */
int stolen_read(struct stolen *ret);

/** Which CPU a @line of /proc/stat is about, and the clock ticks stolen from it.  0 or -EINVAL. */
int stolen_parse(const char *line, unsigned *cpu, uint64_t *ticks);

#endif
