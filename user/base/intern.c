/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/intern.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/array.h"

#define FIRST_SLOTS 64

struct intern_record {
	uint32_t hash; /* kept: growing then never reads the records' bytes */
	uint32_t size;
	_Alignas(uint64_t) unsigned char bytes[];
};

static uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Multiply and fold, eight bytes a step, in the way of wyhash. */
static uint32_t hash_bytes(uint64_t seed, const unsigned char *bytes, size_t size)
{
	uint64_t hash = seed ^ size, word;

	for (; size >= sizeof(word); bytes += sizeof(word), size -= sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		hash = mix(hash ^ 0xa0761d6478bd642f, word ^ 0xe7037ed1a0b428db);
	}
	word = 0;
	memcpy(&word, bytes, size);
	hash = mix(hash ^ 0x8ebc6af09c88c6e3, word ^ 0x589965cc75374cc3 ^ seed);
	return (uint32_t)(hash ^ hash >> 32);
}

/* The slot that holds the record, or the free one where it belongs. */
static uint32_t *find_slot(const struct intern *t, uint32_t hash, const void *bytes, size_t size)
{
	size_t mask = t->slot_count - 1;

	for (size_t i = hash & mask;; i = (i + 1) & mask) {
		const struct intern_record *r;

		if (!t->slots[i])
			return &t->slots[i];
		r = t->records[t->slots[i] - 1];
		if (r->hash == hash && r->size == size && memcmp(r->bytes, bytes, size) == 0)
			return &t->slots[i];
	}
}

static int grow_slots(struct intern *t)
{
	size_t count = t->slot_count ? t->slot_count * 2 : FIRST_SLOTS;
	uint32_t *slots = calloc(count, sizeof(*slots));

	if (!slots)
		return -1;
	for (size_t id = 0; id < t->count; id++) {
		size_t i = t->records[id]->hash & (count - 1);

		while (slots[i])
			i = (i + 1) & (count - 1);
		slots[i] = id + 1;
	}
	free(t->slots);
	t->slots = slots;
	t->slot_count = count;
	return 0;
}

/* Room for one more record; at most three quarters of the slots are ever taken. */
static int make_room(struct intern *t)
{
	struct intern_record **records;

	if (t->count >= INTERN_NONE - 1)
		return -1;
	if (!t->slots && getrandom(&t->seed, sizeof(t->seed), GRND_NONBLOCK) < 0)
		t->seed = (uintptr_t)t; /* early boot: address randomization has to do */
	if ((t->count + 1) * 4 > t->slot_count * 3 && grow_slots(t))
		return -1;
	records = array_reserve(t->records, &t->capacity, t->count + 1,
				sizeof(struct intern_record *));
	if (!records)
		return -1;
	t->records = records;
	return 0;
}

static struct intern_record *new_record(struct intern *t, uint32_t hash, const void *bytes,
					size_t size)
{
	struct intern_record *r = arena_alloc(&t->arena, sizeof(*r) + size);

	if (!r)
		return NULL;
	r->hash = hash;
	r->size = size;
	memcpy(r->bytes, bytes, size);
	return r;
}

uint32_t intern_find(const struct intern *t, const void *bytes, size_t size)
{
	const uint32_t *slot;

	if (!t->slots || size >= UINT32_MAX)
		return INTERN_NONE;
	slot = find_slot(t, hash_bytes(t->seed, bytes, size), bytes, size);
	return *slot ? *slot - 1 : INTERN_NONE;
}

uint32_t intern_add(struct intern *t, const void *bytes, size_t size)
{
	struct intern_record *r;
	uint32_t hash, *slot;

	if (size >= UINT32_MAX || make_room(t))
		return INTERN_NONE;
	hash = hash_bytes(t->seed, bytes, size);
	slot = find_slot(t, hash, bytes, size);
	if (*slot)
		return *slot - 1;
	r = new_record(t, hash, bytes, size);
	if (!r)
		return INTERN_NONE;
	t->records[t->count++] = r;
	*slot = t->count;
	return t->count - 1;
}

const void *intern_at(const struct intern *t, uint32_t id, size_t *ret_size)
{
	assert(id < t->count);
	if (ret_size)
		*ret_size = t->records[id]->size;
	return t->records[id]->bytes;
}

void intern_done(struct intern *t)
{
	free(t->records);
	free(t->slots);
	arena_done(&t->arena);
	*t = (struct intern){ 0 };
}
