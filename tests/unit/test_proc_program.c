/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/program.h"

#include <errno.h>
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

static char folder[] = "/tmp/adder-unit-XXXXXX";

/* Write @text to file @name of the folder; its path, until the next call. */
static const char *put(const char *name, const char *text, mode_t mode)
{
	static char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	chmod(path, mode);
	return path;
}

/* What running @command ends in is the file whose text is @want. */
static void leads_to(const char *command, const char *want)
{
	char text[64] = "";
	int fd = program_open(command);

	assert_true(fd >= 0);
	assert_true(read(fd, text, sizeof(text) - 1) >= 0);
	assert_string_equal(text, want);
	close(fd);
}

static void write_script(const char *name, const char *before, const char *program,
			 const char *after)
{
	char text[512];

	snprintf(text, sizeof(text), "#!%s%s/%s%s\nrest\n", before, folder, program, after);
	put(name, text, 0755);
}

static void searches_the_path_like_exec(void **state)
{
	(void)state;
	leads_to("program", "PROGRAM");
	leads_to(put("other", "OTHER", 0700), "OTHER");
	put("data", "DATA", 0644);
	assert_int_equal(program_open("data"), -EACCES);
	assert_int_equal(program_open("no-such-program"), -ENOENT);
	assert_int_equal(program_open("/no/such/program"), -ENOENT);
}

static void goes_through_scripts(void **state)
{
	(void)state;
	write_script("one", " ", "program", " -u");
	leads_to("one", "PROGRAM");
	write_script("two", "", "one", "");
	leads_to("two", "PROGRAM");
	put("three", "#!/usr/bin/env program\n", 0755);
	leads_to("three", "PROGRAM");
	put("four", "#! /usr/bin/env\t-S A=b program -u", 0755);
	leads_to("four", "PROGRAM");
}

static void gives_up_where_there_is_none(void **state)
{
	(void)state;
	write_script("self", "", "self", "");
	assert_int_equal(program_open("self"), -ELOOP);
	put("empty", "#!\n", 0755);
	assert_true(program_open("empty") < 0);
	put("env", "#!/usr/bin/env\n", 0755);
	leads_to("env", "#!/usr/bin/env\n"); /* env itself is not what is asked for */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(searches_the_path_like_exec),
		cmocka_unit_test(goes_through_scripts),
		cmocka_unit_test(gives_up_where_there_is_none),
	};
	char command[64];
	int failed;

	if (!mkdtemp(folder))
		return EXIT_FAILURE;
	setenv("PATH", folder, 1);
	put("program", "PROGRAM", 0755);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(command, sizeof(command), "/bin/rm -r %s", folder);
	return system(command) || failed;
}
