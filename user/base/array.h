/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arrays that grow.
 */
#ifndef BASE_ARRAY_H
#define BASE_ARRAY_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/**
 * Make room for @need items of @size bytes in @items (from malloc, or NULL), which has room for
 * *@capacity.  Room grows by half at least, so that adding one by one stays linear.
 *
 * Returns the array, perhaps moved, new room uninitialized; NULL without memory, and @items is
 * then untouched and still the caller's.  With @need 0 the result may be NULL too.
 */
static inline void *array_reserve(void *items, size_t *capacity, size_t need, size_t size)
{
	size_t room = *capacity + *capacity / 2;
	void *moved;

	if (need <= *capacity)
		return items;
	if (room < need)
		room = need;
	if (room < 8)
		room = 8;
	if (room > PTRDIFF_MAX / size)
		return NULL;
	moved = realloc(items, room * size);
	if (moved)
		*capacity = room;
	return moved;
}

#endif
