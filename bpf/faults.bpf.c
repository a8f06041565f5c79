/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which file a page fault has waited for.
 *
 *   switched out, in no syscall -> state disk, how page-in -> woken, switched in -> the fault ends:
 *   here -> the address faulted on -> its mapping's file
 *
 * When the thread is switched out nobody knows the address any more.  But its wait is posted only
 * at its next switch-out, and before that the kernel reports the fault as a major one.  Pages
 * without a file come from swap.
 */
#include "awaited.h"
#include "thread.h"

/* struct bpf_perf_event_data. */
struct fault_context {
	struct arch_event_regs regs;
	__u64 period;
	__u64 address;
};

static long take_file(struct task_struct *task, struct vm_area_struct *vma, void *context)
{
	struct file *f = BPF_CORE_READ(vma, vm_file);

	if (f)
		*(__u64 *)context = awaited_file(AWAITED_FAULT, f);
	return 0;
}

SEC("perf_event")
int on_major_fault(struct fault_context *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct adder_thread *t;
	__u64 on = 0;

	if (!is_tracked(id >> 32) || !recording_start_ns)
		return 0;
	t = find_thread(id);
	if (!t || t->how != ADDER_HOW_PAGE_IN || !t->in_ns || t->on ||
	    t->stack == ADDER_STACK_UNWALKED)
		return 0;
	compat_find_vma(compat_current(), ctx->address, take_file, &on);
	t->on = on;
	return 0;
}
