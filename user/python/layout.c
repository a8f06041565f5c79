/* SPDX-License-Identifier: BSD-2-Clause */
#include "python/layout.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"

#define KNOWN_FROM 0x030d /* the first version with debug offsets */
#define TABLES_NR  3      /* 3.13, 3.14, 3.15: each minor version orders its table anew */
#define ALL_MICROS 0xff
#define NO_SHIMS   255

/* clang-format off */

/*
 * The signature of a code object begins behind the last field that changes in its life (3.11's
 * co_warmup), or ends before the first that does (co_zombieframe, co_weakreflist).
 */
#define CODE_3_6                                                                                   \
	.co_argcount = 16, .co_nlocals = 24, .co_varnames = 64, .co_cellvars = 80,                 \
	.co_firstlineno = 36, .co_filename = 96, .co_name = 104, .co_linetable = 112,              \
	.signature_start = 24, .signature_bytes = 96, .signature_texts = 1

#define CODE_3_8                                                                                   \
	.co_argcount = 16, .co_nlocals = 28, .co_varnames = 72, .co_cellvars = 88,                 \
	.co_firstlineno = 40, .co_filename = 104, .co_name = 112, .co_linetable = 120,             \
	.signature_start = 32, .signature_bytes = 96, .signature_texts = 1

#define CODE_3_11                                                                                  \
	.co_firstlineno = 72, .co_filename = 112, .co_name = 120, .co_qualname = 128,              \
	.co_linetable = 136, .co_firsttraceable = 168, .co_code_adaptive = 184,                    \
	.signature_start = 56, .signature_bytes = 88

/* From co_flags to co_version, which tells apart all code objects of an interpreter. */
#define CODE_3_12(head, traceable, adaptive)                                                       \
	.co_firstlineno = (head) + 52, .co_filename = (head) + 96, .co_name = (head) + 104,        \
	.co_qualname = (head) + 112, .co_linetable = (head) + 120, .co_code_adaptive = (adaptive), \
	.co_firsttraceable = (traceable), .signature_start = (head) + 32, .signature_bytes = 48

/* A PyFrameObject, from f_back on. */
#define FRAME_OBJECT(lasti)                                                                        \
	.frame_start = 24, .frame_bytes = 104, .f_previous = 0, .f_code = 8,                       \
	.f_instr = (lasti) - 24, .shim_owner = NO_SHIMS

#define FRAME_3_11                                                                                 \
	.frame_bytes = 80, .f_code = 32, .f_previous = 48, .f_instr = 56, .f_owner = 69,           \
	.instr_is_pointer = 1, .shim_owner = NO_SHIMS, .frames_adjoin = 1

#define FRAME_3_12(bytes, owner)                                                                   \
	.frame_bytes = (bytes), .f_code = 0, .f_previous = 8, .f_instr = 56, .f_owner = (owner),   \
	.instr_is_pointer = 1, .shim_owner = 3, .frames_adjoin = 1

/* Both kinds of str, and bytes, behind an object's head of @head bytes. */
#define TEXT(head, ascii, compact, kind_shift)                                                     \
	.str_length = (head), .str_state = (head) + 16, .str_ascii_data = (ascii),                 \
	.str_compact_data = (compact), .str_kind_shift = (kind_shift), .bytes_size = (head),       \
	.bytes_data = (head) + 16, .object_type = (head) - 8

#define TSTATE(via, frame, cframe_frame, thread_id)                                                \
	.frame_via = ADDER_FRAME_##via, .ts_frame = (frame),                                       \
	.cframe_current_frame = (cframe_frame), .ts_thread_id = (thread_id), .ts_next = 8,         \
	.ts_interp = 16

/* By how much a GIL is larger than x86_64's: it has two mutexes, on aarch64 of 48 bytes. */
#define MUTEXES (2 * (sizeof(pthread_mutex_t) - 40))
#define BEHIND_GIL(offset, gil) ((offset) + ((gil) ? MUTEXES : 0))

#define RUNTIME(head, current, key, gil)                                                           \
	.rt_interpreters_head = (head), .rt_tstate_current = BEHIND_GIL(current, gil),             \
	.rt_tss_key = BEHIND_GIL(key, gil), .rt_gil = (gil)

#define INTERP(next, threads, gil)                                                                 \
	.interp_next = (next), .interp_threads_head = (threads), .interp_gil = (gil)

/* Behind @enabled bytes that a free-threaded build has in front. */
#define GIL(enabled)                                                                               \
	.gil_last_holder = (enabled) + 8, .gil_locked = (enabled) + 16,                            \
	.gil_words = (enabled) + 32, .gil_bytes = (enabled) + 208 + MUTEXES

/* asyncio's task, its coroutine, and how a frame or the thread leads there. */
#define TASK(callback, wakeup, coro, name, locals, qualname, attributes_via)                                       \
	.task_callback = (callback), .wakeup_task = (wakeup), .task_coro = (coro),                 \
	.task_name = (name), .frame_locals = (locals), .coro_qualname = (qualname),                \
	.attributes = ADDER_ATTRIBUTES_##attributes_via

/* From 3.14 on it says who awaits it, and the thread state which one runs. */
#define TASK_3_14(running)                                                                         \
	.ts_task = (running), .task_awaiter = 96, .task_awaiters = 109, .co_flags = 48

/* Versions of what tools monitor, behind an object's head of @head bytes. */
#define MONITORS(head, tracing) .co_monitors = (head) + 152, .ts_monitors = 24, .ts_tracing = (tracing)

/* One row a minor version; more where its micro versions or builds differ. */
static const struct row {
	uint8_t last_micro;
	struct adder_layout layout;
} rows[] = {
	/* No _PyRuntime: what is static has its address in struct adder_binary instead. */
	{ ALL_MICROS, { .version = 0x0306,
	  TSTATE(OBJECT, 24, 0, 152), FRAME_OBJECT(120), CODE_3_6, TEXT(16, 48, 72, 2),
	  INTERP(0, 8, 0), .frame_locals = 376 } },

	/* Up to 3.7.3 PyGC_Head is smaller, and what lies behind it nearer. */
	{ 3, { .version = 0x0307,
	  TSTATE(OBJECT, 24, 0, 176), FRAME_OBJECT(104), CODE_3_6, TEXT(16, 48, 72, 2),
	  RUNTIME(24, 1392, 1416, 1176), INTERP(0, 8, 0), GIL(0), .frame_locals = 360 } },

	{ ALL_MICROS, { .version = 0x0307,
	  TSTATE(OBJECT, 24, 0, 176), FRAME_OBJECT(104), CODE_3_6, TEXT(16, 48, 72, 2),
	  RUNTIME(24, 1480, 1504, 1264), INTERP(0, 8, 0), GIL(0), .frame_locals = 360 } },

	{ ALL_MICROS, { .version = 0x0308,
	  TSTATE(OBJECT, 24, 0, 176), FRAME_OBJECT(104), CODE_3_8, TEXT(16, 48, 72, 2),
	  RUNTIME(32, 1368, 1392, 1152), INTERP(0, 8, 0), GIL(0),
	  TASK(24, 16, 112, 120, 360, 56, DICT) } },

	{ ALL_MICROS, { .version = 0x0309,
	  TSTATE(OBJECT, 24, 0, 176), FRAME_OBJECT(104), CODE_3_8, TEXT(16, 48, 72, 2),
	  RUNTIME(32, 568, 584, 352), INTERP(0, 8, 0), GIL(0),
	  TASK(24, 16, 152, 160, 360, 56, DICT) } },

	{ ALL_MICROS, { .version = 0x030a,
	  TSTATE(OBJECT, 24, 0, 176), FRAME_OBJECT(96), CODE_3_8, TEXT(16, 48, 72, 2),
	  RUNTIME(32, 568, 584, 352), INTERP(0, 8, 0), GIL(0),
	  TASK(24, 24, 160, 168, 352, 48, DICT) } },

	{ ALL_MICROS, { .version = 0x030b,
	  TSTATE(CFRAME, 56, 8, 152), FRAME_3_11, CODE_3_11, TEXT(16, 48, 72, 2),
	  RUNTIME(40, 576, 592, 360), INTERP(0, 16, 0), GIL(0),
	  TASK(24, 24, 136, 144, 72, 40, VALUES) } },

	{ ALL_MICROS, { .version = 0x030c,
	  TSTATE(CFRAME, 56, 0, 136), FRAME_3_12(80, 70), CODE_3_12(16, 176, 192),
	  TEXT(16, 40, 56, 2), RUNTIME(40, 0, 1544, 0), INTERP(0, 72, 384), GIL(0),
	  .co_monitors = 160, .interp_monitors = 48,
	  TASK(24, 24, 136, 144, 72, 32, TAGGED) } },

	{ ALL_MICROS, { .version = 0x030d,
	  TSTATE(CURRENT, 72, 0, 152), FRAME_3_12(80, 70), CODE_3_12(16, 184, 200),
	  TEXT(16, 40, 56, 2), RUNTIME(632, 0, 2160, 0), INTERP(7264, 7344, 16), GIL(0),
	  MONITORS(16, 60),
	  TASK(24, 24, 120, 128, 72, 32, INLINE) } },

	{ ALL_MICROS, { .version = 0x030d, .free_threaded = 1,
	  TSTATE(CURRENT, 72, 0, 152), FRAME_3_12(80, 70), CODE_3_12(32, 200, 216),
	  TEXT(32, 56, 72, 2), RUNTIME(632, 0, 2160, 0), INTERP(7264, 7344, 16), GIL(8), MONITORS(32, 60) } },

	{ ALL_MICROS, { .version = 0x030e,
	  TSTATE(CURRENT, 72, 0, 152), FRAME_3_12(88, 74), CODE_3_12(16, 192, 208),
	  TEXT(16, 40, 56, 2), RUNTIME(808, 0, 2336, 0), INTERP(7272, 7344, 16), GIL(0),
	  MONITORS(16, 60),
	  TASK(0, 24, 128, 136, 80, 32, INLINE), TASK_3_14(872) } },

	/* Compiled, never run; threads may execute own copies of the bytecode: no lines, then. */
	{ ALL_MICROS, { .version = 0x030e, .free_threaded = 1,
	  TSTATE(CURRENT, 72, 0, 152), FRAME_3_12(88, 78), CODE_3_12(32, 208, 232),
	  TEXT(32, 56, 72, 8), RUNTIME(808, 0, 2336, 0), INTERP(7272, 7344, 16), GIL(8) } },

	/* No pthread key any more: the thread state is a thread-local variable. */
	{ ALL_MICROS, { .version = 0x030f,
	  TSTATE(CURRENT, 72, 0, 176), FRAME_3_12(88, 74), CODE_3_12(16, 192, 208),
	  TEXT(16, 40, 56, 2), RUNTIME(936, 0, 0, 0), INTERP(7264, 7336, 16), GIL(0),
	  MONITORS(16, 64),
	  TASK(0, 24, 128, 136, 80, 32, INLINE), TASK_3_14(1032) } },

	{ ALL_MICROS, { .version = 0x030f, .free_threaded = 1,
	  TSTATE(CURRENT, 72, 0, 176), FRAME_3_12(88, 78), CODE_3_12(32, 208, 232),
	  TEXT(32, 56, 72, 8), RUNTIME(936, 0, 0, 0), INTERP(7264, 7336, 16), GIL(8) } },
};
/* clang-format on */

const struct adder_layout *layout_find(uint32_t version, bool free_threaded)
{
	uint8_t micro = version >> 8;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];

		if (row->layout.version == version >> 16 && micro <= row->last_micro &&
		    row->layout.free_threaded == free_threaded)
			return &row->layout;
	}
	return NULL;
}

/* Values of struct adder_layout that the debug offsets hold, and where in each version's table. */
static const struct debug_field {
	uint16_t at[TABLES_NR];
	uint16_t field, bytes; /* in struct adder_layout */
	uint32_t limit;        /* the value is below it, or the table is no table */
} debug_fields[] = {
#define FIELD(name, limit, ...)                                                                    \
	{                                                                                          \
		{ __VA_ARGS__ }, offsetof(struct adder_layout, name),                              \
			sizeof(((struct adder_layout *)0)->name), limit                            \
	}
#define RUNTIME_BYTES (1 << 24) /* a generous bound for _PyRuntime and an interpreter */
#define OBJECT_BYTES  1024      /* and for an object's fixed part */
	FIELD(rt_interpreters_head, RUNTIME_BYTES, 40, 40, 40),
	FIELD(interp_next, RUNTIME_BYTES, 64, 64, 64),
	FIELD(interp_threads_head, RUNTIME_BYTES, 72, 72, 72),
	FIELD(interp_gil, RUNTIME_BYTES, 112, 120, 120),
	FIELD(ts_next, ADDER_TSTATE_BYTES - 7, 168, 192, 192),
	FIELD(ts_interp, ADDER_TSTATE_BYTES - 7, 176, 200, 200),
	FIELD(ts_frame, ADDER_TSTATE_BYTES - 7, 184, 208, 208),
	FIELD(ts_thread_id, ADDER_TSTATE_BYTES - 7, 192, 216, 240),
	FIELD(frame_bytes, ADDER_FRAME_MAX + 1, 224, 248, 312),
	FIELD(f_previous, ADDER_FRAME_MAX - 7, 232, 256, 320),
	FIELD(f_code, ADDER_FRAME_MAX - 7, 240, 264, 328),
	FIELD(f_instr, ADDER_FRAME_MAX - 7, 248, 272, 336),
	FIELD(f_owner, ADDER_FRAME_MAX, 264, 288, 352),
	FIELD(co_filename, OBJECT_BYTES, 280, 320, 384),
	FIELD(co_name, OBJECT_BYTES, 288, 328, 392),
	FIELD(co_qualname, OBJECT_BYTES, 296, 336, 400),
	FIELD(co_linetable, OBJECT_BYTES, 304, 344, 408),
	FIELD(co_firstlineno, OBJECT_BYTES, 312, 352, 416),
	FIELD(co_code_adaptive, OBJECT_BYTES, 344, 384, 448),
	FIELD(bytes_size, OBJECT_BYTES, 520, 600, 696),
	FIELD(bytes_data, OBJECT_BYTES, 528, 608, 704),
	FIELD(str_state, OBJECT_BYTES, 544, 624, 720),
	FIELD(str_length, OBJECT_BYTES, 552, 632, 728),
	FIELD(str_ascii_data, OBJECT_BYTES, 560, 640, 736),
};

/* The GIL's own fields are told as those of the interpreter that it is embedded in. */
static const struct {
	uint16_t gil, locked, holder;
} debug_gil[TABLES_NR] = { { 120, 136, 144 }, { 128, 144, 152 }, { 128, 144, 152 } };

static const uint16_t debug_bytes[TABLES_NR] = { 584, 760, 888 };

static uint64_t debug_value(const uint8_t *debug, uint16_t at)
{
	uint64_t value;

	memcpy(&value, debug + at, sizeof(value));
	return value;
}

static void set_field(struct adder_layout *layout, const struct debug_field *field, uint32_t value)
{
	uint8_t *at = (uint8_t *)layout + field->field;
	uint16_t narrow = value;

	if (field->bytes == sizeof(narrow))
		memcpy(at, &narrow, sizeof(narrow));
	else
		memcpy(at, &value, sizeof(value));
}

/* Move the GIL's words along with its known fields: they follow each other in every version. */
static int apply_gil(struct adder_layout *layout, const uint8_t *debug, int table)
{
	uint64_t gil = debug_value(debug, debug_gil[table].gil);
	uint64_t holder = debug_value(debug, debug_gil[table].holder) - gil;
	uint64_t locked = debug_value(debug, debug_gil[table].locked) - gil;

	if (holder >= layout->gil_words || locked >= layout->gil_words)
		return -EBADMSG;
	layout->gil_words += locked - layout->gil_locked;
	layout->gil_bytes += locked - layout->gil_locked;
	layout->gil_last_holder = holder;
	layout->gil_locked = locked;
	return 0;
}

/* Move what the table does not tell along with its neighbours that it does. */
static void apply_neighbours(struct adder_layout *layout, const struct adder_layout *before)
{
	int code = layout->co_firstlineno - before->co_firstlineno;
	int tail = layout->co_code_adaptive - before->co_code_adaptive;

	layout->signature_start += code;
	layout->co_firsttraceable += tail;
	layout->str_compact_data += layout->str_ascii_data - before->str_ascii_data;
}

static bool fits_frame(const struct adder_layout *layout)
{
	return layout->f_previous + 8 <= layout->frame_bytes &&
	       layout->f_code + 8 <= layout->frame_bytes &&
	       layout->f_instr + 8 <= layout->frame_bytes && layout->f_owner < layout->frame_bytes;
}

/*
 * Is a later version's table in the order of the newest known one still?  A field more or less in
 * it moves those behind, and then sizes do not bound what should be within, nor are heads what they
 * were.
 */
static bool is_in_newest_order(const uint8_t *debug)
{
	/* the size of a struct, and where the next one's table begins */
	static const uint16_t structs[][2] = { { 24, 48 },   { 48, 176 },  { 176, 304 },
					       { 312, 376 }, { 376, 464 }, { 688, 712 } };
	uint64_t head = debug_value(debug, 464);

	for (size_t i = 0; i < ARRAY_SIZE(structs); i++) {
		for (uint16_t at = structs[i][0] + 8; at < structs[i][1]; at += 8) {
			if (debug_value(debug, at) >= debug_value(debug, structs[i][0]))
				return false;
		}
	}
	return (head == 16 || head == 32) && debug_value(debug, 696) == head &&
	       debug_value(debug, 728) == head &&
	       debug_value(debug, 736) < debug_value(debug, 744) &&
	       debug_value(debug, 744) < debug_value(debug, 712);
}

static bool is_of_version(const struct adder_layout *layout, const uint8_t *debug, int table)
{
	uint64_t version = debug_value(debug, LAYOUT_DEBUG_VERSION) >> 16;

	if (table == TABLES_NR - 1 && version > layout->version)
		return is_in_newest_order(debug);
	return version == layout->version;
}

int layout_apply_debug_offsets(struct adder_layout *layout, const uint8_t *debug, size_t size)
{
	struct adder_layout changed = *layout;
	int table = layout->version - KNOWN_FROM;
	int err;

	if (size < LAYOUT_DEBUG_HEADER ||
	    memcmp(debug, LAYOUT_DEBUG_COOKIE, strlen(LAYOUT_DEBUG_COOKIE)) != 0)
		return -EBADMSG;
	if (table < 0 || table >= TABLES_NR)
		return -ENOTSUP;
	if (size < debug_bytes[table] || !is_of_version(layout, debug, table) ||
	    debug_value(debug, LAYOUT_DEBUG_FREE_THREADED) != layout->free_threaded)
		return -EBADMSG;

	for (size_t i = 0; i < ARRAY_SIZE(debug_fields); i++) {
		uint64_t value = debug_value(debug, debug_fields[i].at[table]);

		if (value >= debug_fields[i].limit)
			return -EBADMSG;
		set_field(&changed, &debug_fields[i], value);
	}
	apply_neighbours(&changed, layout);
	err = fits_frame(&changed) ? apply_gil(&changed, debug, table) : -EBADMSG;
	if (!err)
		*layout = changed;
	return err;
}
