/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a process's asyncio tasks are called, and by whom each is awaited.
 */
#ifndef RESOLVE_TASK_NAMES_H
#define RESOLVE_TASK_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "wire.h"

struct profile;
struct task_names;

/** The profile's string ids of what a task's labels say; 0: absent. */
struct task_text {
	uint32_t task;       /* "fetch-3"; of default names, once summed: "Task-* (fetch)" */
	uint32_t coroutine;  /* "fetch" */
	uint32_t awaited_by; /* "page-1 < Task-1": the nearest first */
};

/** Names of one process's tasks; NULL without memory. */
struct task_names *task_names_new(void);
void task_names_free(struct task_names *t);

/** Remember what @event, of @size bytes and untrusted, tells.  0, -EBADMSG or -ENOMEM. */
int task_names_add(struct task_names *t, struct profile *p, const struct adder_event_task *event,
		   size_t size);

/**
 * What task @id is called, by all that has been told so far: from when one default name was summed,
 * they all are.  Of an id that was not told "[name lost]"; of 0 nothing.
 */
struct task_text task_names_find(const struct task_names *t, struct profile *p, uint64_t id);

#endif
