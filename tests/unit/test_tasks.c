/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reader of asyncio's tasks as the kernel runs it, over a made-up process.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_asyncio.h"

static const uint32_t versions[] = {
	0x03081400, 0x03091200, 0x030a0b00, 0x030b0200,
	0x030c0100, 0x030d0500, 0x030e0a00, 0x030f0200,
};
#define VERSIONS_NR (sizeof(versions) / sizeof(versions[0]))

static void assert_text(const char *text, uint32_t bytes, const char *want)
{
	assert_int_equal(bytes, strlen(want));
	assert_memory_equal(text, want, bytes);
}

/* The task at @level of the last chain has a name of its own. */
static void assert_called(int level, const char *name, const char *coro)
{
	const struct adder_task *task = &found.event.chain[level];

	assert_int_equal(task->named, ADDER_TASK_NAMED);
	assert_text(task->name, task->name_bytes, name);
	assert_text(task->coro, task->coro_bytes, coro);
}

static void reads_the_chain_in_every_version(void **state)
{
	(void)state;
	for (size_t v = 0; v < VERSIONS_NR; v++) {
		uint64_t fetch, page;

		make_asyncio(versions[v]);
		fetch = make_task(make_str("fetch-3"), "Client.fetch");
		page = make_task(make_str("page-1"), "page");
		await(fetch, page);
		await(page, make_task(make_str("Task-12"), "main"));
		run_task(fetch);
		assert_true(find_task());
		assert_int_equal(found.event.depth, 3);
		assert_called(0, "fetch-3", "Client.fetch");
		assert_called(1, "page-1", "page");
		assert_int_equal(found.event.chain[2].named, ADDER_TASK_NUMBERED);
		assert_int_equal(found.event.chain[2].number, 12);
	}
}

static void reads_a_task_at_its_first_step(void **state)
{
	uint64_t callback;

	(void)state;
	for (size_t v = 0; v < VERSIONS_NR; v++) {
		make_asyncio(versions[v]);
		if (layout()->ts_task)
			continue;
		callback = make_object(other_type); /* TaskStepMethWrapper: task, argument */
		fake_u64(callback + 16, make_task(make_str("first"), "main"));
		run_callback(callback);
		assert_true(find_task());
		assert_called(0, "first", "main");
	}
}

static void reads_four_objects_a_task_once_types_are_known(void **state)
{
	uint64_t inner, outer;

	(void)state;
	for (size_t v = 0; v < VERSIONS_NR; v++) {
		make_asyncio(versions[v]);
		inner = make_task(make_str("inner"), "a");
		outer = make_task(make_str("outer"), "b");
		await(inner, outer);
		run_task(inner);
		find_task();
		fake.reads = 0;
		tasks_read(&process, &found, &scratch);
		assert_int_equal(found.event.depth, 2);
		/* to the task: its thread state's word, or local, handle and callback */
		assert_int_equal(fake.reads, layout()->ts_task ? 1 + 2 * 4 : 3 + 2 * 4 + 1);
	}
}

static void finds_no_task_where_there_is_none(void **state)
{
	(void)state;
	for (size_t v = 0; v < VERSIONS_NR; v++) {
		make_asyncio(versions[v]);
		assert_int_equal(find_task(), 0);
		run_task(make_object(other_type));
		assert_int_equal(find_task(), 0);
		run_task(make_task(make_object(other_type), "name_is_a_dict"));
		assert_int_equal(find_task(), 0);
	}
}

static void looks_only_where_the_loop_runs_something(void **state)
{
	(void)state;
	make_asyncio(0x030b0200);
	run_task(make_task(make_str("a"), "b"));
	process.asyncio.run_code = code_at(40);
	walk();
	assert_int_equal(find_task(), 0);
	assert_int_equal(fake.reads, 0);
}

static void takes_the_innermost_loop(void **state)
{
	(void)state;
	make_asyncio(0x030b0200);
	run_task(make_task(make_str("inner"), "a"));
	make_frame(stack_frame(8, 10), stack_frame(9, 10), RUN, 0, ALIVE); /* a loop in a loop */
	walk();
	find_task();
	assert_called(0, "inner", "a");
}

static void knows_classes_made_of_task(void **state)
{
	uint64_t own;

	(void)state;
	make_asyncio(0x030b0200);
	task_type = make_type("Grandchild", 0, make_type("Child", 0, task_type));
	own = make_task(make_str("own"), "a");
	run_task(own);
	assert_true(find_task());
	assert_called(0, "own", "a");
	assert_int_not_equal(process.asyncio.task_type, task_type);
	assert_true(find_task()); /* the same now that the type is known */
}

static uint64_t id_of(uint64_t name, const char *coro)
{
	run_task(make_task(name, coro));
	return find_task();
}

static void tells_tasks_apart_by_content_alone(void **state)
{
	uint64_t id, other;

	(void)state;
	for (size_t v = 0; v < VERSIONS_NR; v++) {
		make_asyncio(versions[v]);
		id = id_of(make_str("a task that has a name"), "main");
		assert_int_equal(id >> 63, 0);
		assert_int_equal(id_of(make_str("a task that has a name"), "main"), id);
		assert_int_not_equal(id_of(make_str("a task that has a game"), "main"), id);
		assert_int_not_equal(id_of(make_str("a task that has a name"), "mine"), id);
		assert_int_not_equal(id_of(make_str("a task that has a nam"), "main"), id);
		other = make_task(make_str("a task that has a name"), "main");
		await(other, make_task(make_str("b"), "c"));
		run_task(other);
		assert_int_not_equal(find_task(), id);
		process.serial++;
		assert_int_not_equal(id_of(make_str("a task that has a name"), "main"), id);
	}
}

static void tells_long_names_apart(void **state)
{
	char a[200], b[200];
	uint64_t id;

	(void)state;
	memset(a, 'x', sizeof(a));
	a[199] = '\0';
	memcpy(b, a, sizeof(b));
	b[198] = 'y';
	make_asyncio(0x030c0100);
	id = id_of(make_str(a), "main");
	assert_int_not_equal(id_of(make_str(b), "main"), id);
	assert_int_equal(found.event.chain[0].name_bytes, ADDER_TASK_NAME_BYTES);
}

static void knows_a_number_from_a_name(void **state)
{
	static const struct {
		const char *name;
		int64_t number; /* -1: it is a name */
	} cases[] = {
		{ "Task-0", 0 },
		{ "Task-7", 7 },
		{ "Task-123456789012345678", 123456789012345678 },
		{ "Task-", -1 },
		{ "Task-1a", -1 },
		{ "Task-1234567890123456789", -1 },
		{ "Task-1-fetch", -1 },
		{ "task-1", -1 },
		{ "Task 1", -1 },
		{ "", -1 },
	};

	(void)state;
	for (size_t v = 0; v < VERSIONS_NR; v++) {
		make_asyncio(versions[v]);
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			assert_true(id_of(make_str(cases[i].name), "main"));
			assert_int_equal(found.event.chain[0].named, cases[i].number < 0
									     ? ADDER_TASK_NAMED
									     : ADDER_TASK_NUMBERED);
			if (cases[i].number >= 0)
				assert_int_equal(found.event.chain[0].number, cases[i].number);
			else
				assert_text(found.event.chain[0].name,
					    found.event.chain[0].name_bytes, cases[i].name);
		}
	}
}

static void reads_numbers_that_were_not_yet_made_names(void **state)
{
	(void)state;
	make_asyncio(0x030d0500);
	assert_true(id_of(make_int(9), "main"));
	assert_int_equal(found.event.chain[0].number, 9);
	assert_true(id_of(make_int(5000000000), "main"));
	assert_int_equal(found.event.chain[0].number, 5000000000);
	assert_int_equal(id_of(make_int(77), "main"), id_of(make_str("Task-77"), "main"));
}

static void sums_what_would_be_without_end(void **state)
{
	uint64_t id, named;

	(void)state;
	make_asyncio(0x030c0100);
	for (int i = 0; i < ADDER_TASKS_NUMBERED; i++) {
		id_of(make_int(i), "work");
		assert_int_equal(found.event.chain[0].named, ADDER_TASK_NUMBERED);
		tasks_told(&process, &found);
	}
	id = id_of(make_int(1000), "work");
	assert_int_equal(found.event.chain[0].named, ADDER_TASK_SUMMED);
	assert_int_equal(id_of(make_int(1001), "work"), id);
	assert_int_not_equal(id_of(make_int(1001), "rest"), id);

	named = id_of(make_str("job-1"), "work");
	assert_int_equal(found.event.chain[0].named, ADDER_TASK_NAMED);
	process.asyncio.named = ADDER_TASKS_NAMED;
	id = id_of(make_str("job-1"), "work");
	assert_int_not_equal(id, named);
	assert_int_equal(found.event.chain[0].named, ADDER_TASK_OTHER);
	assert_int_equal(id_of(make_str("job-2"), "work"), id);
}

static void ends_a_chain_without_end(void **state)
{
	uint64_t a, b, id;

	(void)state;
	for (size_t v = 0; v < VERSIONS_NR; v++) {
		make_asyncio(versions[v]);
		a = make_task(make_str("a"), "a");
		b = make_task(make_str("b"), "b");
		await(a, b);
		await(b, a);
		run_task(a);
		id = find_task();
		assert_true(id);
		assert_int_equal(found.event.depth, ADDER_TASK_LEVELS + 1);
		assert_called(ADDER_TASK_LEVELS - 1, "b", "b");
	}
}

static void takes_one_of_several_awaiters(void **state)
{
	uint64_t task, set, table;
	uint8_t yes = 1;

	(void)state;
	make_asyncio(0x030e0a00);
	task = make_task(make_str("a"), "a");
	set = make_object(other_type);
	table = make_object(0);
	fake_u64(set + 40, table);
	fake_u64(table + 8, 0);
	fake_u64(table + 16, 0x1234); /* a dummy: its hash is -1 */
	fake_u64(table + 24, UINT64_MAX);
	fake_u64(table + 48, make_task(make_str("b"), "b"));
	fake_u64(task + layout()->task_awaiter, set);
	fake_write(task + layout()->task_awaiters, &yes, 1);
	run_task(task);
	find_task();
	assert_int_equal(found.event.depth, 2);
	assert_called(1, "b", "b");
}

static void has_a_task_without_a_coroutine_of_python(void **state)
{
	uint64_t task;

	(void)state;
	make_asyncio(0x030b0200);
	task = make_task(make_str("a"), "a");
	fake_u64(task + layout()->task_coro, make_object(other_type));
	run_task(task);
	assert_true(find_task());
	assert_called(0, "a", "");
}

static void shortens_the_chain_where_memory_ends(void **state)
{
	(void)state;
	for (size_t v = 0; v < VERSIONS_NR; v++) {
		for (uint64_t fault = 1; fault < 60; fault++) {
			uint64_t inner;

			make_asyncio(versions[v]);
			inner = make_task(make_str("inner"), "a");
			await(inner, make_task(make_str("outer"), "b"));
			run_task(inner);
			fake.fault_at = fault;
			if (find_task())
				assert_in_range(found.event.depth, 1, 2);
		}
	}
}

static void leaves_versions_alone_whose_tasks_it_does_not_know(void **state)
{
	static const uint32_t hex[] = { 0x03060f00, 0x03071100 };

	(void)state;
	for (int i = 0; i < 2; i++) {
		make_process(hex[i], false);
		make_stack(10);
		process.asyncio.run_code = code_at(RUN);
		walk();
		assert_int_equal(find_task(), 0);
	}
	make_process(0x030d0500, true);
	make_stack(10);
	walk();
	assert_int_equal(find_task(), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, unmake)
	const struct CMUnitTest tests[] = {
		TEST(reads_the_chain_in_every_version),
		TEST(reads_a_task_at_its_first_step),
		TEST(reads_four_objects_a_task_once_types_are_known),
		TEST(finds_no_task_where_there_is_none),
		TEST(looks_only_where_the_loop_runs_something),
		TEST(takes_the_innermost_loop),
		TEST(knows_classes_made_of_task),
		TEST(tells_tasks_apart_by_content_alone),
		TEST(tells_long_names_apart),
		TEST(knows_a_number_from_a_name),
		TEST(reads_numbers_that_were_not_yet_made_names),
		TEST(sums_what_would_be_without_end),
		TEST(ends_a_chain_without_end),
		TEST(takes_one_of_several_awaiters),
		TEST(has_a_task_without_a_coroutine_of_python),
		TEST(shortens_the_chain_where_memory_ends),
		TEST(leaves_versions_alone_whose_tasks_it_does_not_know),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
