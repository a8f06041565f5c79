/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sums by key: a value of one size for each key, zero at first, kept in the order of first sight.
 * Nothing is ever taken out.
 */
#ifndef BASE_TALLY_H
#define BASE_TALLY_H

#include <stddef.h>

#include "base/intern.h"

/** All zeroes but @size is an empty one. */
struct tally {
	size_t size; /* of a value; may be 0 */
	struct intern keys;
	unsigned char *values;
	size_t capacity; /* of values, in bytes */
};

/**
 * The value of the @key_size bytes at @key, zeroed if they are new; valid until the next new key.
 * NULL without memory.
 */
void *tally_get(struct tally *t, const void *key, size_t key_size);

/** The same of a key that may be absent: NULL then. */
void *tally_find(const struct tally *t, const void *key, size_t key_size);

/** How many keys there are. */
static inline size_t tally_count(const struct tally *t)
{
	return t->keys.count;
}

/** Key number @index below tally_count(), aligned for uint64_t; and its value. */
const void *tally_key(const struct tally *t, size_t index);
void *tally_value(const struct tally *t, size_t index);

/** Give the memory back; it is empty then. */
void tally_done(struct tally *t);

#endif
