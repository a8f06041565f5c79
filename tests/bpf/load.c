/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Load, attach, begin and end a recording on this kernel, and list the programs that it verified,
 * each with the instructions that the verifier had to follow, and the stack that it takes: more
 * than some kernel gives it is a failure on every one.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "adder.skel.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "probe/session.h"
#include "stack_depth.h"
#include "probe/usdt.h"

#define LISTED 64 /* more programs than there are */

struct listed {
	struct bpf_prog_info programs[LISTED];
	size_t count;
};

static void ignore_event(void *arg, const void *event, size_t size)
{
	(void)arg;
	(void)event;
	(void)size;
}

static void ignore_mapping(void *arg, pid_t pid, const char *path)
{
	(void)arg;
	(void)pid;
	(void)path;
}

/* Add the program behind descriptor @fd, if it is one. */
static void list_program(int fd, struct listed *l)
{
	struct bpf_prog_info *info = &l->programs[l->count];
	char path[64], target[64];
	uint32_t size = sizeof(*info);
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0)
		return;
	target[length] = '\0';
	if (strcmp(target, "anon_inode:bpf-prog") != 0 || l->count == LISTED)
		return;
	memset(info, 0, sizeof(*info));
	if (!bpf_obj_get_info_by_fd(fd, info, &size))
		l->count++;
}

/* The programs that this process holds. */
static void list_programs(struct listed *l)
{
	DIR *fds = opendir("/proc/self/fd");
	struct dirent *entry;

	l->count = 0;
	while (fds && (entry = readdir(fds)))
		list_program(atoi(entry->d_name), l);
	if (fds)
		closedir(fds);
}

/* Bytes of stack that @program takes, which libbpf has put together with what it calls. */
static long depth_of(const struct bpf_program *program)
{
	struct stack_program p = {
		.insns = bpf_program__insns(program),
		.count = bpf_program__insn_cnt(program),
	};
	cleanup_free bool *begins = calloc(p.count + 1, sizeof(*begins));

	p.begins = begins;
	if (!begins)
		return STACK_MOST + 1;
	stack_find_functions(&p);
	return stack_depth(&p, 0, 0);
}

/* A line for @program; false if it should have been loaded and is not, or takes too much stack. */
static bool tell(const struct bpf_program *program, const struct listed *l)
{
	const char *name = bpf_program__name(program);
	long depth = depth_of(program);

	for (size_t i = 0; i < l->count; i++) {
		if (strncmp(l->programs[i].name, name, sizeof(l->programs[i].name) - 1) != 0)
			continue;
		printf("%-4s %-24s %7u instructions, %7u verified, %3ld of %d bytes of stack\n",
		       depth > STACK_MOST ? "FAIL" : "ok", name,
		       (unsigned int)(l->programs[i].xlated_prog_len / 8),
		       l->programs[i].verified_insns, depth, STACK_MOST);
		return depth <= STACK_MOST;
	}
	printf("FAIL %s is not loaded\n", name);
	return false;
}

/* `adder calls` needs the cookies of probes, which came with Linux 5.15. */
static bool can_count_calls(void)
{
	unsigned int major = 0, minor = 0;
	struct utsname system;

	return uname(&system) || sscanf(system.release, "%u.%u", &major, &minor) != 2 ||
	       major > 5 || (major == 5 && minor >= 15);
}

static bool counts_calls(const char *program)
{
	return !strcmp(program, "on_call") || !strcmp(program, "on_function_return");
}

/* Compare with all that the object has. */
static int tell_all(const struct listed *l, bool with_calls)
{
	struct adder_bpf *skel = adder_bpf__open();
	struct bpf_program *program;
	int passed = 0, failed = 0, skipped = 0;

	if (!skel)
		return EXIT_FAILURE;
	log_set_level(LOG_ERROR);
	adder_bpf__load(
		skel); /* which puts programs together; an old kernel's are another object's */
	bpf_object__for_each_program (program, skel->obj) {
		if (!with_calls && counts_calls(bpf_program__name(program)))
			skipped += printf("skip %s: needs Linux 5.15\n",
					  bpf_program__name(program)) > 0;
		else if (tell(program, l))
			passed++;
		else
			failed++;
	}
	adder_bpf__destroy(skel);
	printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int fail(const char *what, int err)
{
	printf("FAIL %s: %s\n0 passed, 1 failed, 0 skipped\n", what, strerror(-err));
	return EXIT_FAILURE;
}

int main(void)
{
	const bool calls = can_count_calls();
	const struct session_options options = {
		.calls = { .count = calls,
			   .clock = calls ? ADDER_CLOCK_WALL : ADDER_CLOCK_NONE,
			   .select = calls,
			   .histograms = calls,
			   .slow_ns = calls ? 1 : 0 },
		.rate_hz = 99,
	};
	static const struct session_options tracing = { .trace = USDT_COLLECTIONS | USDT_IMPORTS };
	static const struct session_handler handler = { ignore_event, ignore_mapping, NULL };
	static struct listed listed;
	CLEANUP(session_close) struct session *s = NULL, *traces = NULL;
	uint64_t start_ns, end_ns;
	int err;

	if (geteuid() != 0) {
		puts("skip programs: needs root\n0 passed, 0 failed, 1 skipped");
		return EXIT_SUCCESS;
	}
	log_set_level(LOG_DEBUG);
	err = session_open(&options, &handler, &s);
	if (err)
		return fail("session_open", err);
	err = session_open(&tracing, &handler, &traces);
	if (err)
		return fail("session_open for traces", err);
	err = session_watch(s);
	if (err)
		return fail("session_watch", err);
	list_programs(&listed);
	err = session_start(s, &start_ns);
	if (err)
		return fail("session_start", err);
	session_poll(s, 100);
	session_stop(s, &end_ns);
	if (end_ns <= start_ns)
		return fail("a recording of some length", -ETIME);
	return tell_all(&listed, options.calls.count);
}
