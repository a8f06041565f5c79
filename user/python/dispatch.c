/* SPDX-License-Identifier: BSD-2-Clause */
#include "python/dispatch.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "symbol/image.h"
#include "symbol/pointers.h"
#include "symbol/x86.h"

#define SHARING_MAX  8           /* opcodes that share a handler: CALL_FUNCTION_EX and the like */
#define HANDLER_MAX  128         /* bytes of a handler in which the place for a probe is */
#define CODE_MAX     (256 << 20) /* bytes of a segment of code; Python's has 5 MB, with BOLT 24 */
#define INSTR_OFFSET 0x38        /* of prev_instr (instr_ptr) in a frame, in all of 3.11 to 3.15 */

/* ---- the table ---- */

struct search {
	const struct opcodes *opcodes;
	struct dispatch *found;
	int count;
};

static uint8_t first_undefined(const struct opcodes *o)
{
	return o->undefined[0].first;
}

static bool is_probed(const struct opcodes *o, uint8_t opcode)
{
	for (int i = 0; i < OPCODES_ROLES_MAX && o->roles[i].opcode; i++) {
		if (o->roles[i].opcode == opcode)
			return true;
	}
	return false;
}

/* Opcodes before @opcode with its handler; a probed one with others' handler counts for too many.
 */
static int count_sharing(const struct opcodes *o, const uint64_t *handlers, int opcode)
{
	int count = 0;

	for (int other = 0; other < opcode; other++) {
		if (handlers[other] != handlers[opcode] || !opcodes_is_defined(o, other))
			continue;
		if (is_probed(o, opcode) || is_probed(o, other))
			return SHARING_MAX + 1;
		count++;
	}
	return count;
}

/* Do all undefined opcodes have one handler, no defined one that, and those (nearly) all their own?
 */
static bool fits(const struct opcodes *o, const uint64_t *handlers)
{
	uint64_t unknown = handlers[first_undefined(o)];
	int sharing = 0;

	for (int i = 0; i < 256; i++) {
		if (opcodes_is_defined(o, i) == (handlers[i] == unknown))
			return false;
	}
	for (int i = 0; i < 256 && sharing <= SHARING_MAX; i++) {
		if (opcodes_is_defined(o, i))
			sharing += count_sharing(o, handlers, i);
	}
	return sharing <= SHARING_MAX;
}

static int search_run(void *arg, uint64_t address, const uint64_t *targets, size_t count)
{
	struct search *search = arg;

	for (size_t at = 0; at + 256 <= count; at++) {
		if (!fits(search->opcodes, targets + at))
			continue;
		search->count++;
		search->found->table = address + at * 8;
		memcpy(search->found->handlers, targets + at, sizeof(search->found->handlers));
	}
	return 0;
}

int dispatch_find(const struct image *image, const struct opcodes *opcodes, struct dispatch *ret)
{
	struct dispatch found;
	struct search search = { .opcodes = opcodes, .found = &found };
	int err = pointers_each_run(image, 256, search_run, &search);

	if (err)
		return err;
	if (search.count != 1)
		return search.count ? -EEXIST : -ENOENT;
	*ret = found;
	return 0;
}

/* ---- the places to probe ---- */

struct choice {
	const struct image *image;
	const struct opcodes *opcodes;
	const struct dispatch *dispatch;
	struct dispatch_probe *probes;
	int count;
	const char *why;
};

static bool is_branch(enum x86_kind kind)
{
	return kind == X86_JCC || kind == X86_JMP || kind == X86_CALL;
}

/*
 * The first branch of the code at @address, which is reached whenever it runs.  Of an entry, behind
 * the store of the instruction into the frame: then the frame tells which it is.  *@target is where
 * the branch leads.
 */
static int first_branch(const struct image *image, uint64_t address, bool after_store,
			uint64_t *ret, uint64_t *target)
{
	uint8_t code[HANDLER_MAX];
	uint64_t there = image_bytes_at(image, address);
	size_t size = there < sizeof(code) ? there : sizeof(code);
	bool stored = !after_store;

	if (!size || image_read(image, address, code, size))
		return -EBADMSG;
	for (size_t at = 0; at < size;) {
		struct x86_insn insn;

		if (x86_decode(code + at, size - at, &insn))
			return -EBADMSG;
		if (is_branch(insn.kind) && stored) {
			*ret = address + at;
			*target = address + at + insn.length + insn.displacement;
			return 0;
		}
		if (is_branch(insn.kind) || insn.kind == X86_GONE)
			return -EBADMSG;
		stored |= insn.is_store && insn.offset == INSTR_OFFSET;
		at += insn.length;
	}
	return -EBADMSG;
}

static int add_probe(struct choice *c, uint64_t code, uint8_t opcode, uint8_t role,
		     uint64_t *target)
{
	struct dispatch_probe probe = { .opcode = opcode, .role = role };

	if (c->count == DISPATCH_PROBES_MAX)
		return c->why = "it has more copies of handlers than can be probed", -EBADMSG;
	if (first_branch(c->image, code, role != OPCODE_EXECUTOR, &probe.address, target))
		return c->why = "a handler's code is not understood", -EBADMSG;
	c->probes[c->count++] = probe;
	return 0;
}

/* Does every way through RESUME's handler lead into RESUME_QUICK's, before that one's probe? */
static bool flows_through(const struct choice *c, uint64_t target)
{
	for (int i = 0; i < c->count; i++) {
		const struct dispatch_probe *quick = &c->probes[i];

		if (quick->role == OPCODE_ENTRY_QUICK &&
		    target >= c->dispatch->handlers[quick->opcode] && target <= quick->address)
			return true;
	}
	return false;
}

static int probe_handlers(struct choice *c, uint8_t role)
{
	for (int i = 0; i < OPCODES_ROLES_MAX && c->opcodes->roles[i].opcode; i++) {
		uint8_t opcode = c->opcodes->roles[i].opcode;
		uint64_t target;
		int err;

		if (c->opcodes->roles[i].role != role)
			continue;
		err = add_probe(c, c->dispatch->handlers[opcode], opcode, role, &target);
		if (err)
			return err;
		if (role == OPCODE_ENTRY && flows_through(c, target))
			c->count--;
	}
	return 0;
}

/* ---- copies of handlers, made by profile-guided optimisation ---- */

/*
 * "cmpq $HANDLER,TABLE(,%reg,8)" asks whether the next opcode is a certain one.  If so, its handler
 * follows: called, jumped to, or copied.
 */
#define COMPARE       "\x48\x81\x3c"
#define COMPARE_BYTES 12 /* with SIB, the table's address and the handler's */

/* Does the code at @at, within a few instructions, go to @handler? */
static bool leads_to(const uint8_t *code, size_t size, uint64_t address, size_t at,
		     uint64_t handler)
{
	for (int i = 0; i < 4; i++) {
		struct x86_insn insn;

		if (x86_decode(code + at, size - at, &insn))
			return false;
		at += insn.length;
		if (is_branch(insn.kind))
			return address + at + insn.displacement == handler;
	}
	return false;
}

static int probe_copy(struct choice *c, const uint8_t *code, size_t size, uint64_t address,
		      size_t at, int role_index)
{
	uint8_t opcode = c->opcodes->roles[role_index].opcode,
		role = c->opcodes->roles[role_index].role;
	uint64_t handler = c->dispatch->handlers[opcode], target;
	struct x86_insn insn;

	if (x86_decode(code + at, size - at, &insn) || insn.kind != X86_JCC)
		return c->why = "a comparison with a handler is not understood", -EBADMSG;
	at += insn.length;
	if (address + at + insn.displacement == handler ||
	    leads_to(code, size, address, at, handler))
		return 0;
	return add_probe(c, address + at, opcode, role, &target);
}

/* Which of the entries' handlers lies at @address; -1: none. */
static int find_entry(const struct choice *c, uint64_t address)
{
	for (int i = 0; i < OPCODES_ROLES_MAX && c->opcodes->roles[i].opcode; i++) {
		uint8_t role = c->opcodes->roles[i].role;

		if ((role == OPCODE_ENTRY || role == OPCODE_ENTRY_QUICK) &&
		    c->dispatch->handlers[c->opcodes->roles[i].opcode] == address)
			return i;
	}
	return -1;
}

static uint32_t read_u32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* lea HANDLER(%rip),%reg: its address is compared, or jumped to, in a way that is not known. */
static bool takes_address(const struct choice *c, const uint8_t *code, uint64_t address, size_t at)
{
	if ((code[at] & 0xfb) != 0x48 || code[at + 1] != 0x8d || (code[at + 2] & 0xc7) != 5)
		return false;
	return find_entry(c, address + at + 7 + (int32_t)read_u32(code + at + 3)) >= 0;
}

static int search_code(struct choice *c, const uint8_t *code, size_t size, uint64_t address)
{
	for (size_t at = 0; at + COMPARE_BYTES < size; at++) {
		int role_index, err;

		if (takes_address(c, code, address, at))
			return c->why = "a handler's address is used in an unknown way", -EBADMSG;
		if (memcmp(code + at, COMPARE, 3) != 0 ||
		    read_u32(code + at + 4) != c->dispatch->table)
			continue;
		role_index = find_entry(c, read_u32(code + at + 8));
		if (role_index < 0)
			continue;
		err = probe_copy(c, code, size, address, at + COMPARE_BYTES, role_index);
		if (err)
			return err;
	}
	return 0;
}

static int probe_copies(struct choice *c)
{
	for (int i = 0; i < c->image->segment_count; i++) {
		const Elf64_Phdr *segment = &c->image->segments[i];
		cleanup_free uint8_t *code = NULL;
		int err;

		if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_X))
			continue;
		if (segment->p_filesz > CODE_MAX)
			return -E2BIG;
		code = malloc(segment->p_filesz);
		if (!code)
			return -ENOMEM;
		err = image_read_file(c->image, segment->p_offset, code, segment->p_filesz);
		if (!err)
			err = search_code(c, code, segment->p_filesz, segment->p_vaddr);
		if (err)
			return err;
	}
	return 0;
}

int dispatch_probes(const struct image *image, const struct opcodes *opcodes,
		    const struct dispatch *dispatch, struct dispatch_probe *ret, const char **why)
{
	struct choice c = { image, opcodes, dispatch, ret, 0, "its code could not be read" };
	int err = probe_handlers(&c, OPCODE_ENTRY_QUICK);

	if (!err)
		err = probe_handlers(&c, OPCODE_ENTRY);
	if (!err)
		err = probe_handlers(&c, OPCODE_EXECUTOR);
	if (!err)
		err = probe_copies(&c);
	*why = c.why;
	return err ? err : c.count;
}
