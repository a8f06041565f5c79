/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process and its threads as a snapshot sees them, before they are named for its reader.
 */
#ifndef RECORDER_SEEN_H
#define RECORDER_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "wire.h"

struct profile;
struct resolver;

struct seen_thread {
	uint32_t tid;
	struct adder_known_thread known;
	uint64_t stack;          /* hash, or enum adder_stack_id */
	uint64_t tstate, interp; /* addresses; 0: it has none */
	uint64_t task;           /* id of the asyncio task that it runs; 0: none */
	uint64_t holder;         /* PyThreadState that held its interpreter's GIL meanwhile; or 0 */
	uint32_t name, on;       /* the profile's string ids; 0: none */
	bool settled;            /* state and stack are of one moment */
};

struct seen_process {
	uint32_t serial;
	pid_t pid;
	uint32_t name, container, python; /* the profile's string ids; 0: none */
	struct adder_process how;         /* it is read */
	struct seen_thread *threads;      /* by tid */
	size_t count, capacity;
	const char *problem; /* static; NULL: none */
};

/** Free what it holds. */
void seen_done(struct seen_process *process);

/**
 * Read the stack of the thread that the iterator has just found as @known, unless that was done
 * before and had settled.  Its names go to @resolver, other texts to @p.
 * True if it has settled; false if it moved on meanwhile: look again.
 */
bool seen_read(struct seen_process *process, const struct adder_known_thread *known,
	       struct resolver *resolver, struct profile *p);

/** The thread that holds the GIL of the interpreter at @interp; NULL: none. */
const struct seen_thread *seen_gil_holder(const struct seen_process *process, uint64_t interp);

#endif
