/* SPDX-License-Identifier: BSD-2-Clause */
#include "symbol/flow.h"

#include <stddef.h>

#include "symbol/image.h"
#include "symbol/jumptable.h"
#include "symbol/x86.h"

#define WAYS_MAX  48  /* beginnings of ways: behind a conditional jump there are two */
#define STEPS_MAX 512 /* instructions, in all */
#define INSN_MAX  15  /* bytes */

struct search {
	const struct image *image;
	uint64_t first, last;
	uint64_t ways[WAYS_MAX];
	int known, followed; /* of @ways */
	int steps;
	bool switches_end, any_leads, any_ends;
};

static void add_way(struct search *s, uint64_t address)
{
	for (int i = 0; i < s->known; i++) {
		if (s->ways[i] == address)
			return;
	}
	if (s->known < WAYS_MAX)
		s->ways[s->known++] = address;
	else
		s->any_ends = true;
}

/* The instruction at @address; *@reads_slot becomes true if it reads a switch's table. */
static bool read_insn(const struct image *image, uint64_t address, struct x86_insn *ret,
		      bool *reads_slot)
{
	uint8_t code[INSN_MAX];
	uint64_t there = image_bytes_at(image, address);
	size_t size = there < sizeof(code) ? there : sizeof(code);

	if (!size || !image_is_code(image, address) || image_read(image, address, code, size) ||
	    x86_decode(code, size, ret))
		return false;
	*reads_slot |= jumptable_is_read(code, size);
	return true;
}

/* Go on from @address until the way ends, or parts. */
static void follow(struct search *s, uint64_t address)
{
	struct x86_insn insn;
	bool is_switch = false;

	while (address < s->first || address > s->last) {
		if (++s->steps > STEPS_MAX || !read_insn(s->image, address, &insn, &is_switch)) {
			s->any_ends = true;
			return;
		}
		if (insn.kind == X86_GONE) {
			s->any_ends |= !is_switch || s->switches_end;
			return;
		}
		address += insn.length;
		if (insn.kind == X86_JCC || insn.kind == X86_JMP) {
			add_way(s, address + insn.displacement);
			if (insn.kind == X86_JCC)
				add_way(s, address);
			return;
		}
	}
	s->any_leads = true;
}

enum flow flow_between(const struct image *image, uint64_t from, uint64_t first, uint64_t last,
		       bool switches_end)
{
	struct search s = {
		.image = image, .first = first, .last = last, .switches_end = switches_end
	};

	add_way(&s, from);
	while (s.followed < s.known)
		follow(&s, s.ways[s.followed++]);
	if (!s.any_leads)
		return FLOW_NEVER;
	return s.any_ends ? FLOW_SOMETIMES : FLOW_ALWAYS;
}
