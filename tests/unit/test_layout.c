/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "debug_offsets.h"
#include "python/layout.h"

static const struct known {
	uint32_t version;
	bool free_threaded;
} known[] = {
	{ 0x03060ff0, false }, { 0x030703f0, false }, { 0x030704f0, false }, { 0x030812f0, false },
	{ 0x030902f0, false }, { 0x030a0df0, false }, { 0x030b02f0, false }, { 0x030c01f0, false },
	{ 0x030d00f0, false }, { 0x030d0ff0, true },  { 0x030e0af0, false }, { 0x030e0af0, true },
	{ 0x030f02f0, false }, { 0x030f02f0, true },
};

static void knows_every_version(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		const struct adder_layout *layout =
			layout_find(known[i].version, known[i].free_threaded);

		assert_non_null(layout);
		assert_int_equal(layout->version, known[i].version >> 16);
		assert_int_equal(layout->free_threaded, known[i].free_threaded);
	}
}

static void knows_no_other_version(void **state)
{
	(void)state;
	assert_null(layout_find(0x020712f0, false));
	assert_null(layout_find(0x030500f0, false));
	assert_null(layout_find(0x030c01f0, true));
	assert_null(layout_find(0x031000f0, false));
}

#ifdef __aarch64__
#define MUTEXES 16 /* two in the GIL, 8 bytes larger each */
#else
#define MUTEXES 0
#endif

static void tells_the_early_3_7_from_the_later(void **state)
{
	(void)state;
	assert_int_equal(layout_find(0x030703f0, false)->rt_tss_key, 1416 + MUTEXES);
	assert_int_equal(layout_find(0x030704f0, false)->rt_tss_key, 1504 + MUTEXES);
	/* Not known: the later ones were around for longer. */
	assert_int_equal(layout_find(0x0307fff0, false)->rt_tss_key, 1504 + MUTEXES);
}

/* The walker reads into buffers of these sizes. */
static void fits_the_walkers_buffers(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		const struct adder_layout *l =
			layout_find(known[i].version, known[i].free_threaded);
		int instr_bytes = l->instr_is_pointer ? 8 : 4;

		assert_true(l->ts_frame + 8 <= ADDER_TSTATE_BYTES);
		assert_true(l->ts_thread_id + 8 <= ADDER_TSTATE_BYTES);
		assert_true(l->frame_bytes <= ADDER_FRAME_MAX && l->frame_bytes % 8 == 0);
		assert_true(l->f_code + 8 <= l->frame_bytes && l->f_previous + 8 <= l->frame_bytes);
		assert_true(l->f_instr + instr_bytes <= l->frame_bytes);
		assert_true(l->f_owner < l->frame_bytes);
		assert_true(l->signature_bytes <= ADDER_SIGNATURE_MAX);
		assert_true(l->signature_bytes && l->signature_bytes % 8 == 0);
		assert_true(l->co_firstlineno >= l->signature_start);
		assert_true(l->co_firstlineno + 4 <= l->signature_start + l->signature_bytes);
	}
}

static const struct real {
	uint32_t version;
	const uint64_t *table;
	size_t size;
} real[] = {
	{ 0x030d12f0, debug_offsets_3_13, sizeof(debug_offsets_3_13) },
	{ 0x030e0af0, debug_offsets_3_14, sizeof(debug_offsets_3_14) },
	{ 0x030f02f0, debug_offsets_3_15, sizeof(debug_offsets_3_15) },
};

static void agrees_with_the_debug_offsets_of_real_interpreters(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(real); i++) {
		struct adder_layout layout = *layout_find(real[i].version, false), before = layout;

		assert_int_equal(layout_apply_debug_offsets(&layout, (const uint8_t *)real[i].table,
							    real[i].size),
				 0);
		assert_memory_equal(&layout, &before, sizeof(layout));
	}
}

/* Apply 3.13's debug offsets with the word at @at changed to @value. */
static int apply_changed(struct adder_layout *layout, size_t at, uint64_t value)
{
	uint64_t table[ARRAY_SIZE(debug_offsets_3_13)];

	*layout = *layout_find(0x030d12f0, false);
	memcpy(table, debug_offsets_3_13, sizeof(table));
	table[at / 8] = value;
	return layout_apply_debug_offsets(layout, (uint8_t *)table, sizeof(table));
}

static void lets_debug_offsets_override(void **state)
{
	struct adder_layout layout;

	(void)state;
	assert_int_equal(apply_changed(&layout, 72, 7400), 0);
	assert_int_equal(layout.interp_threads_head, 7400);
	assert_int_equal(apply_changed(&layout, 264, 71), 0);
	assert_int_equal(layout.f_owner, 71);
}

static void moves_what_the_debug_offsets_do_not_tell(void **state)
{
	struct adder_layout layout;

	(void)state;
	assert_int_equal(apply_changed(&layout, 312, 76), 0);
	assert_int_equal(layout.co_firstlineno, 76);
	assert_int_equal(layout.signature_start, 56);
	assert_int_equal(apply_changed(&layout, 344, 208), 0);
	assert_int_equal(layout.co_firsttraceable, 192);
}

static void refuses_debug_offsets_that_make_no_sense(void **state)
{
	const struct adder_layout *before = layout_find(0x030d12f0, false);
	static const struct {
		size_t at;
		uint64_t value;
	} wrong[] = {
		{ 0, 0 },          /* no cookie */
		{ 8, 0x030e00f0 }, /* another version */
		{ 16, 1 },         /* another build */
		{ 184, 100000 },   /* a field outside of what is read */
		{ 224, 200 },      /* a frame larger than the buffer */
		{ 224, 40 },       /* a frame without its fields */
		{ 40, UINT64_MAX },
		{ 136, 0 }, /* the GIL's lock in front of the GIL */
		{ 144, UINT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct adder_layout layout;

		assert_int_equal(apply_changed(&layout, wrong[i].at, wrong[i].value), -EBADMSG);
		assert_memory_equal(&layout, before, sizeof(layout));
	}
}

static void refuses_debug_offsets_that_are_cut_short(void **state)
{
	struct adder_layout layout = *layout_find(0x030d12f0, false);

	(void)state;
	for (size_t size = 0; size < sizeof(debug_offsets_3_13); size += 8)
		assert_int_equal(layout_apply_debug_offsets(
					 &layout, (const uint8_t *)debug_offsets_3_13, size),
				 -EBADMSG);
}

static void refuses_debug_offsets_of_an_unknown_order(void **state)
{
	struct adder_layout layout = { .version = 0x0310 };

	(void)state;
	assert_int_equal(layout_apply_debug_offsets(&layout, (const uint8_t *)debug_offsets_3_15,
						    sizeof(debug_offsets_3_15)),
			 -ENOTSUP);
}

/* Apply 3.15's debug offsets as 3.16's, with the word at @at changed to @value. */
static int apply_later(struct adder_layout *layout, size_t at, uint64_t value)
{
	uint64_t table[ARRAY_SIZE(debug_offsets_3_15)];

	*layout = *layout_find(0x030f02f0, false);
	memcpy(table, debug_offsets_3_15, sizeof(table));
	table[1] = 0x031000f0;
	table[at / 8] = value;
	return layout_apply_debug_offsets(layout, (uint8_t *)table, sizeof(table));
}

static void reads_a_later_version_by_its_debug_offsets(void **state)
{
	struct adder_layout layout;

	(void)state;
	assert_int_equal(apply_later(&layout, 72, 7400), 0); /* a field has moved */
	assert_int_equal(layout.interp_threads_head, 7400);
}

/* A field more, or less, anywhere in the table: everything behind it is elsewhere. */
static void refuses_a_later_version_with_another_order(void **state)
{
	uint64_t table[ARRAY_SIZE(debug_offsets_3_15) + 1];

	(void)state;
	for (size_t at = 3; at < 736 / 8; at++) {
		struct adder_layout layout = *layout_find(0x030f02f0, false);

		memcpy(table, debug_offsets_3_15, sizeof(debug_offsets_3_15));
		table[1] = 0x031000f0;
		memmove(&table[at + 1], &table[at], sizeof(debug_offsets_3_15) - 8 * at);
		table[at] = 8;
		assert_int_equal(
			layout_apply_debug_offsets(&layout, (uint8_t *)table, sizeof(table)),
			-EBADMSG);
		memcpy(table, debug_offsets_3_15, sizeof(debug_offsets_3_15));
		table[1] = 0x031000f0;
		memmove(&table[at], &table[at + 1], sizeof(debug_offsets_3_15) - 8 * (at + 1));
		assert_int_equal(
			layout_apply_debug_offsets(&layout, (uint8_t *)table, sizeof(table)),
			-EBADMSG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_every_version),
		cmocka_unit_test(knows_no_other_version),
		cmocka_unit_test(tells_the_early_3_7_from_the_later),
		cmocka_unit_test(fits_the_walkers_buffers),
		cmocka_unit_test(agrees_with_the_debug_offsets_of_real_interpreters),
		cmocka_unit_test(lets_debug_offsets_override),
		cmocka_unit_test(moves_what_the_debug_offsets_do_not_tell),
		cmocka_unit_test(refuses_debug_offsets_that_make_no_sense),
		cmocka_unit_test(refuses_debug_offsets_that_are_cut_short),
		cmocka_unit_test(refuses_debug_offsets_of_an_unknown_order),
		cmocka_unit_test(reads_a_later_version_by_its_debug_offsets),
		cmocka_unit_test(refuses_a_later_version_with_another_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
