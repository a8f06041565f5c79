/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sampling clock: which function a Python thread's CPU time goes to.
 *
 *   tick of the CPU's clock -> a Python thread runs -> walk its stack -> count {stack}
 *
 * A tick only counts.  How much time a tick stands for is settled in user space: the thread's exact
 * CPU time divided by its ticks.  (Charging each tick the time since the one before would favour
 * functions that run long at a stretch: their ticks come at even distances, those of short bursts
 * share the gap with whatever ran before.)
 *
 * The clock is a timer interrupt: code that runs with interrupts off is charged where it turns them
 * on again.
 */
#include "capture.h"
#include "ledger.h"

/* struct bpf_perf_event_data: the interrupted registers come first; CS is the 18th on x86_64. */
struct tick_context {
	__u64 regs[21];
};
#define TICK_CS 17

SEC("perf_event")
int on_tick(struct tick_context *ctx)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
	struct adder_ledger_key key = {
		.state = ADDER_STATE_CPU,
		.how = ADDER_HOW_TICK,
		.syscall = ADDER_NO_SYSCALL,
	};
	struct adder_ledger_value value = { .count = 1 };
	struct adder_process *p;

	if (!is_tracked(task->tgid) || !recording_start_ns)
		return 0;
	p = find_process(task->tgid);
	if (!p)
		return 0; /* it is exiting: its last CPU time stays with [exiting] */
	key.process = p->serial;
	key.tid = task->pid;
	key.stack = capture_stack(p, task->thread.fsbase);
	value.sys_count = !(ctx->regs[TICK_CS] & 3);
	ledger_add(&key, &value);
	return 0;
}
