/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clock of a thread's calls.
 */
#ifndef BPF_OPEN_CLOCK_H
#define BPF_OPEN_CLOCK_H

#include "thread.h"

/* By what the current thread's calls are timed, at @ns of CLOCK_MONOTONIC. */
static __always_inline __u64 open_time(__u64 ns)
{
	struct task_struct *task;
	const struct adder_thread *t;

	if (call_clock != ADDER_CLOCK_CPU)
		return ns;
	t = find_thread(bpf_get_current_pid_tgid());
	if (t && t->in_ns)
		return t->runtime_ns + (ns - t->in_ns);
	task = compat_current(); /* its switch-in was not reported: by the scheduler's last tick */
	return BPF_CORE_READ(task, se.sum_exec_runtime);
}

/* What the clock of @o, the current thread's, shows then. */
static __always_inline __u64 open_clock(const struct adder_open_calls *o, __u64 ns)
{
	return open_time(ns) - o->cost_ns;
}

/* When it was by CLOCK_MONOTONIC that this clock showed @now; where calls are timed by wall time,
 * and only until the probe that has asked it ends. */
static __always_inline __u64 open_monotonic(const struct adder_open_calls *o, __u64 now)
{
	return now + o->cost_ns;
}

/* A probe has kept the thread from @begun on until now. */
static __always_inline void open_charge(struct adder_open_calls *o, __u64 begun)
{
	o->cost_ns += open_time(bpf_ktime_get_ns()) - begun + probe_ns;
}

static __always_inline struct adder_open_calls *open_calls_of(__u32 tid)
{
	return bpf_map_lookup_elem(&open_calls, &tid);
}

/* The current thread's, made if need be; NULL if there is no room. */
static __always_inline struct adder_open_calls *open_calls_here(const struct adder_process *p)
{
	__u32 tid = bpf_get_current_pid_tgid(), zero = 0;
	struct adder_open_calls *o = open_calls_of(tid), *blank;

	if (o && o->serial == p->serial)
		return o;
	blank = bpf_map_lookup_elem(&no_open_calls, &zero);
	if (!blank || bpf_map_update_elem(&open_calls, &tid, blank, BPF_ANY))
		return NULL;
	o = open_calls_of(tid);
	if (!o)
		return NULL;
	o->serial = p->serial;
	o->tid = tid;
	return o;
}

#endif
