/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What names a code object, read from made-up memory: texts of all kinds, lengths of any size.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "code.h"
#include "fake_memory.h"
#include "python/layout.h"

#define CODE    0x10000ULL
#define NAME    0x20000ULL
#define FILE_   0x30000ULL
#define TABLE   0x40000ULL
#define BYTES   0x8000

#define COMPACT 8
#define ASCII   16

static struct adder_process process;
static struct adder_event_code event;
static const struct adder_frame frame = { .code = CODE, .signature = 42 };

static const struct adder_layout *layout(void)
{
	return &process.binary.layout;
}

static void make_str(uint64_t at, uint64_t length, uint32_t kind)
{
	fake_u64(at + layout()->str_length, length);
	fake_u32(at + layout()->str_state, kind << layout()->str_kind_shift);
}

static void make_table(uint64_t size)
{
	fake_u64(TABLE + layout()->bytes_size, size);
}

static void make_code(uint32_t version, bool free_threaded)
{
	const struct adder_layout *l = layout_find(version, free_threaded);

	fake_unmap_all();
	memset(&process, 0, sizeof(process));
	memset(&event, 0xee, sizeof(event));
	process.serial = 3;
	process.binary.layout = *l;
	for (uint64_t at = CODE; at <= TABLE; at += NAME - CODE)
		fake_map(at, BYTES);
	fake_u32(CODE + l->co_firstlineno, 17);
	fake_u64(CODE + l->co_name, NAME);
	fake_u64(CODE + (l->co_qualname ? l->co_qualname : l->co_name), NAME);
	fake_u64(CODE + l->co_filename, FILE_);
	fake_u64(CODE + l->co_linetable, TABLE);
	make_str(NAME, 6, 1 | COMPACT | ASCII);
	fake_write(NAME + l->str_ascii_data, "Shop.f", 6);
	make_str(FILE_, 4, 1 | COMPACT);
	fake_write(FILE_ + l->str_compact_data, "\xe9.py", 4);
	make_table(5);
	fake_write(TABLE + l->bytes_data, "\1\2\3\4\5", 5);
}

static int unmake(void **state)
{
	(void)state;
	fake_unmap_all();
	return 0;
}

static void reads_names_of_every_version(void **state)
{
	static const uint32_t versions[] = { 0x03060f00, 0x03080000, 0x030b0200, 0x030c0000,
					     0x030d0500, 0x030e0a00, 0x030f0200 };

	(void)state;
	for (size_t v = 0; v < sizeof(versions) / sizeof(versions[0]); v++) {
		for (int free_threaded = 0; free_threaded < 2; free_threaded++) {
			if (!layout_find(versions[v], free_threaded))
				continue;
			make_code(versions[v], free_threaded);
			assert_int_equal(code_read(&process, &frame, &event), 0);
			assert_int_equal(event.serial, 3);
			assert_int_equal(event.code, CODE);
			assert_int_equal(event.signature, 42);
			assert_int_equal(event.first_line, 17);
			assert_int_equal(event.name_bytes, 6);
			assert_memory_equal(event.name, "Shop.f", 6);
			assert_int_equal(event.file_bytes, 4);
			assert_memory_equal(event.file, "\xe9.py", 4);
			assert_int_equal(event.table_bytes, 5);
			assert_int_equal(event.table_size, 5);
			assert_memory_equal(event.table_data, "\1\2\3\4\5", 5);
		}
	}
}

static void rename_code(const char *name, const char *file)
{
	make_str(NAME, strlen(name), 1 | COMPACT | ASCII);
	fake_write(NAME + layout()->str_ascii_data, name, strlen(name));
	make_str(FILE_, strlen(file), 1 | COMPACT | ASCII);
	fake_write(FILE_ + layout()->str_ascii_data, file, strlen(file));
}

static void knows_the_code_that_runs_tasks(void **state)
{
	static const struct {
		uint32_t version;
		const char *name, *file;
		enum adder_code_role role;
	} cases[] = {
		{ 0x03080000, "_run", "/usr/lib/python3.8/asyncio/events.py", ADDER_CODE_RUN },
		{ 0x03080000, "Handle._run", "asyncio/events.py", ADDER_CODE_PLAIN },
		{ 0x03080000, "_run", "syncio/events.py", ADDER_CODE_PLAIN },
		{ 0x030b0200, "Handle._run", "asyncio/events.py", ADDER_CODE_RUN },
		{ 0x030b0200, "_run", "asyncio/events.py", ADDER_CODE_PLAIN },
		{ 0x030b0200, "Handle._ran", "asyncio/events.py", ADDER_CODE_PLAIN },
		{ 0x030e0a00, "Handle._run", "asyncio/events.py", ADDER_CODE_RUN },
		{ 0x030e0a00, "Handle._run", "asyncio/events.pyc", ADDER_CODE_PLAIN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		make_code(cases[i].version, false);
		rename_code(cases[i].name, cases[i].file);
		assert_int_equal(code_read(&process, &frame, &event), 0);
		assert_int_equal(event.role, cases[i].role);
	}
}

static void knows_an_async_function_where_that_matters(void **state)
{
	(void)state;
	for (uint32_t version = 0x030d0500; version <= 0x030f0500; version += 0x10000) {
		make_code(version, false);
		fake_u32(CODE + 48, 0x83); /* co_flags */
		assert_int_equal(code_read(&process, &frame, &event), 0);
		assert_int_equal(event.role,
				 version < 0x030e0000 ? ADDER_CODE_PLAIN : ADDER_CODE_COROUTINE);
	}
}

static void cuts_texts_of_any_length(void **state)
{
	static const struct {
		uint64_t length;
		uint32_t kind, bytes;
	} cases[] = {
		{ 0, 1, 0 },       { 256, 1, 256 },        { 257, 1, 256 },
		{ 128, 2, 256 },   { 129, 2, 256 },        { 3, 4, 12 },
		{ 64, 4, 256 },    { 1ULL << 62, 4, 256 }, /* times 4 is 0 */
		{ ~0ULL, 1, 256 }, { ~0ULL, 4, 256 },      { 1ULL << 63, 2, 256 },
		{ 100, 7, 256 }, /* no such kind */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		make_code(0x030b0200, false);
		make_str(NAME, cases[i].length, cases[i].kind | COMPACT);
		assert_int_equal(code_read(&process, &frame, &event), 0);
		assert_int_equal(event.name_bytes, cases[i].bytes);
		assert_int_equal(event.name_state & 7, cases[i].kind);
	}
}

static void refuses_a_text_that_is_not_compact(void **state)
{
	(void)state;
	make_code(0x030b0200, false);
	make_str(NAME, 6, 1);
	assert_int_equal(code_read(&process, &frame, &event), -1);
	make_code(0x030b0200, false);
	make_str(FILE_, 6, 1 | ASCII);
	assert_int_equal(code_read(&process, &frame, &event), -1);
}

static void reads_what_fits_of_a_long_table(void **state)
{
	static const struct {
		uint64_t size;
		uint32_t bytes, told;
	} cases[] = {
		{ 0, 0, 0 },
		{ 4095, 4095, 4095 },
		{ 4096, 4096, 4096 },
		{ 4097, 4096, 4097 },
		{ 1 << 24, 4096, 1 << 24 },
		{ (1 << 24) + 1, 0, 0 }, /* no line table is so long */
		{ ~0ULL, 0, 0 },
		{ 1ULL << 32, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		make_code(0x030b0200, false);
		make_table(cases[i].size);
		assert_int_equal(code_read(&process, &frame, &event), 0);
		assert_int_equal(event.table_bytes, cases[i].bytes);
		assert_int_equal(event.table_size, cases[i].told);
		assert_int_equal(event.table, TABLE + layout()->bytes_data);
	}
}

static void names_a_code_object_without_its_table(void **state)
{
	(void)state;
	make_code(0x030b0200, false);
	fake_u64(CODE + layout()->co_linetable, 0xdead0000);
	assert_int_equal(code_read(&process, &frame, &event), 0);
	assert_int_equal(event.name_bytes, 6);
	assert_int_equal(event.table_bytes, 0);
	assert_int_equal(event.table_size, 0);
	fake_u64(CODE + layout()->co_linetable, TABLE + BYTES - 40); /* its end is not there */
	fake_u64(TABLE + BYTES - 40 + layout()->bytes_size, 4000);
	assert_int_equal(code_read(&process, &frame, &event), 0);
	assert_int_equal(event.table_bytes, 0);
	assert_int_equal(event.table_size, 4000);
}

static void gives_up_at_a_fault_before_the_names_are_read(void **state)
{
	uint64_t reads;

	(void)state;
	make_code(0x030b0200, false);
	code_read(&process, &frame, &event);
	reads = fake.reads;
	for (uint64_t n = 1; n <= reads; n++) {
		make_code(0x030b0200, false);
		fake.fault_at = n;
		/* the table's size and data come last, and can be done without */
		assert_int_equal(code_read(&process, &frame, &event), n > reads - 2 ? 0 : -1);
	}
}

/* A frame at FRAME of a function with one argument; its strs' addresses tell the names apart. */
#define FRAME (TABLE + 0x1000)
#define SELF  (TABLE + 0x2000)
#define TUPLE (TABLE + 0x3000)

static void reads_whose_method_it_is(void **state)
{
	static const uint32_t versions[] = { 0x03060f00, 0x03071100, 0x03080000, 0x030a0b00 };
	const struct adder_frame own = { .code = CODE, .signature = 42, .at = FRAME };

	(void)state;
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		const struct adder_layout *l;

		make_code(versions[i], false);
		l = layout();
		fake_u64(SELF + l->object_type, 0x1234);
		assert_int_equal(code_read(&process, &own, &event), 0);
		assert_int_equal(event.first, 0); /* no arguments */
		fake_u32(CODE + l->co_argcount, 1);
		fake_u64(FRAME + l->frame_locals, SELF);
		assert_int_equal(code_read(&process, &own, &event), 0);
		assert_int_equal(event.first, SELF);
		assert_int_equal(event.first_type, 0x1234);

		/* a closure has it: the second of two cells behind three locals */
		fake_u64(FRAME + l->frame_locals, 0);
		fake_u32(CODE + l->co_nlocals, 3);
		fake_u64(CODE + l->co_varnames, TUPLE);
		fake_u64(TUPLE + 24, NAME);
		fake_u64(CODE + l->co_cellvars, TUPLE + 64);
		fake_u64(TUPLE + 64 + 32, NAME);
		fake_u64(FRAME + l->frame_locals + 8 * 4, TUPLE + 256);
		fake_u64(TUPLE + 256 + 16, SELF);
		assert_int_equal(code_read(&process, &own, &event), 0);
		assert_int_equal(event.first, SELF);
	}
	make_code(0x030b0200, false);
	assert_int_equal(code_read(&process, &own, &event), 0);
	assert_int_equal(event.first_type, 0); /* its code objects tell */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, unmake)
	const struct CMUnitTest tests[] = {
		TEST(reads_names_of_every_version),
		TEST(knows_the_code_that_runs_tasks),
		TEST(knows_an_async_function_where_that_matters),
		TEST(cuts_texts_of_any_length),
		TEST(refuses_a_text_that_is_not_compact),
		TEST(reads_what_fits_of_a_long_table),
		TEST(names_a_code_object_without_its_table),
		TEST(gives_up_at_a_fault_before_the_names_are_read),
		TEST(reads_whose_method_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
