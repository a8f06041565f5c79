/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walker as the kernel runs it, over a made-up process: each layout of CPython, and all that
 * torn, looping or hostile memory can do to it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_memory.h"
#include "python/layout.h"
#include "unwind.h"

#define TP          0x7f0000001000ULL /* the thread pointer; its struct pthread lies there */
#define HEAP        0x10000ULL        /* thread state, code objects, strs */
#define TSTATE      HEAP
#define CODES       (HEAP + 0x1000) /* one each CODE_BYTES */
#define STACK       0x7e0000000000ULL
#define FAR         0x55000000ULL /* frames that are not on the data stack */

#define CODE_BYTES  512
#define CODE_NR     64
#define STACK_BYTES 0x400000
#define FRAME_BYTES 128ULL /* apart, on the data stack */
#define KEY         3
#define ALIVE       2 /* an owner that is a function's frame in all versions */

static struct adder_process process;
static struct unwind_scratch scratch;
static uint32_t status;

static const struct adder_layout *layout(void)
{
	return &process.binary.layout;
}

static void set_frame_pointer(uint64_t frame)
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
static uint64_t code_at(int n)
{
	return CODES + (uint64_t)CODE_BYTES * n;
}

static void make_code(int n)
{
	uint64_t code = code_at(n), name = code + 320, file = code + 416;

	for (uint64_t i = 0; i < layout()->signature_bytes; i += 8)
		fake_u64(code + layout()->signature_start + i, 1000 * n + i);
	fake_u64(code + layout()->co_name, name);
	fake_u64(code + layout()->co_filename, file);
	fake_u64(name + 24, 77 * n);
	fake_u64(file + 24, 78 * n);
}

/* A CPython of @version, whose thread has a state and no frames yet. */
static void make_process(uint32_t version, bool free_threaded)
{
	const struct adder_layout *l = layout_find(version, free_threaded);

	assert_non_null(l);
	fake_unmap_all();
	memset(&process, 0, sizeof(process));
	process.phase = ADDER_PHASE_READY;
	process.serial = 5;
	process.tss_key = KEY;
	process.binary.tstate_via = ADDER_VIA_TSD;
	process.binary.layout = *l;
	fake_map(HEAP, 0x1000 + CODE_BYTES * CODE_NR);
	fake_map(TP, 0x1000);
	fake_map(STACK, STACK_BYTES);
	fake_map(FAR, 0x10000);
	fake_u64(TP + 0x310 + 16 * KEY + 8, TSTATE);
	fake_u64(TSTATE + l->ts_thread_id, TP);
	fake_u64(TSTATE + l->ts_interp, 0x1234);
	for (int n = 0; n < CODE_NR; n++)
		make_code(n);
}

static void make_frame(uint64_t frame, uint64_t previous, int code, int instr, uint8_t owner)
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
static uint64_t stack_frame(int i, int count)
{
	return STACK + 4096 + FRAME_BYTES * (count - 1 - i);
}

/* @count frames side by side; frame i has code object i % CODE_NR and is at instruction 2 * i. */
static void make_stack(int count)
{
	for (int i = 0; i < count; i++)
		make_frame(stack_frame(i, count), i + 1 < count ? stack_frame(i + 1, count) : 0,
			   i % CODE_NR, 2 * i, ALIVE);
	set_frame_pointer(count ? stack_frame(0, count) : 0);
}

static uint64_t walk(void)
{
	fake.reads = 0;
	return unwind_python(&scratch, &process, TP, &status);
}

/* The frame that is kept in @slot is number @i of make_stack(). */
static void assert_frame(uint32_t slot, int i)
{
	const struct adder_frame *f = &scratch.stack.frames[slot];

	assert_int_equal(f->code, code_at(i % CODE_NR));
	assert_int_equal(f->instr, 2 * i);
}

/* The @count innermost frames of make_stack() were kept, and no more. */
static void assert_kept(uint32_t count)
{
	assert_int_equal(scratch.stack.depth, count);
	for (uint32_t i = 0; i < count; i++)
		assert_frame(i, i);
}

static int unmake(void **state)
{
	(void)state;
	fake_unmap_all();
	return 0;
}

static const struct version {
	uint32_t hex;
	bool free_threaded;
} versions[] = {
	{ 0x03060f00, false }, { 0x03070300, false }, { 0x03071100, false }, { 0x03081400, false },
	{ 0x03090200, false }, { 0x030a0b00, false }, { 0x030b0200, false }, { 0x030c0100, false },
	{ 0x030d0500, false }, { 0x030d0500, true },  { 0x030e0a00, false }, { 0x030e0000, true },
	{ 0x030f0200, false }, { 0x030f0000, true },
};
#define VERSIONS_NR (sizeof(versions) / sizeof(versions[0]))

static void walks_every_version_to_the_end(void **state)
{
	(void)state;
	for (size_t v = 0; v < VERSIONS_NR; v++) {
		make_process(versions[v].hex, versions[v].free_threaded);
		make_stack(7);
		assert_true(walk() >> 63);
		assert_int_equal(status, UNWIND_DONE);
		assert_kept(7);
		assert_false(scratch.stack.torn);
		assert_int_equal(scratch.stack.serial, 5);
		assert_int_equal(scratch.interp, 0x1234);
	}
}

static void leaves_out_what_is_no_function(void **state)
{
	(void)state;
	for (size_t v = 0; v < VERSIONS_NR; v++) {
		make_process(versions[v].hex, versions[v].free_threaded);
		if (layout()->shim_owner == 255)
			continue;
		make_stack(4);
		make_frame(stack_frame(1, 4), stack_frame(2, 4), 60, 0, layout()->shim_owner);
		walk();
		assert_int_equal(status, UNWIND_DONE);
		assert_int_equal(scratch.stack.depth, 3);
		assert_frame(0, 0);
		assert_frame(1, 2);
		assert_frame(2, 3);
	}
}

static void has_no_stack_where_there_are_only_shims(void **state)
{
	(void)state;
	make_process(0x030d0500, false);
	make_frame(stack_frame(0, 1), 0, 1, 0, layout()->shim_owner);
	set_frame_pointer(stack_frame(0, 1));
	assert_int_equal(walk(), ADDER_STACK_NONE);
	assert_int_equal(status, UNWIND_DONE);
}

static void takes_the_tags_off_a_code_reference(void **state)
{
	(void)state;
	make_process(0x030e0a00, false);
	make_stack(2);
	fake_u64(stack_frame(0, 2) + layout()->f_code, code_at(0) | 3);
	walk();
	assert_kept(2);
}

static void ends_at_a_frame_that_calls_itself(void **state)
{
	(void)state;
	make_process(0x030b0200, false);
	make_stack(3);
	make_frame(stack_frame(1, 3), stack_frame(1, 3), 1, 2, ALIVE);
	assert_true(walk() >> 63);
	assert_int_equal(status, UNWIND_LOOP);
	assert_kept(2);
	assert_true(scratch.stack.torn);
}

static void ends_a_cycle_of_any_length(void **state)
{
	(void)state;
	for (int length = 2; length < 40; length += 9) {
		make_process(0x030d0500, false);
		make_stack(length);
		make_frame(stack_frame(length - 1, length), stack_frame(0, length), length - 1,
			   2 * (length - 1), ALIVE);
		walk();
		assert_int_equal(status, UNWIND_LOOP);
		assert_int_equal(scratch.stack.depth, ADDER_WALK_FRAMES);
		assert_true(scratch.stack.torn);
		assert_frame(length - 1, length - 1);
	}
}

static void keeps_what_it_read_before_memory_ended(void **state)
{
	(void)state;
	for (size_t v = 0; v < VERSIONS_NR; v++) {
		uint32_t most = 0;
		uint64_t reads;

		make_process(versions[v].hex, versions[v].free_threaded);
		make_stack(30);
		walk();
		reads = fake.reads;
		for (uint64_t n = 1; n <= reads; n++) {
			uint64_t id;

			fake.fault_from = n;
			id = walk();
			assert_int_not_equal(status, UNWIND_DONE);
			assert_true(scratch.stack.depth >= most && scratch.stack.depth < 30);
			most = scratch.stack.depth;
			assert_kept(most);
			if (most) {
				assert_true(id >> 63 && scratch.stack.torn);
				assert_int_equal(status, UNWIND_FAULT);
			} else {
				assert_int_equal(id, ADDER_STACK_UNREAD);
			}
		}
		fake.fault_from = 0;
	}
}

static void survives_any_single_fault(void **state)
{
	(void)state;
	make_process(0x030d0500, false);
	make_stack(30);
	walk();
	for (uint64_t n = 1, reads = fake.reads; n <= reads; n++) {
		fake.fault_at = n;
		walk();
		assert_true(scratch.stack.depth <= 30);
		assert_kept(scratch.stack.depth);
		assert_int_equal(status == UNWIND_DONE, scratch.stack.depth == 30);
	}
}

static void keeps_the_frames_inside_a_bad_link(void **state)
{
	static const uint64_t bad[] = { 8,
					0xdeadbeef0000,
					~0ULL,
					~7ULL,
					1ULL << 63,
					STACK + STACK_BYTES,
					STACK + STACK_BYTES - 64 };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		make_process(0x030b0200, false);
		make_stack(6);
		make_frame(stack_frame(3, 6), bad[i], 3, 6, ALIVE);
		walk();
		assert_int_equal(status, UNWIND_FAULT);
		assert_kept(4);
		assert_true(scratch.stack.torn);
	}
}

static void reads_a_few_frames_at_once(void **state)
{
	uint64_t reads;

	(void)state;
	make_process(0x030d0500, false);
	make_stack(100);
	walk();
	assert_kept(100);
	reads = fake.reads;
	assert_in_range(reads, 100, 100 + 100 * FRAME_BYTES / (UNWIND_WINDOW - FRAME_BYTES) + 4);
}

static void follows_frames_that_lie_elsewhere(void **state)
{
	(void)state;
	make_process(0x030d0500, false);
	make_stack(5);
	/* a generator's: in an object of its own */
	make_frame(FAR + 0x2000, stack_frame(2, 5), 1, 2, ALIVE);
	make_frame(stack_frame(0, 5), FAR + 0x2000, 0, 0, ALIVE);
	/* at the very beginning of mapped memory: no window below */
	make_frame(FAR, 0, 4, 8, ALIVE);
	make_frame(stack_frame(3, 5), FAR, 3, 6, ALIVE);
	walk();
	assert_int_equal(status, UNWIND_DONE);
	assert_kept(5);
}

static void reads_alone_where_the_window_is_not_mapped(void **state)
{
	uint64_t bytes, at;

	(void)state;
	make_process(0x030d0500, false);
	bytes = layout()->frame_bytes;
	for (int i = 0; i < 5; i++) {
		at = FAR + bytes * (4 - i);
		make_frame(at, i < 4 ? at - bytes : 0, i, 2 * i, ALIVE);
	}
	set_frame_pointer(FAR + bytes * 4);
	walk();
	assert_int_equal(status, UNWIND_DONE);
	assert_kept(5);
}

/* Frames at any distance from each other, up and down, so that they meet the window's edges. */
static void finds_a_frame_wherever_it_is_to_the_window(void **state)
{
	uint32_t random = 12345;

	(void)state;
	make_process(0x030d0500, false);
	for (int trial = 0; trial < 3000; trial++) {
		uint64_t frames[8];

		for (int i = 0; i < 8; i++) {
			random = random * 1664525 + 1013904223;
			frames[i] = FAR + 0x4000 + (random >> 12) % 0x800 / 8 * 8;
			for (int j = 0; j < i; j++) {
				if (frames[i] < frames[j] + 88 && frames[j] < frames[i] + 88)
					frames[i] = STACK + 0x1000 * (uint64_t)(i + 1);
			}
		}
		for (int i = 0; i < 8; i++)
			make_frame(frames[i], i < 7 ? frames[i + 1] : 0, i, 2 * i, ALIVE);
		set_frame_pointer(frames[0]);
		walk();
		assert_int_equal(status, UNWIND_DONE);
		assert_kept(8);
	}
}

static void keeps_both_ends_of_a_deep_stack(void **state)
{
	static const int depths[] = { 383, 384, 385, 511, 512, 513, 700, 1000, 5000 };

	(void)state;
	for (size_t d = 0; d < sizeof(depths) / sizeof(depths[0]); d++) {
		uint32_t depth = depths[d];

		make_process(0x030d0500, false);
		make_stack(depth);
		walk();
		assert_int_equal(status, UNWIND_DONE);
		assert_int_equal(scratch.stack.depth, depth);
		for (uint32_t i = 0; i < depth; i++) {
			if (i < ADDER_INNER_FRAMES)
				assert_frame(i, i);
			else if (i + ADDER_OUTER_FRAMES >= depth)
				assert_frame(ADDER_INNER_FRAMES +
						     (i - ADDER_INNER_FRAMES) % ADDER_OUTER_FRAMES,
					     i);
		}
	}
}

static void gives_up_on_a_stack_deeper_than_any(void **state)
{
	(void)state;
	make_process(0x030d0500, false);
	make_stack(ADDER_WALK_FRAMES + 1);
	walk();
	assert_int_equal(status, UNWIND_LOOP);
	assert_int_equal(scratch.stack.depth, ADDER_WALK_FRAMES);
	assert_true(scratch.stack.torn);
}

static void tells_stacks_apart_by_their_hash(void **state)
{
	uint64_t before, other;

	(void)state;
	make_process(0x030b0200, false);
	make_stack(3);
	before = walk();
	assert_int_equal(walk(), before);
	assert_int_equal(scratch.stack.hash, before);
	make_frame(stack_frame(2, 3), 0, 2, 6, ALIVE); /* another instruction */
	other = walk();
	assert_int_not_equal(other, before);
	make_stack(3);
	process.serial++;
	assert_int_not_equal(walk(), before);
	process.serial--;
	make_stack(2); /* a prefix of it */
	assert_int_not_equal(walk(), before);
	make_stack(3);
	assert_int_equal(walk(), before);
}

static void tells_code_objects_apart_that_lived_at_one_address(void **state)
{
	(void)state;
	for (size_t v = 0; v < VERSIONS_NR; v++) {
		uint64_t before, changed;
		uint32_t signature;

		make_process(versions[v].hex, versions[v].free_threaded);
		make_stack(1);
		before = walk();
		signature = scratch.stack.frames[0].signature;
		for (uint64_t i = 0; i < layout()->signature_bytes; i++) {
			uint8_t *byte = fake_at(code_at(0) + layout()->signature_start + i, 1);

			*byte ^= 1;
			changed = walk();
			*byte ^= 1;
			/* a name's address that leads nowhere is a fault: not the same, either */
			assert_int_not_equal(changed, before);
		}
		assert_int_equal(walk(), before);
		assert_int_equal(scratch.stack.frames[0].signature, signature);
	}
}

static void tells_names_apart_that_lived_at_one_address(void **state)
{
	uint64_t before, name, file;

	(void)state;
	make_process(0x03090200, false);
	make_stack(1);
	before = walk();
	name = code_at(0) + 320;
	file = code_at(0) + 416;
	fake_u64(name + 24, 1); /* the str's hash */
	assert_int_not_equal(walk(), before);
	fake_u64(name + 24, 0);
	fake_u64(name + 48, 1); /* its first letters */
	assert_int_not_equal(walk(), before);
	fake_u64(name + 48, 0);
	fake_u64(file + 16, 9); /* the other's length */
	assert_int_not_equal(walk(), before);
	fake_u64(file + 16, 0);
	assert_int_equal(walk(), before);
}

static void refuses_the_state_of_another_thread(void **state)
{
	(void)state;
	make_process(0x030d0500, false);
	make_stack(3);
	fake_u64(TSTATE + layout()->ts_thread_id, TP + 0x1000);
	assert_int_equal(walk(), ADDER_STACK_UNREAD);
	assert_int_equal(status, UNWIND_NO_TSTATE);
	assert_int_equal(scratch.stack.depth, 0);
}

static void has_no_stack_where_there_is_no_python(void **state)
{
	(void)state;
	make_process(0x030d0500, false);
	make_stack(0);
	assert_int_equal(walk(), ADDER_STACK_NONE);
	assert_int_equal(status, UNWIND_NO_PYTHON);
	assert_int_equal(scratch.interp, 0x1234);
	fake_u64(TP + 0x310 + 16 * KEY + 8, 0);
	assert_int_equal(walk(), ADDER_STACK_NONE);
	assert_int_equal(status, UNWIND_NO_PYTHON);
	assert_int_equal(scratch.interp, 0);
}

static void says_that_a_thread_state_is_not_there(void **state)
{
	static const uint64_t bad[] = { 1, 0xdeadbeef, ~0ULL, HEAP - 8 };

	(void)state;
	make_process(0x030d0500, false);
	make_stack(3);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fake_u64(TP + 0x310 + 16 * KEY + 8, bad[i]);
		assert_int_equal(walk(), ADDER_STACK_UNREAD);
		assert_int_equal(status, UNWIND_NO_TSTATE);
	}
	assert_int_equal(unwind_python(&scratch, &process, 0, &status), ADDER_STACK_UNREAD);
	assert_int_equal(unwind_python(&scratch, &process, ~0ULL, &status), ADDER_STACK_UNREAD);
}

static void finds_keys_beyond_a_threads_own_block(void **state)
{
	(void)state;
	for (uint32_t key = 0; key < 1024; key += 31) {
		make_process(0x030d0500, false);
		make_stack(2);
		fake_u64(TP + 0x310 + 16 * KEY + 8, 0);
		process.tss_key = key;
		if (key >= 32)
			fake_u64(TP + 0x510 + 8 * (key / 32), FAR);
		else
			fake_u64(TP + 0x310 + 16 * key + 8, TSTATE);
		fake_u64(FAR + 16 * (key % 32) + 8, TSTATE);
		walk();
		assert_int_equal(status, UNWIND_DONE);
		assert_kept(2);
	}
}

static void has_no_state_where_the_keys_block_was_never_made(void **state)
{
	(void)state;
	make_process(0x030d0500, false);
	make_stack(2);
	process.tss_key = 40;
	assert_int_equal(walk(), ADDER_STACK_NONE);
	assert_int_equal(status, UNWIND_NO_PYTHON);
	process.tss_key = 1024; /* no such key */
	assert_int_equal(walk(), ADDER_STACK_UNREAD);
	process.tss_key = ~0U;
	assert_int_equal(walk(), ADDER_STACK_UNREAD);
}

static void finds_musls_thread_specific_data(void **state)
{
	(void)state;
	make_process(0x030d0500, false);
	make_stack(2);
	fake_u64(TP + 0x310 + 16 * KEY + 8, 0);
	process.binary.musl = 1;
	fake_u64(TP + 0x80, FAR);
	fake_u64(FAR + 8 * KEY, TSTATE);
	walk();
	assert_int_equal(status, UNWIND_DONE);
	assert_kept(2);
}

static void finds_a_thread_local_of_the_program(void **state)
{
	(void)state;
	make_process(0x030f0200, false);
	make_stack(2);
	fake_map(TP - 64, 64);
	process.binary.tstate_via = ADDER_VIA_TLS_EXE;
	process.tls_offset = -16;
	assert_int_equal(walk(), ADDER_STACK_NONE);
	fake_u64(TP - 16, TSTATE);
	walk();
	assert_int_equal(status, UNWIND_DONE);
	assert_kept(2);
}

static void finds_a_thread_local_of_a_library(void **state)
{
	(void)state;
	make_process(0x030f0200, false);
	make_stack(2);
	process.binary.tstate_via = ADDER_VIA_TLS_LIB;
	process.tss_key = 2; /* the module */
	process.tls_offset = 0x18;
	fake_u64(TP + 8, FAR); /* the DTV */
	fake_u64(FAR + 16 * 2, FAR + 0x100);
	fake_u64(FAR + 0x118, TSTATE);
	walk();
	assert_int_equal(status, UNWIND_DONE);
	assert_kept(2);
	fake_u64(FAR + 16 * 2, ~0ULL); /* this thread never used it */
	assert_int_equal(walk(), ADDER_STACK_NONE);
	assert_int_equal(status, UNWIND_NO_PYTHON);
}

/* Each 16-bit field of a layout at its worst: nothing is read or written out of bounds. */
static void bounds_what_a_layout_says(void **state)
{
	static const uint16_t worst[] = { 0xffff, 0x8000, 4096, 1024, 193, 192, 185, 128, 127, 0 };
	struct adder_layout good;

	(void)state;
	make_process(0x03090200, false);
	good = process.binary.layout;
	make_stack(20);
	for (size_t at = 4; at + 2 <= sizeof(good); at += 2) {
		for (size_t i = 0; i < sizeof(worst) / sizeof(worst[0]); i++) {
			process.binary.layout = good;
			memcpy((uint8_t *)&process.binary.layout + at, &worst[i], 2);
			walk();
			assert_true(scratch.stack.depth <= ADDER_WALK_FRAMES);
		}
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, unmake)
	const struct CMUnitTest tests[] = {
		TEST(walks_every_version_to_the_end),
		TEST(leaves_out_what_is_no_function),
		TEST(has_no_stack_where_there_are_only_shims),
		TEST(takes_the_tags_off_a_code_reference),
		TEST(ends_at_a_frame_that_calls_itself),
		TEST(ends_a_cycle_of_any_length),
		TEST(keeps_what_it_read_before_memory_ended),
		TEST(survives_any_single_fault),
		TEST(keeps_the_frames_inside_a_bad_link),
		TEST(reads_a_few_frames_at_once),
		TEST(follows_frames_that_lie_elsewhere),
		TEST(reads_alone_where_the_window_is_not_mapped),
		TEST(finds_a_frame_wherever_it_is_to_the_window),
		TEST(keeps_both_ends_of_a_deep_stack),
		TEST(gives_up_on_a_stack_deeper_than_any),
		TEST(tells_stacks_apart_by_their_hash),
		TEST(tells_code_objects_apart_that_lived_at_one_address),
		TEST(tells_names_apart_that_lived_at_one_address),
		TEST(refuses_the_state_of_another_thread),
		TEST(has_no_stack_where_there_is_no_python),
		TEST(says_that_a_thread_state_is_not_there),
		TEST(finds_keys_beyond_a_threads_own_block),
		TEST(has_no_state_where_the_keys_block_was_never_made),
		TEST(finds_musls_thread_specific_data),
		TEST(finds_a_thread_local_of_the_program),
		TEST(finds_a_thread_local_of_a_library),
		TEST(bounds_what_a_layout_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
