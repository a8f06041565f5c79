/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Python stack of the current thread, as the id that the ledger keeps.
 */
#ifndef BPF_CAPTURE_H
#define BPF_CAPTURE_H

#include "names.h"
#include "runtime.h"

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

/*
 * Walk current's stack, with interrupts off (the scratch is the CPU's); hash or enum
 * adder_stack_id.  A global function, since the verifier follows those once, not at each call.
 */
__weak __noinline __u64 capture_stack(struct adder_process *p, __u64 thread_pointer)
{
	struct unwind_scratch *scratch;
	__u32 zero = 0, status = 0;
	__u64 stack;

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
	stack = unwind_python(scratch, p, thread_pointer, &status);
	count_walk(status);
	if (stack >= ADDER_STACK_FIRST_HASH)
		tell_stack(scratch, p);
	return stack;
}

#endif
