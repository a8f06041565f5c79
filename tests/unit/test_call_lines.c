/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `adder calls` says of single calls, and of those that it cannot show.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "cmd/call_lines.h"
#include "cmd/recording.h"
#include "profile/profile.h"
#include "recorder/calls.h"

/* What was said on standard error between the two. */
static FILE *begin_to_listen(int *saved)
{
	FILE *file = tmpfile();

	assert_non_null(file);
	*saved = dup(STDERR_FILENO);
	dup2(fileno(file), STDERR_FILENO);
	return file;
}

static void end_listening(FILE *file, int saved, char *dst, size_t size)
{
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(file);
	dst[fread(dst, 1, size - 1, file)] = '\0';
	fclose(file);
}

/* What is said of what @p lacks. */
static void read_missing(const struct profile *p, char *dst, size_t size)
{
	int saved;
	FILE *file = begin_to_listen(&saved);

	call_lines_say_missing(p, true, false);
	end_listening(file, saved, dst, size);
}

static void tells_every_loss_of_calls(void **state)
{
	CLEANUP(profile_free) struct profile *p = profile_new();
	char said[1024];

	(void)state;
	profile_comment(p, "lost_ring_stack: 1");
	profile_comment(p, "lost_calls: 2");
	profile_comment(p, "lost_calls_full: 3");
	profile_comment(p, "lost_call_times: 4");
	profile_comment(p, "lost_slow_calls: 5");
	read_missing(p, said, sizeof(said));
	assert_string_equal(
		said, "adder: warning: 2 calls not counted: their process was not ready, or "
		      "their frame unreadable\n"
		      "adder: warning: 3 calls not counted: more functions than the table "
		      "holds\n"
		      "adder: warning: 4 calls counted but not timed: too many were open at "
		      "once\n"
		      "adder: warning: 5 calls not told if they were slow: adder fell behind, "
		      "or too many were open\n");
}

static void tells_that_there_was_none_if_none_was_lost(void **state)
{
	CLEANUP(profile_free) struct profile *p = profile_new();
	char said[1024];

	(void)state;
	profile_comment(p, "lost_calls: 0");
	profile_comment(p, "lost_slow_calls: 0");
	read_missing(p, said, sizeof(said));
	assert_string_equal(said, "adder: no call took that long\n");
}

static void tells_buckets_that_are_not_empty(void **state)
{
	static struct call_histogram histogram = { .function = "f", .file = "f.py", .pid = 1 };
	cleanup_free char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_non_null(out);
	histogram.times.longest_ns = 19;
	histogram.times.counts[5] = 2;
	histogram.times.counts[16] = 3; /* of 16 and 17 ns */
	call_lines_histogram(&histogram, true, out);
	fclose(out);
	assert_non_null(strstr(text, "\"buckets\":[[5,6,2],[16,18,3]]"));
}

static void tells_kernels_that_are_too_old(void **state)
{
	char said[256];
	int saved;
	FILE *file = begin_to_listen(&saved);
	bool refused[] = { recording_say_too_old("5.14.0-rc7"), recording_say_too_old("5.15.0"),
			   recording_say_too_old("6.1.0-18-amd64"), recording_say_too_old("?") };

	(void)state;
	end_listening(file, saved, said, sizeof(said));
	assert_string_equal(said, "adder: cannot count calls: that needs Linux 5.15, this is "
				  "5.14.0-rc7; 'adder record' works here\n");
	assert_true(refused[0]);
	assert_false(refused[1] || refused[2] || refused[3]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_every_loss_of_calls),
		cmocka_unit_test(tells_that_there_was_none_if_none_was_lost),
		cmocka_unit_test(tells_buckets_that_are_not_empty),
		cmocka_unit_test(tells_kernels_that_are_too_old),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
