/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "cmd/recording.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "cmd/filters.h"
#include "cmd/run.h"
#include "profile/profile.h"
#include "recorder/recorder.h"

#define DEFAULT_MB     64
#define DEFAULT_CPU_MB 8         /* the more CPUs, the more stacks */
#define PROGRESS_NS    200000000 /* between changes of the live line */
#define HIGH_PRIORITY  (-20)     /* as nice(2) has it: little is to be done, but soon */

struct recording_run {
	const struct recording *options;
	struct recorder *recorder;
	struct run run;
	uint64_t shown_ns;
};

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

bool recording_say_too_old(const char *release)
{
	unsigned int major, minor;

	if (sscanf(release, "%u.%u", &major, &minor) != 2)
		return false;
	if (major > 5 || (major == 5 && minor >= 15))
		return false;
	log_error("cannot count calls: that needs Linux 5.15, this is %s; 'adder record' works "
		  "here",
		  release);
	return true;
}

/*
 * What counts calls is refused by older kernels with -EACCES, as missing rights are by newer ones.
 * Asked for only then: distributions give old kernels what it needs.
 */
static int say_why_not(const struct recording_run *run, int err)
{
	struct utsname host;

	if (err == -EACCES && run->options->calls.on && !uname(&host) &&
	    recording_say_too_old(host.release))
		return err;
	return recording_say_why_not(err);
}

static void show_progress(struct recording_run *run)
{
	struct recorder_progress p;
	char line[160];

	if (clock_now_ns() - run->shown_ns < PROGRESS_NS)
		return;
	run->shown_ns = clock_now_ns();
	recorder_progress(run->recorder, &p);
	snprintf(line, sizeof(line),
		 "recording %.1f s · %u Python processes · %llu stacks%s (Ctrl-C ends it)",
		 p.elapsed_ns / 1e9, p.processes, (unsigned long long)p.stacks,
		 p.lost ? " · losing some" : "");
	log_progress(line);
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
	int err = 0;

	while (!err && !run_is_over(&run->run)) {
		run_wait(&run->run, recorder_fd(run->recorder), recorder_timeout_ms(run->recorder));
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
	run_begin(&run->run);
	if (run->options->calls.on) /* on a terminal, too: programs are slower from now on */
		log_info("recording; each call takes up to two microseconds longer");
	else
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
					    .calls = run->options->calls,
					    .command = run->options->command
							       ? run->options->command[0]
							       : NULL,
					    .family = run_family(&run->run),
					    .filter = &run->options->filter };
	int err = recorder_open(&options, &run->recorder);

	return err ? say_why_not(run, err) : 0;
}

int recording_open(const struct recording *options, struct recording_run **ret)
{
	CLEANUP(recording_close) struct recording_run *run = calloc(1, sizeof(*run));
	int err;

	if (!run)
		return log_errno(-ENOMEM, "cannot record");
	run->options = options;
	err = run_open(&run->run, options->duration_ns, options->command);
	if (!err)
		err = open_recorder(run);
	if (!err)
		*ret = TAKE_PTR(run);
	return err;
}

void recording_close(struct recording_run *run)
{
	if (!run)
		return;
	run_close(&run->run);
	recorder_close(run->recorder);
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
	return run_status(&run->run);
}

void recording_say_command(struct profile *p, int argc, char **argv)
{
	char line[1024];
	size_t used = 0;

	for (int i = 0; i < argc && used < sizeof(line); i++)
		used += snprintf(line + used, sizeof(line) - used, "%s%s", i ? " " : "", argv[i]);
	profile_comment(p, "command: %s", line);
}
