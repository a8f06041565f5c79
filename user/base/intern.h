/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hash consing: equal records have equal ids.
 *
 * A record is any run of bytes: a text, a struct without padding, an array of ids.  Ids count from
 * 0 in the order of first sight; records are copied, never move and live as long as the table.
 * The hash is seeded at random, so that a hostile file cannot choose records that collide.
 */
#ifndef BASE_INTERN_H
#define BASE_INTERN_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

#define INTERN_NONE UINT32_MAX /* no record has this id */

struct intern_record;

/** All zeroes is an empty table. */
struct intern {
	struct arena arena;
	struct intern_record **records; /* by id */
	size_t count, capacity;         /* of records */
	uint32_t *slots;                /* open addressing: id + 1, or 0; a power of two of them */
	size_t slot_count;
	uint64_t seed;
};

/**
 * The id of the record that equals @size bytes at @bytes, added if there is none yet.
 * INTERN_NONE without memory (or ids); the table is then unchanged.
 */
uint32_t intern_add(struct intern *t, const void *bytes, size_t size);

/** The id of the record that equals @size bytes at @bytes; INTERN_NONE if there is none. */
uint32_t intern_find(const struct intern *t, const void *bytes, size_t size);

/**
 * Record @id, which must exist: its bytes, aligned for uint64_t, and in *@ret_size (which may be
 * NULL) how many they are.
 */
const void *intern_at(const struct intern *t, uint32_t id, size_t *ret_size);

/** Give the memory back; the table is empty then. */
void intern_done(struct intern *t);

#endif
