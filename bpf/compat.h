/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What differs between kernels, and between the kernel and native code, in one place.
 *
 * The programs are compiled twice: for Linux 5.18 and later, and with ADDER_OLD_KERNEL for what is
 * older, down to 5.10.  A switch when they are loaded would not do: 5.10 refuses callbacks (of
 * bpf_loop) and atomic instructions even where no path leads to them.
 */
#ifndef BPF_COMPAT_H
#define BPF_COMPAT_H

#include "arch.h"
#include "remote.h"

typedef long (*compat_loop_fn)(__u32 index, void *context);

/* compat_loop(): call @step(index, @context) until it returns non-zero, at most @count times. */
#ifdef __bpf__
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#ifdef ADDER_OLD_KERNEL
#include "old.h"
#else
#define compat_loop(count, step, context) bpf_loop(count, step, context, 0)

/* A function that an old kernel must have in a stack frame of its own. */
#define COMPAT_APART                      __always_inline

#define COMPAT_CURRENT_IS_TYPED           1

static __always_inline struct task_struct *compat_current(void)
{
	return (struct task_struct *)bpf_get_current_task_btf();
}

static __always_inline __u32 task_state_of(struct task_struct *t)
{
	return BPF_CORE_READ(t, __state);
}

static __always_inline struct pt_regs *task_user_regs(struct task_struct *t)
{
	return (struct pt_regs *)bpf_task_pt_regs(t);
}

/* A register of task_user_regs(). */
#define user_reg(regs, name)              ((regs)->name)

/* The thread pointer of compat_current(). */
#define current_thread_pointer(task)      ((task)->thread.ARCH_THREAD_POINTER)

static __always_inline __u64 compat_attach_cookie(void *ctx)
{
	return bpf_get_attach_cookie(ctx);
}

/* A serial that nobody else has; @last counts them. */
static __always_inline __u32 compat_serial(__u32 *last)
{
	return __sync_fetch_and_add(last, 1) + 1;
}

static __always_inline void compat_set_bit(__u64 *word, __u32 bit, bool yes)
{
	if (yes)
		__sync_fetch_and_or(word, 1ULL << (bit & 63));
	else if (*word >> (bit & 63) & 1)
		__sync_fetch_and_and(word, ~(1ULL << (bit & 63)));
}

typedef long (*compat_vma_fn)(struct task_struct *, struct vm_area_struct *, void *);

/* Call @fn(@t, vma, @context) for what current @t has mapped at @address, if anything. */
static __always_inline void compat_find_vma(struct task_struct *t, __u64 address, compat_vma_fn fn,
					    void *context)
{
	bpf_find_vma(t, address, fn, context, 0);
}
#endif

/* A bitfield cannot be asked for by address; in_iowait sits beside sched_contributes_to_load. */
static __always_inline bool task_in_iowait(struct task_struct *t)
{
	return BPF_CORE_READ_BITFIELD(t, in_iowait);
}

static __always_inline struct kernfs_node *kernfs_parent(struct kernfs_node *kn)
{
	struct kernfs_node___6_15 *new = (void *)kn;

	if (bpf_core_field_exists(new->__parent))
		return BPF_CORE_READ(new, __parent);
	return BPF_CORE_READ(kn, parent);
}

/* Out of its cgroup's CPU quota: by the run queue it is on (to 6.17), or by its own word (6.18). */
static __always_inline bool task_throttled(struct task_struct *t)
{
	struct task_struct___6_18 *new = (void *)t;
	struct cfs_rq *rq;

	if (bpf_core_field_exists(new->throttled))
		return new->throttled;
	rq = t->se.cfs_rq;
	return bpf_core_field_exists(rq->throttle_count) && rq->throttle_count > 0;
}
#else
static inline void compat_loop(__u32 count, compat_loop_fn step, void *context)
{
	for (__u32 i = 0; i < count && !step(i, context); i++)
		;
}
#endif

#endif
