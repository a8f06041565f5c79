/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "cmd/run.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

static void signals_set(sigset_t *ret)
{
	sigemptyset(ret);
	sigaddset(ret, SIGINT);
	sigaddset(ret, SIGTERM);
	sigaddset(ret, SIGHUP);
	sigaddset(ret, SIGCHLD);
}

static int open_signals(void)
{
	sigset_t set;
	int fd;

	signals_set(&set);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

int run_open(struct run *run, uint64_t duration_ns, char **command)
{
	int err;

	*run = (struct run){ .duration_ns = duration_ns, .command = command, .launch.go = -1 };
	run->signals = open_signals();
	if (run->signals < 0)
		return log_errno(run->signals, "cannot wait for signals");
	if (!command)
		return 0;
	err = launch_prepare(command, &run->launch);
	return err ? log_errno(err, "cannot start a process for '%s'", command[0]) : 0;
}

void run_close(struct run *run)
{
	launch_abandon(&run->launch);
	if (run->signals >= 0)
		close(run->signals);
	run->signals = -1;
}

pid_t run_family(const struct run *run)
{
	return run->launch.pid;
}

void run_begin(struct run *run)
{
	run->start_ns = clock_now_ns();
	if (run->command)
		launch_go(&run->launch);
}

static int time_left_ms(const struct run *run, int ms)
{
	uint64_t elapsed = clock_now_ns() - run->start_ns, limit = run->duration_ns;

	if (limit && elapsed + ms * 1000000ULL > limit)
		ms = elapsed < limit ? (limit - elapsed) / 1000000 + 1 : 0;
	return ms;
}

void run_wait(const struct run *run, int fd, int timeout_ms)
{
	struct pollfd fds[] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = run->signals, .events = POLLIN },
	};

	poll(fds, ARRAY_SIZE(fds), time_left_ms(run, timeout_ms));
}

/*
 * A signal that ends the run?  A child's end alone is asked for elsewhere.  What a terminal does
 * not send to the command as well is passed on to it.
 */
static bool take_signals(struct run *run)
{
	struct signalfd_siginfo info;

	while (read(run->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			continue;
		if (run->command && info.ssi_signo != SIGINT)
			kill(run->launch.pid, info.ssi_signo);
		return true;
	}
	return false;
}

bool run_is_over(struct run *run)
{
	if (take_signals(run))
		return true;
	if (run->command && launch_ended(&run->launch))
		return true;
	return run->duration_ns && clock_now_ns() - run->start_ns >= run->duration_ns;
}

int run_status(struct run *run)
{
	sigset_t set;

	signals_set(&set);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	return run->command ? launch_wait(&run->launch) : 0;
}
