/* SPDX-License-Identifier: BSD-2-Clause */
#include "python/dispatch.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "symbol/flow.h"
#include "symbol/image.h"
#include "symbol/jumptable.h"
#include "symbol/pointers.h"
#include "symbol/x86.h"

#define SHARING_MAX   8          /* opcodes that share a handler: CALL_FUNCTION_EX and the like */
#define HANDLER_MAX   128        /* bytes of a handler in which the place for a probe is */
#define JUDGED_MAX    (64 << 10) /* tables that are compared; Python has 12 000 that may be it */
#define VERSION_3_11  0x030b
#define STACK_POINTER 4 /* %rsp */

/* ---- the table ---- */

/*
 * A table has the opcodes from @first on, and from 255 on those from 0: a compiler that takes a
 * byte for signed begins a switch at 128.  One that has dealt with opcode 0 before begins at 1.
 */
static const struct shape {
	uint8_t first;
	uint16_t count;
} shapes[] = { { 0, 256 }, { 128, 256 }, { 1, 255 } };

enum { SHAPE_WITHOUT_0 = 2, SLOTS_LEAST = 255 };

/* A table that may be it. */
struct view {
	const struct opcodes *opcodes;
	const uint64_t *targets;
	struct shape shape;
};

struct search {
	const struct opcodes *opcodes;
	struct dispatch found[ARRAY_SIZE(shapes)];
	int count[ARRAY_SIZE(shapes)];
	int judged;
};

static uint64_t handler(const struct view *v, uint8_t opcode)
{
	uint8_t slot = opcode - v->shape.first;

	return slot < v->shape.count ? v->targets[slot] : 0;
}

/* Must its handler be its own?  Without a JIT in it, the compiler may join what is of it. */
static bool is_counted(const struct opcodes *o, uint8_t opcode)
{
	for (int i = 0; i < OPCODES_ROLES_MAX && o->roles[i].opcode; i++) {
		if (o->roles[i].opcode == opcode)
			return o->roles[i].role != OPCODE_EXECUTOR;
	}
	return false;
}

/* Opcodes before @opcode with its handler; a counted one with others' handler is one too many. */
static int count_sharing(const struct view *v, int opcode)
{
	const struct opcodes *o = v->opcodes;
	int count = 0;

	for (int other = 0; other < opcode; other++) {
		if (handler(v, other) != handler(v, opcode) || !opcodes_is_defined(o, other) ||
		    opcodes_is_unreachable(o, other))
			continue;
		if (is_counted(o, opcode) || is_counted(o, other))
			return SHARING_MAX + 1;
		count++;
	}
	return count;
}

/* Do all undefined opcodes have one handler, no defined one that, and those (nearly) all their own?
 */
static bool fits(const struct view *v)
{
	const struct opcodes *o = v->opcodes;
	uint64_t unknown = handler(v, o->undefined[0].first);
	int sharing = 0;

	for (int i = 1; i < 256; i++) {
		if (opcodes_is_defined(o, i) == (handler(v, i) == unknown) &&
		    !opcodes_is_unreachable(o, i))
			return false;
	}
	for (int i = 1; i < 256 && sharing <= SHARING_MAX; i++) {
		if (opcodes_is_defined(o, i) && !opcodes_is_unreachable(o, i))
			sharing += count_sharing(v, i);
	}
	return sharing <= SHARING_MAX;
}

/* What is taken for opcode 0 where the table begins behind it is nobody's handler: never probed. */
static void keep(struct search *search, int shape, const struct view *v, uint64_t address)
{
	struct dispatch *found = &search->found[shape];

	if (search->count[shape] && found->table == address)
		return;
	search->count[shape]++;
	found->table = address;
	for (int i = 0; i < 256; i++)
		found->handlers[i] = handler(v, i);
}

/* Of whole tables there may be but one: -EEXIST at the second. */
static int judge(struct search *search, uint64_t address, const uint64_t *targets, size_t count)
{
	if (++search->judged > JUDGED_MAX)
		return -E2BIG;
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		const struct view v = { search->opcodes, targets, shapes[i] };

		if (count >= shapes[i].count && fits(&v))
			keep(search, i, &v, address);
	}
	return search->count[0] + search->count[1] > 1 ? -EEXIST : 0;
}

static int judge_run(void *arg, uint64_t address, const uint64_t *targets, size_t count)
{
	int err = 0;

	for (size_t at = 0; at + SLOTS_LEAST <= count && !err; at++)
		err = judge(arg, address + at * 8, targets + at, count - at);
	return err;
}

/* A switch's table has a beginning. */
static int judge_table(void *arg, uint64_t address, const uint64_t *targets, size_t count)
{
	return judge(arg, address, targets, count);
}

/* A whole table fits without its first slot, too. */
static int settle(const struct search *search, struct dispatch *ret)
{
	int shape = 0;

	while (shape < SHAPE_WITHOUT_0 && !search->count[shape])
		shape++;
	if (search->count[shape] > 1)
		return -EEXIST;
	if (!search->count[shape])
		return -ENOENT;
	*ret = search->found[shape];
	return 0;
}

int dispatch_find(const struct image *image, const struct opcodes *opcodes, struct dispatch *ret)
{
	cleanup_free struct search *search = calloc(1, sizeof(*search));
	int err = search ? 0 : -ENOMEM;

	if (err)
		return err;
	search->opcodes = opcodes;
	for (int place = 0; place < 3; place++) {
		err = place < 2 ? pointers_each_run(image, place, SLOTS_LEAST, judge_run, search)
				: jumptables_each(image, SLOTS_LEAST, judge_table, search);
		if (!err)
			err = settle(search, ret);
		if (!err) {
			ret->is_switch = place == 2;
			ret->instr_offset = 56;
			ret->frame_offset = 72;
		}
		if (err != -ENOENT)
			return err;
	}
	return err;
}

/* ---- the places to probe ---- */

struct choice {
	const struct image *image;
	const struct opcodes *opcodes;
	const struct dispatch *dispatch;
	enum dispatch_goal goal;
	struct dispatch_probe *probes;
	int count;
	const char *why;
};

static bool is_branch(enum x86_kind kind)
{
	return kind == X86_JCC || kind == X86_JMP || kind == X86_CALL;
}

/* How a handler begins. */
struct head {
	uint64_t stored; /* behind the store of the instruction */
	uint64_t branch; /* the first one from there on: it is reached whenever the handler runs */
	uint64_t jumps_to; /* where that leads, if always; else 0 */
	bool is_behind;    /* a store to the thread state's current_frame, or what would be one */
};

/* What the store into the frame looks like: by the frame's address, or by that of the field. */
enum store { STORE_NONE, STORE_IN_FRAME, STORE_BY_POINTER };

/* Into an object: what lies in the stack is the compiler's own. */
static bool stores_at(const struct x86_insn *insn, int32_t offset)
{
	return insn->is_store && insn->base != STACK_POINTER && insn->offset == offset;
}

/*
 * A probe has to be behind the store of the instruction into the frame: then the frame tells which
 * it is.
 */
static int read_head(const struct choice *c, uint64_t address, enum store store, struct head *ret)
{
	const struct image *image = c->image;
	uint8_t code[HANDLER_MAX];
	uint64_t there = image_bytes_at(image, address);
	size_t size = there < sizeof(code) ? there : sizeof(code);
	struct head head = { .stored = store == STORE_NONE ? address : 0 };

	if (!size || image_read(image, address, code, size))
		return -EBADMSG;
	for (size_t at = 0; at < size;) {
		struct x86_insn insn;

		if (x86_decode(code + at, size - at, &insn))
			return -EBADMSG;
		if (is_branch(insn.kind) && head.stored) {
			head.branch = address + at;
			if (insn.kind == X86_JMP)
				head.jumps_to = head.branch + insn.length + insn.displacement;
			*ret = head;
			return 0;
		}
		if (is_branch(insn.kind) || insn.kind == X86_GONE)
			return -EBADMSG;
		head.is_behind |= stores_at(&insn, c->dispatch->frame_offset);
		at += insn.length;
		if (!head.stored &&
		    stores_at(&insn, store == STORE_IN_FRAME ? c->dispatch->instr_offset : 0))
			head.stored = address + at;
	}
	return -EBADMSG;
}

/*
 * In 3.11 RESUME's handler goes on in RESUME_QUICK's.  Does every way from its probe lead to one of
 * [@first, @last] there?
 */
static enum flow follow_resume(const struct choice *c, uint64_t first, uint64_t last)
{
	struct head head;

	for (int i = 0; i < OPCODES_ROLES_MAX && c->opcodes->roles[i].opcode; i++) {
		if (c->opcodes->roles[i].role == OPCODE_ENTRY &&
		    !read_head(c, c->dispatch->handlers[c->opcodes->roles[i].opcode],
			       STORE_IN_FRAME, &head))
			return flow_between(c->image, head.branch, first, last,
					    c->dispatch->is_switch);
	}
	return FLOW_NEVER;
}

/*
 * Clang stores by a pointer to the field, which it keeps in its stack.  That it is this field is
 * known where RESUME, which has stored into the frame, comes in right behind, or where that jumps
 * to.
 */
static bool is_joined(const struct choice *c, uint64_t code, const struct head *quick)
{
	if (follow_resume(c, code, quick->stored - 1) != FLOW_NEVER)
		return false;
	if (follow_resume(c, quick->stored, quick->branch) == FLOW_ALWAYS)
		return true;
	return quick->jumps_to && follow_resume(c, quick->stored, quick->branch) == FLOW_NEVER &&
	       follow_resume(c, quick->jumps_to, quick->jumps_to) == FLOW_ALWAYS;
}

static int find_place(const struct choice *c, uint64_t code, uint8_t role, struct head *ret)
{
	int err = read_head(c, code, role == OPCODE_EXECUTOR ? STORE_NONE : STORE_IN_FRAME, ret);

	if (err && role == OPCODE_ENTRY_QUICK && !read_head(c, code, STORE_BY_POINTER, ret) &&
	    is_joined(c, code, ret))
		return 0;
	return err;
}

static int add_probe(struct choice *c, uint64_t code, uint8_t opcode, uint8_t role)
{
	struct head head;

	if (c->count == DISPATCH_PROBES_MAX)
		return c->why = "it has more copies of handlers than can be probed", -EBADMSG;
	if (find_place(c, code, role, &head))
		return c->why = "a handler's code is not understood", -EBADMSG;
	c->probes[c->count++] =
		(struct dispatch_probe){ head.branch, opcode, role, head.is_behind };
	return 0;
}

static bool is_shared(const struct choice *c, uint8_t opcode)
{
	int count = 0;

	for (int i = 0; i < 256; i++)
		count += c->dispatch->handlers[i] == c->dispatch->handlers[opcode];
	return count > 1;
}

static int probe_handlers(struct choice *c, uint8_t role)
{
	for (int i = 0; i < OPCODES_ROLES_MAX && c->opcodes->roles[i].opcode; i++) {
		uint8_t opcode = c->opcodes->roles[i].opcode;
		int err;

		if (c->opcodes->roles[i].role != role || is_shared(c, opcode))
			continue;
		err = add_probe(c, c->dispatch->handlers[opcode], opcode, role);
		if (err)
			return err;
	}
	return 0;
}

/*
 * RESUME and its quick form, each once.  Where all that RESUME does passes the quick form's probe,
 * that one counts both.  (3.13 on the quick form goes on in RESUME instead, as the frame tells.)
 */
static int probe_entries(struct choice *c)
{
	int first = c->count, err = probe_handlers(c, OPCODE_ENTRY_QUICK);
	enum flow flow = FLOW_NEVER;

	if (err)
		return err;
	if (c->opcodes->version == VERSION_3_11 && c->count > first)
		flow = follow_resume(c, c->dispatch->handlers[c->probes[first].opcode],
				     c->probes[first].address);
	if (flow == FLOW_SOMETIMES)
		return c->why = "RESUME's ways are not understood", -EBADMSG;
	return flow == FLOW_ALWAYS ? 0 : probe_handlers(c, OPCODE_ENTRY);
}

/* ---- copies of handlers, made by profile-guided optimisation ---- */

/*
 * "cmpq $HANDLER,TABLE(,%reg,8)" asks whether the next opcode is a certain one.  If so, its handler
 * follows: called, jumped to, or copied.
 */
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
	uint64_t handler = c->dispatch->handlers[opcode];
	struct x86_insn insn;

	if (x86_decode(code + at, size - at, &insn) || insn.kind != X86_JCC)
		return c->why = "a comparison with a handler is not understood", -EBADMSG;
	at += insn.length;
	if (address + at + insn.displacement == handler ||
	    leads_to(code, size, address, at, handler))
		return 0;
	return add_probe(c, address + at, opcode, role);
}

/* May a handler have copies that are to be probed? */
static bool is_wanted(const struct choice *c, uint8_t role)
{
	switch (c->goal) {
	case DISPATCH_ENTRIES:
		return role == OPCODE_ENTRY || role == OPCODE_ENTRY_QUICK;
	case DISPATCH_RETURNS:
		return role == OPCODE_RETURN;
	default:
		return role == OPCODE_YIELD;
	}
}

/* Which of the handlers that are wanted lies at @address; -1: none. */
static int find_wanted(const struct choice *c, uint64_t address)
{
	for (int i = 0; i < OPCODES_ROLES_MAX && c->opcodes->roles[i].opcode; i++) {
		if (is_wanted(c, c->opcodes->roles[i].role) &&
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
	return find_wanted(c, address + at + 7 + (int32_t)read_u32(code + at + 3)) >= 0;
}

/* mov, push or cmp $HANDLER: the same in a program that is not moved. */
static bool has_address(const struct choice *c, const uint8_t *code, size_t at)
{
	uint8_t first = code[at], second = code[at + 1];
	bool one = (first & 0xf8) == 0xb8 || first == 0x68;
	bool two = (first == 0x48 && second == 0x3d) || (first == 0x81 && second >= 0xf8) ||
		   (first == 0xc7 && (second & 0xf8) == 0xc0);

	return (one || two) && c->image->header.e_type == ET_EXEC &&
	       find_wanted(c, read_u32(code + at + (one ? 1 : 2))) >= 0;
}

/* cmpq $..., TABLE(,%reg,8) */
static bool compares_slot(const struct choice *c, const uint8_t *code, size_t at)
{
	return (code[at] & 0xfd) == 0x48 && code[at + 1] == 0x81 && code[at + 2] == 0x3c &&
	       (code[at + 3] & 0xc7) == 0xc5 && read_u32(code + at + 4) == c->dispatch->table;
}

static int search_code(struct choice *c, const uint8_t *code, size_t size, uint64_t address)
{
	for (size_t at = 0; at + COMPARE_BYTES < size; at++) {
		int role_index, err;

		if (takes_address(c, code, address, at) || has_address(c, code, at))
			return c->why = "a handler's address is used in an unknown way", -EBADMSG;
		if (!compares_slot(c, code, at))
			continue;
		role_index = find_wanted(c, read_u32(code + at + 8));
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
	if (image_is_large(c->image, true))
		return c->why = "it has more code than is searched", -E2BIG;
	for (int i = 0; i < c->image->segment_count; i++) {
		const Elf64_Phdr *segment = &c->image->segments[i];
		cleanup_free uint8_t *code = NULL;
		int err;

		if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_X))
			continue;
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
		    const struct dispatch *dispatch, enum dispatch_goal goal,
		    struct dispatch_probe *ret, const char **why)
{
	struct choice c = { image, opcodes, dispatch, goal, ret, 0, "its code could not be read" };
	int err;

	if (goal == DISPATCH_ENTRIES) {
		err = probe_entries(&c);
		if (!err)
			err = probe_handlers(&c, OPCODE_EXECUTOR);
	} else {
		err = probe_handlers(&c, goal == DISPATCH_RETURNS ? OPCODE_RETURN : OPCODE_YIELD);
	}
	if (!err)
		err = probe_copies(&c);
	*why = c.why;
	return err ? err : c.count;
}
