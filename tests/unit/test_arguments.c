/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arguments of calls as text: of every kind, cut, unreadable, hostile.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "python/arguments.h"
#include "python/layout.h"

#define HEAP       0x100000ULL
#define HEAP_BYTES 0x8000
#define CODE       HEAP
#define NAMES      (HEAP + 0x400)  /* tuple */
#define TEXTS      (HEAP + 0x1000) /* names of arguments, 0x80 each */
#define TYPES      (HEAP + 0x2000) /* 0x100 each; the name behind */

static uint8_t heap[HEAP_BYTES];
static struct adder_call_mark mark;
static int types;

static int read_heap(void *arg, uint64_t address, void *dst, size_t size)
{
	(void)arg;
	if (address < HEAP || address - HEAP > HEAP_BYTES || size > HEAP_BYTES - (address - HEAP))
		return -EFAULT;
	memcpy(dst, heap + (address - HEAP), size);
	return 0;
}

static void put32(uint64_t at, uint32_t value)
{
	memcpy(heap + (at - HEAP), &value, sizeof(value));
}

static void put64(uint64_t at, uint64_t value)
{
	memcpy(heap + (at - HEAP), &value, sizeof(value));
}

/* A code object of 3.13 with @plain, @kwonly arguments. */
static int begin(void **state)
{
	(void)state;
	memset(heap, 0, sizeof(heap));
	memset(&mark, 0, sizeof(mark));
	types = 0;
	put32(CODE + 48, 0);
	put64(CODE + 96, NAMES);
	return 0;
}

static void name(int index, const char *text)
{
	uint64_t at = TEXTS + 0x80 * index;

	put64(NAMES + 24 + 8 * index, at);
	put64(at + 16, strlen(text));
	put32(at + 32, (1 | 8 | 16) << 2); /* kind, compact, ascii, behind `interned` */
	strcpy((char *)heap + (at + 40 - HEAP), text);
}

/* Argument @index is an object of the type called @type. */
static uint8_t *argument(int index, const char *argument, const char *type)
{
	uint64_t at = TYPES + 0x100 * types++;

	put32(CODE + 52, index + 1);
	put64(at + 24, at + 0x80);
	strcpy((char *)heap + (at + 0x80 - HEAP), type);
	name(index, argument);
	mark.arguments[index] = HEAP + 0x7000;
	memcpy(mark.objects[index] + 8, &at, sizeof(at));
	return mark.objects[index];
}

static void put_word(uint8_t *object, size_t at, uint64_t value)
{
	memcpy(object + at, &value, sizeof(value));
}

static const char *format(void)
{
	static char text[512];
	const struct arguments_memory memory = { read_heap, NULL };

	assert_int_equal(arguments_format(&memory, layout_find(0x030d00f0, false), CODE, &mark,
					  text, sizeof(text)),
			 0);
	return text;
}

static void writes_numbers(void **state)
{
	uint8_t *object = argument(0, "n", "int");
	double ratio = -2.5;

	(void)state;
	put_word(object, 16, 1 << 3 | 2);
	put_word(object, 24, 42);
	object = argument(1, "big", "int");
	put_word(object, 16, 4 << 3);
	put_word(object, 24, UINT64_C(0x3fffffff) << 32 | 0x3fffffff);
	put_word(object, 32, UINT64_C(0x3fffffff) << 32 | 0x3fffffff);
	object = argument(2, "huge", "int");
	put_word(object, 16, 1000 << 3);
	object = argument(3, "ratio", "float");
	memcpy(object + 16, &ratio, sizeof(ratio));
	put_word(argument(4, "yes", "bool"), 24, 1);
	argument(5, "no", "bool");
	argument(6, "nothing", "NoneType");
	assert_string_equal(format(),
			    "n=-42, big=1329227995784915872903807060280344575, huge=int of about "
			    "9026 digits, ratio=-2.5, yes=True, no=False, nothing=None");
}

static void writes_texts_cut(void **state)
{
	uint8_t *object = argument(0, "text", "str");

	(void)state;
	put_word(object, 16, 5);
	put_word(object, 32, (1 | 8 | 16) << 2);
	memcpy(object + 40, "hello", 5);
	object = argument(1, "long", "str");
	put_word(object, 16, 1000);
	put_word(object, 32, (1 | 8 | 16) << 2);
	memset(object + 40, 'x', 48);
	object = argument(2, "wide", "str");
	put_word(object, 16, 2);
	put_word(object, 32, (2 | 8) << 2);
	memcpy(object + 56, "\x42\x26\x43\x26", 4);
	object = argument(3, "data", "bytes");
	put_word(object, 16, 3);
	memcpy(object + 32, "a\0b", 3);
	assert_string_equal(format(),
			    "text='hello', "
			    "long='xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...'(1000), "
			    "wide='\xe2\x99\x82\xe2\x99\x83', data=b'a\\x00b'");
}

static void counts_and_names_the_rest(void **state)
{
	(void)state;
	put_word(argument(0, "items", "list"), 16, 12);
	put_word(argument(1, "by", "dict"), 16, 3);
	put_word(argument(2, "seen", "set"), 24, 4);
	argument(3, "app", "App");
	argument(4, "lost", "App");
	mark.arguments[4] = 0;
	name(5, "rest");
	name(6, "more");
	put32(CODE + 48, 0x0c); /* *rest, **more */
	assert_string_equal(format(),
			    "items=list(12), by=dict(3), seen=set(4), app=<App>, lost=..., "
			    "*rest=..., **more=...");
}

/* What is in a cell stands behind it, since the call's beginning. */
static void looks_into_cells(void **state)
{
	uint8_t *cell = argument(0, "key", "cell"), *text = argument(1, "text", "str");

	(void)state;
	put_word(text, 16, 30);
	put_word(text, 32, (1 | 8 | 16) << 2);
	memset(text + 40, 'x', 30);
	memcpy(cell + 24, text, ADDER_ARGUMENT_BYTES - 24);
	put_word(cell, 16, HEAP + 0x7000);
	put_word(argument(2, "gone", "cell"), 16, HEAP + 0x7000);
	argument(3, "empty", "cell");
	memcpy(argument(4, "nested", "cell") + 24, cell, ADDER_ARGUMENT_BYTES - 24);
	put_word(mark.objects[4], 16, HEAP + 0x7000);
	assert_string_equal(format(), "key='xxxxxxxxxxxxxxxxxxxxxxxx...'(30), "
				      "text='xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', gone=..., empty=..., "
				      "nested=...");
}

static void refuses_what_is_no_code(void **state)
{
	const struct arguments_memory memory = { read_heap, NULL };
	const struct adder_layout *layout = layout_find(0x030d00f0, false);
	char text[64] = "x";

	(void)state;
	assert_int_equal(arguments_format(&memory, layout, 12, &mark, text, sizeof(text)), -EFAULT);
	assert_string_equal(text, "");
	put32(CODE + 52, 1 << 20);
	assert_int_equal(arguments_format(&memory, layout, CODE, &mark, text, sizeof(text)),
			 -EBADMSG);
}

/* Code objects, texts and ints of 3.7 and of 3.10 are laid out in other ways. */
static void knows_older_ones(void **state)
{
	const struct arguments_memory memory = { read_heap, NULL };
	uint8_t *number = argument(0, "n", "int"), *object = argument(1, "text", "str");
	char text[64];

	(void)state;
	for (int i = 0; i < 2; i++)
		strcpy((char *)heap + (TEXTS + 0x80 * i + 48 - HEAP), i ? "text" : "n");
	put_word(number, 16, -1);
	put_word(number, 24, 42);
	put_word(object, 16, 2);
	put_word(object, 32, (1 | 8 | 16) << 2);
	memcpy(object + 48, "hi", 2);
	memset(heap, 0, 0x100);
	put32(CODE + 16, 1);
	put32(CODE + 20, 1); /* by keyword only */
	put64(CODE + 64, NAMES);
	assert_int_equal(arguments_format(&memory, layout_find(0x030700f0, false), CODE, &mark,
					  text, sizeof(text)),
			 0);
	assert_string_equal(text, "n=-42, text='hi'");
	memset(heap, 0, 0x100);
	put32(CODE + 16, 2);
	put32(CODE + 20, 1); /* by position only: among them */
	put64(CODE + 72, NAMES);
	assert_int_equal(arguments_format(&memory, layout_find(0x030a00f0, false), CODE, &mark,
					  text, sizeof(text)),
			 0);
	assert_string_equal(text, "n=-42, text='hi'");
}

static void does_not_believe_lengths(void **state)
{
	uint8_t *object = argument(0, "text", "str");

	(void)state;
	put_word(object, 16, UINT64_MAX);
	put_word(object, 32, (4 | 8 | 16) << 2);
	put_word(argument(1, "data", "bytes"), 16, UINT64_MAX);
	put64(TEXTS + 16, UINT64_MAX - 3); /* the first name */
	assert_string_equal(format(), "?=str, data=b'"
				      "\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00"
				      "\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00"
				      "\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00"
				      "\\x00\\x00\\x00...'(18446744073709551615)");
}

static void is_cut_at_its_room(void **state)
{
	const struct arguments_memory memory = { read_heap, NULL };
	char text[8];

	(void)state;
	argument(0, "a_long_name", "App");
	assert_int_equal(arguments_format(&memory, layout_find(0x030d00f0, false), CODE, &mark,
					  text, sizeof(text)),
			 0);
	assert_string_equal(text, "a_long_");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(writes_numbers, begin),
		cmocka_unit_test_setup(writes_texts_cut, begin),
		cmocka_unit_test_setup(counts_and_names_the_rest, begin),
		cmocka_unit_test_setup(looks_into_cells, begin),
		cmocka_unit_test_setup(refuses_what_is_no_code, begin),
		cmocka_unit_test_setup(knows_older_ones, begin),
		cmocka_unit_test_setup(does_not_believe_lengths, begin),
		cmocka_unit_test_setup(is_cut_at_its_room, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
