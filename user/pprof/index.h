/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the ids in a file, which may be any numbers, to positions in its tables.
 */
#ifndef PPROF_INDEX_H
#define PPROF_INDEX_H

#include <stddef.h>
#include <stdint.h>

#define INDEX_NONE SIZE_MAX

struct index_entry {
	uint64_t id;
	size_t position;
};

/** All zeroes is an empty index. */
struct index {
	struct index_entry *entries; /* by id */
	size_t count;
};

/** Begin an index of @count entries; fill @entries, then sort it.  0 or -ENOMEM. */
int index_init(struct index *x, size_t count);

/** Sort the entries.  0, or -EBADMSG if an id is 0 or there twice. */
int index_sort(struct index *x);

/** The position of @id, or INDEX_NONE. */
size_t index_find(const struct index *x, uint64_t id);

/** Free the entries; the index is empty then. */
void index_done(struct index *x);

#endif
