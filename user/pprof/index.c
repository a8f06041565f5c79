/* SPDX-License-Identifier: BSD-2-Clause */
#include "pprof/index.h"

#include <errno.h>
#include <stdlib.h>

int index_init(struct index *x, size_t count)
{
	x->entries = calloc(count + 1, sizeof(*x->entries));
	x->count = x->entries ? count : 0;
	return x->entries ? 0 : -ENOMEM;
}

static int compare(const void *left, const void *right)
{
	const struct index_entry *a = left, *b = right;

	return (a->id > b->id) - (a->id < b->id);
}

int index_sort(struct index *x)
{
	qsort(x->entries, x->count, sizeof(*x->entries), compare);
	for (size_t i = 0; i < x->count; i++)
		if (x->entries[i].id == 0 || (i > 0 && x->entries[i].id == x->entries[i - 1].id))
			return -EBADMSG;
	return 0;
}

size_t index_find(const struct index *x, uint64_t id)
{
	const struct index_entry wanted = { .id = id }, *found;

	/* Most writers count from 1 without gaps. */
	if (id > 0 && id <= x->count && x->entries[id - 1].id == id)
		return x->entries[id - 1].position;
	found = x->count ? bsearch(&wanted, x->entries, x->count, sizeof(wanted), compare) : NULL;
	return found ? found->position : INDEX_NONE;
}

void index_done(struct index *x)
{
	free(x->entries);
	*x = (struct index){ 0 };
}
