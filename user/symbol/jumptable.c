/* SPDX-License-Identifier: BSD-2-Clause */
#include "symbol/jumptable.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "symbol/image.h"
#include "symbol/x86.h"

#define LEA_BYTES  7      /* lea DISTANCE(%rip),%reg */
#define SLOT_BYTES 4      /* movslq (%base,%index,4),%reg */
#define JUMP_NEAR  0x8000 /* bytes between taking the address and a jump by it: compilers hoist */
#define JUMP_STEPS 6      /* instructions from reading a slot to the jump */
#define TAKEN_MAX  (512 << 10) /* addresses that code takes; Python's takes 80 000 */
#define SLOTS_MAX  (2 << 20)   /* that lead into code from there on; Python has 240 000 */

/* One segment of code. */
struct text {
	uint64_t address;
	size_t size;
	uint8_t *bytes;
	size_t jump; /* how far a jump has been looked for: from ever further on */
};

struct search {
	const struct image *image;
	size_t least;
	int (*fn)(void *arg, uint64_t address, const uint64_t *targets, size_t count);
	void *arg;
	size_t taken, slots;
};

/* movslq (%base,%index,4),%reg: the slot; -1 if it is none, else which register has it. */
static int slot_register(const uint8_t *at)
{
	bool is_slot = (at[0] & 0xf8) == 0x48 && at[1] == 0x63 && (at[2] & 0xc7) == 0x04 &&
		       at[3] >> 6 == 2;

	return is_slot ? (at[2] >> 3 & 7) | (at[0] & 4) << 1 : -1;
}

bool jumptable_is_read(const uint8_t *code, size_t size)
{
	return size >= SLOT_BYTES && slot_register(code) >= 0;
}

/* add %a,%b, of which one is @reg: the sum's register, or -1. */
static int sum_register(const uint8_t *at, size_t length, int reg)
{
	int rm, other;

	if (length != 3 || (at[0] & 0xf8) != 0x48 || (at[1] != 0x01 && at[1] != 0x03) ||
	    at[2] >> 6 != 3)
		return -1;
	rm = (at[2] & 7) | (at[0] & 1) << 3;
	other = (at[2] >> 3 & 7) | (at[0] & 4) << 1;
	if (rm != reg && other != reg)
		return -1;
	return at[1] == 0x01 ? rm : other;
}

/* jmp *%reg, perhaps with prefix notrack. */
static bool is_jump_to(const uint8_t *at, size_t length, int reg)
{
	size_t skip = at[0] == 0x3e;

	if (reg >= 8 && at[skip] != 0x41)
		return false;
	skip += reg >= 8;
	return length == skip + 2 && at[skip] == 0xff && at[skip + 1] == (0xe0 | (reg & 7));
}

/* Does the code at @at read a slot, add the table's address, and jump there? */
static bool jumps_by_table(const uint8_t *code, size_t size)
{
	int reg = size > LEA_BYTES ? slot_register(code) : -1, sum = -1;
	size_t at = SLOT_BYTES;

	for (int i = 0; reg >= 0 && i < JUMP_STEPS; i++) {
		struct x86_insn insn;

		if (x86_decode(code + at, size - at, &insn))
			return false;
		if (sum >= 0 && is_jump_to(code + at, insn.length, sum))
			return true;
		if (sum < 0)
			sum = sum_register(code + at, insn.length, reg);
		at += insn.length;
	}
	return false;
}

/* Is there such a jump near @at?  The table's address may have been kept in the stack meanwhile. */
static bool is_jump_near(struct text *text, size_t at)
{
	size_t from = at > JUMP_NEAR ? at - JUMP_NEAR : 0;
	size_t to = text->size - at > JUMP_NEAR ? at + JUMP_NEAR : text->size;

	if (text->jump < from)
		text->jump = from;
	while (text->jump < to &&
	       !jumps_by_table(text->bytes + text->jump, text->size - text->jump))
		text->jump++;
	return text->jump < to;
}

/* How many slots from @address on lead into code; those that do, up to JUMPTABLE_MAX. */
static size_t read_table(const struct image *image, uint64_t address, uint64_t *targets)
{
	int32_t slots[JUMPTABLE_MAX];
	uint64_t bytes = image_bytes_at(image, address);
	size_t count = 0, have = bytes < sizeof(slots) ? bytes / 4 : JUMPTABLE_MAX;

	if (address & 3 || image_read(image, address, slots, have * 4))
		return 0;
	while (count < have && image_is_code(image, address + slots[count])) {
		targets[count] = address + slots[count];
		count++;
	}
	return count;
}

/* The address that the code at @at takes; false if it takes none. */
static bool takes_address(const struct text *text, size_t at, uint64_t *ret)
{
	const uint8_t *lea = text->bytes + at;
	int32_t distance;

	if ((lea[0] & 0xfb) != 0x48 || lea[1] != 0x8d || (lea[2] & 0xc7) != 5)
		return false;
	memcpy(&distance, lea + 3, sizeof(distance));
	*ret = text->address + at + LEA_BYTES + distance;
	return true;
}

static int search_text(struct search *s, struct text *text)
{
	uint64_t targets[JUMPTABLE_MAX], address;

	for (size_t at = 0; at + LEA_BYTES <= text->size; at++) {
		size_t count;
		int err;

		if (!takes_address(text, at, &address))
			continue;
		if (++s->taken > TAKEN_MAX)
			return -E2BIG;
		count = read_table(s->image, address, targets);
		s->slots += count;
		if (s->slots > SLOTS_MAX)
			return -E2BIG;
		if (count < s->least || !is_jump_near(text, at))
			continue;
		err = s->fn(s->arg, address, targets, count);
		if (err)
			return err;
	}
	return 0;
}

int jumptables_each(const struct image *image, size_t least,
		    int (*fn)(void *arg, uint64_t address, const uint64_t *targets, size_t count),
		    void *arg)
{
	struct search s = { image, least, fn, arg, 0, 0 };

	if (image_is_large(image, true))
		return -E2BIG;
	for (int i = 0; i < image->segment_count; i++) {
		const Elf64_Phdr *segment = &image->segments[i];
		struct text text = { segment->p_vaddr, segment->p_filesz, NULL, 0 };
		cleanup_free uint8_t *bytes = NULL;
		int err;

		if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_X))
			continue;
		text.bytes = bytes = malloc(text.size + 1);
		if (!bytes)
			return -ENOMEM;
		err = image_read_file(image, segment->p_offset, bytes, text.size);
		if (!err)
			err = search_text(&s, &text);
		if (err)
			return err;
	}
	return 0;
}
