/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What differs between kernels, and between the kernel and native code, in one place.
 */
#ifndef BPF_COMPAT_H
#define BPF_COMPAT_H

#include "remote.h"

typedef long (*compat_loop_fn)(__u32 index, void *context);

/* Call @step(index, @context) until it returns non-zero, at most @count times. */
#ifdef __bpf__
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#define compat_loop(count, step, context) bpf_loop(count, step, context, 0)

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

static __always_inline struct pt_regs *task_user_regs(struct task_struct *t)
{
	return (struct pt_regs *)bpf_task_pt_regs(t);
}
#else
static inline void compat_loop(__u32 count, compat_loop_fn step, void *context)
{
	for (__u32 i = 0; i < count && !step(i, context); i++)
		;
}
#endif

#endif
