/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "proc/process.h"
#include "recorder/blocked.h"

/* Some processors have the later one alone. */
#ifdef SYS_poll
#define POLL SYS_poll
#else
#define POLL SYS_ppoll
#endif

/* What stands for no timeout in either. */
static void do_poll(struct pollfd *fds, unsigned int count)
{
	syscall(POLL, fds, count, POLL == SYS_ppoll ? 0L : -1L, NULL, 0L);
}

/* A child that waits in @wait(), which never returns. */
static pid_t start(void (*wait)(void))
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		wait();
		_exit(1);
	}
	return pid;
}

static void stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Wait until @pid waits in @number; skip where the kernel does not tell. */
static void expect_syscall(pid_t pid, long number)
{
	struct process_syscall call;
	int err = -EAGAIN;

	for (int i = 0; i < 2000; i++) {
		err = process_thread_syscall(pid, pid, &call);
		if (err && err != -EAGAIN)
			break;
		if (!err && call.number == number)
			return;
		usleep(1000);
	}
	stop(pid);
	if (err == -EPERM || err == -EACCES || err == -ENOSYS)
		skip();
	fail_msg("it does not wait in %ld: %s", number, strerror(-err));
}

static void poll_one(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	do_poll(&p, 1);
}

static int bound(int family, int type)
{
	int fd = socket(family, type, 0);
	struct sockaddr_in in = { .sin_family = AF_INET };

	if (family == AF_INET &&
	    (bind(fd, (void *)&in, sizeof(in)) || (type == SOCK_STREAM && listen(fd, 1))))
		_exit(2);
	return fd;
}

static int end_of_pair(void)
{
	int ends[2];

	return socketpair(AF_UNIX, SOCK_STREAM, 0, ends) ? -1 : ends[0];
}

static int end_of_pipe(void)
{
	int ends[2];

	return pipe(ends) ? -1 : ends[0];
}

static void poll_tcp(void)
{
	poll_one(bound(AF_INET, SOCK_STREAM));
}

static void poll_udp(void)
{
	poll_one(bound(AF_INET, SOCK_DGRAM));
}

static void poll_unix(void)
{
	poll_one(end_of_pair());
}

static void poll_pipe(void)
{
	poll_one(end_of_pipe());
}

static void poll_event(void)
{
	poll_one(eventfd(0, 0));
}

static void poll_timer(void)
{
	poll_one(timerfd_create(CLOCK_MONOTONIC, 0));
}

static void poll_nothing(void)
{
	do_poll(NULL, 0);
}

static void poll_no_file(void)
{
	poll_one(-1);
}

static void poll_two(void)
{
	struct pollfd p[2] = { { .fd = end_of_pipe(), .events = POLLIN },
			       { .fd = end_of_pair(), .events = POLLIN } };

	do_poll(p, 2);
}

static void select_files(int count)
{
	fd_set in, out;
	int fd, max = 0;

	FD_ZERO(&in);
	FD_ZERO(&out);
	for (int i = 0; i < count; i++) {
		fd = dup2(i ? end_of_pipe() : bound(AF_INET, SOCK_STREAM), 200 + i);
		FD_SET(fd, &in);
		max = fd + 1;
	}
	syscall(SYS_pselect6, max, &in, &out, NULL, NULL, NULL);
}

static void select_one(void)
{
	select_files(1);
}

static void select_two(void)
{
	select_files(2);
}

static void select_none(void)
{
	select_files(0);
}

static void tells_states_by_the_files_that_are_polled(void **state)
{
	static const struct {
		const char *name;
		void (*wait)(void);
		long syscall;
		enum adder_state state;
	} cases[] = {
		{ "a TCP socket", poll_tcp, POLL, ADDER_STATE_NET },
		{ "a UDP socket", poll_udp, POLL, ADDER_STATE_NET },
		{ "a UNIX socket", poll_unix, POLL, ADDER_STATE_IPC },
		{ "a pipe", poll_pipe, POLL, ADDER_STATE_IPC },
		{ "an eventfd", poll_event, POLL, ADDER_STATE_IPC },
		{ "a timerfd", poll_timer, POLL, ADDER_STATE_SLEEP },
		{ "nothing", poll_nothing, POLL, ADDER_STATE_SLEEP },
		{ "no file", poll_no_file, POLL, ADDER_STATE_SLEEP },
		{ "two", poll_two, POLL, ADDER_STATE_POLL },
		{ "one selected", select_one, SYS_pselect6, ADDER_STATE_NET },
		{ "two selected", select_two, SYS_pselect6, ADDER_STATE_POLL },
		{ "none selected", select_none, SYS_pselect6, ADDER_STATE_SLEEP },
	};
	char on[BLOCKED_ON_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pid_t pid = start(cases[i].wait);
		struct adder_known_thread t = { .pid = pid,
						.tid = pid,
						.syscall = cases[i].syscall,
						.state = ADDER_STATE_OTHER };
		int err;

		expect_syscall(pid, cases[i].syscall);
		err = blocked_complete(&t, on);
		stop(pid);
		if (err || t.state != cases[i].state)
			fail_msg("%s: %d, state %d", cases[i].name, err, t.state);
	}
}

static void read_fifo(void)
{
	char byte, path[64];

	snprintf(path, sizeof(path), "/tmp/adder-blocked-%d", getpid());
	if (mkfifo(path, 0600))
		_exit(2);
	if (read(open(path, O_RDWR), &byte, 1))
		_exit(2);
}

static void names_the_file_that_is_read(void **state)
{
	pid_t pid = start(read_fifo);
	struct adder_known_thread t = {
		.pid = pid, .tid = pid, .syscall = SYS_read, .state = ADDER_STATE_IPC
	};
	char on[BLOCKED_ON_BYTES], path[64];

	(void)state;
	expect_syscall(pid, SYS_read);
	assert_int_equal(blocked_complete(&t, on), 0);
	stop(pid);
	snprintf(path, sizeof(path), "/tmp/adder-blocked-%d", pid);
	unlink(path);
	assert_string_equal(on, path);
	assert_int_equal(t.state, ADDER_STATE_IPC);
}

static void says_that_a_thread_has_moved_on(void **state)
{
	pid_t pid = start(poll_nothing);
	struct adder_known_thread t = {
		.pid = pid, .tid = pid, .syscall = SYS_read, .state = ADDER_STATE_IPC
	};
	char on[BLOCKED_ON_BYTES];

	(void)state;
	expect_syscall(pid, POLL);
	assert_int_equal(blocked_complete(&t, on), -EAGAIN);
	stop(pid);
	assert_int_equal(t.state, ADDER_STATE_IPC);
	assert_true(blocked_complete(&t, on) < 0); /* and that it is gone */
	assert_string_equal(on, "");
}

static void leaves_a_stopped_thread_stopped(void **state)
{
	pid_t pid = start(poll_pipe);
	struct adder_known_thread t = {
		.pid = pid, .tid = pid, .syscall = POLL, .state = ADDER_STATE_STOP
	};
	char on[BLOCKED_ON_BYTES];

	(void)state;
	expect_syscall(pid, POLL);
	assert_int_equal(blocked_complete(&t, on), 0);
	stop(pid);
	assert_int_equal(t.state, ADDER_STATE_STOP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_states_by_the_files_that_are_polled),
		cmocka_unit_test(names_the_file_that_is_read),
		cmocka_unit_test(says_that_a_thread_has_moved_on),
		cmocka_unit_test(leaves_a_stopped_thread_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
