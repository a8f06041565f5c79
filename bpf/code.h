/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Read all that names one code object: its qualified name, file, first line and line table.
 *
 * Works natively too, over remote_read().
 */
#ifndef BPF_CODE_H
#define BPF_CODE_H

#include "compat.h"
#include "wire.h"

/*
 * Read the letters of the str at @str into @dst, at most @max bytes, a power of two.
 * Returns the bytes, and the state's bits from `kind` on in *@state; -1 if it can't be read.
 */
static __always_inline int code_read_text(const struct adder_layout *l, __u64 str, char *dst,
					  __u32 max, __u32 *state)
{
	__u64 length, bytes;
	__u32 bits = 0, size;

	if (remote_read(&length, sizeof(length), str + l->str_length) ||
	    remote_read(&bits, sizeof(bits), str + l->str_state))
		return -1;
	bits >>= l->str_kind_shift & 31;
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
static __always_inline void code_read_table(const struct adder_layout *l, __u64 table,
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

/* Do @text's @bytes from @start on, of a power of two that is @room, read @want? */
static __always_inline bool code_reads(const char *text, __u32 room, __u32 start, const char *want,
				       __u32 bytes)
{
	for (__u32 i = 0; i < bytes; i++) {
		if (text[(start + i) & (room - 1)] != want[i])
			return false;
	}
	return true;
}

/* Is this asyncio's Handle._run?  Before 3.11, which has no qualified names, its file decides. */
static __always_inline bool code_is_run(const struct adder_layout *l,
					const struct adder_event_code *e)
{
	const char file[] = "asyncio/events.py"; /* not static: the kernel refuses its BTF */
	__u32 bytes = sizeof(file) - 1;

	if (!(e->name_state & 16) || !(e->file_state & 16) || e->file_bytes < bytes)
		return false;
	if (l->co_qualname
		    ? e->name_bytes != 11 ||
			      !code_reads(e->name, ADDER_NAME_BYTES, 0, "Handle._run", 11)
		    : e->name_bytes != 4 || !code_reads(e->name, ADDER_NAME_BYTES, 0, "_run", 4))
		return false;
	return code_reads(e->file, ADDER_FILE_BYTES, e->file_bytes - bytes, file, bytes);
}

/* What the code object at @code, which @e names, tells beside where a thread is. */
static __always_inline enum adder_code_role code_role(const struct adder_layout *l, __u64 code,
						      const struct adder_event_code *e)
{
	__u32 flags;

	if (code_is_run(l, e))
		return ADDER_CODE_RUN;
	if (l->co_flags && !remote_read(&flags, sizeof(flags), code + l->co_flags) &&
	    (flags & 0x80)) /* CO_COROUTINE */
		return ADDER_CODE_COROUTINE;
	return ADDER_CODE_PLAIN;
}

#define CODE_TUPLE 24 /* PyTupleObject.ob_item, ... */
#define CODE_CELL  16 /* ... and PyCellObject.ob_ref, to 3.10 */
#define CODE_CELLS 4  /* of a frame that are looked at */

/* The argument called @name, which functions within the frame's use too: then a cell has it. */
static __always_inline __u64 code_read_cell(const struct adder_layout *l,
					    const struct adder_frame *f, __u64 name)
{
	__u64 cells, cell, value;
	__s32 locals;

	if (remote_read(&cells, sizeof(cells), f->code + l->co_cellvars) ||
	    remote_read(&locals, sizeof(locals), f->code + l->co_nlocals))
		return 0;
	for (__u32 i = 0; i < CODE_CELLS; i++) {
		if (remote_read(&cell, sizeof(cell), cells + CODE_TUPLE + 8 * i))
			return 0;
		if (cell != name)
			continue;
		if (remote_read(&cell, sizeof(cell),
				f->at + l->frame_locals + 8ULL * ((__u32)locals + i)) ||
		    remote_read(&value, sizeof(value), cell + CODE_CELL))
			return 0;
		return value;
	}
	return 0;
}

/* The frame's first argument, most often self or cls: its class is part of the name. */
static __always_inline __u64 code_read_first(const struct adder_layout *l,
					     const struct adder_frame *f)
{
	__u64 value, names, name;
	__s32 arguments;

	if (!l->co_argcount || !f->at ||
	    remote_read(&arguments, sizeof(arguments), f->code + l->co_argcount) || arguments < 1 ||
	    remote_read(&value, sizeof(value), f->at + l->frame_locals))
		return 0;
	if (value)
		return value;
	if (remote_read(&names, sizeof(names), f->code + l->co_varnames) ||
	    remote_read(&name, sizeof(name), names + CODE_TUPLE))
		return 0;
	return code_read_cell(l, f, name);
}

/* Read all that names the code object of @f. */
static __always_inline int code_read(const struct adder_process *p, const struct adder_frame *f,
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
	bytes = code_read_text(l, name, e->name, ADDER_NAME_BYTES, &e->name_state);
	if (bytes < 0)
		return -1;
	e->name_bytes = bytes;
	bytes = code_read_text(l, file, e->file, ADDER_FILE_BYTES, &e->file_state);
	if (bytes < 0)
		return -1;
	e->file_bytes = bytes;
	e->role = code_role(l, f->code, e);
	code_read_table(l, table, e);
	e->first = code_read_first(l, f);
	e->first_type = 0;
	if (e->first &&
	    remote_read(&e->first_type, sizeof(e->first_type), e->first + l->object_type))
		e->first_type = 0;
	return 0;
}

#endif
