/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every thread of every Python does now: state and stack, without a recording.
 *
 * By the same means as the edges of a recording: the iterator says how each thread waits, the
 * walker reads its stack from outside.  No process is stopped, so what runs or wakes meanwhile is
 * read again until it agrees with itself, a few times at most.
 */
#ifndef RECORDER_SNAPSHOT_H
#define RECORDER_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"

struct filter;
struct snapshot;

/* Texts are valid UTF-8 but may hold any character: who shows one escapes it. */

struct snapshot_frame {
	const char *function; /* qualified name, or a bracketed pseudo-function */
	const char *file;     /* co_filename; "" of a pseudo-function */
	int64_t line;         /* 0 if unknown */
};

struct snapshot_thread {
	pid_t tid;
	const char *name;   /* the kernel's: 15 bytes of what the program called it */
	const char *state;  /* name of an enum adder_state */
	const char *detail; /* how it waits, as the label of that name; NULL: unknown */
	const char *on;     /* for whom or what; NULL: unknown */
	const char *task;   /* asyncio's, that it runs; NULL: none; these are labels, too: */
	const char *coroutine, *awaited_by; /* NULL: unknown */
	bool running; /* on a CPU: its stack may have changed while it was read */
	bool holds_gil;
	const struct snapshot_frame *frames; /* leaf first, at least one */
	size_t frame_count;
};

struct snapshot_process {
	pid_t pid;
	const char *name;      /* what a person would call it */
	const char *container; /* NULL: the host */
	const char *python;    /* "3.11"; NULL: not known */
	const char *problem;   /* why there is nothing, or not all; NULL: there is no problem */
	struct snapshot_thread *threads; /* the main thread first, then by tid */
	size_t thread_count;
};

/**
 * Take one of the processes that @filter (borrowed during the call) asks for.  *@ret is the
 * caller's to free.  Processes that end meanwhile, or can't be read, are in it, with the reason.
 * 0 or -errno; -EPERM: rights are missing.
 */
int snapshot_take(const struct filter *filter, struct snapshot **ret);
void snapshot_free(struct snapshot *s);
DEFINE_CLEANUP(struct snapshot *, snapshot_free);

/** The processes by pid, *@count of them; valid while @s lives. */
const struct snapshot_process *snapshot_processes(const struct snapshot *s, size_t *count);

#endif
