/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What has been counted of calls, by process and function: which function that is, how much is kept
 * of processes that have ended, and what samples it becomes.
 */
#ifndef RESOLVE_CALL_TABLE_H
#define RESOLVE_CALL_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "wire.h"

struct call_table;
struct process_table;
struct symbolizer;

/**
 * A table for the processes of @processes, whose functions @symbolizer names: both outlive it.  Of
 * processes that have ended it keeps up to @max_ended functions (0: any number), and lumps further
 * ones together by name.  NULL without memory.
 */
struct call_table *call_table_new(struct process_table *processes,
				  const struct symbolizer *symbolizer, size_t max_ended);
void call_table_free(struct call_table *t);

/**
 * What has been counted of a function so far: the last word counts.  1 if it is known now which
 * that is, and was not before: then @function is the profile's id of it.  Else 0, or -ENOENT if its
 * process was dropped.
 */
int call_table_add(struct call_table *t, const struct adder_call_key *key,
		   const struct adder_call_sums *sums, uint32_t *function);

/** Nobody has asked for the calls of that function. */
void call_table_hide(struct call_table *t, const struct adder_call_key *key);

/** The last word was the last: its process has ended.  It may not be found any more then. */
void call_table_end(struct call_table *t, const struct adder_call_key *key);

/** A function that was called, and by whom. */
struct call_table_function {
	uint32_t function; /* the profile's id */
	pid_t pid;
	const char *process; /* the profile's; NULL: it has no name */
};

/** That of @key, of a process that may have ended.  0, or -ENOENT if it is not known, or hidden. */
int call_table_find(struct call_table *t, const struct adder_call_key *key,
		    struct call_table_function *ret);

/** After the last call_table_add(): a call of it that is still open has taken so long, too. */
void call_table_add_open(struct call_table *t, const struct adder_call_key *key, uint64_t self_ns,
			 uint64_t total_ns);

/** How many functions were lumped together. */
uint64_t call_table_refused(const struct call_table *t);

/** Add all sums to the profile's samples, and where each process's calls were counted, or why they
 * were not, to its comments. */
void call_table_finish(struct call_table *t);

#endif
