/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A trace: each garbage collection and import, as it ends, with the function that it was for.
 *
 * By CPython's static probes (--with-dtrace), without a ledger.  An interpreter's file is probed
 * when it is first met, for all of its processes; where processes are asked for by their ids, only
 * these pay for it.
 */
#ifndef RECORDER_TRACE_H
#define RECORDER_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"

struct filter;
struct trace;

struct trace_options {
	const struct filter *filter; /* borrowed while the trace lives */
	pid_t family;                /* this process and what it starts, instead; 0: none */
	const char *command;         /* what that will run, as for execvp(); NULL: not known */
	bool collections, imports;   /* at least one */
	size_t memory_bytes;         /* as in struct recorder_options */
};

/** One that has ended.  Texts are valid UTF-8, but may hold any character: escape them. */
struct trace_event {
	int64_t time_ns;      /* when it began, since the epoch */
	uint64_t duration_ns; /* with what is nested in it */
	uint64_t self_ns;     /* of an import: without the imports in it */
	pid_t pid, tid;
	const char *process, *thread;
	const char *container; /* NULL: the host */
	const char *python;    /* "3.11" */
	const char *function;  /* that it is for; NULL: not known */
	const char *file;      /* NULL: likewise */
	int64_t line;          /* 0: not known */
	const char *module;    /* NULL: it is a collection */
	uint32_t depth;        /* imports of the thread that it was in */
	bool found;
	uint32_t generation; /* of a collection, and: */
	int64_t collected;   /* objects found unreachable */
};

struct trace_handler {
	/** @event is valid during the call. */
	void (*event)(void *arg, const struct trace_event *event);

	/** Process @pid, called @name, is not traced, or not from its beginning, because of
	 * @reason.  Once for each; untrusted texts. */
	void (*untraced)(void *arg, pid_t pid, const char *name, const char *reason);

	void *arg;
};

/** Load the kernel half.  0 or -errno; -EPERM: rights are missing. */
int trace_open(const struct trace_options *options, const struct trace_handler *handler,
	       struct trace **ret);
void trace_close(struct trace *t);
DEFINE_CLEANUP(struct trace *, trace_close);

/** Find and probe the processes that are there, and begin.  0 or -errno. */
int trace_start(struct trace *t);

/** Processes that are traced, or would be if they could. */
uint32_t trace_processes(const struct trace *t);

/** Readable when trace_turn() has urgent work. */
int trace_fd(const struct trace *t);

/** How long it may be until the next trace_turn(), in ms. */
int trace_timeout_ms(const struct trace *t);

/** Hand what has come in to the handler.  0 or -errno. */
int trace_turn(struct trace *t);

/** What could not be told. */
struct trace_losses {
	uint64_t lost;     /* adder fell behind */
	uint64_t unopened; /* their beginning was not seen */
};

/** Take all probes back, and hand over what was still to come. */
void trace_finish(struct trace *t, struct trace_losses *ret);

#endif
