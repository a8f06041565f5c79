/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Read the profiled process's memory: the only place where bpf/ does.
 *
 * adder's user half and the unit tests compile the walkers natively, with a remote_read() of their
 * own.  0 if all @size bytes were read; else @dst is undefined.
 */
#ifndef BPF_REMOTE_H
#define BPF_REMOTE_H

#ifdef __bpf__
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

static __always_inline long remote_read(void *dst, __u32 size, __u64 addr)
{
	return bpf_probe_read_user(dst, size, (const void *)addr);
}
#else
#include <stddef.h>
#include <linux/types.h>

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif
#define barrier_var(var) asm volatile("" : "+r"(var))

long remote_read(void *dst, __u32 size, __u64 addr);
#endif

#endif
