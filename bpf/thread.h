/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread's record between its switches.
 */
#ifndef BPF_THREAD_H
#define BPF_THREAD_H

#include "ledger.h"

static __always_inline struct adder_thread *find_thread(__u32 tid)
{
	return bpf_map_lookup_elem(&threads, &tid);
}

/* The thread pointer of @task, which is current; 0 if it is not known, or there is none yet. */
static __always_inline __u64 thread_pointer_of(const struct adder_thread *t,
					       struct task_struct *task)
{
	if (ARCH_POINTER_LAGS && !t->out_ns && t->stack == ADDER_STACK_STARTING)
		return 0; /* it has exec'd, and was not switched out since */
	return current_thread_pointer(task);
}

/* From when on a thread of @p, of which nothing is known, is in the ledger. */
static __always_inline __u64 ledger_start(const struct adder_process *p)
{
	return p->start_ns > recording_start_ns ? p->start_ns : recording_start_ns;
}

/* An empty record of @task in process @serial, to be filled in and begun. */
static __always_inline struct adder_thread *blank_thread(__u32 context, struct task_struct *task,
							 __u32 serial)
{
	struct adder_thread *t = bpf_map_lookup_elem(&thread_scratch, &context);

	if (!t)
		return NULL;
	__builtin_memset(t, 0, sizeof(*t));
	t->process = serial;
	t->tgid = task->tgid;
	t->runtime_ns = task->se.sum_exec_runtime;
	t->syscall = ADDER_NO_SYSCALL;
	t->state = ADDER_STATE_CPU;
	t->how = ADDER_HOW_SWITCH;
	return t;
}

/*
 * Its switch-in was not reported, or has not come about: by the CPU time that it was charged since,
 * it was then.
 */
static __always_inline void recover_switch_in(struct adder_thread *t, struct task_struct *task,
					      __u64 now)
{
	__u64 runtime = task->se.sum_exec_runtime;
	__u64 burst;

	if (t->in_ns)
		return;
	burst = runtime > t->runtime_ns ? runtime - t->runtime_ns : 0;
	lose(ADDER_LOST_SWITCH_IN);
	t->in_ns = burst < now ? now - burst : now;
	if (t->in_ns < t->out_ns)
		t->in_ns = t->out_ns;
}

/*
 * Begin a record.  With BPF_NOEXIST one that is there stays: someone was faster.  NULL if there is
 * no room.
 */
static __always_inline struct adder_thread *new_thread(__u32 tid, const struct adder_thread *fresh,
						       __u64 flags)
{
	struct adder_thread *t;

	bpf_map_update_elem(&threads, &tid, fresh, flags);
	t = find_thread(tid);
	if (!t)
		lose(ADDER_LOST_THREADS_FULL);
	return t;
}

/* Tell user space that the account of @t is closed. */
static __always_inline void send_thread_exit(const struct adder_thread *t, __u32 tid,
					     const char *comm, __u64 now)
{
	struct adder_event_thread_exit *e;
	__u64 flags = ring_flags();

	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0); /* it is too large for the stack */
	if (!e) {
		lose(ADDER_LOST_RING_EXIT);
		ledger_add_life(t->process, tid, now > t->first_ns ? now - t->first_ns : 0);
		return;
	}
	e->kind = ADDER_EVENT_THREAD_EXIT;
	e->serial = t->process;
	e->tid = tid;
	e->pad = 0;
	e->first_ns = t->first_ns;
	e->time_ns = now;
	bpf_probe_read_kernel(e->comm, sizeof(e->comm), comm);
	__builtin_memcpy(e->spilled_ns, t->spilled_ns, sizeof(e->spilled_ns));
	bpf_ringbuf_submit(e, flags);
}

#endif
