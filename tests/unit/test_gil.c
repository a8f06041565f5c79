/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "python/memory.h"

#define ADDRESS(object) ((uint64_t)(uintptr_t)(object))

/* A runtime, two interpreters and a GIL each, in this very process. */
struct gil {
	uint64_t last_holder;
	int32_t locked, pad;
	char words[64];
};

struct interp {
	uint64_t next;
	uint64_t gil;
};

struct runtime {
	uint64_t current;
	uint64_t interpreters;
};

static struct gil gils[2];
static struct interp interps[2];
static struct runtime runtime;

/* The layout of 3.12 and later; the newest interpreter is the list's head. */
static struct adder_process make_process(void)
{
	struct adder_process p = { .phase = ADDER_PHASE_READY, .runtime = ADDRESS(&runtime) };
	struct adder_layout *l = &p.binary.layout;

	memset(gils, 0, sizeof(gils));
	interps[0] = (struct interp){ .next = ADDRESS(&interps[1]), .gil = ADDRESS(&gils[0]) };
	interps[1] = (struct interp){ .gil = ADDRESS(&gils[1]) };
	runtime.interpreters = ADDRESS(&interps[0]);
	p.binary.kind = ADDER_BINARY_STATIC;
	l->rt_interpreters_head = offsetof(struct runtime, interpreters);
	l->interp_next = offsetof(struct interp, next);
	l->interp_gil = offsetof(struct interp, gil);
	l->gil_last_holder = offsetof(struct gil, last_holder);
	l->gil_locked = offsetof(struct gil, locked);
	l->gil_words = offsetof(struct gil, words);
	l->gil_bytes = sizeof(struct gil);
	return p;
}

static void asks_the_interpreter_for_the_last_holder_while_locked(void **state)
{
	struct adder_process p = make_process();
	uint64_t holder = 1;

	(void)state;
	gils[0] = (struct gil){ .last_holder = 0x1000, .locked = 1 };
	gils[1] = (struct gil){ .last_holder = 0x2000, .locked = 0 };
	assert_int_equal(memory_gil_holder(getpid(), &p, ADDRESS(&interps[0]), &holder), 0);
	assert_int_equal(holder, 0x1000);
	assert_int_equal(memory_gil_holder(getpid(), &p, ADDRESS(&interps[1]), &holder), 0);
	assert_int_equal(holder, 0);
	gils[1].locked = -1; /* not made yet */
	assert_int_equal(memory_gil_holder(getpid(), &p, ADDRESS(&interps[1]), &holder), 0);
	assert_int_equal(holder, 0);
}

static void asks_the_runtime_before_3_12(void **state)
{
	struct adder_process p = make_process();
	uint64_t holder = 1, padded[2] = { 0, 0x3000 };

	(void)state;
	p.runtime = ADDRESS(padded);
	p.binary.layout.rt_tstate_current = 8;
	assert_int_equal(memory_gil_holder(getpid(), &p, ADDRESS(&interps[0]), &holder), 0);
	assert_int_equal(holder, 0x3000);
}

static void asks_the_static_variable_of_3_6(void **state)
{
	struct adder_process p = make_process();
	uint64_t holder = 1, current = 0x4000;

	(void)state;
	p.bias = ADDRESS(&current) - 0x10;
	p.binary.tstate_current = 0x10;
	assert_int_equal(memory_gil_holder(getpid(), &p, 0, &holder), 0);
	assert_int_equal(holder, 0x4000);
}

static void knows_no_holder_where_there_is_no_gil(void **state)
{
	struct adder_process p = make_process();
	uint64_t holder = 1;

	(void)state;
	assert_int_equal(memory_gil_holder(getpid(), &p, 0, &holder), -ENOENT);
	interps[0].gil = 0;
	assert_int_equal(memory_gil_holder(getpid(), &p, ADDRESS(&interps[0]), &holder), -ENOENT);
	assert_true(memory_gil_holder(getpid(), &p, 0x10, &holder) < 0);
	p.binary.layout.free_threaded = 1;
	assert_int_equal(memory_gil_holder(getpid(), &p, ADDRESS(&interps[1]), &holder), -ENOENT);
	assert_int_equal(holder, 1);
}

static void finds_the_gil_of_the_main_interpreter(void **state)
{
	struct adder_process p = make_process();

	(void)state;
	memory_find_gil(getpid(), &p);
	assert_int_equal(p.gil, ADDRESS(&gils[1].words));
	assert_int_equal(p.gil_end, ADDRESS(&gils[1] + 1));
}

static void finds_no_gil_in_a_list_without_end(void **state)
{
	struct adder_process p = make_process();

	(void)state;
	interps[1].next = ADDRESS(&interps[0]);
	memory_find_gil(getpid(), &p);
	assert_int_equal(p.gil_end, 0);
	runtime.interpreters = 0x10;
	memory_find_gil(getpid(), &p);
	assert_int_equal(p.gil_end, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asks_the_interpreter_for_the_last_holder_while_locked),
		cmocka_unit_test(asks_the_runtime_before_3_12),
		cmocka_unit_test(asks_the_static_variable_of_3_6),
		cmocka_unit_test(knows_no_holder_where_there_is_no_gil),
		cmocka_unit_test(finds_the_gil_of_the_main_interpreter),
		cmocka_unit_test(finds_no_gil_in_a_list_without_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
