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

/* The u64 at @bytes, which need not be aligned: a stranger says where it is. */
#define remote_u64(bytes) (*(const __u64 *)(bytes))
#else
#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif
#define barrier_var(var) asm volatile("" : "+r"(var))

long remote_read(void *dst, __u32 size, __u64 addr);

static inline __u64 remote_u64(const __u8 *bytes)
{
	__u64 value;

	__builtin_memcpy(&value, bytes, sizeof(value));
	return value;
}
#endif

#endif
