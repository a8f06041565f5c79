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

/* Tell user space of the stack in @scratch, if it has not been told. */
static __always_inline void tell_stack(struct unwind_scratch *scratch, struct adder_process *p)
{
	struct tell_codes tell = { .scratch = scratch, .process = p };
	__u64 hash = scratch->stack.hash, bytes, began;
	__u32 one = 1;

	if (bpf_map_lookup_elem(&stacks_told, &hash))
		return;
	began = bpf_ktime_get_ns();
	bpf_loop(ADDER_MAX_FRAMES, tell_code, &tell, 0);
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
