/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "proc/source.h"

/* A folder of its own, which is the working directory meanwhile. */
struct folder {
	char path[32];
	int before;
	struct source *source;
};

static int enter(void **state)
{
	struct folder *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	strcpy(f->path, "/tmp/adder-source-XXXXXX");
	assert_non_null(mkdtemp(f->path));
	f->before = open(".", O_PATH | O_DIRECTORY);
	assert_int_equal(chdir(f->path), 0);
	f->source = source_open(getpid());
	assert_non_null(f->source);
	*state = f;
	return 0;
}

static int leave(void **state)
{
	static const char *const names[] = { "a.py", "fifo", "link", "large", "folder/b.py" };
	struct folder *f = *state;

	source_close(f->source);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(names[i]);
	rmdir("folder");
	assert_int_equal(fchdir(f->before), 0);
	close(f->before);
	rmdir(f->path);
	free(f);
	return 0;
}

static void write_file(const char *name, const char *text)
{
	FILE *out = fopen(name, "w");

	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

static void finds_lines_without_what_is_around_them(void **state)
{
	struct folder *f = *state;

	write_file("a.py", "first\n\t  indented = 1\r\n\n  last");
	assert_string_equal(source_line(f->source, "a.py", 1), "first");
	assert_string_equal(source_line(f->source, "a.py", 2), "indented = 1");
	assert_string_equal(source_line(f->source, "a.py", 3), "");
	assert_string_equal(source_line(f->source, "a.py", 4), "last");
	assert_null(source_line(f->source, "a.py", 5));
	assert_null(source_line(f->source, "a.py", 0));
	assert_null(source_line(f->source, "a.py", -1));
	assert_null(source_line(f->source, "a.py", INT64_MAX));
}

static void finds_files_by_absolute_and_relative_paths(void **state)
{
	struct folder *f = *state;
	char path[64];

	mkdir("folder", 0700);
	write_file("folder/b.py", "here\n");
	snprintf(path, sizeof(path), "%s/folder/b.py", f->path);
	assert_string_equal(source_line(f->source, path, 1), "here");
	assert_string_equal(source_line(f->source, "folder/b.py", 1), "here");
	assert_string_equal(source_line(f->source, "./folder/../folder/b.py", 1), "here");
}

static void opens_nothing_but_regular_files(void **state)
{
	static const char *const names[] = { "",          "missing",   "fifo",  "/",
					     "/dev/zero", "/dev/null", "a.py/", "<string>" };
	struct folder *f = *state;

	write_file("a.py", "text\n");
	assert_int_equal(mkfifo("fifo", 0600), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_null(source_line(f->source, names[i], 1));
}

static void follows_no_way_out_of_the_working_directory(void **state)
{
	struct folder *f = *state;

	assert_int_equal(symlink("/etc/passwd", "link"), 0);
	assert_null(source_line(f->source, "link", 1));
	assert_null(source_line(f->source, "../../etc/passwd", 1));
	assert_null(source_line(f->source, "/proc/self/exe", 1)); /* nor by /proc's own links */
}

static void reads_no_file_that_is_too_large(void **state)
{
	struct folder *f = *state;

	write_file("large", "first\n");
	assert_int_equal(truncate("large", SOURCE_MAX_BYTES + 1), 0);
	assert_null(source_line(f->source, "large", 1));
}

static void ends_lines_at_their_own_zeros(void **state)
{
	struct folder *f = *state;
	int fd;

	write_file("a.py", "ab\ncd\n");
	fd = open("a.py", O_WRONLY);
	assert_int_equal(pwrite(fd, "", 1, 1), 1);
	close(fd);
	assert_string_equal(source_line(f->source, "a.py", 1), "a");
	assert_string_equal(source_line(f->source, "a.py", 2), "cd");
}

static void finds_nothing_of_a_process_that_is_gone(void **state)
{
	struct source *source = source_open((1 << 22) + 1);

	(void)state;
	assert_null(source_line(source, "/etc/passwd", 1));
	assert_null(source_line(source, "a.py", 1));
	source_close(source);
	source_close(NULL);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(finds_lines_without_what_is_around_them),
		CASE(finds_files_by_absolute_and_relative_paths),
		CASE(opens_nothing_but_regular_files),
		CASE(follows_no_way_out_of_the_working_directory),
		CASE(reads_no_file_that_is_too_large),
		CASE(ends_lines_at_their_own_zeros),
		cmocka_unit_test(finds_nothing_of_a_process_that_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
