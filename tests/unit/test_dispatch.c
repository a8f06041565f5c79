/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program that holds a dispatch table, and handlers whose code was recorded from interpreters.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "elf_maker.h"
#include "python/dispatch.h"
#include "symbol/image.h"

/* Handlers lie 16 bytes apart; those of interest further behind, with room for their code. */
#define HANDLERS 0x1000
#define UNKNOWN  0x2000
#define QUICK    0x2100
#define RESUME   0x2200
#define TABLE    0x3000 /* in the file; MAKER_DATA higher in memory */

/* 3.11, gcc: RESUME_QUICK jumps to where RESUME's conditional jump leads */
#define RESUME_CODE                                                                                \
	"\x48\x8b\x7d\x20\x49\x8d\x46\x02\x4c\x89\x75\x38\x48\x89\x44\x24\x08\x0f\xb7\x47\x34"     \
	"\x66\x85\xc0\x74\x10"
#define QUICK_CODE "\x49\x8d\x46\x02\x4c\x89\x75\x38\x48\x89\x44\x24\x08\xe9\x00\x01\x00\x00"

struct fixture {
	struct maker m;
	int fd;
	struct image image;
	const struct opcodes *opcodes;
	struct dispatch dispatch;
};

static uint64_t *slots(struct fixture *f)
{
	return maker_at(&f->m, TABLE);
}

static int setup(void **state)
{
	static struct fixture f;

	maker_init(&f.m);
	((Elf64_Ehdr *)maker_at(&f.m, 0))->e_type = ET_EXEC;
	f.opcodes = opcodes_find(0x030b);
	for (int i = 0; i < 256; i++)
		slots(&f)[i] = opcodes_is_defined(f.opcodes, i) ? HANDLERS + 16 * i : UNKNOWN;
	slots(&f)[150] = QUICK;
	slots(&f)[151] = RESUME;
	maker_put(&f.m, QUICK, QUICK_CODE, sizeof(QUICK_CODE) - 1);
	maker_put(&f.m, RESUME, RESUME_CODE, sizeof(RESUME_CODE) - 1);
	f.fd = -1;
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	close(f->fd);
	return 0;
}

static void open_file(struct fixture *f)
{
	f->fd = maker_open(&f->m, MAKER_BYTES);
	assert_int_equal(image_open(f->fd, &f->image), 0);
}

static int find(struct fixture *f)
{
	open_file(f);
	return dispatch_find(&f->image, f->opcodes, &f->dispatch);
}

static void finds_the_table(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(find(f), 0);
	assert_int_equal(f->dispatch.table, MAKER_DATA + TABLE);
	assert_int_equal(f->dispatch.handlers[151], RESUME);
}

static void takes_no_table_of_another_version(void **state)
{
	struct fixture *f = *state;

	f->opcodes = opcodes_find(0x030d);
	assert_int_equal(find(f), -ENOENT);
}

static void takes_no_table_where_calls_share_a_handler(void **state)
{
	struct fixture *f = *state;

	slots(f)[151] = slots(f)[100];
	assert_int_equal(find(f), -ENOENT);
}

static void allows_a_few_to_share_one(void **state)
{
	struct fixture *f = *state;

	slots(f)[101] = slots(f)[100];
	assert_int_equal(find(f), 0);
}

static void is_not_sure_of_two(void **state)
{
	struct fixture *f = *state;

	memcpy(slots(f) + 256, slots(f), 256 * sizeof(uint64_t));
	assert_int_equal(find(f), -EEXIST);
}

/* Behind them are more than are compared. */
static void looks_no_further_than_the_second(void **state)
{
	struct fixture *f = *state;
	Elf64_Phdr *segments = maker_at(&f->m, sizeof(Elf64_Ehdr)), pad;

	memcpy(slots(f) + 256, slots(f), 256 * sizeof(uint64_t));
	maker_pad(&f->m, PF_R, 1 << 20);
	pad = segments[0];
	segments[0] = segments[5];
	segments[5] = pad;
	assert_int_equal(find(f), -EEXIST);
}

/* Zeroes are addresses of code here. */
static void refuses_more_tables_than_it_compares(void **state)
{
	struct fixture *f = *state;

	maker_pad(&f->m, PF_R, 1 << 20);
	assert_int_equal(find(f), -E2BIG);
}

/* Each segment may be of a size that Python's have, and all the same bytes of the file. */
static void refuses_more_data_than_it_searches(void **state)
{
	struct fixture *f = *state;
	Elf64_Phdr *code = (Elf64_Phdr *)maker_at(&f->m, sizeof(Elf64_Ehdr)) + 4;

	maker_pad(&f->m, PF_R, 9 << 20);
	code->p_vaddr = code->p_offset = HANDLERS; /* zeroes are no addresses of code */
	code->p_filesz = code->p_memsz = MAKER_BYTES - HANDLERS;
	assert_int_equal(find(f), -E2BIG);
}

/* Nor does a sum overflow. */
static void refuses_segments_of_any_size(void **state)
{
	struct fixture *f = *state;
	Elf64_Phdr *segments = maker_at(&f->m, sizeof(Elf64_Ehdr));

	maker_pad(&f->m, PF_R, 1 << 20);
	segments[0].p_filesz = segments[1].p_filesz = 1ULL << 63;
	assert_int_equal(find(f), -E2BIG);
}

static void refuses_more_code_than_it_searches(void **state)
{
	struct dispatch_probe probes[DISPATCH_PROBES_MAX];
	struct fixture *f = *state;
	const char *why = NULL;

	maker_pad(&f->m, PF_R | PF_X, 9 << 20);
	assert_int_equal(find(f), 0);
	assert_int_equal(dispatch_probes(&f->image, f->opcodes, &f->dispatch, DISPATCH_ENTRIES,
					 probes, &why),
			 -E2BIG);
	assert_string_equal(why, "it has more code than is searched");
	close(f->fd);
	slots(f)[151] = slots(f)[100]; /* no table among the data */
	assert_int_equal(find(f), -E2BIG);
}

static void finds_constants_among_the_code(void **state)
{
	struct fixture *f = *state;
	Elf64_Phdr *segments = maker_at(&f->m, sizeof(Elf64_Ehdr));

	segments[1].p_filesz = TABLE; /* what is written to ends before */
	assert_int_equal(find(f), 0);
	assert_int_equal(f->dispatch.table, TABLE);
}

/* As clang has it: what is never executed has no code of its own. */
static void lets_the_unreachable_have_any_handler(void **state)
{
	struct fixture *f = *state;

	f->opcodes = opcodes_find(0x030c);
	for (int i = 0; i < 256; i++)
		slots(f)[i] = opcodes_is_defined(f->opcodes, i) ? HANDLERS + 16 * i : UNKNOWN;
	slots(f)[0] = slots(f)[17] = UNKNOWN;
	assert_int_equal(find(f), 0);
}

static void lets_no_other_opcode_have_the_handler_of_undefined_ones(void **state)
{
	struct fixture *f = *state;

	slots(f)[17] = UNKNOWN;
	assert_int_equal(find(f), -ENOENT);
}

/* lea TABLE(%rip),%rcx; and what jumps by it: movslq (%rcx,%rax,4),%rax; add %rcx,%rax; jmp *%rax
 */
#define LEA        0x2500
#define JUMP_BYTES "\x48\x63\x04\x81\x48\x01\xc8\xff\xe0"

static void put_lea(struct fixture *f, uint32_t address)
{
	uint8_t lea[7] = "\x48\x8d\x0d";
	int32_t distance = address - (LEA + sizeof(lea));

	memcpy(lea + 3, &distance, sizeof(distance));
	maker_put(&f->m, LEA, lea, sizeof(lea));
}

/* A switch in place of the table, which begins with opcode @first and has @count slots. */
static void put_switch(struct fixture *f, uint8_t first, int count)
{
	uint64_t handlers[256];
	int32_t *table = maker_at(&f->m, TABLE);

	memcpy(handlers, slots(f), sizeof(handlers));
	memset(slots(f), 0xff, sizeof(handlers));
	for (int i = 0; i < count; i++)
		table[i] = handlers[(uint8_t)(first + i)] - (MAKER_DATA + TABLE);
	put_lea(f, MAKER_DATA + TABLE);
	maker_put(&f->m, LEA + 64, JUMP_BYTES, sizeof(JUMP_BYTES) - 1);
}

static void finds_the_table_of_a_switch(void **state)
{
	static const struct {
		uint8_t first;
		int count;
	} cases[] = { { 0, 256 }, { 1, 255 }, { 128, 256 } };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		setup(state);
		put_switch(f, cases[i].first, cases[i].count);
		assert_int_equal(find(f), 0);
		assert_int_equal(f->dispatch.table, MAKER_DATA + TABLE);
		assert_int_equal(f->dispatch.handlers[151], RESUME);
		assert_int_equal(f->dispatch.handlers[255], HANDLERS + 16 * 255);
		close(f->fd);
	}
	f->fd = -1;
}

static void refuses_code_that_takes_more_tables_than_any(void **state)
{
	struct fixture *f = *state;
	static uint8_t code[8200][7];

	put_switch(f, 0, 256);
	maker_pad(&f->m, PF_R | PF_X, sizeof(code));
	for (size_t i = 0; i < ARRAY_SIZE(code); i++) {
		int32_t distance = MAKER_DATA + TABLE - (MAKER_PAD + sizeof(*code) * (i + 1));

		memcpy(code[i], "\x48\x8d\x0d", 3);
		memcpy(code[i] + 3, &distance, sizeof(distance));
	}
	open_file(f);
	assert_int_equal(pwrite(f->fd, code, sizeof(code), MAKER_BYTES), sizeof(code));
	assert_int_equal(dispatch_find(&f->image, f->opcodes, &f->dispatch), -E2BIG);
}

static void takes_no_switch_that_nobody_jumps_by(void **state)
{
	struct fixture *f = *state;

	put_switch(f, 0, 256);
	maker_put(&f->m, LEA + 64, "\xff\xe3", 2); /* jmp *%rbx */
	maker_put(&f->m, LEA + 71, "\xff\xe3", 2);
	assert_int_equal(find(f), -ENOENT);
}

static void takes_no_switch_from_its_middle(void **state)
{
	struct fixture *f = *state;

	put_switch(f, 0, 256);
	put_lea(f, MAKER_DATA + TABLE + 8);
	assert_int_equal(find(f), -ENOENT);
}

static void probes_behind_the_store_of_the_instruction(void **state)
{
	struct dispatch_probe probes[DISPATCH_PROBES_MAX];
	struct fixture *f = *state;
	const char *why;

	assert_int_equal(find(f), 0);
	assert_int_equal(dispatch_probes(&f->image, f->opcodes, &f->dispatch, DISPATCH_ENTRIES,
					 probes, &why),
			 2);
	assert_int_equal(probes[0].opcode, 150);
	assert_int_equal(probes[0].address, QUICK + 13);
	assert_int_equal(probes[1].opcode, 151);
	assert_int_equal(probes[1].address, RESUME + 24);
}

static void counts_once_where_one_handler_flows_into_the_other(void **state)
{
	struct dispatch_probe probes[DISPATCH_PROBES_MAX];
	struct fixture *f = *state;
	const char *why;

	/* je QUICK; jmp 1f; 1: jmp QUICK + 3 */
	maker_put(&f->m, RESUME + 24, "\x0f\x84\xe2\xfe\xff\xff\xeb\x00\xe9\xde\xfe\xff\xff", 13);
	assert_int_equal(find(f), 0);
	assert_int_equal(dispatch_probes(&f->image, f->opcodes, &f->dispatch, DISPATCH_ENTRIES,
					 probes, &why),
			 1);
	assert_int_equal(probes[0].opcode, 150);
}

/* As often as it goes the one way it would be counted twice, as often as the other not at all. */
static void refuses_a_handler_that_sometimes_flows_into_the_other(void **state)
{
	struct dispatch_probe probes[DISPATCH_PROBES_MAX];
	struct fixture *f = *state;
	const char *why = NULL;

	/* je QUICK; ret */
	maker_put(&f->m, RESUME + 24, "\x0f\x84\xe2\xfe\xff\xff\xc3", 7);
	assert_int_equal(find(f), 0);
	assert_true(dispatch_probes(&f->image, f->opcodes, &f->dispatch, DISPATCH_ENTRIES, probes,
				    &why) < 0);
	assert_non_null(why);
}

/* Clang has _PyCode_Quicken(), with a switch, in the midst of RESUME. */
static void follows_no_switch_unless_it_may_be_the_dispatch(void **state)
{
	struct dispatch_probe probes[DISPATCH_PROBES_MAX];
	struct fixture *f = *state;
	const char *why;

	/* je QUICK; then a switch */
	maker_put(&f->m, RESUME + 24, "\x0f\x84\xe2\xfe\xff\xff", 6);
	maker_put(&f->m, RESUME + 30, JUMP_BYTES, sizeof(JUMP_BYTES) - 1);
	assert_int_equal(find(f), 0);
	assert_int_equal(dispatch_probes(&f->image, f->opcodes, &f->dispatch, DISPATCH_ENTRIES,
					 probes, &why),
			 1);
	f->dispatch.is_switch = true;
	assert_true(dispatch_probes(&f->image, f->opcodes, &f->dispatch, DISPATCH_ENTRIES, probes,
				    &why) < 0);
}

/* What is spilled to the stack is not stored into a frame. */
static void takes_no_spill_for_the_store(void **state)
{
	struct dispatch_probe probes[DISPATCH_PROBES_MAX];
	struct fixture *f = *state;
	const char *why = NULL;

	/* mov %r12,0x38(%rsp); je ... */
	maker_put(&f->m, QUICK, "\x4c\x89\x64\x24\x38\x74\x10", 7);
	assert_int_equal(find(f), 0);
	assert_true(dispatch_probes(&f->image, f->opcodes, &f->dispatch, DISPATCH_ENTRIES, probes,
				    &why) < 0);
	assert_non_null(why);
}

/* Clang, 3.11: RESUME_QUICK stores by a pointer, and RESUME comes in behind: je QUICK + 3 */
static void probes_behind_a_store_by_a_pointer(void **state)
{
	static const char quick[] = "\x4c\x89\x18\x49\x83\xc3\x02\x85\xc0\x75\x29";
	struct dispatch_probe probes[DISPATCH_PROBES_MAX];
	struct fixture *f = *state;
	const char *why;

	maker_put(&f->m, QUICK, quick, sizeof(quick) - 1);
	maker_put(&f->m, RESUME + 24, "\x0f\x84\xe5\xfe\xff\xff\xe9\xe0\xfe\xff\xff", 11);
	assert_int_equal(find(f), 0);
	assert_int_equal(dispatch_probes(&f->image, f->opcodes, &f->dispatch, DISPATCH_ENTRIES,
					 probes, &why),
			 1);
	assert_int_equal(probes[0].opcode, 150);
	assert_int_equal(probes[0].address, QUICK + 9);
}

/* Both go on elsewhere: mov %r15,(%rax); jmp QUICK + 0x50 - and je and jmp there. */
static void probes_both_that_go_on_elsewhere(void **state)
{
	struct dispatch_probe probes[DISPATCH_PROBES_MAX];
	struct fixture *f = *state;
	const char *why;

	maker_put(&f->m, QUICK, "\x4c\x89\x38\xeb\x4b", 5);
	maker_put(&f->m, RESUME + 24, "\x0f\x84\x32\xff\xff\xff\xe9\x2d\xff\xff\xff", 11);
	assert_int_equal(find(f), 0);
	assert_int_equal(dispatch_probes(&f->image, f->opcodes, &f->dispatch, DISPATCH_ENTRIES,
					 probes, &why),
			 2);
	assert_int_equal(probes[0].address, QUICK + 3);
	assert_int_equal(probes[1].address, RESUME + 24);
}

/* It could be a pointer to anything. */
static void refuses_a_store_by_a_pointer_that_nothing_confirms(void **state)
{
	static const char quick[] = "\x4c\x89\x18\x49\x83\xc3\x02\x85\xc0\x75\x29";
	struct dispatch_probe probes[DISPATCH_PROBES_MAX];
	struct fixture *f = *state;
	const char *why = NULL;

	maker_put(&f->m, QUICK, quick, sizeof(quick) - 1);
	assert_int_equal(find(f), 0);
	assert_true(dispatch_probes(&f->image, f->opcodes, &f->dispatch, DISPATCH_ENTRIES, probes,
				    &why) < 0);
	assert_non_null(why);
}

static void refuses_a_handler_that_it_does_not_understand(void **state)
{
	static const char *const codes[] = {
		"\x74\x10\x4c\x89\x75\x38\x74\x10",         /* a jump before the store */
		"\x62\xf3\x7d\x20\x3f\x07\x4c\x89\x75\x38", /* no known instruction */
		"\xff\xe0\x4c\x89\x75\x38\x74\x10",         /* leaves before it */
	};
	struct dispatch_probe probes[DISPATCH_PROBES_MAX];
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		const char *why = NULL;

		maker_put(&f->m, RESUME, codes[i], strlen(codes[i]));
		assert_int_equal(find(f), 0);
		assert_true(dispatch_probes(&f->image, f->opcodes, &f->dispatch, DISPATCH_ENTRIES,
					    probes, &why) < 0);
		assert_non_null(why);
		close(f->fd);
	}
	f->fd = -1;
}

/* cmpq $QUICK,TABLE(,%rax,8); jne ...; and its copy, or whatever @code is */
static void put_comparison(struct fixture *f, const char *code, size_t size)
{
	const uint32_t table = MAKER_DATA + TABLE, handler = QUICK;
	uint8_t compare[14] = "\x48\x81\x3c\xc5";

	memcpy(compare + 4, &table, 4);
	memcpy(compare + 8, &handler, 4);
	memcpy(compare + 12, "\x75\x20", 2);
	maker_put(&f->m, 0x2400, compare, sizeof(compare));
	maker_put(&f->m, 0x240e, code, size);
}

static void probes_copies_of_a_handler(void **state)
{
	struct dispatch_probe probes[DISPATCH_PROBES_MAX];
	struct fixture *f = *state;
	const char *why;

	put_comparison(f, QUICK_CODE, sizeof(QUICK_CODE) - 1);
	assert_int_equal(find(f), 0);
	assert_int_equal(dispatch_probes(&f->image, f->opcodes, &f->dispatch, DISPATCH_ENTRIES,
					 probes, &why),
			 3);
	assert_int_equal(probes[2].opcode, 150);
	assert_int_equal(probes[2].address, 0x240e + 13);
}

static void knows_a_guarded_call_from_a_copy(void **state)
{
	struct dispatch_probe probes[DISPATCH_PROBES_MAX];
	struct fixture *f = *state;
	const char *why;

	put_comparison(f, "\xe8\xed\xfc\xff\xff", 5); /* call QUICK */
	assert_int_equal(find(f), 0);
	assert_int_equal(dispatch_probes(&f->image, f->opcodes, &f->dispatch, DISPATCH_ENTRIES,
					 probes, &why),
			 2);
}

static void refuses_other_uses_of_a_handler(void **state)
{
	struct dispatch_probe probes[DISPATCH_PROBES_MAX];
	struct fixture *f = *state;
	static const char *const codes[] = {
		"\x48\x8d\x05\xf9\xfd\xff\xff", /* lea RESUME(%rip),%rax */
		"\x48\x81\xf9\x00\x22\x00\x00", /* cmp $RESUME,%rcx */
		"\x48\x3d\x00\x22\x00\x00",     /* cmp $RESUME,%rax */
		"\x41\xbf\x00\x22\x00\x00",     /* mov $RESUME,%r15d */
	};

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		const char *why = NULL;

		maker_put(&f->m, 0x2400, "\x90\x90\x90\x90\x90\x90\x90", 7);
		maker_put(&f->m, 0x2400, codes[i], i < 2 ? 7 : 6);
		assert_int_equal(find(f), 0);
		assert_true(dispatch_probes(&f->image, f->opcodes, &f->dispatch, DISPATCH_ENTRIES,
					    probes, &why) < 0);
		assert_non_null(why);
		close(f->fd);
	}
	f->fd = -1;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(finds_the_table),
		TEST(takes_no_table_of_another_version),
		TEST(takes_no_table_where_calls_share_a_handler),
		TEST(allows_a_few_to_share_one),
		TEST(is_not_sure_of_two),
		TEST(looks_no_further_than_the_second),
		TEST(refuses_more_tables_than_it_compares),
		TEST(refuses_more_data_than_it_searches),
		TEST(refuses_segments_of_any_size),
		TEST(refuses_more_code_than_it_searches),
		TEST(finds_constants_among_the_code),
		TEST(lets_the_unreachable_have_any_handler),
		TEST(lets_no_other_opcode_have_the_handler_of_undefined_ones),
		TEST(finds_the_table_of_a_switch),
		TEST(refuses_code_that_takes_more_tables_than_any),
		TEST(takes_no_switch_that_nobody_jumps_by),
		TEST(takes_no_switch_from_its_middle),
		TEST(probes_behind_the_store_of_the_instruction),
		TEST(probes_behind_a_store_by_a_pointer),
		TEST(probes_both_that_go_on_elsewhere),
		TEST(refuses_a_store_by_a_pointer_that_nothing_confirms),
		TEST(counts_once_where_one_handler_flows_into_the_other),
		TEST(refuses_a_handler_that_sometimes_flows_into_the_other),
		TEST(follows_no_switch_unless_it_may_be_the_dispatch),
		TEST(takes_no_spill_for_the_store),
		TEST(refuses_a_handler_that_it_does_not_understand),
		TEST(probes_copies_of_a_handler),
		TEST(knows_a_guarded_call_from_a_copy),
		TEST(refuses_other_uses_of_a_handler),
	};

	return cmocka_run_group_tests_name("dispatch", tests, NULL, NULL);
}
