/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that is taken piece by piece, never moves, and is given back all at once.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena_chunk;

/** All zeroes is an empty arena. */
struct arena {
	struct arena_chunk *newest;
	size_t used, size; /* bytes of the newest chunk */
};

/**
 * @size uninitialized bytes, aligned for pointers and 64-bit numbers; valid until arena_done().
 * NULL without memory.
 */
void *arena_alloc(struct arena *a, size_t size);

/** Give everything back; the arena is empty then. */
void arena_done(struct arena *a);

#endif
