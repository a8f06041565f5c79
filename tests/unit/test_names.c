/* SPDX-License-Identifier: BSD-2-Clause */
#include "resolve/names.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "profile/profile.h"

#define LATIN1 (1 | 8) /* PyASCIIObject.state from its kind on */
#define ASCII  (1 | 8 | 16)
#define UCS2   (2 | 8)

struct fixture {
	struct profile *p;
	struct names *n;
};

static int make(void **state)
{
	static struct fixture f;

	f.p = profile_new();
	f.n = names_new();
	*state = &f;
	return f.p && f.n ? 0 : -1;
}

static int unmake(void **state)
{
	struct fixture *f = *state;

	names_free(f->n);
	profile_free(f->p);
	return 0;
}

static struct adder_event_code code(uint64_t address, uint32_t signature, const char *name,
				    const char *file)
{
	struct adder_event_code e = { .code = address, .signature = signature, .first_line = 10 };

	e.name_bytes = strlen(name);
	e.file_bytes = strlen(file);
	e.name_state = e.file_state = ASCII;
	memcpy(e.name, name, e.name_bytes);
	memcpy(e.file, file, e.file_bytes);
	return e;
}

static void add_code(struct fixture *f, uint64_t address, uint32_t signature, const char *name)
{
	struct adder_event_code e = code(address, signature, name, "a.py");

	assert_int_equal(names_add_code(f->n, f->p, 0x030b, &e, (const uint8_t *)"", 0), 0);
}

/* The name of frame @i, leaf first, of the stack with @hash; the number of its frames. */
static size_t frame_of(struct fixture *f, uint64_t hash, size_t i, const char **ret)
{
	const uint32_t *locations;
	uint32_t id, function;
	size_t count;

	assert_int_equal(names_find_stack(f->n, hash, &id), 0);
	locations = profile_stack_at(f->p, id, &count);
	assert_true(i < count);
	function = profile_location_at(f->p, locations[i]).function;
	*ret = profile_text(f->p, profile_function_at(f->p, function).name);
	return count;
}

static void assert_frame(struct fixture *f, uint64_t hash, size_t i, const char *name)
{
	const char *found;

	frame_of(f, hash, i, &found);
	assert_string_equal(found, name);
}

static struct adder_event_stack *stack(uint64_t hash, uint32_t depth)
{
	static struct adder_event_stack e;

	memset(&e, 0, sizeof(e));
	e.hash = hash;
	e.depth = depth;
	return &e;
}

static void names_the_frames_of_a_stack(void **state)
{
	struct fixture *f = *state;
	struct adder_event_stack *e = stack(99, 2);
	const char *name;
	uint32_t id;

	add_code(f, 0x100, 1, "leaf");
	add_code(f, 0x200, 1, "Shop.root");
	e->frames[0] = (struct adder_frame){ .code = 0x100, .instr = 4, .signature = 1 };
	e->frames[1] = (struct adder_frame){ .code = 0x200, .instr = 8, .signature = 1 };
	assert_int_equal(names_find_stack(f->n, 99, &id), -ENOENT);
	assert_int_equal(names_add_stack(f->n, f->p, e), 0);
	assert_int_equal(names_add_stack(f->n, f->p, e), 0); /* told twice */
	assert_int_equal(frame_of(f, 99, 0, &name), 2);
	assert_frame(f, 99, 0, "leaf");
	assert_frame(f, 99, 1, "Shop.root");
}

static void tells_apart_who_lived_at_one_address(void **state)
{
	struct fixture *f = *state;
	struct adder_frame first = { .code = 0x100, .signature = 1 },
			   second = { .code = 0x100, .signature = 2 },
			   third = { .code = 0x100, .signature = 3 };
	struct adder_event_stack *e = stack(5, 2);

	add_code(f, 0x100, 1, "first");
	add_code(f, 0x100, 2, "second");
	assert_true(names_has_code(f->n, &first));
	assert_true(names_has_code(f->n, &second));
	assert_false(names_has_code(f->n, &third));
	e->frames[0] = second;
	e->frames[1] = first;
	names_add_stack(f->n, f->p, e);
	assert_frame(f, 5, 0, "second");
	assert_frame(f, 5, 1, "first");
}

static void says_where_a_name_was_not_read(void **state)
{
	struct fixture *f = *state;
	struct adder_event_stack *e = stack(5, 2);

	add_code(f, 0x100, 1, "root");
	e->frames[0] = (struct adder_frame){ .code = 0x300, .signature = 1 };
	e->frames[1] = (struct adder_frame){ .code = 0x100, .signature = 1 };
	names_add_stack(f->n, f->p, e);
	assert_frame(f, 5, 0, "[name not read]");
	assert_frame(f, 5, 1, "root");
}

static void leaves_out_the_interpreters_trampolines(void **state)
{
	struct fixture *f = *state;
	struct adder_event_code hidden = code(0x900, 1, "__init__", "__init__");
	struct adder_event_stack *e = stack(5, 2);
	const char *name;

	names_add_code(f->n, f->p, 0x030c, &hidden, (const uint8_t *)"", 0);
	add_code(f, 0x100, 1, "Shop.__init__");
	e->frames[0] = (struct adder_frame){ .code = 0x100, .signature = 1 };
	e->frames[1] = (struct adder_frame){ .code = 0x900, .signature = 1 };
	names_add_stack(f->n, f->p, e);
	assert_int_equal(frame_of(f, 5, 0, &name), 1);
	assert_string_equal(name, "Shop.__init__");
	e = stack(6, 1);
	e->frames[0] = (struct adder_frame){ .code = 0x900, .signature = 1 };
	names_add_stack(f->n, f->p, e);
	assert_frame(f, 6, 0, "[no Python stack]");
}

static void says_where_a_stack_was_torn(void **state)
{
	struct fixture *f = *state;
	struct adder_event_stack *e = stack(5, 1);

	add_code(f, 0x100, 1, "leaf");
	e->frames[0] = (struct adder_frame){ .code = 0x100, .signature = 1 };
	e->torn = 1;
	names_add_stack(f->n, f->p, e);
	assert_frame(f, 5, 0, "leaf");
	assert_frame(f, 5, 1, "[rest of the stack not read]");
}

/* Frame i of a stack of @depth, put where the kernel half puts it; its name is "fI". */
static void fill_stack(struct fixture *f, struct adder_event_stack *e)
{
	for (uint32_t i = 0; i < e->depth; i++) {
		uint32_t slot = i < ADDER_INNER_FRAMES
					? i
					: ADDER_INNER_FRAMES +
						  (i - ADDER_INNER_FRAMES) % ADDER_OUTER_FRAMES;
		char name[16];

		snprintf(name, sizeof(name), "f%u", i);
		add_code(f, 0x1000 + i, 1, name);
		e->frames[slot] = (struct adder_frame){ .code = 0x1000 + i, .signature = 1 };
	}
}

static void puts_both_ends_of_a_deep_stack_in_order(void **state)
{
	static const uint32_t depths[] = { 1, 383, 384, 385, 511, 512, 513, 640, 1000, 5000 };
	struct fixture *f = *state;

	for (size_t d = 0; d < sizeof(depths) / sizeof(depths[0]); d++) {
		uint32_t depth = depths[d], kept = depth < 512 ? depth : 512;
		struct adder_event_stack *e = stack(1000 + d, depth);
		char name[64];
		const char *found;

		fill_stack(f, e);
		names_add_stack(f->n, f->p, e);
		assert_int_equal(frame_of(f, e->hash, 0, &found), kept + (depth > 512));
		for (uint32_t i = 0; i < kept; i++) {
			uint32_t frame = i < ADDER_INNER_FRAMES ? i : depth - kept + i;

			snprintf(name, sizeof(name), "f%u", frame);
			assert_frame(f, e->hash, i + (depth > 512 && i >= ADDER_INNER_FRAMES),
				     name);
		}
		if (depth > 512) {
			snprintf(name, sizeof(name), "[%u frames left out]", depth - 512);
			assert_frame(f, e->hash, ADDER_INNER_FRAMES, name);
		}
	}
}

static void marks_names_that_were_cut(void **state)
{
	struct fixture *f = *state;
	char longest[ADDER_NAME_BYTES + 1] = "";
	struct adder_event_stack *e = stack(5, 1);
	struct adder_event_code c;
	const char *name;

	memset(longest, 'x', ADDER_NAME_BYTES);
	c = code(0x100, 1, longest, "a.py");
	assert_int_equal(names_add_code(f->n, f->p, 0x030b, &c, (const uint8_t *)"", 0), 0);
	e->frames[0] = (struct adder_frame){ .code = 0x100, .signature = 1 };
	names_add_stack(f->n, f->p, e);
	frame_of(f, 5, 0, &name);
	assert_memory_equal(name, longest, ADDER_NAME_BYTES);
	assert_string_equal(name + ADDER_NAME_BYTES, "…");
}

static void reads_names_in_the_targets_encodings(void **state)
{
	struct fixture *f = *state;
	struct adder_event_code latin = code(0x100, 1, "caf\xe9", "a.py"),
				wide = code(0x200, 1, "", "a.py");
	struct adder_event_stack *e = stack(5, 2);

	latin.name_state = LATIN1;
	wide.name_state = UCS2;
	wide.name_bytes = 4;
	memcpy(wide.name, "\xe5\x65\x2c\x67", 4);
	names_add_code(f->n, f->p, 0x030b, &latin, (const uint8_t *)"", 0);
	names_add_code(f->n, f->p, 0x030b, &wide, (const uint8_t *)"", 0);
	e->frames[0] = (struct adder_frame){ .code = 0x100, .signature = 1 };
	e->frames[1] = (struct adder_frame){ .code = 0x200, .signature = 1 };
	names_add_stack(f->n, f->p, e);
	assert_frame(f, 5, 0, "café");
	assert_frame(f, 5, 1, "日本");
}

static void refuses_lengths_that_cannot_be(void **state)
{
	struct fixture *f = *state;
	struct adder_event_code e = code(0x100, 1, "f", "a.py");
	struct adder_frame frame = { .code = 0x100, .signature = 1 };

	e.name_bytes = ADDER_NAME_BYTES + 1;
	assert_int_equal(names_add_code(f->n, f->p, 0x030b, &e, (const uint8_t *)"", 0), -EBADMSG);
	e.name_bytes = 1;
	e.file_bytes = ~0U;
	assert_int_equal(names_add_code(f->n, f->p, 0x030b, &e, (const uint8_t *)"", 0), -EBADMSG);
	assert_false(names_has_code(f->n, &frame));
}

static void falls_back_to_the_first_line(void **state)
{
	struct fixture *f = *state;
	struct adder_event_stack *e = stack(5, 1);
	const uint32_t *locations;
	uint32_t id;
	size_t count;

	add_code(f, 0x100, 1, "f"); /* without a line table */
	e->frames[0] = (struct adder_frame){ .code = 0x100, .instr = 44, .signature = 1 };
	names_add_stack(f->n, f->p, e);
	names_find_stack(f->n, 5, &id);
	locations = profile_stack_at(f->p, id, &count);
	assert_int_equal(profile_location_at(f->p, locations[0]).line, 10);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)
	const struct CMUnitTest tests[] = {
		TEST(names_the_frames_of_a_stack),    TEST(tells_apart_who_lived_at_one_address),
		TEST(says_where_a_name_was_not_read), TEST(leaves_out_the_interpreters_trampolines),
		TEST(says_where_a_stack_was_torn),    TEST(puts_both_ends_of_a_deep_stack_in_order),
		TEST(marks_names_that_were_cut),      TEST(reads_names_in_the_targets_encodings),
		TEST(refuses_lengths_that_cannot_be), TEST(falls_back_to_the_first_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
