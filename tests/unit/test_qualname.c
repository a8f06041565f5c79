/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Methods' qualified names before 3.11: found through made-up classes, and never where they are
 * not.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_memory.h"
#include "python/layout.h"
#include "python/qualname.h"

#define HEAP     0x100000ULL
#define CODE     (HEAP + 0x0000)
#define NAME     (HEAP + 0x1000) /* "run" */
#define QUALNAME (HEAP + 0x1100) /* "Shop.run" */
#define FUNCTION (HEAP + 0x1200)
#define SELF     (HEAP + 0x1300)
#define META     (HEAP + 0x2000) /* the type of types */
#define CLASS    (HEAP + 0x3000)
#define BASE     (HEAP + 0x4000)
#define TUPLES   (HEAP + 0x5000) /* one each 0x100 */
#define VALUE    (HEAP + 0x6000) /* what the base has under the name */
#define DICT     0x600           /* behind each class */
#define KEYS     0x700
#define ENTRIES  (KEYS + 40 + 8)

static const struct version {
	uint16_t hex, code, qualname, closure;
} versions[] = { { 0x0306, 16, 104, 48 },
		 { 0x0307, 16, 104, 48 },
		 { 0x0309, 16, 104, 48 },
		 { 0x030a, 48, 40, 72 } };

static const struct version *version;
static struct adder_event_code event;

static int read_fake(void *arg, uint32_t serial, uint64_t address, void *dst, size_t size)
{
	(void)arg;
	assert_int_equal(serial, 7);
	return remote_read(dst, size, address);
}

static int find(void)
{
	const struct qualname_memory memory = { read_fake, NULL };

	fake.reads = 0;
	return qualname_find(&memory, version->hex, &event);
}

static void make_str(uint64_t at, const char *text)
{
	fake_u64(at + 16, strlen(text));
	fake_u32(at + 32, (1 | 8 | 16) << 2);
	fake_write(at + 48, text, strlen(text));
}

static void make_function(uint64_t at, uint64_t code)
{
	fake_u64(at + version->code, code);
	fake_u64(at + version->qualname, QUALNAME);
	fake_u64(at + version->closure, 0);
}

/* A class whose dictionary, of 8 slots, has @value under @name. */
static void make_class(uint64_t at, uint64_t name, uint64_t value)
{
	fake_u64(at + 264, at + DICT);
	fake_u64(at + DICT + 32, at + KEYS);
	fake_u64(at + KEYS + 8, 8);
	fake_u64(at + KEYS + 32, 2);
	fake_u64(at + ENTRIES + 8, 0xabc);
	fake_u64(at + ENTRIES + 32, name);
	fake_u64(at + ENTRIES + 40, value);
}

/* A function wrapper(), which has @value in its closure. */
static void make_wrapper(uint64_t at, uint64_t value)
{
	make_function(at, 0xbad);
	fake_u64(at + version->closure, TUPLES + 0x200);
	fake_u64(TUPLES + 0x200 + 16, 1);
	fake_u64(TUPLES + 0x200 + 24, TUPLES + 0x300);
	fake_u64(TUPLES + 0x300 + 16, value);
}

/* self is of a class whose base has the method. */
static void make(const struct version *v)
{
	const struct adder_layout *l = layout_find((uint32_t)v->hex << 16 | 0xf00, false);

	version = v;
	fake_unmap_all();
	fake_map(HEAP, 0x8000);
	fake_u64(CODE + l->co_name, NAME);
	fake_u32(CODE + l->co_firstlineno, 17);
	make_str(NAME, "run");
	make_str(QUALNAME, "Shop.run");
	make_function(FUNCTION, CODE);
	fake_u64(META + 168, 1ULL << 31);
	make_class(CLASS, 0xdef, 0);
	make_class(BASE, NAME, FUNCTION);
	fake_u64(CLASS + 344, TUPLES);
	fake_u64(TUPLES + 16, 2);
	fake_u64(TUPLES + 24, CLASS);
	fake_u64(TUPLES + 32, BASE);
	memset(&event, 0, sizeof(event));
	event.serial = 7;
	event.code = CODE;
	event.first_line = 17;
	event.first = SELF;
	event.first_type = CLASS;
	event.name_bytes = 3;
	event.name_state = 1 | 8 | 16;
	memcpy(event.name, "run", 3);
}

static void assert_found(void)
{
	assert_int_equal(find(), 0);
	assert_int_equal(event.name_bytes, 8);
	assert_memory_equal(event.name, "Shop.run", 8);
}

static void assert_plain(void)
{
	assert_int_equal(find(), -ENOENT);
	assert_int_equal(event.name_bytes, 3);
	assert_memory_equal(event.name, "run", 3);
}

static int unmake(void **state)
{
	(void)state;
	fake_unmap_all();
	return 0;
}

#define EACH_VERSION(v)                                                                            \
	for (const struct version *v = versions;                                                   \
	     v < versions + sizeof(versions) / sizeof(versions[0]); v++)

static void finds_a_method_in_the_class_that_defines_it(void **state)
{
	(void)state;
	EACH_VERSION(v)
	{
		make(v);
		assert_found();
	}
}

static void finds_the_class_that_is_the_argument_itself(void **state)
{
	(void)state;
	EACH_VERSION(v)
	{
		make(v);
		event.first = CLASS;
		event.first_type = META;
		assert_found();
	}
}

static void finds_what_a_decorator_wraps(void **state)
{
	(void)state;
	EACH_VERSION(v)
	{
		make(v);
		make_class(BASE, NAME, VALUE);
		fake_u64(VALUE + 16, FUNCTION); /* classmethod, or a property's getter */
		assert_found();
		make(v);
		make_class(BASE, NAME, VALUE);
		fake_u64(VALUE + 24, FUNCTION); /* a property's setter */
		assert_found();
		make(v);
		make_class(BASE, NAME, VALUE);
		make_wrapper(VALUE, FUNCTION);
		assert_found();
		make(v);
		make_class(BASE, NAME, VALUE);
		make_wrapper(VALUE + 0x100, FUNCTION);
		fake_u64(VALUE + 16, VALUE + 0x100);
		assert_found();
	}
}

static void finds_a_private_name_by_its_code_alone(void **state)
{
	(void)state;
	make(&versions[0]);
	make_class(BASE, NAME + 8, FUNCTION); /* mangled: another str */
	assert_plain();
	make_str(QUALNAME, "A.__go");
	event.name_bytes = 4;
	memcpy(event.name, "__go", 4);
	assert_int_equal(find(), -ENOENT);
	event.name_bytes = 5;
	memcpy(event.name, "__run", 5);
	make_str(QUALNAME, "A.__run");
	assert_int_equal(find(), 0);
	assert_memory_equal(event.name, "A.__run", 7);
}

static void leaves_what_is_no_method_of_its_argument(void **state)
{
	(void)state;
	EACH_VERSION(v)
	{
		make(v);
		make_function(FUNCTION, CODE + 8); /* another one of that name */
		assert_plain();
		make(v);
		event.first_type = 0;
		assert_plain();
		assert_int_equal(fake.reads, 0);
		make(v);
		event.first_line = 18; /* another code object by now */
		assert_plain();
		make(v);
		make_str(QUALNAME, "Shop.walk");
		assert_plain();
		make(v);
		fake_u64(QUALNAME + 16, 1ULL << 40);
		assert_plain();
	}
}

static void survives_any_single_fault(void **state)
{
	(void)state;
	make(&versions[3]);
	make_class(BASE, NAME, VALUE);
	make_wrapper(VALUE, FUNCTION);
	assert_int_equal(find(), 0);
	for (uint64_t i = 1, count = fake.reads; i <= count; i++) {
		make(&versions[3]);
		make_class(BASE, NAME, VALUE);
		make_wrapper(VALUE, FUNCTION);
		fake.fault_at = i;
		if (find())
			assert_memory_equal(event.name, "run", 3);
		else
			assert_memory_equal(event.name, "Shop.run", 8);
		fake.fault_at = 0;
	}
}

static void gives_up_on_classes_that_make_no_sense(void **state)
{
	(void)state;
	make(&versions[1]);
	fake_u64(TUPLES + 16, UINT64_MAX);
	assert_plain();
	make(&versions[1]);
	fake_u64(BASE + KEYS + 32, UINT64_MAX);
	assert_plain();
	make(&versions[1]);
	fake_u64(BASE + KEYS + 8, UINT64_MAX);
	assert_plain();
	make(&versions[1]);
	make_class(BASE, NAME, VALUE);
	for (int i = 0; i < 16; i++) /* everything leads back to itself */
		fake_u64(VALUE + 8 * i, VALUE);
	assert_plain();
	assert_in_range(fake.reads, 1, 2100);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, unmake)
	const struct CMUnitTest tests[] = {
		TEST(finds_a_method_in_the_class_that_defines_it),
		TEST(finds_the_class_that_is_the_argument_itself),
		TEST(finds_what_a_decorator_wraps),
		TEST(finds_a_private_name_by_its_code_alone),
		TEST(leaves_what_is_no_method_of_its_argument),
		TEST(survives_any_single_fault),
		TEST(gives_up_on_classes_that_make_no_sense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
