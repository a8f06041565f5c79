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

#include "maps.h"

#define NAMES_WAKE_BYTES (2 << 20) /* of events waiting; a wake-up costs more than a sample */

struct unicode_head {
	__u64 length;
	__u32 state;
};

static __always_inline __u64 ring_flags(void)
{
	return bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) > NAMES_WAKE_BYTES
		       ? BPF_RB_FORCE_WAKEUP
		       : BPF_RB_NO_WAKEUP;
}

/*
 * Read the letters of the str at @str into @dst, at most @max bytes, a power of two.
 * Returns the bytes, and the state's bits from `kind` on in *@state; -1 if it can't be read.
 */
static __always_inline int read_text(const struct adder_layout *l, __u64 str, char *dst, __u32 max,
				     __u32 *state)
{
	__u64 length, bytes;
	__u32 bits = 0, size;

	if (remote_read(&length, sizeof(length), str + l->str_length) ||
	    remote_read(&bits, sizeof(bits), str + l->str_state))
		return -1;
	bits >>= l->str_kind_shift;
	*state = bits;
	/* kind is 1, 2 or 4 bytes a letter in bits 0 to 2; bit 3: compact; bit 4: ASCII */
	if (!(bits & 8))
		return -1;
	bytes = length > max ? max : length * (bits & 7);
	if (bytes > max)
		bytes = max;
	size = bytes;
	barrier_var(size);
	if (size > max)
		return -1;
	if (remote_read(dst, size, str + (bits & 16 ? l->str_ascii_data : l->str_compact_data)))
		return -1;
	return size;
}

/* The line table's bytes; user space reads what is beyond ADDER_TABLE_BYTES. */
static __always_inline void read_table(const struct adder_layout *l, __u64 table,
				       struct adder_event_code *e)
{
	__u64 size = 0;
	__u32 bytes;

	e->table = table + l->bytes_data;
	e->table_bytes = 0;
	e->table_size = 0;
	if (remote_read(&size, sizeof(size), table + l->bytes_size) || size > 1 << 24)
		return;
	e->table_size = size;
	bytes = size > ADDER_TABLE_BYTES ? ADDER_TABLE_BYTES : size;
	barrier_var(bytes);
	if (bytes > ADDER_TABLE_BYTES)
		return;
	if (!remote_read(e->table_data, bytes, e->table))
		e->table_bytes = bytes;
}

/* Read all that names the code object of @f. */
static __always_inline int read_code(const struct adder_process *p, const struct adder_frame *f,
				     struct adder_event_code *e)
{
	const struct adder_layout *l = &p->binary.layout;
	__u64 name, file, table;
	int bytes;

	e->kind = ADDER_EVENT_CODE;
	e->serial = p->serial;
	e->code = f->code;
	e->signature = f->signature;
	if (remote_read(&e->first_line, sizeof(e->first_line), f->code + l->co_firstlineno) ||
	    remote_read(&name, sizeof(name),
			f->code + (l->co_qualname ? l->co_qualname : l->co_name)) ||
	    remote_read(&file, sizeof(file), f->code + l->co_filename) ||
	    remote_read(&table, sizeof(table), f->code + l->co_linetable))
		return -1;
	bytes = read_text(l, name, e->name, ADDER_NAME_BYTES, &e->name_state);
	if (bytes < 0)
		return -1;
	e->name_bytes = bytes;
	bytes = read_text(l, file, e->file, ADDER_FILE_BYTES, &e->file_state);
	if (bytes < 0)
		return -1;
	e->file_bytes = bytes;
	read_table(l, table, e);
	return 0;
}

struct tell_codes {
	struct unwind_scratch *scratch;
	const struct adder_process *process;
	__u32 untold; /* some code object could not be told */
	__u32 pad;
};

static long tell_code(__u32 index, void *context)
{
	struct tell_codes *tell = context;
	struct adder_event_code *e;
	struct adder_frame *f;
	struct code_key key;
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
	if (read_code(tell->process, f, e)) {
		lose(ADDER_LOST_CODE_FAULT);
		return 0; /* user space tries for itself when it gets the stack */
	}
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
static __always_inline void tell_stack(struct unwind_scratch *scratch,
				       const struct adder_process *p)
{
	struct tell_codes tell = { .scratch = scratch, .process = p };
	__u64 hash = scratch->stack.hash, bytes;
	__u32 one = 1;

	if (bpf_map_lookup_elem(&stacks_told, &hash))
		return;
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
}

#endif
