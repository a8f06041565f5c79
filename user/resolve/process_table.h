/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processes and threads of a recording: from the kernel half's serials and tids to the numbers
 * that time is added up under, and from those to the labels of samples.
 *
 * None is ever taken out.  Where there is no room for more, one process, the rest, stands for all
 * further ones, and thread 0 of a process for all of its further threads.
 */
#ifndef RESOLVE_PROCESS_TABLE_H
#define RESOLVE_PROCESS_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct account_labels;
struct called;
struct names;
struct process_table;
struct profile;
struct task_names;

struct thread {
	uint32_t tid;
	uint32_t number;      /* among all threads of the recording */
	uint32_t name;        /* the profile's string id */
	uint32_t before;      /* the profile's stack id of what it was blocked on at the start */
	uint64_t before_task; /* and in which task; 0: none */
	uint8_t before_state; /* and in which state, with @before */
};

struct process {
	uint32_t serial;
	pid_t pid;
	uint32_t name, container, python; /* string ids; 0: none */
	uint32_t counted, uncounted;      /* likewise */
	uint16_t version;
	uint8_t gone; /* 1: said to be, 2: a thread's end followed, 3: and a drain, 4: names freed
		       */
	uint8_t dropped;
	uint64_t life_ns, ticks;
	uint64_t run_code; /* address of asyncio's Handle._run; 0: not met */
	/* the table's, to be freed with it: */
	struct names *names; /* NULL of the rest; and of those that are gone 4 */
	struct task_names *tasks;
	struct called *called;
};

/**
 * A table of up to @max processes and, in all, about as many threads (0: any number), whose labels
 * go to @p, which outlives it.  @before is the profile's stack id of threads whose stack at the
 * start is not told.  NULL without memory.
 */
struct process_table *process_table_new(struct profile *p, size_t max, uint32_t before);
void process_table_free(struct process_table *t);

/** The process @serial, begun if it is new, or the rest.  The table's; NULL without memory. */
struct process *process_table_get(struct process_table *t, uint32_t serial);

/** The process @serial if it has been told and there was room for it, else NULL. */
struct process *process_table_find(const struct process_table *t, uint32_t serial);

/** The one that stands for those for which there was no room. */
struct process *process_table_rest(struct process_table *t);

/** Each but the rest, in the order of first sight: the one behind @process, the first behind NULL;
 * NULL: that was the last. */
struct process *process_table_next(const struct process_table *t, const struct process *process);

/** How many threads @process, which is not the rest, has had. */
size_t process_table_thread_count(const struct process *process);

/** Thread @tid of @process, begun if it is new, or the one of all others.  The table's; NULL
 * without memory. */
struct thread *process_table_thread(struct process_table *t, struct process *process, uint32_t tid);

/** Numbers of threads that were given: they count from 0. */
uint32_t process_table_numbers(const struct process_table *t);

/** The process of the thread with @number, which was given. */
struct process *process_table_at(const struct process_table *t, uint32_t number);

/** How often a thread was asked for for which there was no room. */
uint64_t process_table_refused(const struct process_table *t);

/** The profile's set of labels of the thread with @number, with @what; and of @process alone. */
uint32_t process_table_labels(const struct process_table *t, uint32_t number,
			      const struct account_labels *what);
uint32_t process_table_process_labels(const struct process_table *t, const struct process *process);

#endif
