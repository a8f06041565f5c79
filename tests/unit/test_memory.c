/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stacks walked from outside: a thread of CPython 3.13, made up in this very process.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "arch.h"
#include "python/layout.h"
#include "python/memory.h"

#define PAGE    4096
#define VERSION 0x030d0500
#define SERIAL  5
#define TLS     16 /* from the thread pointer to where it keeps its thread state */
#ifdef ARCH_ARM64
#define PTHREAD_BYTES 0x740 /* of a struct pthread, before the thread pointer */
#else
#define PTHREAD_BYTES 0
#endif

/* A page each: its pthread, thread state, code object and two frames. */
enum { PTHREAD, TSTATE, CODE, INNER, OUTER, PAGES };

static uint8_t *pages;
static struct adder_process process;

static uint64_t page(int which)
{
	return (uintptr_t)pages + PAGE * which;
}

static uint64_t thread_pointer(void)
{
	return page(PTHREAD) + PTHREAD_BYTES;
}

static void put(uint64_t address, uint64_t value)
{
	memcpy((void *)(uintptr_t)address, &value, sizeof(value));
}

static void put_frame(uint64_t frame, uint64_t previous, int instr)
{
	const struct adder_layout *l = &process.binary.layout;

	put(frame + l->f_code, page(CODE));
	put(frame + l->f_previous, previous);
	put(frame + l->f_instr, page(CODE) + l->co_code_adaptive + instr);
}

/* A function and its caller. */
static int make(void **state)
{
	const struct adder_layout *l = layout_find(VERSION, false);

	(void)state;
	pages = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		     0);
	if (pages == MAP_FAILED || !l)
		return -1;
	process = (struct adder_process){ .serial = SERIAL, .phase = ADDER_PHASE_READY };
	process.pthread_bytes = PTHREAD_BYTES;
	process.binary.tstate_via = ADDER_VIA_TLS_EXE;
	process.tls_offset = TLS;
	process.binary.layout = *l;
	put(thread_pointer() + TLS, page(TSTATE));
	put(page(TSTATE) + l->ts_thread_id, page(PTHREAD));
	put(page(TSTATE) + l->ts_interp, 0x1234);
	put(page(TSTATE) + l->ts_frame, page(INNER));
	put(page(CODE) + l->co_name, page(CODE) + 512);
	put(page(CODE) + l->co_filename, page(CODE) + 1024);
	put_frame(page(INNER), page(OUTER), 2);
	put_frame(page(OUTER), 0, 4);
	return 0;
}

static int unmake(void **state)
{
	(void)state;
	return munmap(pages, PAGES * PAGE);
}

static void walks_a_stack_from_outside(void **state)
{
	struct memory_stack stack;

	(void)state;
	memory_walk(getpid(), &process, thread_pointer(), &stack);
	assert_true(stack.id >= ADDER_STACK_FIRST_HASH);
	assert_int_equal(stack.event->hash, stack.id);
	assert_int_equal(stack.event->serial, SERIAL);
	assert_int_equal(stack.event->depth, 2);
	assert_false(stack.event->torn);
	assert_int_equal(stack.event->frames[0].instr, 2);
	assert_int_equal(stack.event->frames[1].instr, 4);
	assert_int_equal(stack.tstate, page(TSTATE));
	assert_int_equal(stack.interp, 0x1234);
}

static void completes_a_stack_that_it_has_walked_itself(void **state)
{
	const struct adder_event_stack *whole = NULL;
	struct memory_stack stack;

	(void)state;
	mprotect(pages + PAGE * OUTER, PAGE, PROT_NONE);
	memory_walk(getpid(), &process, thread_pointer(), &stack);
	assert_true(stack.event->torn);
	assert_int_equal(memory_complete_stack(getpid(), &process, stack.event, &whole), -ENOENT);
	assert_null(whole);
	mprotect(pages + PAGE * OUTER, PAGE, PROT_READ);
	assert_int_equal(memory_complete_stack(getpid(), &process, stack.event, &whole), 0);
	assert_int_equal(whole->depth, 2);
	assert_int_equal(whole->hash, stack.id);
	assert_true(stack.event->torn);
	assert_int_equal(stack.event->depth, 1);
	assert_int_equal(stack.event->hash, stack.id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(walks_a_stack_from_outside, make, unmake),
		cmocka_unit_test_setup_teardown(completes_a_stack_that_it_has_walked_itself, make,
						unmake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
