/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Python stack of the current thread, and the asyncio task that it runs, as the ids that the
 * ledger keeps.
 */
#ifndef BPF_CAPTURE_H
#define BPF_CAPTURE_H

#include "names.h"
#include "ready.h"
#include "runtime.h"
#include "tasks.h"

#ifdef ADDER_OLD_KERNEL
/*
 * Walk on, in the stack of the current thread.  A global function, since the verifier follows those
 * once; without a pointer, since 5.10 gives them none.  Non-zero at the end of the stack.
 */
__weak __noinline int unwind_part(__u64 run_code)
{
	__u32 zero = 0;
	struct adder_process *p = find_process(bpf_get_current_pid_tgid() >> 32);
	struct unwind w = {
		.scratch = bpf_map_lookup_elem(&walk_scratch, &zero),
		.run_code = run_code,
	};

	if (!p || !w.scratch)
		return 1;
	w.layout = &p->binary.layout;
	for (__u32 i = 0; i < UNWIND_PART; i++) {
		if (unwind_step(i, &w))
			return 1;
	}
	return 0;
}
#endif

static __always_inline void count_walk(__u32 status)
{
	switch (status) {
	case UNWIND_NO_TSTATE:
		lose(ADDER_LOST_TSTATE);
		break;
	case UNWIND_FAULT:
		lose(ADDER_LOST_FRAME_FAULT);
		break;
	case UNWIND_LOOP:
		lose(ADDER_LOST_FRAME_LOOP);
		break;
	}
}

static __always_inline bool is_in_exec(void)
{
	return BPF_CORE_READ_BITFIELD_PROBED(compat_current(), in_execve);
}

/*
 * Walk current's stack, with interrupts off (the scratch is the CPU's); hash or enum
 * adder_stack_id.  A global function, since the verifier follows those once, not at each call.
 */
COMPAT_GLOBAL __u64 capture_stack(struct adder_process *p, __u64 thread_pointer)
{
	struct unwind_scratch *scratch;
	__u32 zero = 0, status = 0;
	__u64 stack, run_code;

	scratch = bpf_map_lookup_elem(&walk_scratch, &zero);
	if (!scratch)
		return ADDER_STACK_UNREAD;
	scratch->interp = 0;
	scratch->tell_ns = 0;
	if (!p)
		return ADDER_STACK_EXITING;
	if (p->phase == ADDER_PHASE_UNREADABLE)
		return ADDER_STACK_UNREAD;
	if (runtime_advance(p))
		return p->phase == ADDER_PHASE_UNKNOWN ? ADDER_STACK_SETUP : ADDER_STACK_NONE;
	run_code = p->asyncio.run_code;
	stack = unwind_python(scratch, p, thread_pointer, &status);
	/* exec has taken the program's memory, and is not done: nothing is there to be read */
	if (status == UNWIND_NO_TSTATE && is_in_exec())
		return ADDER_STACK_EXITING;
	count_walk(status);
	if (stack >= ADDER_STACK_FIRST_HASH)
		tell_stack(scratch, p);
	if (run_code != p->asyncio.run_code) /* learnt from this very stack: where is its frame? */
		unwind_python(scratch, p, thread_pointer, &status);
	return stack;
}

/* Tell user space of the task that tasks_identify() has found as @id, if it has not been told. */
static __always_inline void tell_task(struct adder_process *p, struct tasks_scratch *s, __u64 id)
{
	__u32 one = 1;
	__u64 bytes;

	if (!id || bpf_map_lookup_elem(&stacks_told, &id))
		return;
	bytes = tasks_complete(p, s);
	barrier_var(bytes);
	if (bytes > sizeof(s->event))
		return;
	if (bpf_ringbuf_output(&events, &s->event, bytes, ring_flags())) {
		lose(ADDER_LOST_RING_TASK);
		return;
	}
	tasks_told(p, s);
	bpf_map_update_elem(&stacks_told, &id, &one, BPF_ANY);
}

/*
 * The asyncio task that current runs, whose stack capture_stack() has just walked; 0: none.  Told
 * under an id that is in no use in `on`.
 */
COMPAT_GLOBAL __u64 capture_task(struct adder_process *p)
{
	struct unwind_scratch *walked;
	struct tasks_scratch *s;
	__u32 zero = 0;
	__u64 id;

	walked = bpf_map_lookup_elem(&walk_scratch, &zero);
	s = bpf_map_lookup_elem(&tasks_scratch, &zero);
	if (!walked || !s || !p)
		return 0;
	id = tasks_read(p, s, walked);
	tell_task(p, s, id);
	return id;
}

#ifdef ADDER_OLD_KERNEL
/* Reading the loop's queue is more than 5.10's verifier would follow. */
static __always_inline int capture_ready(struct adder_process *p)
{
	return 0;
}
#else
struct collect_ready {
	struct adder_process *process;
	struct tasks_scratch *tasks;
	struct ready_scratch *scratch;
};

static long collect_ready_task(__u32 index, void *context)
{
	struct collect_ready *c = context;
	struct ready_position *at = &c->scratch->at;
	struct adder_ready *ready = &c->scratch->ready;
	__u64 task = ready_next(c->process, c->tasks, at);
	__u64 id = tasks_identify(c->process, c->tasks, task), count;

	if (id) {
		tell_task(c->process, c->tasks, id);
		count = ready->count++;
		barrier_var(count);
		if (count < ADDER_READY_TASKS)
			ready->tasks[count] = id;
	}
	return !at->left || !at->block;
}

/*
 * The asyncio tasks that are ready while current has their loop, into the CPU's ready_scratch,
 * after capture_stack(); false if there are none.
 */
__weak __noinline int capture_ready(struct adder_process *p)
{
	struct collect_ready c = { .process = p };
	struct unwind_scratch *walked;
	__u32 zero = 0;

	walked = bpf_map_lookup_elem(&walk_scratch, &zero);
	c.tasks = bpf_map_lookup_elem(&tasks_scratch, &zero);
	c.scratch = bpf_map_lookup_elem(&ready_scratch, &zero);
	if (!walked || !c.tasks || !c.scratch || !p || !walked->at.run_frame ||
	    !ready_begin(p, walked, &c.scratch->at))
		return 0;
	c.scratch->ready.count = 0;
	bpf_loop(ADDER_READY_TASKS, collect_ready_task, &c, 0);
	c.scratch->ready.more = c.scratch->at.left;
	return c.scratch->ready.count || c.scratch->ready.more;
}
#endif

/* May a thread of @p be in a task, whose stack capture_stack() has found as @stack? */
static __always_inline bool may_have_task(const struct adder_process *p, __u64 stack)
{
	return stack >= ADDER_STACK_FIRST_HASH && p && p->asyncio.is_used;
}

#endif
