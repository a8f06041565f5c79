/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "proc/maps.h"

static void reads_each_field(void **state)
{
	char line[] = "55d0c0a00000-55d0c0a02000 r-xp 00001000 fd:01 1234567            "
		      "         /usr/bin/python3.11\n";
	struct maps_line m;

	(void)state;
	assert_int_equal(maps_parse_line(line, &m), 0);
	assert_true(m.start == 0x55d0c0a00000 && m.end == 0x55d0c0a02000);
	assert_string_equal(m.perms, "r-xp");
	assert_true(m.offset == 0x1000 && m.inode == 1234567);
	assert_int_equal(m.device, 0xfd << 20 | 1);
	assert_false(m.deleted);
	assert_string_equal(m.path, "/usr/bin/python3.11");
}

static void reads_every_kind_of_path(void **state)
{
	static const struct {
		const char *line, *path;
		bool deleted;
	} cases[] = {
		{ "1000-2000 rw-p 00000000 00:00 0", "", false },
		{ "1000-2000 rw-p 00000000 00:00 0 \n", "", false },
		{ "1000-2000 rw-p 00000000 00:00 0      [heap]\n", "[heap]", false },
		{ "1000-2000 r--p 00000000 00:29 7      /opt/my app/lib x.so\n",
		  "/opt/my app/lib x.so", false },
		{ "1000-2000 r--p 00000000 00:29 7      /tmp/a.so (deleted)\n", "/tmp/a.so", true },
		{ "1000-2000 r--p 00000000 00:29 7      /tmp/a (deleted) (deleted)\n",
		  "/tmp/a (deleted)", true },
		{ "1000-2000 r--p 00000000 00:29 7      /tmp/a\\012b\\012\n", "/tmp/a\nb\n",
		  false },
		{ "1000-2000 r--p 00000000 00:29 7      /tmp/a\\01\n", "/tmp/a\\01", false },
		{ "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0  [vsyscall]\n",
		  "[vsyscall]", false },
		{ "1000-2000 rw-s 00000000 00:01 3      /memfd:x (deleted)\n", "/memfd:x", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char line[256];
		struct maps_line m;

		snprintf(line, sizeof(line), "%s", cases[i].line);
		assert_int_equal(maps_parse_line(line, &m), 0);
		assert_string_equal(m.path, cases[i].path);
		assert_int_equal(m.deleted, cases[i].deleted);
	}
}

static void refuses_what_is_no_mapping(void **state)
{
	static const char *const lines[] = {
		"",
		"\n",
		"1000-2000",
		"1000-2000 r-xp",
		"1000-2000 r-x",
		"-1000-2000 r-xp 0 00:00 0",
		" 1000-2000 r-xp 0 00:00 0",
		"2000-1000 r-xp 00000000 00:00 0",
		"1000-1000 r-xp 00000000 00:00 0",
		"1000-2000 r-xp 00000000 00:00 ",
		"1000-2000 r-xp 00000000 00:00 x",
		"1000-2000 r-xp 00000000 00:00 7x /a",
		"1000-2000 r-xp 00000000 0000 7 /a",
		"1000-2000 r-xp 00000000 1000:00 7 /a",
		"1000-2000 r-xp 00000000 00:100000 7 /a",
		"1000-10000000000000000 r-xp 00000000 00:00 0",
		"1000-2000 r-xp 00000000 00:00 99999999999999999999 /a",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		char line[128];
		struct maps_line m = { .start = 42 };

		snprintf(line, sizeof(line), "%s", lines[i]);
		assert_int_equal(maps_parse_line(line, &m), -EBADMSG);
		assert_true(m.start == 42);
	}
}

static int count_lines(const struct maps_line *line, void *arg)
{
	size_t *longest = arg;

	if (strlen(line->path) > *longest)
		*longest = strlen(line->path);
	return 0;
}

static void takes_lines_of_any_length_and_passes_over_broken_ones(void **state)
{
	enum { LONG = 70000 };
	cleanup_free char *text = malloc(LONG + 200);
	cleanup_fclose FILE *file = NULL;
	size_t used, longest = 0;

	(void)state;
	used = (size_t)sprintf(text, "broken\n1000-2000 r-xp 00000000 00:01 7 /");
	memset(text + used, 'x', LONG);
	sprintf(text + used + LONG, "\nanother broken one");
	file = fmemopen(text, strlen(text), "r");
	assert_int_equal(maps_each_of(file, count_lines, &longest), 0);
	assert_int_equal(longest, LONG + 1);
}

static int stop_at_once(const struct maps_line *line, void *arg)
{
	*(struct maps_line *)arg = *line;
	return 17;
}

static void stops_when_told_to(void **state)
{
	struct maps_line first;

	(void)state;
	assert_int_equal(maps_each(getpid(), stop_at_once, &first), 17);
	assert_true(first.end > first.start);
}

static void says_that_a_process_is_gone(void **state)
{
	size_t longest = 0;

	(void)state;
	assert_int_equal(maps_each(0x3fffffff, count_lines, &longest), -ENOENT);
	assert_int_equal(maps_open_object(0x3fffffff, 0x1000, 0x2000), -ENOENT);
}

struct by_name {
	const char *name;
	struct maps_line found;
};

static int find_name(const struct maps_line *line, void *arg)
{
	struct by_name *search = arg;

	if (!strstr(line->path, search->name))
		return 0;
	search->found = *line;
	return 1;
}

static void opens_a_mapped_file_after_it_is_deleted(void **state)
{
	char path[] = "/tmp/mapped XXXXXX", text[8] = "";
	cleanup_close int fd = mkstemp(path), again = -1;
	struct by_name search = { .name = "/mapped " };
	struct stat st;
	void *map;

	(void)state;
	assert_int_equal(write(fd, "content", 8), 8);
	map = mmap(NULL, 8, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	unlink(path);
	assert_int_equal(maps_each(getpid(), find_name, &search), 1);
	assert_true(search.found.deleted);
	fstat(fd, &st);
	assert_true(search.found.inode == st.st_ino);

	again = maps_open_object(getpid(), search.found.start, search.found.end);
	munmap(map, 8);
	if (again == -ENOENT && geteuid() != 0)
		skip(); /* map_files wants privileges, and the name is gone */
	assert_true(again >= 0);
	assert_int_equal(read(again, text, 8), 8);
	assert_string_equal(text, "content");
}

static void does_not_open_a_mapped_device(void **state)
{
	cleanup_close int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	void *map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	uint64_t start = (uintptr_t)map;

	(void)state;
	assert_ptr_not_equal(map, MAP_FAILED);
	assert_true(maps_open_object(getpid(), start, start + 4096) < 0);
	munmap(map, 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_each_field),
		cmocka_unit_test(reads_every_kind_of_path),
		cmocka_unit_test(refuses_what_is_no_mapping),
		cmocka_unit_test(takes_lines_of_any_length_and_passes_over_broken_ones),
		cmocka_unit_test(stops_when_told_to),
		cmocka_unit_test(says_that_a_process_is_gone),
		cmocka_unit_test(opens_a_mapped_file_after_it_is_deleted),
		cmocka_unit_test(does_not_open_a_mapped_device),
	};

	return cmocka_run_group_tests_name("proc_maps", tests, NULL, NULL);
}
