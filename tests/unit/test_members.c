/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who is in a recording, by what the kernel half tells; the rooms below are made up here.
 */
#include "recorder/members.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "discover/discover.h"
#include "probe/session.h"
#include "recorder/filter.h"
#include "resolve/resolve.h"

/* What the rooms below were told. */
static struct {
	uint32_t process_dropped; /* serial */
	uint32_t thread_dropped;
	uint32_t resolver_dropped; /* serial */
	uint32_t drops, versions;
} told;

static uint32_t version_of_files; /* of all of them */

uint32_t session_new_serial(struct session *s)
{
	(void)s;
	return 1000;
}

int session_know_binary(struct session *s, const struct adder_file *file,
			const struct adder_binary *binary)
{
	(void)s;
	(void)file;
	(void)binary;
	return 0;
}

int session_add_process(struct session *s, pid_t pid, const struct adder_process *process)
{
	(void)s;
	(void)pid;
	(void)process;
	return 0;
}

int session_find_process(struct session *s, pid_t pid, struct adder_process *ret)
{
	(void)s;
	(void)pid;
	(void)ret;
	return -ENOENT;
}

int session_update_process(struct session *s, pid_t pid, const struct adder_process *process)
{
	(void)s;
	(void)pid;
	(void)process;
	return 0;
}

int session_drop_process(struct session *s, pid_t pid, uint32_t serial)
{
	(void)s;
	(void)pid;
	told.process_dropped = serial;
	return 0;
}

void session_drop_thread(struct session *s, uint32_t tid)
{
	(void)s;
	told.thread_dropped = tid;
}

/* Every process is gone before it can be looked at. */
int discover_look(struct discover *d, pid_t pid, struct discovery *ret)
{
	(void)d;
	(void)pid;
	(void)ret;
	return -ESRCH;
}

int discover_file(struct discover *d, int fd, const char *name, struct discovery *ret)
{
	(void)d;
	(void)fd;
	(void)name;
	(void)ret;
	return -ENOENT;
}

uint32_t discover_version(const struct discover *d, const struct adder_file *file)
{
	(void)d;
	(void)file;
	return version_of_files;
}

struct discover_note discover_note(const struct discover *d, const struct adder_file *file)
{
	(void)d;
	(void)file;
	return (struct discover_note){ 0 };
}

void resolver_process(struct resolver *r, const struct resolver_process *process)
{
	(void)r;
	told.versions += process->version != 0;
}

void resolver_process_gone(struct resolver *r, uint32_t serial)
{
	(void)r;
	(void)serial;
}

void resolver_drop(struct resolver *r, uint32_t serial)
{
	(void)r;
	told.resolver_dropped = serial;
	told.drops++;
}

static int make(void **state)
{
	static const struct filter all;
	const struct members_rooms rooms = { .filter = &all };

	memset(&told, 0, sizeof(told));
	version_of_files = 0;
	*state = members_new(&rooms);
	return *state ? 0 : -1;
}

static int unmake(void **state)
{
	members_free(*state);
	return 0;
}

static void forgets_the_threads_of_a_fork_whose_parent_was_dropped(void **state)
{
	const struct adder_event_process fork = {
		.how = ADDER_BY_FORK, .serial = 8, .parent_serial = 7, .pid = getpid()
	};

	members_process(*state, &fork);
	assert_int_equal(told.process_dropped, 8);
	assert_int_equal(told.resolver_dropped, 8);
	assert_int_equal(told.thread_dropped, getpid());
	assert_int_equal(members_pid(*state, 8), 0);
}

static void count_entry(void *arg, const struct members_entry *entry)
{
	(void)entry;
	++*(uint32_t *)arg;
}

static uint32_t count(const struct members *m)
{
	uint32_t n = 0;

	members_each(m, count_entry, &n);
	return n;
}

/* Of a program that is not known; it is gone before it can be looked at. */
static void live_shortly(struct members *m, uint32_t serial)
{
	const struct adder_event_process exec = {
		.how = ADDER_BY_EXEC, .serial = serial, .pid = 10, .phase = ADDER_PHASE_UNKNOWN
	};
	const struct adder_event_exit exit = { .serial = serial };

	members_process(m, &exec);
	members_exit(m, &exit);
}

static void judges_who_has_ended_by_what_its_file_has_shown(void **state)
{
	live_shortly(*state, 1);
	live_shortly(*state, 2);
	assert_false(members_retry(*state));
	version_of_files = 0x030b0000;
	members_settle(*state);
	assert_int_equal(told.versions, 2);
	assert_int_equal(told.drops, 0);
	assert_int_equal(members_count(*state), 0);
}

static void lets_go_of_who_is_not_judged_by_the_end(void **state)
{
	const struct adder_event_process exec = {
		.how = ADDER_BY_EXEC, .serial = 1, .pid = 10, .phase = ADDER_PHASE_UNKNOWN
	};

	members_process(*state, &exec);
	assert_true(members_retry(*state));
	members_settle(*state);
	assert_int_equal(told.resolver_dropped, 1);
	assert_int_equal(count(*state), 0);
	assert_false(members_retry(*state));
}

static void does_not_keep_all_who_have_ended(void **state)
{
	enum { MANY = 10000 };
	uint32_t drops;

	for (uint32_t serial = 1; serial <= MANY; serial++)
		live_shortly(*state, serial);
	drops = told.drops;
	assert_true(count(*state) < MANY / 2);
	assert_int_equal(drops, MANY - count(*state));
	version_of_files = 0x030b0000; /* one has been seen alive */
	for (uint32_t serial = 1; serial <= MANY; serial++)
		live_shortly(*state, MANY + serial);
	assert_true(count(*state) < MANY / 2);
	assert_int_equal(told.drops, drops);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)
	const struct CMUnitTest tests[] = {
		TEST(forgets_the_threads_of_a_fork_whose_parent_was_dropped),
		TEST(judges_who_has_ended_by_what_its_file_has_shown),
		TEST(lets_go_of_who_is_not_judged_by_the_end),
		TEST(does_not_keep_all_who_have_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
