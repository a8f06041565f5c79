/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread of a made-up CPython of any version, for the walker to walk.
 */
#ifndef TESTS_FAKE_PYTHON_H
#define TESTS_FAKE_PYTHON_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "fake_memory.h"
#include "python/layout.h"
#include "unwind.h"

#define SELF   0x7f0000001000ULL      /* the thread's struct pthread ... */
#define TP     (SELF + PTHREAD_BYTES) /* ... and its thread pointer */
#define HEAP   0x10000ULL             /* thread state, code objects, strs */
#define TSTATE HEAP
#define CODES  (HEAP + 0x1000) /* one each CODE_BYTES */
#define STACK  0x7e0000000000ULL
#define FAR    0x55000000ULL /* frames that are not on the data stack */

#ifdef ARCH_ARM64
#define PTHREAD_BYTES 0x740
#else
#define PTHREAD_BYTES 0
#endif
#define CODE_BYTES  512
#define CODE_NR     64
#define STACK_BYTES 0x400000
#define FRAME_BYTES 128ULL /* apart, on the data stack */
#define KEY         3
#define ALIVE       2 /* an owner that is a function's frame in all versions */

static struct adder_process process;
static struct unwind_scratch scratch;
static uint32_t status;

static inline const struct adder_layout *layout(void)
{
	return &process.binary.layout;
}

static inline void set_frame_pointer(uint64_t frame)
{
	uint64_t cframe = HEAP + 0x800;

	if (layout()->frame_via == ADDER_FRAME_CFRAME) {
		fake_u64(TSTATE + layout()->ts_frame, cframe);
		fake_u64(cframe + layout()->cframe_current_frame, frame);
	} else {
		fake_u64(TSTATE + layout()->ts_frame, frame);
	}
}

/* Code object number @n; both texts of its own. */
static inline uint64_t code_at(int n)
{
	return CODES + (uint64_t)CODE_BYTES * n;
}

static inline void make_code(int n)
{
	uint64_t code = code_at(n), name = code + 320, file = code + 416;

	for (uint64_t i = 0; i < layout()->signature_bytes; i += 8)
		fake_u64(code + layout()->signature_start + i, 1000 * n + i);
	fake_u64(code + layout()->co_name, name);
	fake_u64(code + layout()->co_filename, file);
	fake_u64(name + 24, 77 * n);
	fake_u64(file + 24, 78 * n);
}

/* What the thread keeps under KEY. */
static inline void set_value(uint64_t value)
{
	fake_u64(SELF + ARCH_SPECIFIC + 16 * KEY + 8, value);
}

/* A CPython of @version, whose thread has a state and no frames yet. */
static inline void make_process(uint32_t version, bool free_threaded)
{
	const struct adder_layout *l = layout_find(version, free_threaded);

	assert_non_null(l);
	fake_unmap_all();
	memset(&process, 0, sizeof(process));
	process.phase = ADDER_PHASE_READY;
	process.serial = 5;
	process.tss_key = KEY;
	process.pthread_bytes = PTHREAD_BYTES;
	process.binary.tstate_via = ADDER_VIA_TSD;
	process.binary.layout = *l;
	fake_map(HEAP, 0x1000 + CODE_BYTES * CODE_NR);
	fake_map(SELF, 0x1000);
	fake_map(STACK, STACK_BYTES);
	fake_map(FAR, 0x10000);
	set_value(TSTATE);
	fake_u64(TSTATE + l->ts_thread_id, SELF);
	fake_u64(TSTATE + l->ts_interp, 0x1234);
	for (int n = 0; n < CODE_NR; n++)
		make_code(n);
}

static inline void make_frame(uint64_t frame, uint64_t previous, int code, int instr, uint8_t owner)
{
	const struct adder_layout *l = layout();
	uint64_t at = frame + l->frame_start;

	fake_u64(at + l->f_code, code_at(code));
	fake_u64(at + l->f_previous, previous);
	if (l->instr_is_pointer)
		fake_u64(at + l->f_instr, code_at(code) + l->co_code_adaptive + instr);
	else
		fake_u32(at + l->f_instr, instr);
	if (l->shim_owner != 255)
		fake_write(at + l->f_owner, &owner, 1);
}

/* Address of frame number @i of @count on the data stack, 0 the innermost: callers below. */
static inline uint64_t stack_frame(int i, int count)
{
	return STACK + 4096 + FRAME_BYTES * (count - 1 - i);
}

/* @count frames side by side; frame i has code object i % CODE_NR and is at instruction 2 * i. */
static inline void make_stack(int count)
{
	for (int i = 0; i < count; i++)
		make_frame(stack_frame(i, count), i + 1 < count ? stack_frame(i + 1, count) : 0,
			   i % CODE_NR, 2 * i, ALIVE);
	set_frame_pointer(count ? stack_frame(0, count) : 0);
}

static inline uint64_t walk(void)
{
	fake.reads = 0;
	return unwind_python(&scratch, &process, TP, &status);
}

/* The frame that is kept in @slot is number @i of make_stack(). */
static inline void assert_frame(uint32_t slot, int i)
{
	const struct adder_frame *f = &scratch.stack.frames[slot];

	assert_int_equal(f->code, code_at(i % CODE_NR));
	assert_int_equal(f->instr, 2 * i);
}

/* The @count innermost frames of make_stack() were kept, and no more. */
static inline void assert_kept(uint32_t count)
{
	assert_int_equal(scratch.stack.depth, count);
	for (uint32_t i = 0; i < count; i++)
		assert_frame(i, i);
}

static inline int unmake(void **state)
{
	(void)state;
	fake_unmap_all();
	return 0;
}

#endif
