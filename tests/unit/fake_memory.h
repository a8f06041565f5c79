/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process's memory, made up: what bpf/'s walkers read when a test runs them.
 *
 * Addresses are those of the fake; a read outside of what was mapped faults, as does one that
 * reaches over the end of a mapping.  Included once by a test, before the walkers.
 */
#ifndef TESTS_FAKE_MEMORY_H
#define TESTS_FAKE_MEMORY_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "remote.h"

#define FAKE_MAPPINGS 8

struct fake_mapping {
	uint64_t address, size;
	uint8_t *bytes;
};

static struct fake_memory {
	struct fake_mapping mappings[FAKE_MAPPINGS];
	int count;
	uint64_t reads;      /* so far */
	uint64_t fault_from; /* reads from this one on fault; 0: none */
	uint64_t fault_at;   /* this one alone faults; 0: none */
} fake;

/* Where @size bytes at @address are kept; NULL if they are not all there. */
static uint8_t *fake_at(uint64_t address, uint64_t size)
{
	for (int i = 0; i < fake.count; i++) {
		struct fake_mapping *m = &fake.mappings[i];

		if (address >= m->address && size <= m->size &&
		    address - m->address <= m->size - size)
			return m->bytes + (address - m->address);
	}
	return NULL;
}

long remote_read(void *dst, __u32 size, __u64 address)
{
	const uint8_t *bytes = fake_at(address, size);

	fake.reads++;
	if (!bytes || fake.reads == fake.fault_at ||
	    (fake.fault_from && fake.reads >= fake.fault_from)) {
		memset(dst, 0xdb, size); /* undefined, says remote.h */
		return -14;
	}
	memcpy(dst, bytes, size);
	return 0;
}

/* Map @size zero bytes at @address. */
static inline void fake_map(uint64_t address, uint64_t size)
{
	uint8_t *bytes = calloc(1, size);

	if (!bytes || fake.count == FAKE_MAPPINGS)
		abort();
	fake.mappings[fake.count++] = (struct fake_mapping){ address, size, bytes };
}

static inline void fake_unmap_all(void)
{
	for (int i = 0; i < fake.count; i++)
		free(fake.mappings[i].bytes);
	memset(&fake, 0, sizeof(fake));
}

static inline void fake_write(uint64_t address, const void *bytes, uint64_t size)
{
	uint8_t *at = fake_at(address, size);

	if (!at)
		abort(); /* the test itself is wrong */
	memcpy(at, bytes, size);
}

static inline void fake_u64(uint64_t address, uint64_t value)
{
	fake_write(address, &value, sizeof(value));
}

static inline void fake_u32(uint64_t address, uint32_t value)
{
	fake_write(address, &value, sizeof(value));
}

#endif
