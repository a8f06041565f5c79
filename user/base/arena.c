/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>

#define CHUNK_BYTES 65536 /* large enough for malloc's cost to vanish, small enough to waste */

struct arena_chunk {
	struct arena_chunk *older;
};

static void *chunk_bytes(struct arena_chunk *chunk)
{
	return chunk + 1;
}

/* A piece that is large for a chunk gets its own, behind the newest, which stays in use. */
static void *alloc_apart(struct arena *a, size_t size)
{
	struct arena_chunk *chunk = malloc(sizeof(*chunk) + size);

	if (!chunk)
		return NULL;
	if (a->newest) {
		chunk->older = a->newest->older;
		a->newest->older = chunk;
	} else {
		chunk->older = NULL;
		a->newest = chunk;
		a->used = a->size = size;
	}
	return chunk_bytes(chunk);
}

static int add_chunk(struct arena *a)
{
	struct arena_chunk *chunk = malloc(CHUNK_BYTES);

	if (!chunk)
		return -1;
	chunk->older = a->newest;
	a->newest = chunk;
	a->size = CHUNK_BYTES - sizeof(*chunk);
	a->used = 0;
	return 0;
}

void *arena_alloc(struct arena *a, size_t size)
{
	void *piece;

	if (size > PTRDIFF_MAX / 2)
		return NULL;
	size = (size + !size + sizeof(uint64_t) - 1) & ~(sizeof(uint64_t) - 1);
	if (size > CHUNK_BYTES / 4)
		return alloc_apart(a, size);
	if (size > a->size - a->used && add_chunk(a))
		return NULL;
	piece = (char *)chunk_bytes(a->newest) + a->used;
	a->used += size;
	return piece;
}

void arena_done(struct arena *a)
{
	while (a->newest) {
		struct arena_chunk *older = a->newest->older;

		free(a->newest);
		a->newest = older;
	}
	a->used = a->size = 0;
}
