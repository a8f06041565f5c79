/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every context switch and wake-up of a Python thread: where its time goes, to the nanosecond.
 *
 *   switched out -> walk its stack, ask why -> woken -> switched in -> out again: charge the wait
 *   {stack, state}, and the CPU time since
 *
 * CPU time is the kernel's own (se.sum_exec_runtime), and goes up with the wait before it; user
 * space splits it by the sampling clock's ticks (ticks.bpf.c).
 *
 * Known gaps.  Some kernels do not report the switches of some other tasks, so a Python thread's
 * switch-in may be missing: at its next switch-out the CPU time it was charged tells when it must
 * have come in.  What a hypervisor or an interrupt took from a thread on its CPU is in nobody's CPU
 * time; it is kept apart (stolen_ns).
 */
#include "budget.h"
#include "open_calls.h"
#include "others.h"
#include "thread.h"

/*
 * A thread of @p that was there before its process was set up, and has not been looked at yet, is
 * met at a switch: what it did until @now is not known.
 */
static __noinline struct adder_thread *adopt_thread(struct task_struct *task,
						    struct adder_process *p, __u64 now)
{
	struct adder_thread *fresh;
	__u64 started;

	/* an exec by another thread has given it the leader's id: on_exec() makes its record */
	if (!p || BPF_CORE_READ_BITFIELD(task, in_execve))
		return NULL;
	fresh = blank_thread(THREAD_SWITCH, task, p->serial);
	if (!fresh)
		return NULL;
	started = task->start_time;
	fresh->first_ns = ledger_start(p) > started ? ledger_start(p) : started;
	fresh->out_ns = fresh->first_ns < now ? fresh->first_ns : now;
	fresh->in_ns = now;
	fresh->stack = ADDER_STACK_BEFORE;
	fresh->state = ADDER_STATE_OTHER;
	fresh->how = ADDER_HOW_UNKNOWN;
	return new_thread(task->pid, fresh, BPF_NOEXIST);
}

/* CPU time since it was last charged. */
static __always_inline __u64 take_burst(struct adder_thread *t, struct task_struct *task)
{
	__u64 runtime = task->se.sum_exec_runtime;
	__u64 burst = runtime > t->runtime_ns ? runtime - t->runtime_ns : 0;

	t->runtime_ns = runtime;
	return burst;
}

/* Close the stint on the CPU that ends at @now. */
static COMPAT_APART void end_stint(struct adder_thread *t, struct task_struct *task, __u64 now)
{
	__u64 burst;

	recover_switch_in(t, task, now);
	burst = take_burst(t, task);
	/* the first stint began within a tick of the charge it counts from */
	if (t->in_ns == t->first_ns && t->in_ns <= now && burst > now - t->in_ns)
		burst = now - t->in_ns;
	ledger_post(t, task->pid, burst, now);
}

static COMPAT_APART void bury(struct adder_thread *t, struct task_struct *task, __u64 now)
{
	__u32 tid = task->pid;

	ledger_flush(t);
	send_thread_exit(t, tid, task->comm, now);
	bpf_map_delete_elem(&threads, &tid);
}

/* Its stack, as far as there is one and the budget allows. */
static __always_inline __u64 stack_at_switch(struct adder_thread *t, struct adder_process *p,
					     bool walk)
{
	struct unwind_scratch *scratch;
	__u32 zero = 0;

	if (t->exiting)
		return ADDER_STACK_EXITING;
	if (walk)
		return capture_stack(p, t->thread_pointer);
	scratch = bpf_map_lookup_elem(&walk_scratch, &zero);
	if (scratch)
		scratch->interp = 0; /* it is the last walked thread's */
	return ADDER_STACK_UNWALKED;
}

/* Which asyncio tasks wait for what is about to wait. */
static __always_inline void note_ready(struct adder_thread *t, struct adder_process *p, __u32 tid)
{
	struct ready_scratch *found;
	__u32 zero = 0;

	if (!capture_ready(p))
		return;
	found = bpf_map_lookup_elem(&ready_scratch, &zero);
	if (!found)
		return;
	if (bpf_map_update_elem(&ready_tasks, &tid, &found->ready, BPF_ANY))
		lose(ADDER_LOST_READY_FULL);
	else
		t->has_ready = 1;
}

/* What telling of a new stack took, since this was asked last. */
static __always_inline __u64 take_tell_ns(void)
{
	struct unwind_scratch *scratch;
	__u64 ns;
	__u32 zero = 0;

	scratch = bpf_map_lookup_elem(&walk_scratch, &zero);
	if (!scratch)
		return 0;
	ns = scratch->tell_ns;
	scratch->tell_ns = 0;
	return ns;
}

/* User space may look at it. */
static __always_inline void note_unwalked(__u32 tid)
{
	__u32 *slot = &unwalked_tids[tid & (ADDER_UNWALKED_SLOTS - 1)];

	if (*slot != tid) /* most often it is there: other CPUs need not be told */
		*slot = tid;
}

/* Begin the wait: the stack and the reason. */
static __always_inline void begin_wait(struct adder_thread *t, struct task_struct *task,
				       bool runnable, __u32 task_state, __u64 now)
{
	struct wait wait = { .state = ADDER_STATE_RUNQ,
			     .how = ADDER_HOW_SWITCH,
			     .syscall = t->syscall };
	struct adder_budget *budget = this_budget();
	struct adder_process *p;
	bool walk;

	if (!budget)
		return;
	walk = budget_allows(budget, t, task, runnable, now);
	t->thread_pointer = thread_pointer_of(t, task);
	/* before the walk: who wakes it meanwhile finds it out */
	t->stack = ADDER_STACK_UNWALKED;
	t->wake_ns = 0;
	t->out_ns = now;
	t->in_ns = 0;
	p = walk ? find_process(task->tgid) : NULL;
	t->stack = stack_at_switch(t, p, walk);
	t->task = 0;
	t->has_ready = 0;
	if (may_have_task(p, t->stack)) {
		t->task = capture_task(p);
		note_ready(t, p, task->pid);
	}
	t->throttled = 0;
	if (runnable)
		t->throttled = task_throttled(task);
	else
		classify_wait(task, p, task_state, &wait);
	t->on = runnable || !walk ? 0 : awaited_at_switch(p, &wait);
	t->state = wait.state;
	t->how = t->throttled ? ADDER_HOW_THROTTLED : wait.how;
	t->syscall = wait.syscall;
	t->walk_ns = 0;
	if (walk) {
		t->cpu = bpf_get_smp_processor_id();
		budget_spend(budget, t, now, take_tell_ns());
	} else {
		note_unwalked(task->pid);
	}
	if (!runnable && !t->wake_ns && task_state_of(task) == TASK_WAKING)
		t->wake_ns = bpf_ktime_get_ns();
}

static __always_inline void switch_out(struct task_struct *task, bool preempted, __u32 task_state,
				       __u64 now)
{
	struct adder_thread *t = find_thread(task->pid);

	if (!t)
		t = adopt_thread(task, find_process(task->tgid), now);
	if (!t)
		return;
	if (call_clock && !t->exiting)
		open_settle(find_process(task->tgid), task->thread.ARCH_THREAD_POINTER, now);
	end_stint(t, task, now);
	if (slow_ns)
		open_stint(now);
	if (task_state == TASK_DEAD)
		bury(t, task, now);
	else
		begin_wait(t, task, preempted || !task_state, task_state, now);
}

/* The wait that ends has lasted, and was not walked: user space may have looked at it. */
static __noinline void take_look(struct adder_thread *t, __u32 tid)
{
	struct adder_looked *look = bpf_map_lookup_elem(&looked, &tid);

	if (!t || !look || look->out_ns != t->out_ns)
		return;
	t->stack = look->stack;
	t->task = look->task;
}

static __always_inline void switch_in(struct task_struct *task, __u64 now)
{
	struct adder_thread *t = find_thread(task->pid);

	if (!t) {
		adopt_thread(task, find_process(task->tgid), now);
		return;
	}
	if (t->in_ns)
		return;
	t->in_ns = now;
	if (t->stack == ADDER_STACK_UNWALKED && now - t->out_ns > ADDER_LASTS_NS)
		take_look(t, task->pid);
}

SEC("tp_btf/sched_switch")
#ifdef ADDER_OLD_KERNEL /* before 5.18 the state is not an argument */
int BPF_PROG(on_switch, bool preempted, struct task_struct *prev, struct task_struct *next)
{
	unsigned int task_state = task_state_of(prev);
#else
int BPF_PROG(on_switch, bool preempted, struct task_struct *prev, struct task_struct *next,
	     unsigned int task_state)
{
#endif
	bool out = is_tracked(prev->tgid), in = is_tracked(next->tgid);
	__u64 now;

	if ((!out && !in) || !recording_start_ns)
		return 0;
	now = bpf_ktime_get_ns();
	if (out)
		switch_out(prev, preempted, task_state, now);
	if (in)
		switch_in(next, now);
	return 0;
}

/*
 * Woken.  By sched_waking, which the waker itself runs; sched_wakeup may run on the CPU of who is
 * woken, and so doesn't tell by whom.  A wake-up that comes while its thread is still on its way
 * out, before begin_wait(), is seen there.
 */
SEC("tp_btf/sched_waking")
int BPF_PROG(on_waking, struct task_struct *task)
{
	struct adder_budget *budget;
	struct adder_thread *t;

	if (!is_tracked(task->tgid) || !recording_start_ns)
		return 0;
	t = find_thread(task->pid);
	if (!t || t->in_ns || t->wake_ns)
		return 0;
	t->wake_ns = bpf_ktime_get_ns();
	t->throttled |= task_throttled(task);
	if (t->stack == ADDER_STACK_UNWALKED)
		return 0;
	if (t->cpu != bpf_get_smp_processor_id())
		t->walk_ns = 0; /* who ended the wait did not have to wait for the walk */
	if (t->on)
		return 0;
	budget = this_budget();
	if (!budget)
		return 0;
	t->on = awaited_at_wakeup(task, t->state);
	budget_spend(budget, t, t->wake_ns, take_tell_ns());
	return 0;
}

/* A new thread, or the first of a forked process. */
SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(on_wakeup_new, struct task_struct *task)
{
	struct adder_thread *fresh;
	struct adder_process *p;

	if (!is_tracked(task->tgid) || !recording_start_ns)
		return 0;
	p = find_process(task->tgid);
	fresh = p ? blank_thread(THREAD_SWITCH, task, p->serial) : NULL;
	if (!fresh)
		return 0;
	fresh->first_ns = fresh->out_ns = fresh->wake_ns = bpf_ktime_get_ns();
	fresh->stack = ADDER_STACK_STARTING;
	fresh->state = ADDER_STATE_RUNQ;
	new_thread(task->pid, fresh, BPF_ANY);
	return 0;
}
