/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Getters of a thread-local variable, as compilers write them for aarch64.
 */
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "python/getter.h"

#define MRS_X0  0xd53bd040 /* mrs x0, tpidr_el0 */
#define MRS_X3  0xd53bd043
#define BTI     0xd503245f
#define NOP     0xd503201f
#define RET     0xd65f03c0
#define PACIASP 0xd503233f
#define STP     0xa9bf7bfd /* stp x29, x30, [sp, #-16]! */

static int find(const uint32_t *code, size_t bytes, struct getter_tls *ret)
{
	struct getter getter = { .machine = EM_AARCH64, .size = bytes };

	memcpy(getter.code, code, bytes);
	return getter_find_tls(&getter, ret);
}

static void finds_a_distance_from_the_thread_pointer(void **state)
{
	static const struct {
		uint32_t code[9];
		int64_t offset;
	} cases[] = {
		/* Debian's 3.15.2: add x0, x0, #0x20; ...; ldr x0, [x0] */
		{ { BTI, MRS_X0, PACIASP, STP, NOP, 0x91008000, NOP, 0xf9400000, RET }, 0x20 },
		/* add x0, x0, #0, lsl #12; ldr x0, [x0, #0x18] */
		{ { MRS_X0, 0x91400000, 0xf9400c00, RET }, 0x18 },
		/* mrs x3; add x1, x3, #1, lsl #12; add x1, x1, #0x10; ldr x0, [x1, #8] */
		{ { MRS_X3, 0x91400461, 0x91004021, 0xf9400420, RET }, 0x1018 },
		/* what is loaded before comes from elsewhere: ldr x2, [x4, #0x20] */
		{ { 0xf9401082, MRS_X0, 0xf9400c00, RET }, 0x18 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct getter_tls tls = { .in_library = true };

		assert_int_equal(find(cases[i].code, sizeof(cases[i].code), &tls), 0);
		assert_false(tls.in_library);
		assert_int_equal(tls.offset, cases[i].offset);
	}
}

static void finds_none_elsewhere(void **state)
{
	static const uint32_t cases[][4] = {
		{ RET, RET, RET, RET },
		/* add x0, x1, #0x20: not from the thread pointer */
		{ MRS_X0, 0x91008020, 0xf9400000, RET },
		/* mov x0, #0 */
		{ MRS_X0, 0xd2800000, 0xf9400000, RET },
		/* ldr x0, [x0, #8]: the thread control block */
		{ MRS_X0, 0xf9400400, RET, RET },
		/* ldr w0, [x0, #0x18] */
		{ MRS_X0, 0xb9401800, RET, RET },
	};
	struct getter_tls tls;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(find(cases[i], sizeof(cases[i]), &tls), -ENOENT);
	assert_int_equal(find(cases[0], 0, &tls), -ENOENT);
	assert_int_equal(find((uint32_t[]){ MRS_X0, 0xf9400c00 }, 7, &tls), -ENOENT);
}

static void finds_no_reference_in_another_processors_code(void **state)
{
	struct getter getter = { .machine = EM_AARCH64, .size = 16, .code = "\x48\x8d\x3d" };
	uint64_t address;

	(void)state;
	assert_int_equal(getter_find_reference(&getter, 0, "\x48\x8d\x3d", &address), 0);
	getter.machine = EM_X86_64;
	assert_int_equal(getter_find_reference(&getter, 0, "\x48\x8d\x3d", &address), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_a_distance_from_the_thread_pointer),
		cmocka_unit_test(finds_none_elsewhere),
		cmocka_unit_test(finds_no_reference_in_another_processors_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
