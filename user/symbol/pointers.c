/* SPDX-License-Identifier: BSD-2-Clause */
#include "symbol/pointers.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "symbol/image.h"

#define RELOCS_MAX  (16 << 20) /* bytes of relocations; Python has 1 MB */
#define BATCH       256        /* of them read at once */
#define DYNAMIC_MAX 1024       /* entries */

/* One segment of data, slot by slot. */
struct slots {
	uint64_t address; /* of the first: a multiple of 8 */
	size_t count;
	uint64_t *values;
};

/* Of packed relocations (DT_RELR) nothing is needed: they add the load address to what the file
 * has, which is the address already. */
struct relocs {
	uint64_t rela, rela_bytes;
};

static void read_dynamic(const struct image *image, struct relocs *ret)
{
	const Elf64_Phdr *dynamic = image_segment(image, PT_DYNAMIC, 0);
	Elf64_Dyn entry;

	memset(ret, 0, sizeof(*ret));
	for (int i = 0; dynamic && i < DYNAMIC_MAX; i++) {
		if (image_read(image, dynamic->p_vaddr + i * sizeof(entry), &entry,
			       sizeof(entry)) ||
		    entry.d_tag == DT_NULL)
			return;
		if (entry.d_tag == DT_RELA)
			ret->rela = entry.d_un.d_ptr;
		else if (entry.d_tag == DT_RELASZ)
			ret->rela_bytes = entry.d_un.d_val;
	}
}

/* The slot at @address; NULL if it is not of this segment. */
static uint64_t *slot_at(const struct slots *s, uint64_t address)
{
	if (address < s->address || address & 7 || (address - s->address) / 8 >= s->count)
		return NULL;
	return &s->values[(address - s->address) / 8];
}

static int apply_rela(const struct image *image, const struct relocs *relocs, struct slots *s)
{
	Elf64_Rela batch[BATCH];
	size_t count = relocs->rela_bytes / sizeof(*batch);
	int err = 0;

	if (relocs->rela_bytes > RELOCS_MAX)
		return -E2BIG;
	for (size_t i = 0; i < count; i++) {
		const Elf64_Rela *rela = &batch[i % BATCH];
		size_t left = count - i < BATCH ? count - i : BATCH;
		uint64_t *slot;

		if (i % BATCH == 0)
			err = image_read(image, relocs->rela + i * sizeof(*batch), batch,
					 left * sizeof(*batch));
		if (err)
			return err;
		slot = slot_at(s, rela->r_offset);
		if (slot && ELF64_R_TYPE(rela->r_info) == R_X86_64_RELATIVE)
			*slot = rela->r_addend;
	}
	return 0;
}

static int read_slots(const struct image *image, const Elf64_Phdr *segment,
		      const struct relocs *relocs, struct slots *ret)
{
	uint64_t skip = -segment->p_vaddr & 7;
	int err;

	memset(ret, 0, sizeof(*ret));
	if (segment->p_filesz < skip + 8)
		return 0;
	ret->address = segment->p_vaddr + skip;
	ret->count = (segment->p_filesz - skip) / 8;
	ret->values = malloc(ret->count * 8);
	if (!ret->values)
		return -ENOMEM;
	err = image_read_file(image, segment->p_offset + skip, ret->values, ret->count * 8);
	return err ? err : apply_rela(image, relocs, ret);
}

int pointers_each_run(const struct image *image, bool in_code, size_t least,
		      int (*fn)(void *arg, uint64_t address, const uint64_t *targets, size_t count),
		      void *arg)
{
	struct relocs relocs;
	int err = 0;

	if (image_is_large(image, in_code))
		return -E2BIG;
	read_dynamic(image, &relocs);
	for (int i = 0; i < image->segment_count && !err; i++) {
		const Elf64_Phdr *segment = &image->segments[i];
		struct slots s;
		size_t run = 0;

		if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_X) == in_code)
			continue;
		err = read_slots(image, segment, &relocs, &s);
		for (size_t at = 0; at <= s.count && !err; at++) {
			if (at < s.count && image_is_code(image, s.values[at])) {
				run++;
				continue;
			}
			if (run >= least)
				err = fn(arg, s.address + (at - run) * 8, s.values + at - run, run);
			run = 0;
		}
		free(s.values);
	}
	return err;
}
