/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What differs between processors, in one place: registers, the thread pointer, and what a C
 * library keeps beside it.
 *
 * On x86_64 a thread's struct pthread begins at its thread pointer; on aarch64 it ends there, and
 * its size is not the same in each glibc.  CPython keeps pthread_self(), the struct's address, in
 * each PyThreadState: so a thread state says whose it is, and the first one says the size
 * (unwind.h).
 */
#ifndef BPF_ARCH_H
#define BPF_ARCH_H

#include "remote.h"

#if defined(__TARGET_ARCH_arm64) || (!defined(__bpf__) && defined(__aarch64__))
#define ARCH_ARM64
#endif

/* ---- struct pthread; offsets from its start ---- */

#ifdef ARCH_ARM64
#define ARCH_PTHREAD_AT_POINTER false
/* The kernel has a thread's pointer only from the next switch on, from exec until then another. */
#define ARCH_POINTER_LAGS  true
#define ARCH_PTHREAD_MAX   0xc00 /* none is larger; glibc 2.36's has 0x740 bytes */
#define ARCH_SPECIFIC      0x110 /* glibc: the first 32 pairs {sequence, value} */
#define ARCH_SPECIFIC_MUSL 0x70  /* a pointer to the values */
#define ARCH_DTV           0     /* from the thread pointer: the modules' thread-locals */
#else
#define ARCH_PTHREAD_AT_POINTER true
#define ARCH_POINTER_LAGS       false
#define ARCH_SPECIFIC           0x310
#define ARCH_SPECIFIC_MUSL      0x80
#define ARCH_DTV                8
#endif
#define ARCH_SPECIFIC_NEXT (ARCH_SPECIFIC + 0x200) /* glibc: pointers to 32 more pairs each */

/*
 * Is @self pthread_self() of the thread whose thread pointer is @thread_pointer?  What lies between
 * need not be known: no other thread's struct is so near.
 */
static __always_inline bool arch_is_own(__u64 thread_pointer, __u64 self)
{
#ifdef ARCH_ARM64
	return thread_pointer - self - 1 < ARCH_PTHREAD_MAX;
#else
	return self == thread_pointer;
#endif
}

/* ---- registers ---- */

#ifdef __bpf__
#ifdef ARCH_ARM64
#define ARCH_SYSCALL   syscallno /* negative: in none */
#define ARCH_ARG1      orig_x0   /* of the syscall */
#define ARCH_ARG2      regs[1]
#define ARCH_ARG3      regs[2]
#define ARCH_ARG4      regs[3]
#define ARCH_CALL_ARG1 regs[0] /* of a function that has just been entered */
#define ARCH_CALL_ARG2 regs[1]
#define ARCH_CALL_ARG3 regs[2]

/* Of a thread_struct. */
#define ARCH_THREAD_POINTER uw.tp_value

/* What struct bpf_perf_event_data begins with; the last is pstate. */
struct arch_event_regs {
	__u64 regs[34];
};

static __always_inline bool arch_in_kernel(const struct arch_event_regs *regs)
{
	return regs->regs[33] & 0xf; /* PSR_MODE_MASK; 0 is EL0t */
}
#else
#define ARCH_SYSCALL        orig_ax
#define ARCH_ARG1           di
#define ARCH_ARG2           si
#define ARCH_ARG3           dx
#define ARCH_ARG4           r10
#define ARCH_CALL_ARG1      di
#define ARCH_CALL_ARG2      si
#define ARCH_CALL_ARG3      dx

#define ARCH_THREAD_POINTER fsbase

/* The 18th is CS. */
struct arch_event_regs {
	__u64 regs[21];
};

static __always_inline bool arch_in_kernel(const struct arch_event_regs *regs)
{
	return !(regs->regs[17] & 3);
}
#endif
#endif

#endif
