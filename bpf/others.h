/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For whom a thread waits, where other threads' Python stacks tell: the holder of the GIL as the
 * wait begins, the caller of the wake-up as it ends.
 */
#ifndef BPF_OTHERS_H
#define BPF_OTHERS_H

#include "awaited.h"
#include "capture.h"

/* A task, by its name and id: the leader stands for its process. */
static __always_inline __u64 awaited_task(struct task_struct *task)
{
	struct adder_event_awaited *e = awaited_event(AWAITED_SWITCH, ADDER_AWAITED_PROCESS);

	if (!e)
		return 0;
	e->pid = BPF_CORE_READ(task, pid);
	__builtin_memset(e->text, 0, 16);
	bpf_probe_read_kernel(e->text, 16, task->comm);
	e->id = awaited_id(
		unwind_mix(unwind_mix(unwind_mix(ADDER_AWAITED_PROCESS, e->pid), *(__u64 *)e->text),
			   *(__u64 *)(e->text + 8)));
	return tell_awaited(e);
}

/* ---- the GIL's holder ---- */

#define HOLDER_FRAMES 3 /* to look through for one that is no shim */

/* Who took the GIL last; 0 if it is free. */
static __always_inline __u64 last_holder(const struct adder_process *p,
					 const struct unwind_scratch *scratch)
{
	const struct adder_layout *l = &p->binary.layout;
	__u64 gil = p->runtime + l->rt_gil, holder;
	__s32 locked;

	if (!l->rt_gil && (!l->interp_gil || !scratch->interp ||
			   remote_read(&gil, sizeof(gil), scratch->interp + l->interp_gil)))
		return 0;
	if (remote_read(&locked, sizeof(locked), gil + l->gil_locked) || locked <= 0 ||
	    remote_read(&holder, sizeof(holder), gil + l->gil_last_holder))
		return 0;
	return holder;
}

/*
 * Address of the thread state that holds the GIL; 0 if none does, or it can't be told.  Up to 3.11
 * a variable tells it, but who has just taken the GIL, and perhaps lost its CPU, is not yet in
 * there.
 */
static __always_inline __u64 gil_holder(const struct adder_process *p,
					const struct unwind_scratch *scratch)
{
	const struct adder_layout *l = &p->binary.layout;
	__u64 holder = 0, current = 0;

	if (l->rt_tstate_current)
		current = p->runtime + l->rt_tstate_current;
	else if (p->binary.tstate_current)
		current = p->binary.tstate_current +
			  (p->binary.kind == ADDER_BINARY_STATIC ? p->bias : p->lib_bias);
	if (current && (remote_read(&holder, sizeof(holder), current) || holder))
		return holder;
	return last_holder(p, scratch);
}

/* unwind_step(), but it ends with the first frame that is a function's. */
static long unwind_until_function(__u32 index, void *context)
{
	struct unwind *w = context;

	return unwind_step(index, context) || w->scratch->stack.depth;
}

/*
 * The function that the holder of the GIL is in.  It runs on another CPU meanwhile, so what is read
 * may be torn: it must be a code object by its type, which is that of the waiter's own code.
 */
static __always_inline __u64 awaited_holder(struct adder_process *p, struct unwind_scratch *scratch)
{
	struct unwind w = { .layout = &p->binary.layout, .scratch = scratch };
	struct tell_codes tell = { .scratch = scratch, .process = p };
	struct adder_event_awaited *e = awaited_event(AWAITED_SWITCH, ADDER_AWAITED_CODE);
	__u64 holder = gil_holder(p, scratch), own = scratch->stack.frames[0].code, type, own_type;

	if (!e || !holder || !scratch->stack.depth)
		return 0;
	if (remote_read(&scratch->at.frame, sizeof(scratch->at.frame), holder + w.layout->ts_frame))
		return 0;
	if (w.layout->frame_via == ADDER_FRAME_CFRAME &&
	    remote_read(&scratch->at.frame, sizeof(scratch->at.frame),
			scratch->at.frame + w.layout->cframe_current_frame))
		return 0;
	scratch->at.window_bytes = scratch->at.file.file = 0;
	scratch->stack.depth = 0; /* its stack has been told: the room is free */
	compat_loop(HOLDER_FRAMES, unwind_until_function, &w);
	if (!scratch->stack.depth)
		return 0;
	e->code = scratch->stack.frames[0].code;
	e->signature = scratch->stack.frames[0].signature;
	if (remote_read(&type, sizeof(type), e->code + w.layout->object_type) ||
	    remote_read(&own_type, sizeof(own_type), own + w.layout->object_type) ||
	    type != own_type)
		return 0;
	e->serial = p->serial;
	e->id = awaited_id(unwind_mix(
		unwind_mix(unwind_mix(ADDER_AWAITED_CODE, p->serial), e->code), e->signature));
	if (!is_told(e->id))
		compat_loop(1, tell_code, &tell);
	return tell_awaited(e);
}

/* For whom @wait waits, as far as its beginning tells.  After classify_wait(); 0: not known. */
static __noinline __u64 awaited_at_switch(struct adder_process *p, const struct wait *wait)
{
	struct unwind_scratch *scratch;
	__u32 zero = 0;

	if (!wait)
		return 0;
	if (wait->state != ADDER_STATE_GIL)
		return awaited_by_file(AWAITED_SWITCH, wait);
	scratch = bpf_map_lookup_elem(&walk_scratch, &zero);
	return p && scratch ? awaited_holder(p, scratch) : 0;
}

/* The class of the syscall that @task is in; SYSCALL_OTHER if in none. */
static __always_inline __u32 class_of(struct task_struct *task)
{
	__s64 number = BPF_CORE_READ(task_user_regs(task), ARCH_SYSCALL);

	return number >= 0 && number < SYSCALLS_NR ? syscall_classes[number & (SYSCALLS_NR - 1)]
						   : SYSCALL_OTHER;
}

/*
 * Who ends the wait of @woken in @state: the caller of the wake-up, if it is in a syscall that does
 * such.  Of the GIL only where its holder was not known as the wait began: who was made to let go
 * of it waits until another takes it.  (A wake-up by an interrupt finds whoever was interrupted,
 * rarely in just that syscall.)
 */
static __noinline __u64 awaited_at_wakeup(struct task_struct *woken, __u32 state)
{
	struct task_struct *caller = compat_current(), *leader;
	__u64 id = bpf_get_current_pid_tgid(), stack;
	pid_t tgid = id >> 32, tid = id;

	if (!tid || tid == woken->pid)
		return 0;
	leader = BPF_CORE_READ(caller, group_leader);
	if (state == ADDER_STATE_CHILD)
		return BPF_CORE_READ(caller, real_parent, tgid) == woken->tgid
			       ? awaited_task(leader)
			       : 0;
	if (state == ADDER_STATE_IPC)
		return class_of(caller) == SYSCALL_FD ? awaited_task(leader) : 0;
	if ((state != ADDER_STATE_LOCK && state != ADDER_STATE_GIL) || tgid != woken->tgid ||
	    class_of(caller) != SYSCALL_FUTEX)
		return 0;
	stack = capture_stack(find_process(tgid), current_thread_pointer(caller));
	/* without a Python stack: the end of a thread, which another joins */
	return stack >= ADDER_STACK_FIRST_HASH ? stack : awaited_task(caller);
}

#endif
