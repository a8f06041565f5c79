/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The samples of a profile summed by what a view is about: functions, processes, callers.
 */
#ifndef REPORT_ROWS_H
#define REPORT_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct measures;
struct profile;
struct rows;

enum rows_by {
	ROWS_FUNCTION,  /* id: function, or ROWS_NONE for samples without a stack */
	ROWS_LINE,      /* id: location, or ROWS_NONE for samples without a stack */
	ROWS_PROCESS,   /* id: a label set that has its pid, process, ... */
	ROWS_THREAD,    /* id: a label set that has its pid, tid, ... */
	ROWS_CONTAINER, /* id: a label set that has it */
	ROWS_TASK,      /* id: a label set that has it, its coroutine, awaiters and process */
	ROWS_FUNCTION_OF_PROCESS, /* id: as of ROWS_FUNCTION; other: a label set of the process */
	ROWS_ON,      /* id: the function that waits; other: label set that says for what */
	ROWS_CALLERS, /* id: function, or ROWS_NONE for a matching root */
	ROWS_CALLEES, /* id: function, or ROWS_NONE for time in the matching function itself */
};

#define ROWS_NONE UINT32_MAX

/** One row, with as many numbers as there are measures. */
struct row {
	uint32_t id, other;
	int64_t *self;  /* time of samples whose leaf it is; the same as @total if not a frame's */
	int64_t *total; /* time of samples that it is in: each counted once, however it recurses */
};

/**
 * Sum @p.  @matches tells for each function whether it is one of those whose callers or callees are
 * asked for; else NULL.  Samples of which no measure that is shown counts anything are left out.
 * 0 or -ENOMEM.
 */
int rows_collect(const struct profile *p, const struct measures *m, enum rows_by by,
		 const bool *matches, struct rows **ret);
void rows_free(struct rows *r);
DEFINE_CLEANUP(struct rows *, rows_free);

size_t rows_count(const struct rows *r);

/** Row @index, in the order of first appearance. */
const struct row *rows_at(const struct rows *r, size_t index);

/** Number of distinct threads in @row, of ROWS_PROCESS or ROWS_CONTAINER. */
size_t rows_threads(const struct row *row);

/** Number of distinct processes in @row, of ROWS_CONTAINER. */
size_t rows_processes(const struct row *row);

#endif
