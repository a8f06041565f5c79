/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a thread pointer to a PyThreadState: each C library's ways, and whose state it may not be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_python.h"

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
	set_value(0);
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
		set_value(bad[i]);
		assert_int_equal(walk(), ADDER_STACK_UNREAD);
		assert_int_equal(status, UNWIND_NO_TSTATE);
	}
	assert_int_equal(unwind_python(&scratch, &process, ~0ULL, &status), ADDER_STACK_UNREAD);
}

static void finds_keys_beyond_a_threads_own_block(void **state)
{
	(void)state;
	for (uint32_t key = 0; key < 1024; key += 31) {
		make_process(0x030d0500, false);
		make_stack(2);
		set_value(0);
		process.tss_key = key;
		if (key >= 32)
			fake_u64(SELF + ARCH_SPECIFIC_NEXT + 8 * (key / 32), FAR);
		else
			fake_u64(SELF + ARCH_SPECIFIC + 16 * key + 8, TSTATE);
		fake_u64(FAR + 16 * (key % 32) + 8, TSTATE);
		walk();
		assert_int_equal(status, UNWIND_DONE);
		assert_kept(2);
	}
}

#ifndef ARCH_ARM64
static void has_no_stack_before_there_is_a_thread_pointer(void **state)
{
	(void)state;
	make_process(0x030d0500, false);
	make_stack(3);
	assert_int_equal(unwind_python(&scratch, &process, 0, &status), ADDER_STACK_NONE);
	assert_int_equal(status, UNWIND_NO_PYTHON);
}

#endif

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
	set_value(0);
	process.binary.musl = 1;
	fake_u64(SELF + ARCH_SPECIFIC_MUSL, FAR);
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
	process.binary.tstate_via = ADDER_VIA_TLS_EXE;
	process.tls_offset = 0x718; /* on x86_64 they are below: what matters is that it is added */
	assert_int_equal(walk(), ADDER_STACK_NONE);
	fake_u64(TP + 0x718, TSTATE);
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
	fake_u64(TP + ARCH_DTV, FAR);
	fake_u64(FAR + 16 * 2, FAR + 0x100);
	fake_u64(FAR + 0x118, TSTATE);
	walk();
	assert_int_equal(status, UNWIND_DONE);
	assert_kept(2);
	fake_u64(FAR + 16 * 2, ~0ULL); /* this thread never used it */
	assert_int_equal(walk(), ADDER_STACK_NONE);
	assert_int_equal(status, UNWIND_NO_PYTHON);
}

#ifdef ARCH_ARM64
/* An interpreter whose newest thread is another, with a state at FAR. */
static void make_interpreter(void)
{
	const struct adder_layout *l = layout();
	uint64_t interp = FAR + 0x4000;

	process.runtime = FAR + 0x1000;
	process.pthread_bytes = 0;
	fake_u64(process.runtime + l->rt_interpreters_head, interp);
	fake_u64(interp + l->interp_threads_head, FAR);
	fake_u64(FAR + l->ts_thread_id, TP);
	fake_u64(FAR + l->ts_next, TSTATE);
	fake_u64(FAR + l->ts_frame, 1);
}

static void finds_a_state_by_whose_it_says_it_is(void **state)
{
	(void)state;
	make_process(0x030d0500, false);
	make_stack(2);
	make_interpreter();
	walk();
	assert_int_equal(status, UNWIND_DONE);
	assert_kept(2);
	assert_int_equal(scratch.interp, 0x1234);
	unwind_learn(&process, &scratch, TP);
	assert_int_equal(process.pthread_bytes, PTHREAD_BYTES);
}

static void learns_nothing_from_the_states_of_others(void **state)
{
	static const uint64_t others[] = { TP, TP + 16, TP - ARCH_PTHREAD_MAX - 1, 0, ~0ULL };

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		make_process(0x030d0500, false);
		make_stack(2);
		make_interpreter();
		fake_u64(TSTATE + layout()->ts_thread_id, others[i]);
		assert_int_equal(walk(), ADDER_STACK_NONE);
		assert_int_equal(status, UNWIND_NO_PYTHON);
		unwind_learn(&process, &scratch, TP);
		assert_int_equal(process.pthread_bytes, 0);
	}
}

static void takes_the_oldest_state_without_a_thread_pointer(void **state)
{
	(void)state;
	make_process(0x030d0500, false);
	make_stack(2);
	make_interpreter();
	process.pthread_bytes = PTHREAD_BYTES;
	unwind_python(&scratch, &process, 0, &status);
	assert_int_equal(status, UNWIND_DONE);
	assert_kept(2);
	fake_u64(process.runtime + layout()->rt_interpreters_head, 0);
	assert_int_equal(unwind_python(&scratch, &process, 0, &status), ADDER_STACK_NONE);
	assert_int_equal(status, UNWIND_NO_PYTHON);
}
#endif

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, unmake)
	const struct CMUnitTest tests[] = {
		TEST(refuses_the_state_of_another_thread),
		TEST(has_no_stack_where_there_is_no_python),
		TEST(says_that_a_thread_state_is_not_there),
		TEST(finds_keys_beyond_a_threads_own_block),
#ifndef ARCH_ARM64
		TEST(has_no_stack_before_there_is_a_thread_pointer),
#endif
		TEST(has_no_state_where_the_keys_block_was_never_made),
		TEST(finds_musls_thread_specific_data),
		TEST(finds_a_thread_local_of_the_program),
		TEST(finds_a_thread_local_of_a_library),
#ifdef ARCH_ARM64
		TEST(finds_a_state_by_whose_it_says_it_is),
		TEST(learns_nothing_from_the_states_of_others),
		TEST(takes_the_oldest_state_without_a_thread_pointer),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
