/* SPDX-License-Identifier: BSD-2-Clause */
#include "python/entries.h"

#include <errno.h>
#include <string.h>

#include "symbol/image.h"
#include "symbol/x86.h"
#include "wire.h"

#define EVAL          "_PyEval_EvalFrameDefault"
#define ENDBR64_BYTES 4
#define VERSION_OWN_BYTECODE                                                                       \
	0x030e /* free-threaded: a thread may have its own; RESUME fetches it */

bool entries_are_known(void)
{
	return IMAGE_MACHINE == EM_X86_64;
}

static int add(const struct image *image, uint64_t address, uint64_t cookie, struct entries *ret)
{
	struct entry *entry = &ret->list[ret->count];

	entry->cookie = cookie;
	if (image_offset(image, address, &entry->offset))
		return -EBADMSG;
	ret->count++;
	return 0;
}

/*
 * To 3.10 each call runs the eval loop's function.  Its first instruction is a push, which the
 * kernel emulates; a landing pad (endbr64) before it would be single-stepped.
 */
static int find_eval(const struct image *image, uint16_t version, struct entries *ret)
{
	static const uint8_t endbr64[ENDBR64_BYTES] = { 0xf3, 0x0f, 0x1e, 0xfa };
	uint64_t cookie = ADDER_PROBE_EVAL | (version < 0x0309 ? ADDER_PROBE_EVAL_OLD : 0);
	struct image_symbol symbol;
	struct x86_insn insn;
	uint8_t code[16];

	ret->how = "its eval loop (" EVAL ") is not exported";
	if (image_find_exported(image, EVAL, &symbol) ||
	    image_read(image, symbol.address, code, sizeof(code)))
		return -ENOENT;
	if (!memcmp(code, endbr64, sizeof(endbr64)))
		symbol.address += sizeof(endbr64);
	ret->how = "its eval loop's code is not understood";
	if (image_read(image, symbol.address, code, sizeof(code)) ||
	    x86_decode(code, sizeof(code), &insn) || insn.kind != X86_PUSH)
		return -EBADMSG;
	ret->how = "the eval loop's entry";
	return add(image, symbol.address, cookie, ret);
}

/* Opcodes whose probes have counted a call already when a plain handler meets them: two at most. */
static uint64_t counted_opcodes(const struct opcodes *opcodes)
{
	uint64_t cookie = 0;

	if (opcodes->version < 0x030d) /* there none falls back */
		return 0;
	for (int i = 0; i < OPCODES_ROLES_MAX && opcodes->roles[i].opcode; i++) {
		if (opcodes->roles[i].role == OPCODE_ENTRY_QUICK)
			cookie = cookie << 8 | opcodes->roles[i].opcode;
	}
	return cookie;
}

/* What the kernel half is told of a probe. */
static uint64_t cookie_of(const struct opcodes *opcodes, const struct dispatch_probe *p,
			  bool is_timed)
{
	uint64_t timed = is_timed ? ADDER_PROBE_TIMED : 0;

	switch (p->role) {
	case OPCODE_EXECUTOR:
		return ADDER_PROBE_JIT;
	case OPCODE_ENTRY:
		return timed | counted_opcodes(opcodes);
	case OPCODE_ENTRY_QUICK:
		return timed;
	default:
		if (opcodes->version < 0x030d) /* how cframes are linked can't be seen */
			return ADDER_PROBE_LEAVE | p->opcode;
		return ADDER_PROBE_LEAVE | (p->is_behind ? ADDER_PROBE_BEHIND : 0);
	}
}

static int add_handlers(const struct image *image, const struct opcodes *opcodes,
			const struct dispatch *dispatch, enum dispatch_goal goal,
			struct entries *ret, const char **why)
{
	struct dispatch_probe probes[DISPATCH_PROBES_MAX];
	int count = dispatch_probes(image, opcodes, dispatch, goal, probes, why);

	for (int i = 0; i < count; i++) {
		if (add(image, probes[i].address, cookie_of(opcodes, &probes[i], !ret->untimed),
			ret))
			return -EBADMSG;
	}
	return count < 0 ? count : 0;
}

/* Where calls end.  Without, they are counted but not timed. */
static void add_leaves(const struct image *image, const struct opcodes *opcodes,
		       const struct dispatch *dispatch, struct entries *ret)
{
	const char *why;

	if (add_handlers(image, opcodes, dispatch, DISPATCH_RETURNS, ret, &ret->untimed))
		return;
	ret->untimed = NULL;
	ret->late_yields = add_handlers(image, opcodes, dispatch, DISPATCH_YIELDS, ret, &why);
}

static int find_handlers(const struct image *image, const struct opcodes *opcodes,
			 const struct adder_layout *layout, struct entries *ret)
{
	struct dispatch dispatch;
	int err = dispatch_find(image, opcodes, &dispatch);

	ret->how = err == -EEXIST ? "it has several dispatch tables"
		   : err == -E2BIG
			   ? "it has more code or data than is searched for its dispatch table"
			   : "it has no dispatch table that fits its version";
	if (err)
		return err;
	dispatch.instr_offset = layout->frame_start + layout->f_instr;
	dispatch.frame_offset = layout->ts_frame;
	add_leaves(image, opcodes, &dispatch, ret);
	err = add_handlers(image, opcodes, &dispatch, DISPATCH_ENTRIES, ret, &ret->how);
	if (!err)
		ret->how = "opcode handlers";
	return err;
}

int entries_find(int fd, uint32_t version, const struct adder_layout *layout, struct entries *ret)
{
	const struct opcodes *opcodes = opcodes_find(version >> 16);
	struct image image;
	int err;

	*ret = (struct entries){ .how = "its file could not be read",
				 .untimed = "its calls' ends are not probed" };
	err = image_open(fd, &image);
	if (err)
		return err;
	if (version >> 16 < 0x030b)
		return find_eval(&image, version >> 16, ret);
	ret->how = "its opcodes are not known";
	if (!opcodes)
		return -EOPNOTSUPP;
	ret->how = "a free-threaded Python of 3.14 on, which was never tried";
	if (layout->free_threaded && opcodes->version >= VERSION_OWN_BYTECODE)
		return -EOPNOTSUPP;
	return find_handlers(&image, opcodes, layout, ret);
}
