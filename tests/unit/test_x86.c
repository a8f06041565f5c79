/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instructions recorded from interpreters; objdump told their lengths.  (Over all of the code of
 * CPython 3.11 and 3.13, 1.4 million instructions, the two agree.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/cleanup.h"
#include "symbol/x86.h"

static void knows_the_length_of_each(void **state)
{
	static const char *const instructions[] = {
		"\x90",
		"\x55",
		"\x41\x57",
		"\x49\x8d\x46\x02",
		"\x48\x8b\x44\x24\x08",
		"\x48\x39\x87\xa0\x11\x11\x11",
		"\x48\x89\xbd\xa8\xfd\xff\xff",
		"\x66\x0f\x1f\x84\x11\x11\x11\x11\x11",
		"\x66\xc7\x44\x24\x08\x22\x33",
		"\xf6\x45\x08\x01",
		"\xf7\xd8",
		"\xf7\x45\x08\x01\x11\x11\x11",
		"\x48\xb8\x11\x22\x33\x44\x55\x66\x77\x88",
		"\xb8\x11\x22\x33\x44",
		"\xc5\xf8\x77",
		"\xc4\xe2\x79\x18\x45\x10",
		"\x66\x0f\x3a\x63\x02\x1a",
		"\x0f\x38\xf0\x02",
		"\x48\x8d\x3c\xc5\x11\x11\x11\x11",
		"\x8b\x04\x25\x11\x11\x11\x11",
		"\xf3\x48\xab",
		"\xc8\x11\x22\x33",
	};
	struct x86_insn insn;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(instructions); i++) {
		const uint8_t *code = (const uint8_t *)instructions[i];
		size_t size = strlen(instructions[i]);

		assert_int_equal(x86_decode(code, size, &insn), 0);
		assert_int_equal(insn.length, size);
		for (size_t less = 0; less < size; less++)
			assert_true(x86_decode(code, less, &insn) < 0);
	}
}

static void knows_where_a_branch_leads(void **state)
{
	static const struct {
		const char *code;
		size_t size;
		enum x86_kind kind;
		int64_t displacement;
	} cases[] = {
		{ "\x74\x10", 2, X86_JCC, 0x10 },
		{ "\x0f\x85\xfe\xff\xff\xff", 6, X86_JCC, -2 },
		{ "\xe9\xdc\xf5\xff\xff", 5, X86_JMP, -0xa24 },
		{ "\xeb\x80", 2, X86_JMP, -0x80 },
		{ "\xe8\x25\xf2\x1a\x00", 5, X86_CALL, 0x1af225 },
		{ "\xff\xe0", 2, X86_GONE, 0 },
		{ "\xff\x24\xc5\x00\x00\x00\x00", 7, X86_GONE, 0 },
		{ "\xff\xd0", 2, X86_OTHER, 0 }, /* call *%rax: not for the kernel to emulate */
		{ "\xc3", 1, X86_GONE, 0 },
		{ "\x0f\x0b", 2, X86_GONE, 0 },
		{ "\x41\x54", 2, X86_PUSH, 0 },
		{ "\x0f\x1f\x40\x00", 4, X86_NOP, 0 },
	};
	struct x86_insn insn;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(x86_decode((const uint8_t *)cases[i].code, cases[i].size, &insn),
				 0);
		assert_int_equal(insn.length, cases[i].size);
		assert_int_equal(insn.kind, cases[i].kind);
		assert_int_equal(insn.displacement, cases[i].displacement);
	}
}

static void knows_a_store_into_a_structure(void **state)
{
	static const struct {
		const char *code;
		size_t size;
		int is_store, base, offset;
	} cases[] = {
		{ "\x4c\x89\x75\x38", 4, 1, 5, 0x38 },          /* mov %r14,0x38(%rbp) */
		{ "\x4d\x89\x7c\x24\x38", 5, 1, 12, 0x38 },     /* mov %r15,0x38(%r12) */
		{ "\x4c\x89\x18", 3, 1, 0, 0 },                 /* mov %r11,(%rax) */
		{ "\x44\x89\x75\x38", 4, 0, 0, 0 },             /* 32 bits */
		{ "\x4c\x8b\x75\x38", 4, 0, 0, 0 },             /* a load */
		{ "\x48\x89\xd8", 3, 0, 0, 0 },                 /* register to register */
		{ "\x48\x89\x05\x38\x00\x00\x00", 7, 0, 0, 0 }, /* to a variable */
		{ "\x48\x89\x44\xc3\x38", 5, 0, 0, 0 },         /* into an array */
	};
	struct x86_insn insn;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(x86_decode((const uint8_t *)cases[i].code, cases[i].size, &insn),
				 0);
		assert_int_equal(insn.length, cases[i].size);
		assert_int_equal(insn.is_store, cases[i].is_store);
		if (!cases[i].is_store)
			continue;
		assert_int_equal(insn.base, cases[i].base);
		assert_int_equal(insn.offset, cases[i].offset);
	}
}

static void refuses_what_it_does_not_know(void **state)
{
	static const char *const refused[] = {
		"\x62\xf3\x7d\x20\x3f\x07\x11\x11", /* EVEX */
		"\x06\x90\x90\x90",                 /* none in 64-bit code */
		"\x48\x48\x89\xd8",                 /* a REX prefix without effect */
		"\xc4\xff\x79\x18\x45\x10",         /* a map of VEX that there is not */
		"\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x90",
	};
	struct x86_insn insn;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		assert_true(x86_decode((const uint8_t *)refused[i], strlen(refused[i]), &insn) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_the_length_of_each),
		cmocka_unit_test(knows_where_a_branch_leads),
		cmocka_unit_test(knows_a_store_into_a_structure),
		cmocka_unit_test(refuses_what_it_does_not_know),
	};

	return cmocka_run_group_tests_name("x86", tests, NULL, NULL);
}
