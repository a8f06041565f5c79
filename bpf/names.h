/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Send a stack that user space has not seen, after the names of its code objects.
 *
 * The texts are read here, at first sight, because the process may be gone when user space gets to
 * it.  A stack or code object counts as told only once the ring buffer has taken it: a full buffer
 * means "again at the next sight", not a hole.
 */
#ifndef BPF_NAMES_H
#define BPF_NAMES_H

#include "code.h"
#include "maps.h"

struct tell_codes {
	struct unwind_scratch *scratch;
	struct adder_process *process;
	__u32 untold; /* some code object could not be told */
	__u32 pad;
};

static long tell_code(__u32 index, void *context)
{
	struct tell_codes *tell = context;
	struct adder_event_code *e;
	struct adder_frame *f;
	struct adder_code_key key;
	__u32 zero = 0, one = 1;
	__u64 bytes;

	if (index >= ADDER_MAX_FRAMES || index >= tell->scratch->stack.depth)
		return 1;
	f = &tell->scratch->stack.frames[index];
	key.code = f->code;
	key.serial = tell->process->serial;
	key.signature = f->signature;
	if (bpf_map_lookup_elem(&codes_told, &key))
		return 0;
	e = bpf_map_lookup_elem(&code_scratch, &zero);
	if (!e)
		return 1;
	if (code_read(tell->process, f, e)) {
		lose(ADDER_LOST_CODE_FAULT);
		return 0; /* user space tries for itself when it gets the stack */
	}
	if (e->role == ADDER_CODE_RUN)
		tell->process->asyncio.run_code = e->code;
	if (e->role != ADDER_CODE_PLAIN)
		tell->process->asyncio.is_used = 1;
	bytes = e->table_bytes;
	barrier_var(bytes);
	if (bytes > ADDER_TABLE_BYTES)
		return 0;
	if (bpf_ringbuf_output(&events, e,
			       __builtin_offsetof(struct adder_event_code, table_data) + bytes,
			       ring_flags())) {
		lose(ADDER_LOST_RING_CODE);
		tell->untold = 1;
		return 0;
	}
	bpf_map_update_elem(&codes_told, &key, &one, BPF_ANY);
	return 0;
}

#ifdef ADDER_OLD_KERNEL
#define TELL_PART 2 /* code objects of a call: what the verifier follows quickly */

/*
 * Tell of some code objects of the current thread's stack, from @first on.  Without a pointer,
 * since 5.10 gives global functions none.  1: some were not told; 2: there are no more.
 */
__weak __noinline int tell_part(__u32 first)
{
	__u32 zero = 0;
	struct tell_codes tell = {
		.scratch = bpf_map_lookup_elem(&walk_scratch, &zero),
		.process = find_process(bpf_get_current_pid_tgid() >> 32),
	};

	if (!tell.scratch || !tell.process)
		return 2;
	for (__u32 i = 0; i < TELL_PART; i++) {
		if (tell_code(first + i, &tell))
			return tell.untold | 2;
	}
	return tell.untold;
}

static __always_inline void tell_codes(struct tell_codes *tell)
{
	for (__u32 first = 0; first < ADDER_MAX_FRAMES; first += TELL_PART) {
		int said = tell_part(first);

		tell->untold |= said & 1;
		if (said & 2)
			break;
	}
}
#else
static __always_inline void tell_codes(struct tell_codes *tell)
{
	bpf_loop(ADDER_MAX_FRAMES, tell_code, tell, 0);
}
#endif

/* Tell user space of the stack in @scratch, if it has not been told. */
static __always_inline void tell_stack(struct unwind_scratch *scratch, struct adder_process *p)
{
	struct tell_codes tell = { .scratch = scratch, .process = p };
	__u64 hash = scratch->stack.hash, bytes, began;
	__u32 one = 1;

	if (bpf_map_lookup_elem(&stacks_told, &hash))
		return;
	began = bpf_ktime_get_ns();
	tell_codes(&tell);
	bytes = scratch->stack.depth;
	if (bytes > ADDER_MAX_FRAMES)
		bytes = ADDER_MAX_FRAMES;
	barrier_var(bytes);
	bytes = bytes * sizeof(struct adder_frame) +
		__builtin_offsetof(struct adder_event_stack, frames);
	barrier_var(bytes);
	if (bytes > sizeof(scratch->stack))
		return;
	if (bpf_ringbuf_output(&events, &scratch->stack, bytes, ring_flags()))
		lose(ADDER_LOST_RING_STACK);
	else if (!tell.untold)
		bpf_map_update_elem(&stacks_told, &hash, &one, BPF_ANY);
	scratch->tell_ns = bpf_ktime_get_ns() - began;
}

#endif
