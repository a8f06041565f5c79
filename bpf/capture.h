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
/* What a walk in the current thread's stack goes on with, from the maps. */
static __always_inline bool continue_walk(struct unwind *w)
{
	struct adder_process *p = find_process(bpf_get_current_pid_tgid() >> 32);
	__u32 zero = 0;

	w->scratch = bpf_map_lookup_elem(&walk_scratch, &zero);
	if (!p || !w->scratch)
		return false;
	w->layout = &p->binary.layout;
	return true;
}

/*
 * Parts of a walk.  Global functions, since the verifier follows those once; without a pointer,
 * since 5.10 gives them none.  Non-zero at the end.
 */
__weak __noinline int unwind_part(__u64 run_code)
{
	struct unwind w = { .run_code = run_code };

	if (!continue_walk(&w))
		return 1;
	for (__u32 i = 0; i < UNWIND_PART; i++) {
		if (unwind_step(i, &w))
			return 1;
	}
	return 0;
}

__weak __noinline int unwind_try_part(__u64 thread_pointer)
{
	struct unwind w = { .thread_pointer = thread_pointer };

	if (!continue_walk(&w))
		return 1;
	for (__u32 i = 0; i < UNWIND_PART; i++) {
		if (unwind_try_tstate(i, &w))
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

static __always_inline __u64 walk_stack(struct adder_process *p, __u64 thread_pointer)
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
	unwind_learn(p, scratch, thread_pointer);
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
 * tasks_identify(), and user space is told.  A global function, since the verifier follows those
 * once, not at each call.  (5.10 calls it once, and would want it without the pointer.)
 */
#ifdef ADDER_OLD_KERNEL
static __always_inline __u64 identify_task(struct adder_process *p, __u64 task)
#else
__weak __noinline __u64 identify_task(struct adder_process *p, __u64 task)
#endif
{
	struct tasks_scratch *s;
	__u32 zero = 0;
	__u64 id;

	s = bpf_map_lookup_elem(&tasks_scratch, &zero);
	if (!s || !p)
		return 0;
	id = tasks_identify(p, s, task);
	tell_task(p, s, id);
	return id;
}

static __always_inline __u64 walk_task(struct adder_process *p)
{
	struct unwind_scratch *walked;
	struct tasks_scratch *s;
	__u32 zero = 0;

	walked = bpf_map_lookup_elem(&walk_scratch, &zero);
	s = bpf_map_lookup_elem(&tasks_scratch, &zero);
	if (!walked || !s || !p)
		return 0;
	return identify_task(p, tasks_current(p, s, walked));
}

/*
 * capture_stack() walks current's stack, in process @p, with interrupts off (the scratch is the
 * CPU's); hash or enum adder_stack_id.  capture_task(), after it: the asyncio task that current
 * runs; 0: none.  Told under an id that is in no use in `on`.
 *
 * Global functions, since the verifier follows those once, not at each call.
 */
#ifdef ADDER_OLD_KERNEL
__weak __noinline __u64 capture_current_stack(__u64 thread_pointer)
{
	return walk_stack(find_process(bpf_get_current_pid_tgid() >> 32), thread_pointer);
}

__weak __noinline __u64 capture_current_task(void)
{
	return walk_task(find_process(bpf_get_current_pid_tgid() >> 32));
}

#define capture_stack(p, thread_pointer) capture_current_stack(thread_pointer)
#define capture_task(p)                  capture_current_task()
#else
__weak __noinline __u64 capture_stack(struct adder_process *p, __u64 thread_pointer)
{
	return walk_stack(p, thread_pointer);
}

__weak __noinline __u64 capture_task(struct adder_process *p)
{
	return walk_task(p);
}
#endif

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
	__u64 id = identify_task(c->process, task), count;

	if (id) {
		count = ready->count++;
		barrier_var(count);
		if (count < ADDER_READY_TASKS)
			ready->tasks[count] = id;
	}
	return !at->left || !at->block;
}

/*
 * Where the queue of current's loop begins, into the CPU's ready_scratch; false if it is empty.  A
 * function of its own, so that its room on the stack is free again when tasks are read: up to Linux
 * 6.12, a program and all that it has called have 512 bytes.
 */
__weak __noinline int capture_queue(struct adder_process *p)
{
	struct unwind_scratch *walked;
	struct ready_scratch *scratch;
	__u32 zero = 0;

	walked = bpf_map_lookup_elem(&walk_scratch, &zero);
	scratch = bpf_map_lookup_elem(&ready_scratch, &zero);
	return walked && scratch && p && walked->at.run_frame &&
	       ready_begin(p, walked, &scratch->at);
}

/*
 * The asyncio tasks that are ready while current has their loop, into the CPU's ready_scratch,
 * after capture_stack(); false if there are none.
 */
__weak __noinline int capture_ready(struct adder_process *p)
{
	struct collect_ready c = { .process = p };
	__u32 zero = 0;

	c.tasks = bpf_map_lookup_elem(&tasks_scratch, &zero);
	c.scratch = bpf_map_lookup_elem(&ready_scratch, &zero);
	if (!c.tasks || !c.scratch || !p || !capture_queue(p))
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
