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

#include "fake_python.h"

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
			if (status == UNWIND_FAULT) {
				assert_true(id >> 63 && scratch.stack.torn);
				assert_int_equal(scratch.stack.rest,
						 most < 30 ? stack_frame(most, 30) : 0);
			} else {
				assert_int_equal(most, 0);
				assert_int_equal(id, ADDER_STACK_UNREAD);
			}
		}
		fake.fault_from = 0;
	}
}

static void tells_torn_stacks_apart_by_where_they_end(void **state)
{
	uint64_t before;

	(void)state;
	make_process(0x030b0200, false);
	make_stack(6);
	make_frame(stack_frame(3, 6), 0x1000, 3, 6, ALIVE);
	before = walk();
	make_frame(stack_frame(3, 6), 0x2000, 3, 6, ALIVE);
	assert_int_not_equal(walk(), before);
	assert_int_equal(scratch.stack.rest, 0x2000);
	assert_int_equal(scratch.stack.thread_pointer, TP);
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

#define RUNTIME   0x66000000ULL /* with two interpreters, each with one state of the thread's */
#define INTERP(n) (RUNTIME + 0x2000 + 0x3000ULL * (n))
#define STATE(n)  (INTERP(n) + 0x2800)

/* Interpreter 0 is the newer one, where the thread runs the frame @newer; 1 the main one. */
static void make_interpreters(uint64_t newer)
{
	const struct adder_layout *l = layout();
	uint64_t state[] = { STATE(0), TSTATE };

	fake_map(RUNTIME, 0x10000);
	process.runtime = RUNTIME;
	fake_u64(RUNTIME + l->rt_interpreters_head, INTERP(0));
	fake_u64(RUNTIME + l->rt_interpreters_head + 8, INTERP(1));
	fake_u64(INTERP(0) + l->interp_next, INTERP(1));
	for (int n = 0; n < 2; n++) {
		fake_u64(INTERP(n) + l->interp_threads_head, state[n]);
		fake_u64(state[n] + l->ts_thread_id, SELF);
		fake_u64(state[n] + l->ts_interp, INTERP(n));
	}
	if (l->frame_via == ADDER_FRAME_CFRAME) {
		fake_u64(STATE(0) + l->ts_frame, STATE(0) + 0x400);
		fake_u64(STATE(0) + 0x400 + l->cframe_current_frame, newer);
	} else {
		fake_u64(STATE(0) + l->ts_frame, newer);
	}
}

static void enters_the_newest_interpreter_in_which_the_thread_runs(void **state)
{
	(void)state;
	for (size_t v = 0; v < VERSIONS_NR; v++) {
		make_process(versions[v].hex, versions[v].free_threaded);
		if (!layout()->rt_tstate_current)
			continue; /* from 3.12 on the slot itself leads there */
		make_stack(3);
		make_interpreters(stack_frame(1, 3));
		walk();
		assert_int_equal(scratch.stack.depth, 2);
		assert_int_equal(scratch.interp, INTERP(0));
		make_interpreters(0);
		walk();
		assert_kept(3);
		assert_int_equal(scratch.interp, INTERP(1));
	}
}

static void believes_who_holds_the_gil_before_it_searches(void **state)
{
	(void)state;
	make_process(0x030a0b00, false);
	make_stack(3);
	make_interpreters(stack_frame(1, 3));
	fake_u64(RUNTIME + layout()->rt_tstate_current, TSTATE);
	walk();
	assert_kept(3);
	fake_u64(RUNTIME + layout()->rt_tstate_current, STATE(1)); /* no state of this thread */
	walk();
	assert_int_equal(scratch.stack.depth, 2);
}

static void keeps_its_own_state_where_interpreters_make_no_sense(void **state)
{
	(void)state;
	make_process(0x030b0200, false);
	make_stack(3);
	make_interpreters(stack_frame(1, 3));
	fake_u64(STATE(0) + layout()->ts_thread_id, 99);
	fake_u64(STATE(0) + layout()->ts_next, STATE(0)); /* a list without end */
	walk();
	assert_kept(3);
	fake_u64(STATE(0) + layout()->ts_next, 8); /* or of which the rest is not there */
	walk();
	assert_kept(3);
	fake_u64(INTERP(0) + layout()->interp_threads_head, 0);
	fake_u64(INTERP(0) + layout()->interp_next, INTERP(0));
	walk();
	assert_kept(3);
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
		TEST(tells_torn_stacks_apart_by_where_they_end),
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
		TEST(bounds_what_a_layout_says),
		TEST(enters_the_newest_interpreter_in_which_the_thread_runs),
		TEST(believes_who_holds_the_gil_before_it_searches),
		TEST(keeps_its_own_state_where_interpreters_make_no_sense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
