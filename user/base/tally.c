/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/tally.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"

void *tally_get(struct tally *t, const void *key, size_t key_size)
{
	size_t count = t->keys.count;
	void *values = array_reserve(t->values, &t->capacity, (count + 1) * t->size + 1, 1);
	uint32_t id;

	if (!values)
		return NULL;
	t->values = values;
	id = intern_add(&t->keys, key, key_size);
	if (id == INTERN_NONE)
		return NULL;
	if (id == count)
		memset(tally_value(t, id), 0, t->size);
	return tally_value(t, id);
}

void *tally_find(const struct tally *t, const void *key, size_t key_size)
{
	uint32_t id = intern_find(&t->keys, key, key_size);

	return id == INTERN_NONE ? NULL : tally_value(t, id);
}

const void *tally_key(const struct tally *t, size_t index)
{
	return intern_at(&t->keys, index, NULL);
}

void *tally_value(const struct tally *t, size_t index)
{
	return t->values + index * t->size;
}

void tally_done(struct tally *t)
{
	intern_done(&t->keys);
	free(t->values);
	t->values = NULL;
	t->capacity = 0;
}
