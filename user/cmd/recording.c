/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "cmd/recording.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cmd/filters.h"
#include "cmd/launch.h"
#include "recorder/recorder.h"

#define DEFAULT_MB     64
#define DEFAULT_CPU_MB 8         /* the more CPUs, the more stacks */
#define PROGRESS_NS    200000000 /* between changes of the live line */
#define HIGH_PRIORITY  (-20)     /* as nice(2) has it: little is to be done, but soon */

struct recording_run {
	const struct recording *options;
	struct recorder *recorder;
	struct launch launch;
	int signals; /* a signalfd */
	uint64_t start_ns, shown_ns;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

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

size_t recording_default_memory(void)
{
	long mb = sysconf(_SC_NPROCESSORS_ONLN) * DEFAULT_CPU_MB;

	return (mb > DEFAULT_MB ? mb : DEFAULT_MB) * 1000000UL;
}

int recording_say_why_not(int err)
{
	if (err == -EPERM || err == -EACCES) {
		log_error("cannot load the kernel programs: permission denied; run as root (sudo "
			  "adder), or grant "
			  "CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE");
		return err;
	}
	if (err == -EXDEV) {
		log_error(
			"cannot see processes from inside a pid namespace: run adder on the host, "
			"or in "
			"a container with the host's pids (docker run --pid=host; hostPID: true)");
		return err;
	}
	if (err == -ENOENT && access("/sys/kernel/btf/vmlinux", R_OK)) {
		log_error("cannot load the kernel programs: this kernel has no BTF "
			  "(/sys/kernel/btf/vmlinux); "
			  "adder needs one built with CONFIG_DEBUG_INFO_BTF");
		return err;
	}
	return log_errno(err, "cannot load the kernel programs (-v tells more)");
}

static void show_progress(struct recording_run *run)
{
	struct recorder_progress p;
	char line[160];

	if (now_ns() - run->shown_ns < PROGRESS_NS)
		return;
	run->shown_ns = now_ns();
	recorder_progress(run->recorder, &p);
	snprintf(line, sizeof(line),
		 "recording %.1f s · %u Python processes · %llu stacks%s (Ctrl-C ends it)",
		 p.elapsed_ns / 1e9, p.processes, (unsigned long long)p.stacks,
		 p.lost ? " · losing some" : "");
	log_progress(line);
}

/*
 * A signal that ends the recording?  A child's end alone is asked for elsewhere.  What a terminal
 * does not send to the command as well is passed on to it.
 */
static bool take_signals(struct recording_run *run)
{
	struct signalfd_siginfo info;

	while (read(run->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			continue;
		if (run->options->command && info.ssi_signo != SIGINT)
			kill(run->launch.pid, info.ssi_signo);
		return true;
	}
	return false;
}

/* The recording is over: the next signal ends adder as it would any program. */
static void release_signals(void)
{
	sigset_t set;

	signals_set(&set);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static int wait_ms(const struct recording_run *run)
{
	int ms = recorder_timeout_ms(run->recorder);
	uint64_t elapsed = now_ns() - run->start_ns, limit = run->options->duration_ns;

	if (limit && elapsed + ms * 1000000ULL > limit)
		ms = elapsed < limit ? (limit - elapsed) / 1000000 + 1 : 0;
	return ms;
}

static bool is_over(struct recording_run *run)
{
	if (take_signals(run))
		return true;
	if (run->options->command && launch_ended(&run->launch))
		return true;
	return run->options->duration_ns && now_ns() - run->start_ns >= run->options->duration_ns;
}

/*
 * On a crowded host the reader must come before those whose events it reads, or the buffer runs
 * over.  Without the right to it, or if the user chose another priority, it stays as it is.
 */
static void set_priority(int from, int to)
{
	if (getpriority(PRIO_PROCESS, 0) == from)
		setpriority(PRIO_PROCESS, 0, to);
}

static int loop(struct recording_run *run)
{
	struct pollfd fds[] = {
		{ .fd = recorder_fd(run->recorder), .events = POLLIN },
		{ .fd = run->signals, .events = POLLIN },
	};
	int err = 0;

	while (!err && !is_over(run)) {
		poll(fds, ARRAY_SIZE(fds), wait_ms(run));
		err = recorder_turn(run->recorder);
		show_progress(run);
	}
	log_progress(NULL);
	return err;
}

static int begin(struct recording_run *run)
{
	struct recorder_progress p;
	int err = recorder_start(run->recorder);

	if (err)
		return log_errno(err, "cannot begin to record");
	run->start_ns = now_ns();
	if (run->options->command)
		launch_go(&run->launch);
	log_progress_or_info("recording");
	recorder_progress(run->recorder, &p);
	if (!p.processes && !run->options->command && !filter_is_empty(&run->options->filter))
		filters_say_waiting(&run->options->filter);
	return 0;
}

static int open_recorder(struct recording_run *run)
{
	struct recorder_options options = { .rate_hz = run->options->rate_hz,
					    .memory_bytes = run->options->memory_bytes,
					    .budget = run->options->budget,
					    .tables = run->options->tables,
					    .count_calls = run->options->count_calls,
					    .call_clock = run->options->call_clock,
					    .filter = &run->options->filter };
	int err;

	if (run->options->command) {
		err = launch_prepare(run->options->command, &run->launch);
		if (err)
			return log_errno(err, "cannot start a process for '%s'",
					 run->options->command[0]);
		options.family = run->launch.pid;
	}
	err = recorder_open(&options, &run->recorder);
	return err ? recording_say_why_not(err) : 0;
}

int recording_open(const struct recording *options, struct recording_run **ret)
{
	CLEANUP(recording_close) struct recording_run *run = calloc(1, sizeof(*run));
	int err;

	if (!run)
		return log_errno(-ENOMEM, "cannot record");
	run->options = options;
	run->launch.go = -1;
	run->signals = open_signals();
	if (run->signals < 0)
		return log_errno(run->signals, "cannot wait for signals");
	err = open_recorder(run);
	if (!err)
		*ret = TAKE_PTR(run);
	return err;
}

void recording_close(struct recording_run *run)
{
	if (!run)
		return;
	launch_abandon(&run->launch);
	recorder_close(run->recorder);
	if (run->signals >= 0)
		close(run->signals);
	free(run);
}

int recording_make(struct recording_run *run, struct profile **ret)
{
	int err = begin(run);

	if (err)
		return err;
	set_priority(0, HIGH_PRIORITY);
	err = loop(run);
	set_priority(HIGH_PRIORITY, 0);
	if (err)
		log_warning("the recording ended early: %s", strerror(-err));
	err = recorder_finish(run->recorder, ret);
	return err ? log_errno(err, "cannot make the profile") : 0;
}

int recording_status(struct recording_run *run)
{
	release_signals();
	return run->options->command ? launch_wait(&run->launch) : 0;
}
