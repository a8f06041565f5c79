/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sampling clock: which function a Python thread's CPU time goes to.
 *
 *   tick of the CPU's clock -> a Python thread runs -> walk its stack -> count {stack}
 *
 * A tick only counts, by its stack and by the wait that the thread came from.  How much time a tick
 * stands for is settled in user space, where the exact CPU time after each wait is known. (Charging
 * each tick the time since the one before would favour functions that run long at a stretch: their
 * ticks come at even distances, those of short bursts share the gap with whatever ran before.)
 *
 * The clock is a timer interrupt: code that runs with interrupts off is charged where it turns them
 * on again, and what a hypervisor took from the CPU where the thread then was.  However many times
 * the timer was due meanwhile, it fires once: that tick counts for all of them.  It is a timer of
 * its own, not the scheduler's tick (sched_stat_runtime), though that comes for free: programs that
 * wake by the clock run in step with it (doc/OVERHEAD.md).
 */
#include "capture.h"
#include "due.h"
#include "open_calls.h"
#include "thread.h"

/*
 * The asyncio tasks that capture_ready() has found wait for what @count ticks have found, which is
 * @key. (A function of its own, for its room on the stack.)
 */
static __noinline void count_ready(const struct adder_ledger_key *key, __u32 count)
{
	struct ledger_ready r = { .value = { .count = count } };
	struct ready_scratch *found;
	__u32 zero = 0;

	found = bpf_map_lookup_elem(&ready_scratch, &zero);
	if (!key || !found)
		return;
	r.key = *key;
	r.ready = &found->ready;
	r.key.on = key->task;
	r.key.how = ADDER_HOW_READY_TICK;
	ledger_add_ready(&r);
}

SEC("perf_event")
int on_tick(struct arch_event_regs *ctx)
{
	struct task_struct *task = compat_current();
	__u64 id = bpf_get_current_pid_tgid();
	__u32 tgid = id >> 32, tid = id;
	struct adder_ledger_key key = {
		.state = ADDER_STATE_CPU,
		.how = ADDER_HOW_TICK,
		.syscall = ADDER_NO_SYSCALL,
	};
	struct adder_ledger_value value = {};
	struct adder_process *p;
	struct adder_thread *t;
	__u64 now;

	if (!is_tracked(tgid) || !recording_start_ns)
		return 0;
	t = find_thread(tid);
	if (!t)
		return 0; /* not looked at yet: it has no CPU time in the ledger either */
	now = bpf_ktime_get_ns();
	value.count = ticks_due(t, clock_ns, now);
	t->tick_ns = now;
	key.process = t->process;
	key.tid = tid;
	key.on = t->stack;
	if (t->in_ns && now - t->in_ns > ADDER_LATE_NS)
		key.how = ADDER_HOW_LATE_TICK;
	p = find_process(tgid);
	if (call_clock && !t->exiting)
		open_settle(p, current_thread_pointer(task), now);
	key.stack = t->exiting ? ADDER_STACK_EXITING : capture_stack(p, thread_pointer_of(t, task));
	if (may_have_task(p, key.stack)) {
		key.task = capture_task(p);
		if (capture_ready(p))
			count_ready(&key, value.count);
	}
	value.sys_count = arch_in_kernel(ctx) ? value.count : 0;
	ledger_add(&key, &value);
	return 0;
}
