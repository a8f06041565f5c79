/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a binary to the interpreter in a made-up process of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_memory.h"
#include "python/layout.h"
#include "runtime.h"

#define BIAS     0x555500000000ULL /* of the program */
#define LIB      0x7f0000000000ULL /* and of its libpython */
#define DEBUG    0x3000            /* r_debug's pointer, in the program */
#define DYNAMIC  0x5000            /* libpython's dynamic section, in the file */
#define RUNTIME  0x8000            /* _PyRuntime, in the file */
#define OBJECTS  0x10000ULL        /* the linker's list */
#define OBJECT_B 64                /* bytes that one takes there */

static struct adder_process process;

static uint64_t object_at(int n)
{
	return OBJECTS + 0x100 + OBJECT_B * n;
}

static void make_object(int n, uint64_t bias, uint64_t dynamic, uint64_t next)
{
	struct runtime_link_map object = { bias, 0, bias + dynamic, next };

	fake_write(object_at(n), &object, sizeof(object));
}

/* A program with @count objects loaded, libpython last but one. */
static void make_process(uint32_t version, int count)
{
	struct adder_binary *b = &process.binary;

	fake_unmap_all();
	memset(&process, 0, sizeof(process));
	process.bias = BIAS;
	b->kind = ADDER_BINARY_LIBPYTHON;
	b->tstate_via = ADDER_VIA_TSD;
	b->debug = DEBUG;
	b->lib_dynamic = DYNAMIC;
	b->runtime = RUNTIME;
	b->layout = *layout_find(version, false);
	fake_map(BIAS, 0x4000);
	fake_map(LIB, 0x10000);
	fake_map(OBJECTS, 0x4000);
	fake_u64(BIAS + DEBUG, OBJECTS);
	fake_u64(OBJECTS + 8, object_at(0));
	for (int n = 0; n < count; n++)
		make_object(n, n == count - 2 ? LIB : BIAS + n * 0x100000000ULL,
			    n == count - 2 ? DYNAMIC : 0x100 + n,
			    n + 1 < count ? object_at(n + 1) : 0);
	runtime_begin(&process);
}

static void make_key(uint32_t initialised, uint32_t key)
{
	fake_u32(LIB + RUNTIME + process.binary.layout.rt_tss_key, initialised);
	fake_u32(LIB + RUNTIME + process.binary.layout.rt_tss_key + 4, key);
}

static int unmake(void **state)
{
	(void)state;
	fake_unmap_all();
	return 0;
}

static void finds_libpython_among_the_loaded_objects(void **state)
{
	(void)state;
	make_process(0x030b0200, 6);
	assert_int_equal(process.phase, ADDER_PHASE_NO_LIB);
	make_key(1, 7);
	assert_int_equal(runtime_advance(&process), 0);
	assert_int_equal(process.phase, ADDER_PHASE_READY);
	assert_int_equal(process.lib_bias, LIB);
	assert_int_equal(process.runtime, LIB + RUNTIME);
	assert_int_equal(process.tss_key, 7);
	assert_int_equal(process.gil, LIB + RUNTIME + process.binary.layout.rt_gil +
					      process.binary.layout.gil_words);
	assert_true(process.gil_end > process.gil);
}

static void comes_as_far_as_the_process_has(void **state)
{
	(void)state;
	make_process(0x030b0200, 6);
	fake_u64(BIAS + DEBUG, 0); /* the linker has not begun */
	assert_int_equal(runtime_advance(&process), -1);
	assert_int_equal(process.phase, ADDER_PHASE_NO_LIB);
	fake_u64(BIAS + DEBUG, OBJECTS);
	make_object(0, BIAS, 0x100, 0); /* only the program so far */
	assert_int_equal(runtime_advance(&process), -1);
	assert_int_equal(process.phase, ADDER_PHASE_NO_LIB);
	make_object(0, BIAS, 0x100, object_at(1));
	make_key(0, 7); /* CPython has not begun */
	assert_int_equal(runtime_advance(&process), -1);
	assert_int_equal(process.phase, ADDER_PHASE_STARTING);
	make_key(1, 7);
	assert_int_equal(runtime_advance(&process), 0);
	fake.fault_from = fake.reads + 1; /* once ready, nothing is read */
	assert_int_equal(runtime_advance(&process), 0);
}

static void ends_a_list_that_loops(void **state)
{
	(void)state;
	make_process(0x030b0200, 4);
	process.binary.lib_dynamic = 0x999; /* none has it */
	make_object(3, BIAS, 0x100, object_at(0));
	assert_int_equal(runtime_advance(&process), -1);
	assert_true(fake.reads <= RUNTIME_MAX_OBJECTS + 2);
	make_object(0, BIAS, 0x100, object_at(0));
	assert_int_equal(runtime_advance(&process), -1);
	assert_int_equal(process.phase, ADDER_PHASE_NO_LIB);
}

static void looks_no_further_than_libpython_can_be(void **state)
{
	(void)state;
	make_process(0x030b0200, RUNTIME_MAX_OBJECTS + 1);
	make_key(1, 7);
	assert_int_equal(runtime_advance(&process), 0);
	make_process(0x030b0200, RUNTIME_MAX_OBJECTS + 2);
	make_key(1, 7);
	assert_int_equal(runtime_advance(&process), -1);
}

static void gives_up_at_a_fault_wherever_it_is(void **state)
{
	(void)state;
	make_process(0x030b0200, 6);
	make_key(1, 7);
	runtime_advance(&process);
	for (uint64_t n = 1, reads = fake.reads; n <= reads; n++) {
		make_process(0x030b0200, 6);
		make_key(1, 7);
		fake.fault_from = n;
		assert_int_equal(runtime_advance(&process), -1);
		assert_int_not_equal(process.phase, ADDER_PHASE_READY);
		fake.fault_from = 0;
		assert_int_equal(runtime_advance(&process), 0);
	}
}

static void needs_no_library_in_a_static_program(void **state)
{
	(void)state;
	make_process(0x030d0500, 2);
	process.bias = LIB;
	process.binary.kind = ADDER_BINARY_STATIC;
	runtime_begin(&process);
	assert_int_equal(process.phase, ADDER_PHASE_STARTING);
	assert_int_equal(process.runtime, LIB + RUNTIME);
	assert_int_equal(process.gil, 0); /* from 3.12 on the interpreter has it */
	make_key(1, 2);
	assert_int_equal(runtime_advance(&process), 0);
	assert_int_equal(process.tss_key, 2);
}

static void reads_a_static_key_of_3_6(void **state)
{
	(void)state;
	make_process(0x03060f00, 3);
	process.binary.tstate_via = ADDER_VIA_TSD_GLOBAL;
	process.binary.tss_key = 0x100;
	process.binary.runtime = 0;
	process.binary.gil = 0x200;
	process.binary.gil_end = 0x300;
	fake_u32(LIB + 0x100, -1);
	assert_int_equal(runtime_advance(&process), -1);
	fake_u32(LIB + 0x100, 0);
	assert_int_equal(runtime_advance(&process), 0);
	assert_int_equal(process.tss_key, 0);
	assert_int_equal(process.runtime, 0);
	assert_int_equal(process.gil, LIB + 0x200);
	assert_int_equal(process.gil_end, LIB + 0x300);
}

static void reads_a_librarys_thread_local_from_its_got(void **state)
{
	(void)state;
	make_process(0x030f0200, 3);
	process.binary.tstate_via = ADDER_VIA_TLS_LIB;
	process.binary.tls_offset = 0x600;
	process.binary.tls_delta = 0x10;
	assert_int_equal(runtime_advance(&process), -1); /* not relocated yet */
	fake_u64(LIB + 0x600, 4);
	fake_u64(LIB + 0x608, 0x40);
	assert_int_equal(runtime_advance(&process), 0);
	assert_int_equal(process.tss_key, 4);
	assert_int_equal(process.tls_offset, 0x50);
}

static void advances_no_process_that_is_unreadable(void **state)
{
	(void)state;
	make_process(0x030b0200, 6);
	make_key(1, 7);
	process.phase = ADDER_PHASE_UNREADABLE;
	assert_int_equal(runtime_advance(&process), -1);
	process.phase = ADDER_PHASE_UNKNOWN;
	assert_int_equal(runtime_advance(&process), -1);
	assert_int_equal(fake.reads, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, unmake)
	const struct CMUnitTest tests[] = {
		TEST(finds_libpython_among_the_loaded_objects),
		TEST(comes_as_far_as_the_process_has),
		TEST(ends_a_list_that_loops),
		TEST(looks_no_further_than_libpython_can_be),
		TEST(gives_up_at_a_fault_wherever_it_is),
		TEST(needs_no_library_in_a_static_program),
		TEST(reads_a_static_key_of_3_6),
		TEST(reads_a_librarys_thread_local_from_its_got),
		TEST(advances_no_process_that_is_unreadable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
