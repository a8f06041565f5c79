/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reader of a loop's ready tasks as the kernel runs it, over a made-up process.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fake_asyncio.h"

static const uint32_t versions[] = {
	0x03081400, 0x03091200, 0x030a0b00, 0x030b0200,
	0x030c0100, 0x030d0500, 0x030e0a00, 0x030f0200,
};
#define VERSIONS_NR (sizeof(versions) / sizeof(versions[0]))

#define SIZE        16 /* of an object without its attributes */

/* How a loop's attributes are kept. */
enum kept { KEPT_USUAL, KEPT_IN_DICT, KEPT_IN_COMBINED, KEPT_IN_COMBINED_WITH_HASHES };

static uint64_t deque_type, deque;
static struct ready_position at;

/* Where the values are of a dict at @dict. */
static struct ready_values make_dict(uint64_t dict, enum kept kept)
{
	uint64_t keys = make_object(0);
	struct ready_values values = { .first = make_object(0), .stride = 8 };

	fake_u64(dict + 32, keys);
	if (kept <= KEPT_IN_DICT) {
		fake_u64(dict + 40, values.first);
		values.first += layout()->attributes == ADDER_ATTRIBUTES_INLINE ? 8 : 0;
	} else if (layout()->attributes == ADDER_ATTRIBUTES_DICT) {
		fake_u64(keys + 8, 64);
		values = (struct ready_values){ keys + 40 + 64 + 16, 24 };
	} else {
		bool hashes = kept == KEPT_IN_COMBINED_WITH_HASHES;

		fake_u64(keys + 8, 6 | 6 << 8 | !hashes << 16);
		values = (struct ready_values){ keys + 32 + 64 + (hashes ? 16 : 8),
						hashes ? 24 : 16 };
	}
	return values;
}

/* A loop, and where the values of its attributes are. */
static uint64_t make_loop(enum kept kept, struct ready_values *values)
{
	uint64_t type = make_type("Loop", 0, 0), loop = make_object(type) + 64, dict, own;
	uint32_t valid = 1U << 24;

	fake_u64(loop + 8, type);
	fake_u64(type + TASKS_TYPE_SIZE, SIZE);
	dict = kept == KEPT_USUAL && layout()->attributes != ADDER_ATTRIBUTES_DICT ? 0
										   : make_object(0);
	own = make_object(0);
	if (dict)
		*values = make_dict(dict, kept);
	else
		*values = (struct ready_values){ own, 8 };
	switch (layout()->attributes) {
	case ADDER_ATTRIBUTES_DICT:
		fake_u64(loop + 16, dict);
		break;
	case ADDER_ATTRIBUTES_VALUES:
		fake_u64(loop - 32, dict ? 0 : own);
		fake_u64(loop - 24, dict);
		break;
	case ADDER_ATTRIBUTES_TAGGED:
		fake_u64(loop - 24, dict ? dict : own - 1);
		break;
	default:
		fake_u32(loop + SIZE, dict ? 0 : valid);
		fake_u64(loop - 24, dict);
		if (!dict)
			values->first = loop + SIZE + 8;
	}
	return loop;
}

/* A loop that runs, with the deque as attribute number @index. */
static void make_ready(uint32_t version, enum kept kept, uint32_t index)
{
	struct ready_values values;
	uint64_t loop;

	make_asyncio(version);
	deque_type = make_type("collections.deque", 0, 0);
	deque = make_object(deque_type);
	loop = make_loop(kept, &values);
	for (uint32_t i = 0; i < 12; i++)
		fake_u64(values.first + i * values.stride, make_object(other_type));
	fake_u64(values.first + index * values.stride, deque);
	run_task(make_task(make_str("runs"), "main"));
	if (layout()->ts_task)
		run_callback(make_wakeup(0));
	run_loop(loop);
}

/* The deque holds @count handles of tasks "t0", "t1", ..., from @left in its first block. */
static void fill(uint64_t count, uint64_t left)
{
	uint64_t block = make_object(0), rest;

	next_object += 512; /* a block is longer */
	fake_u64(deque + 16, count);
	fake_u64(deque + 24, block);
	fake_u64(deque + 40, left);
	for (uint64_t i = 0; i < count; i++, left++) {
		char name[16];
		uint64_t handle = make_object(other_type);

		snprintf(name, sizeof(name), "t%d", (int)i);
		fake_u64(handle + 24, make_wakeup(make_task(make_str(name), "work")));
		if (left == READY_BLOCK) {
			rest = make_object(0);
			next_object += 512;
			fake_u64(block + 8 + 8 * READY_BLOCK, rest);
			block = rest;
			left = 0;
		}
		fake_u64(block + 8 + 8 * left, handle);
	}
}

static void assert_next(const char *name)
{
	uint64_t task = ready_next(&process, &found, &at);

	assert_true(tasks_identify(&process, &found, task));
	tasks_complete(&process, &found);
	assert_int_equal(found.event.chain[0].name_bytes, strlen(name));
	assert_memory_equal(found.event.chain[0].name, name, strlen(name));
}

static void finds_tasks_in_every_version(void **state)
{
	(void)state;
	for (size_t v = 0; v < VERSIONS_NR; v++) {
		for (int kept = KEPT_USUAL; kept <= KEPT_IN_COMBINED_WITH_HASHES; kept++) {
			make_ready(versions[v], kept, READY_INDEX);
			fill(3, 36);
			assert_int_equal(ready_begin(&process, &scratch, &at), 3);
			assert_next("t0");
			assert_next("t1");
			assert_next("t2");
			assert_int_equal(at.left, 0);
		}
	}
}

static void goes_on_in_the_next_block(void **state)
{
	char name[16];

	(void)state;
	make_ready(0x030d0500, KEPT_USUAL, READY_INDEX);
	fill(80, 60);
	assert_int_equal(ready_begin(&process, &scratch, &at), 80);
	for (int i = 0; i < 80; i++) {
		snprintf(name, sizeof(name), "t%d", i);
		assert_next(name);
	}
}

static void looks_where_else_the_deque_may_be_and_remembers(void **state)
{
	uint64_t reads;

	(void)state;
	make_ready(0x030e0a00, KEPT_USUAL, 9);
	fill(1, 0);
	assert_int_equal(ready_begin(&process, &scratch, &at), 1);
	assert_int_equal(process.asyncio.ready_index, 9);
	fake.reads = 0;
	assert_int_equal(ready_begin(&process, &scratch, &at), 1);
	reads = fake.reads;
	assert_int_equal(reads, 7); /* local, loop, its type, size, head; attribute, deque */
}

static void gives_up_on_a_loop_that_has_none(void **state)
{
	struct ready_values values;

	(void)state;
	make_ready(0x030b0200, KEPT_USUAL, READY_INDEX);
	run_loop(make_loop(KEPT_USUAL, &values));
	for (int i = 0; i < 2 * READY_TRIES; i++) {
		fake.reads = 0;
		assert_int_equal(ready_begin(&process, &scratch, &at), 0);
	}
	assert_in_range(fake.reads, 0, 8);
}

static void finds_nothing_where_nothing_is_ready(void **state)
{
	(void)state;
	for (size_t v = 0; v < VERSIONS_NR; v++) {
		make_ready(versions[v], KEPT_USUAL, READY_INDEX);
		assert_int_equal(ready_begin(&process, &scratch, &at), 0);
		fill(2, 0);
		process.asyncio.run_code = 0;
		assert_int_equal(ready_begin(&process, &scratch, &at), 0);
	}
}

static void believes_no_absurd_number(void **state)
{
	(void)state;
	make_ready(0x030c0100, KEPT_USUAL, READY_INDEX);
	fake_u64(deque + 16, UINT64_MAX);
	assert_int_equal(ready_begin(&process, &scratch, &at), READY_MOST);
	for (int i = 0; i < 200; i++)
		assert_int_equal(ready_next(&process, &found, &at), 0);
}

static void survives_memory_that_ends_anywhere(void **state)
{
	(void)state;
	for (size_t v = 0; v < VERSIONS_NR; v++) {
		for (uint64_t fault = 1; fault < 40; fault++) {
			make_ready(versions[v], KEPT_USUAL, READY_INDEX);
			fill(2, 63);
			fake.reads = 0;
			fake.fault_at = fault;
			if (!ready_begin(&process, &scratch, &at))
				continue;
			for (int i = 0; i < 2; i++)
				tasks_identify(&process, &found, ready_next(&process, &found, &at));
		}
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, unmake)
	const struct CMUnitTest tests[] = {
		TEST(finds_tasks_in_every_version),
		TEST(goes_on_in_the_next_block),
		TEST(looks_where_else_the_deque_may_be_and_remembers),
		TEST(gives_up_on_a_loop_that_has_none),
		TEST(finds_nothing_where_nothing_is_ready),
		TEST(believes_no_absurd_number),
		TEST(survives_memory_that_ends_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
