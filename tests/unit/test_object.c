/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE /* memfd_create */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "debug_offsets.h"
#include "elf_maker.h"
#include "python/layout.h"
#include "python/object.h"

#define CODE    (MAKER_FREE + 0x100) /* of a getter */
#define TEXTS   0x2000
#define RUNTIME 0x3000 /* in the file; its address is in the writable mapping */
#define VERSION 0x3800

static struct python_object judge_as(const struct maker *m, const char *name)
{
	struct python_object object;
	cleanup_close int fd = maker_open(m, sizeof(m->file));

	assert_true(fd >= 0);
	assert_int_equal(python_object_read(fd, name, &object), 0);
	return object;
}

static struct python_object judge(const struct maker *m)
{
	return judge_as(m, "program");
}

static void make_text(struct maker *m, const char *tag, const char *version)
{
	maker_put(m, TEXTS, tag, strlen(tag) + 1);
	maker_put(m, TEXTS + 64, version, strlen(version) + 1);
}

/* An interpreter of 3.11 or later. */
static void make_python(struct maker *m, uint32_t version)
{
	maker_init(m);
	maker_export(m, "_PyRuntime", MAKER_DATA + RUNTIME);
	maker_export(m, "Py_Version", VERSION);
	maker_put(m, VERSION, &version, sizeof(version));
}

/* An interpreter of 3.10 or older, whose version only its texts tell. */
static void make_older(struct maker *m, const char *tag, const char *version)
{
	maker_init(m);
	maker_export(m, "_PyRuntime", MAKER_DATA + RUNTIME);
	make_text(m, tag, version);
}

static void make_3_15(struct maker *m, const char *code, size_t size)
{
	make_python(m, 0x030f02f0);
	maker_put(m, RUNTIME, debug_offsets_3_15, sizeof(debug_offsets_3_15));
	maker_export(m, "PyGILState_GetThisThreadState", CODE);
	maker_put(m, CODE, code, size);
}

static void finds_the_runtime_and_its_version(void **state)
{
	struct python_object object;
	struct maker m;

	(void)state;
	make_python(&m, 0x030b02f0);
	object = judge(&m);
	assert_int_equal(object.verdict, PYTHON_HERE);
	assert_int_equal(object.version, 0x030b02f0);
	assert_int_equal(object.binary.kind, ADDER_BINARY_STATIC);
	assert_int_equal(object.binary.runtime, MAKER_DATA + RUNTIME);
	assert_int_equal(object.binary.tstate_via, ADDER_VIA_TSD);
	assert_memory_equal(&object.binary.layout, layout_find(0x030b02f0, false),
			    sizeof(struct adder_layout));
}

static void says_where_the_program_and_its_dynamic_section_are(void **state)
{
	struct python_object object;
	struct maker m;

	(void)state;
	make_python(&m, 0x030b02f0);
	maker_put(&m, MAKER_INTERP, "/lib/ld-musl-x86_64.so.1", 25);
	object = judge(&m);
	assert_true(object.moves && object.binary.moves);
	assert_true(object.binary.musl);
	assert_int_equal(object.dynamic, MAKER_DYNAMIC);
	assert_int_equal(object.binary.debug, MAKER_DYNAMIC + 4 * sizeof(Elf64_Dyn) + 8);
}

static void finds_the_runtime_by_its_section(void **state)
{
	struct python_object object;
	struct maker m;

	(void)state;
	maker_init(&m);
	maker_section(&m, ".PyRuntime", MAKER_DATA + RUNTIME);
	make_text(&m, "cpython-312", "3.12.1");
	object = judge(&m);
	assert_int_equal(object.verdict, PYTHON_HERE);
	assert_int_equal(object.version, 0x030c01f0);
	assert_int_equal(object.binary.runtime, MAKER_DATA + RUNTIME);
}

static void finds_the_runtime_by_its_cookie_in_a_file_without_sections(void **state)
{
	struct python_object object;
	struct maker m;

	(void)state;
	maker_init(&m);
	maker_put(&m, RUNTIME, debug_offsets_3_14, sizeof(debug_offsets_3_14));
	object = judge(&m);
	assert_int_equal(object.verdict, PYTHON_HERE);
	assert_int_equal(object.version, 0x030e0af0);
	assert_int_equal(object.binary.runtime, MAKER_DATA + RUNTIME);
}

/* However many segments there are, and all the same bytes of the file. */
static void looks_for_no_cookie_behind_more_data_than_it_searches(void **state)
{
	struct maker m;

	(void)state;
	maker_init(&m);
	maker_put(&m, RUNTIME, debug_offsets_3_14, sizeof(debug_offsets_3_14));
	maker_pad(&m, PF_R | PF_W, 16 << 20);
	assert_int_equal(judge(&m).verdict, PYTHON_NONE);
}

static void looks_for_no_texts_behind_more_than_it_reads(void **state)
{
	struct maker m;

	(void)state;
	make_older(&m, "cpython-39", "3.9.18");
	maker_pad(&m, PF_R, 32 << 20);
	assert_int_equal(judge_as(&m, "libpython3.8.so.1.0").version, 0x0308fff0);
}

static void reads_older_versions_from_their_texts(void **state)
{
	static const struct {
		const char *tag, *version;
		uint32_t expected;
	} cases[] = {
		{ "cpython-37", "3.7.3", 0x030703f0 },
		{ "cpython-37m", "3.7.16", 0x030710f0 },
		{ ".cpython-39-x86_64-linux-gnu.so", "/opt/python/3.9.18", 0x030912f0 },
		{ "cpython-310", "3.10.13+", 0x030a0df0 },
		{ "cpython-38", "13.8.2", 0x0308fff0 }, /* no version of Python's */
		{ "cpython-38", "3.8.2.1", 0x0308fff0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct python_object object;
		struct maker m;

		make_older(&m, cases[i].tag, cases[i].version);
		object = judge(&m);
		assert_int_equal(object.verdict, PYTHON_HERE);
		assert_int_equal(object.version, cases[i].expected);
	}
}

static void takes_the_version_from_the_name_when_nothing_else_tells_it(void **state)
{
	struct python_object object;
	struct maker m;

	(void)state;
	make_older(&m, "", "");
	object = judge_as(&m, "libpython3.8.so.1.0");
	assert_int_equal(object.verdict, PYTHON_HERE);
	assert_int_equal(object.version, 0x0308fff0);
	assert_int_equal(judge_as(&m, "uwsgi").verdict, PYTHON_UNSUPPORTED);
}

static void lets_the_debug_offsets_correct_the_layout(void **state)
{
	uint64_t moved[ARRAY_SIZE(debug_offsets_3_13)];
	struct python_object object;
	struct maker m;

	(void)state;
	memcpy(moved, debug_offsets_3_13, sizeof(moved));
	moved[72 / 8] = 8000;
	make_python(&m, 0x030d12f0);
	maker_put(&m, RUNTIME, moved, sizeof(moved));
	object = judge(&m);
	assert_int_equal(object.verdict, PYTHON_HERE);
	assert_int_equal(object.binary.layout.interp_threads_head, 8000);
}

#ifdef __x86_64__ /* test_getter.c has aarch64's */
static void decodes_the_thread_local_of_a_program(void **state)
{
	static const struct {
		const char *code;
		size_t size;
		int64_t offset;
	} cases[] = {
#define BYTES(text) text, sizeof(text) - 1
		/* endbr64; mov %fs:-0x28,%rax; ret */
		{ BYTES("\xf3\x0f\x1e\xfa\x64\x48\x8b\x04\x25\xd8\xff\xff\xff\xc3"), -0x28 },
		/* mov $-0x30,%rax; mov %fs:(%rax),%rax; ret */
		{ BYTES("\x48\xc7\xc0\xd0\xff\xff\xff\x64\x48\x8b\x00\xc3"), -0x30 },
		/* mov %fs:0,%rax; lea -0x40(%rax),%rax; mov (%rax),%rax; ret */
		{ BYTES("\x64\x48\x8b\x04\x25\0\0\0\0\x48\x8d\x80\xc0\xff\xff\xff\x48\x8b\0\xc3"),
		  -0x40 },
		/* push %rbp; mov %rsp,%rbp; mov %fs:0,%rax; mov -0x18(%rax),%rax; pop; ret */
		{ BYTES("\x55\x48\x89\xe5\x64\x48\x8b\x04\x25\0\0\0\0\x48\x8b\x40\xe8\x5d\xc3"),
		  -0x18 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct python_object object;
		struct maker m;

		make_3_15(&m, cases[i].code, cases[i].size);
		object = judge(&m);
		assert_int_equal(object.verdict, PYTHON_HERE);
		assert_int_equal(object.binary.tstate_via, ADDER_VIA_TLS_EXE);
		assert_int_equal(object.binary.tls_offset, cases[i].offset);
	}
}

static void decodes_the_thread_local_of_a_library(void **state)
{
	/* endbr64; push %rbp; mov %rsp,%rbp; lea 0x800(%rip),%rdi; call; pop; mov 0x28(%rax) */
	static const char code[] = "\xf3\x0f\x1e\xfa\x55\x48\x89\xe5\x48\x8d\x3d\x00\x08\x00\x00"
				   "\xe8\x48\x8b\x00\x00\x5d\x48\x8b\x80\x28\x00\x00\x00\xc3";
	struct python_object object;
	struct maker m;

	(void)state;
	make_3_15(&m, code, sizeof(code));
	object = judge(&m);
	assert_int_equal(object.binary.tstate_via, ADDER_VIA_TLS_LIB);
	assert_int_equal(object.binary.tls_offset, CODE + 15 + 0x800);
	assert_int_equal(object.binary.tls_delta, 0x28);
}

#endif

static void leaves_open_what_it_cannot_decode(void **state)
{
	struct python_object object;
	struct maker m;

	(void)state;
	make_3_15(&m, "\xc3", 1);
	object = judge(&m);
	assert_int_equal(object.verdict, PYTHON_HERE);
	assert_int_equal(object.binary.tls_offset, 0);
}

#ifdef __x86_64__
/* Write an instruction whose 32-bit distance leads to @target, and return its end. */
static size_t put_reference(struct maker *m, size_t at, const char *opcode, uint64_t target)
{
	size_t end = at + strlen(opcode) + 4;
	int32_t distance = target - end;

	maker_put(m, at, opcode, strlen(opcode));
	maker_put(m, end - 4, &distance, sizeof(distance));
	return end;
}

static void finds_the_statics_of_a_stripped_3_6(void **state)
{
	static const uint64_t parts[] = { 0x40, 0x00, 0xc0, 0x80 };
	uint64_t statics = MAKER_DATA + MAKER_BYTES; /* .bss */
	struct python_object object;
	struct maker m;
	size_t at = CODE + 0x200;

	(void)state;
	maker_init(&m);
	make_text(&m, "cpython-36m", "3.6.15");
	maker_export(&m, "_PyThreadState_Current", statics + 0x200);
	maker_export(&m, "PyInterpreterState_Head", CODE);
	maker_export(&m, "PyGILState_GetThisThreadState", CODE + 0x40);
	maker_export(&m, "PyEval_InitThreads", CODE + 0x100);
	put_reference(&m, CODE, "\x48\x8b\x05", statics + 0x300);
	put_reference(&m, CODE + 0x44, "\x8b\x3d", statics + 0x308);
	put_reference(&m, CODE + 0x100, "\xe8", at);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		at = put_reference(&m, at, "\x48\x8d\x3d", statics + parts[i]);

	object = judge(&m);
	assert_int_equal(object.verdict, PYTHON_HERE);
	assert_int_equal(object.binary.tstate_via, ADDER_VIA_TSD_GLOBAL);
	assert_int_equal(object.binary.tstate_current, statics + 0x200);
	assert_int_equal(object.binary.runtime, statics + 0x300);
	assert_int_equal(object.binary.tss_key, statics + 0x308);
	assert_int_equal(object.binary.gil, statics);
	assert_int_equal(object.binary.gil_end, statics + 0xc0 + 48);
}

#endif

/* Nor is memory taken for it. */
static void reads_no_symbols_of_more_than_any_python_has(void **state)
{
	static const char *const name = "local";
	struct image_symbol symbol;
	struct image image;
	struct maker m;
	Elf64_Shdr *sections = maker_at(&m, MAKER_SECTIONS);

	(void)state;
	maker_init(&m);
	maker_export(&m, name, VERSION);
	maker_section(&m, "", 0);
	maker_pad(&m, PF_R, 16 << 20);
	for (size_t bytes = MAKER_BYTES; bytes <= 16 << 20; bytes *= 1024) {
		cleanup_close int fd = -1;

		sections[1] = (Elf64_Shdr){ .sh_offset = MAKER_STRINGS,
					    .sh_size = MAKER_SYMTAB - MAKER_STRINGS };
		sections[2] = (Elf64_Shdr){ .sh_type = SHT_SYMTAB,
					    .sh_offset = MAKER_SYMTAB,
					    .sh_size = bytes - MAKER_SYMTAB,
					    .sh_link = 1 };
		fd = maker_open(&m, sizeof(m.file));
		assert_int_equal(image_open(fd, &image), 0);
		assert_int_equal(image_find_static(&image, &name, 1, &symbol),
				 bytes == MAKER_BYTES ? 0 : -EBADMSG);
		assert_int_equal(symbol.address, bytes == MAKER_BYTES ? VERSION : 0);
	}
}

static void sees_which_programs_are_linked_with_python(void **state)
{
	struct python_object object;
	struct maker m;

	(void)state;
	maker_init(&m);
	maker_needs(&m, "libc.so.6");
	assert_int_equal(judge(&m).verdict, PYTHON_NONE);
	maker_needs(&m, "libpython3.8.so.1.0");
	object = judge(&m);
	assert_int_equal(object.verdict, PYTHON_LINKED);
	assert_int_equal(object.version, 0x0308fff0);
}

static void expect_refusal(const struct maker *m, const char *reason)
{
	struct python_object object = judge(m);

	assert_int_equal(object.verdict, PYTHON_UNSUPPORTED);
	assert_string_equal(object.reason, reason);
}

static void says_why_a_python_is_not_supported(void **state)
{
	struct maker m;

	(void)state;
	maker_init(&m);
	maker_needs(&m, "libpypy3.11-c.so");
	expect_refusal(&m, "PyPy is not supported");
	maker_init(&m);
	maker_export(&m, "pypy_execute_source", CODE);
	expect_refusal(&m, "PyPy is not supported");
	maker_init(&m);
	maker_needs(&m, "libpython2.7.so.1.0");
	expect_refusal(&m, "Python 2 is not supported");
	maker_init(&m);
	maker_export(&m, "_PyThreadState_Current", MAKER_DATA);
	maker_export(&m, "PyString_Type", MAKER_DATA);
	expect_refusal(&m, "Python 2 is not supported");
	make_older(&m, "cpython-35m", "3.5.3");
	expect_refusal(&m, "Python 3.5 is older than 3.6");
	make_python(&m, 0x031000f0);
	expect_refusal(&m, "Python 3.16 is newer than this adder");
	make_python(&m, 0x030f00a3);
	expect_refusal(&m, "Python 3.15 before its release is not supported");
	make_python(&m, 0x030d00f0);
	expect_refusal(&m, "Python 3.13 with debug offsets that make no sense");
	make_python(&m, 0x030b02f0);
	maker_export(&m, "_Py_NegativeRefcount", CODE);
	expect_refusal(&m, "debug build of Python 3.11");
	make_python(&m, 0x030b02f0);
	((Elf64_Ehdr *)maker_at(&m, 0))->e_machine = EM_RISCV;
	expect_refusal(&m, "Python 3.11 of another processor");
}

static void joins_a_program_with_its_library(void **state)
{
	struct python_object program, lib;
	struct adder_binary joined;
	struct maker m;

	(void)state;
	make_python(&m, 0x030b02f0);
	lib = judge(&m);
	maker_init(&m);
	((Elf64_Ehdr *)maker_at(&m, 0))->e_type = ET_EXEC;
	maker_needs(&m, "libpython3.11.so.1.0");
	program = judge(&m);

	python_object_join(&program, &lib, &joined);
	assert_int_equal(joined.kind, ADDER_BINARY_LIBPYTHON);
	assert_int_equal(joined.moves, 0);
	assert_int_equal(joined.runtime, lib.binary.runtime);
	assert_int_equal(joined.lib_dynamic, lib.dynamic);
	assert_int_equal(joined.debug, program.binary.debug);
	assert_int_equal(joined.layout.version, 0x030b);

	python_object_join(&lib, NULL, &joined);
	assert_int_equal(joined.kind, ADDER_BINARY_STATIC);
	assert_int_equal(joined.lib_dynamic, 0);
	python_object_join(&program, NULL, &joined);
	assert_int_equal(joined.kind, ADDER_BINARY_FOREIGN);
}

static void knows_what_is_no_program(void **state)
{
	struct python_object object;
	struct maker m;
	cleanup_close int empty = -1, text = -1;

	(void)state;
	memset(&m, '#', sizeof(m));
	empty = maker_open(&m, 0);
	text = maker_open(&m, sizeof(m.file));
	assert_int_equal(python_object_read(empty, "x", &object), -ENOEXEC);
	assert_int_equal(python_object_read(text, "x", &object), -ENOEXEC);
	assert_int_equal(python_object_read(-1, "x", &object), -EBADF);
}

/* Whatever is cut off: a verdict or an error, and no read beyond the end. */
static void survives_files_that_are_cut_short(void **state)
{
	struct maker m;

	(void)state;
	make_3_15(&m, "\xc3", 1);
	for (size_t size = 0; size < sizeof(m.file); size += 37) {
		struct python_object object = { 0 };
		cleanup_close int fd = maker_open(&m, size);
		int err = python_object_read(fd, "python3.15", &object);

		assert_true(err == 0 || err == -ENOEXEC || err == -EBADMSG);
	}
}

/* @path is .../libpython3.8.so.1.0 or .../python3.11: what it is called, it must be. */
static void check_installed(const char *path)
{
	struct python_object object;
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	unsigned int minor = 0;

	sscanf(strstr(text_basename(path), "python3.") + strlen("python3."), "%u", &minor);
	assert_int_equal(python_object_read(fd, "program", &object), 0);
	if (object.verdict == PYTHON_LINKED || minor == 0)
		return;
	/* an emulated machine may see its host's */
	if (object.verdict == PYTHON_UNSUPPORTED && strstr(object.reason, "of another processor"))
		return;
	assert_int_equal(object.verdict, PYTHON_HERE);
	assert_int_equal(object.version >> 16, 0x0300 | minor);
	assert_int_not_equal(object.version >> 8 & 0xff, 0xff);
	assert_int_not_equal(object.binary.runtime, 0);
	/* Debug offsets, where there are any, agreed with the table. */
	assert_memory_equal(&object.binary.layout,
			    layout_find(object.version, object.binary.layout.free_threaded),
			    sizeof(struct adder_layout));
	assert_true(minor < 15 || object.binary.tls_offset != 0);
}

static void reads_the_interpreters_of_this_machine(void **state)
{
	static const char *const patterns[] = {
		"~/.pyenv/versions/*/lib/libpython3.*.so.1.0",
		"/usr/bin/python3.[0-9]",
		"/usr/bin/python3.[0-9][0-9]",
		"build/pythons/*/usr/bin/python3.[0-9]",
		"build/pythons/*/usr/bin/python3.[0-9][0-9]",
		"build/pythons/*/usr/lib/x86_64-linux-gnu/libpython3.*.so.1.0",
	};
	glob_t found;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++)
		glob(patterns[i], GLOB_TILDE | (i ? GLOB_APPEND : 0), NULL, &found);
	for (size_t i = 0; i < found.gl_pathc; i++)
		check_installed(found.gl_pathv[i]);
	if (!found.gl_pathc)
		print_message("no interpreters found on this machine\n");
	globfree(&found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_runtime_and_its_version),
		cmocka_unit_test(says_where_the_program_and_its_dynamic_section_are),
		cmocka_unit_test(finds_the_runtime_by_its_section),
		cmocka_unit_test(finds_the_runtime_by_its_cookie_in_a_file_without_sections),
		cmocka_unit_test(looks_for_no_cookie_behind_more_data_than_it_searches),
		cmocka_unit_test(looks_for_no_texts_behind_more_than_it_reads),
		cmocka_unit_test(reads_older_versions_from_their_texts),
		cmocka_unit_test(takes_the_version_from_the_name_when_nothing_else_tells_it),
		cmocka_unit_test(lets_the_debug_offsets_correct_the_layout),
#ifdef __x86_64__
		cmocka_unit_test(decodes_the_thread_local_of_a_program),
		cmocka_unit_test(decodes_the_thread_local_of_a_library),
		cmocka_unit_test(finds_the_statics_of_a_stripped_3_6),
#endif
		cmocka_unit_test(leaves_open_what_it_cannot_decode),
		cmocka_unit_test(reads_no_symbols_of_more_than_any_python_has),
		cmocka_unit_test(sees_which_programs_are_linked_with_python),
		cmocka_unit_test(says_why_a_python_is_not_supported),
		cmocka_unit_test(joins_a_program_with_its_library),
		cmocka_unit_test(knows_what_is_no_program),
		cmocka_unit_test(survives_files_that_are_cut_short),
		cmocka_unit_test(reads_the_interpreters_of_this_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
