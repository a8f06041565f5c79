/* SPDX-License-Identifier: BSD-2-Clause */
#include "symbol/x86.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define LONGEST 15 /* bytes: more, and the processor refuses it */

/*
 * What follows an opcode:
 *   .  nothing              M  ModRM                 b  8 bits      z  32 bits, or 16 after prefix
 * 66 B  ModRM and b          Z  ModRM and z           j  32 bits, always          w  16 bits e  24
 * bits (enter)      v  z, or 64 bits with REX.W                          o  64 bits 3  ModRM, and
 * if its middle is 0 or 1 b (F6) or z (F7) p  is a prefix          r  is a REX prefix       x  no
 * instruction, or one that is refused T  another byte of opcode                        V  VEX
 */
/* clang-format off: four rows of sixteen a line */
static const char one_byte[] = "MMMMbzxxMMMMbzxT"
			       "MMMMbzxxMMMMbzxx"
			       "MMMMbzpxMMMMbzpx"
			       "MMMMbzpxMMMMbzpx" /* 00 */
			       "rrrrrrrrrrrrrrrr"
			       "................"
			       "xxxMppppzZbB...."
			       "bbbbbbbbbbbbbbbb" /* 40 */
			       "BZxBMMMMMMMMMMMM"
			       "..........x....."
			       "oooo....bz......"
			       "bbbbbbbbvvvvvvvv" /* 80 */
			       "BBw.VVBZe.w..bx."
			       "MMMMxxx.MMMMMMMM"
			       "bbbbbbbbjjxb...."
			       "p.pp..33......MM"; /* c0 */
static const char two_bytes[] = "MMMMx.....x.xMxx"
				"MMMMMMMMMMMMMMMM"
				"MMMMxxxxMMMMMMMM"
				"......x.TxTxxxxx" /* 00 */
				"MMMMMMMMMMMMMMMM"
				"MMMMMMMMMMMMMMMM"
				"MMMMMMMMMMMMMMMM"
				"BBBBMMM.MMxxMMMM" /* 40 */
				"jjjjjjjjjjjjjjjj"
				"MMMMMMMMMMMMMMMM"
				"...MBMxx...MBMMM"
				"MMMMMMMMMMBMMMMM" /* 80 */
				"MMBMBBBM........"
				"MMMMMMMMMMMMMMMM"
				"MMMMMMMMMMMMMMMM"
				"MMMMMMMMMMMMMMMM"; /* c0 */
/* clang-format on */

/* What has been read of an instruction. */
struct reader {
	const uint8_t *code;
	size_t size, at;
	bool short_operand; /* prefix 66 */
	uint8_t rex;
	int map; /* of opcodes: 1, then 0F, 0F 38, 0F 3A */
	uint8_t opcode, modrm;
	bool has_memory; /* ModRM is of memory, at @offset from register @base */
	uint8_t base;
	int32_t offset;
};

enum { MAP_ONE, MAP_0F, MAP_0F38, MAP_0F3A };
enum { BASE_NONE = 0xff };

static bool take(struct reader *r, uint8_t *ret)
{
	if (r->at >= r->size || r->at >= LONGEST)
		return false;
	*ret = r->code[r->at++];
	return true;
}

static bool skip(struct reader *r, size_t bytes)
{
	r->at += bytes;
	return r->at <= r->size && r->at <= LONGEST;
}

/* A signed number of 1 or 4 bytes. */
static bool take_number(struct reader *r, size_t bytes, int32_t *ret)
{
	size_t at = r->at;
	int8_t small;

	if (!skip(r, bytes))
		return false;
	if (bytes == 4) {
		memcpy(ret, r->code + at, 4);
	} else {
		memcpy(&small, r->code + at, 1);
		*ret = small;
	}
	return true;
}

static bool take_modrm(struct reader *r)
{
	uint8_t mod, rm, sib;

	if (!take(r, &r->modrm))
		return false;
	mod = r->modrm >> 6;
	rm = r->modrm & 7;
	r->base = rm | (r->rex & 1) << 3;
	if (mod == 3)
		return true;
	r->has_memory = true;
	if (rm == 4) {
		if (!take(r, &sib))
			return false;
		r->base = (sib >> 3 & 7) == 4 && !(r->rex & 2) ? (sib & 7) | (r->rex & 1) << 3
							       : BASE_NONE; /* indexed */
		if ((sib & 7) == 5 && mod == 0)
			r->base = BASE_NONE;
		if ((sib & 7) == 5 && mod == 0)
			return skip(r, 4);
	} else if (rm == 5 && mod == 0) {
		r->base = BASE_NONE; /* %rip */
		return skip(r, 4);
	}
	return mod == 0 || take_number(r, mod == 1 ? 1 : 4, &r->offset);
}

static bool take_operands(struct reader *r, char form)
{
	size_t z = r->short_operand ? 2 : 4;

	switch (form) {
	case '.':
		return true;
	case 'M':
		return take_modrm(r);
	case 'b':
		return skip(r, 1);
	case 'z':
		return skip(r, z);
	case 'j':
		return skip(r, 4);
	case 'w':
		return skip(r, 2);
	case 'e':
		return skip(r, 3);
	case 'o':
		return skip(r, 8);
	case 'v':
		return skip(r, r->rex & 8 ? 8 : z);
	case 'B':
		return take_modrm(r) && skip(r, 1);
	case 'Z':
		return take_modrm(r) && skip(r, z);
	case '3':
		if (!take_modrm(r))
			return false;
		return (r->modrm >> 3 & 7) > 1 || skip(r, r->opcode == 0xf6 ? 1 : z);
	default:
		return false;
	}
}

/* After C5, or C4: the prefix's other bytes choose the map. */
static bool take_vex(struct reader *r, bool is_long)
{
	uint8_t byte;

	r->map = MAP_0F;
	if (!take(r, &byte))
		return false;
	if (is_long) {
		r->map = byte & 0x1f;
		if (r->map < MAP_0F || r->map > MAP_0F3A || !take(r, &byte))
			return false;
	}
	return take(r, &r->opcode);
}

static char form_of(const struct reader *r)
{
	switch (r->map) {
	case MAP_ONE:
		return one_byte[r->opcode];
	case MAP_0F:
		return two_bytes[r->opcode];
	case MAP_0F38:
		return 'M';
	default:
		return 'B';
	}
}

/* Prefixes and opcode; what follows it, or 'x'. */
static char take_opcode(struct reader *r)
{
	for (;;) {
		char form;

		if (!take(r, &r->opcode))
			return 'x';
		form = form_of(r);
		if (form == 'p') {
			r->short_operand |= r->opcode == 0x66;
		} else if (form == 'r') {
			r->rex = r->opcode;
			if (!take(r, &r->opcode))
				return 'x';
			form = form_of(r);
			if (form == 'p' || form == 'r' || form == 'V')
				return 'x'; /* a REX that has no effect: compilers don't */
		}
		if (form == 'V')
			return take_vex(r, r->opcode == 0xc4) ? form_of(r) : 'x';
		if (form == 'T') {
			r->map = r->map == MAP_ONE   ? MAP_0F
				 : r->opcode == 0x38 ? MAP_0F38
						     : MAP_0F3A;
			if (!take(r, &r->opcode))
				return 'x';
			form = form_of(r);
			if (form == 'T') {
				r->map = r->opcode == 0x38 ? MAP_0F38 : MAP_0F3A;
				if (!take(r, &r->opcode))
					return 'x';
				form = form_of(r);
			}
		}
		if (form != 'p')
			return form;
	}
}

static enum x86_kind kind_of(const struct reader *r)
{
	uint8_t op = r->opcode, reg = r->modrm >> 3 & 7;

	if (r->map == MAP_0F) {
		if ((op & 0xf0) == 0x80)
			return X86_JCC;
		if (op == 0x0b)
			return X86_GONE;
		return op == 0x1f ? X86_NOP : X86_OTHER;
	}
	if (r->map != MAP_ONE)
		return X86_OTHER;
	if ((op & 0xf0) == 0x70)
		return X86_JCC;
	if ((op & 0xf8) == 0x50)
		return X86_PUSH;
	if (op == 0xe9 || op == 0xeb)
		return X86_JMP;
	if (op == 0xe8)
		return X86_CALL;
	if (op == 0x90 && !(r->rex & 1))
		return X86_NOP;
	if (op == 0xc2 || op == 0xc3 || (op == 0xff && (reg == 4 || reg == 5)))
		return X86_GONE;
	return X86_OTHER;
}

int x86_decode(const uint8_t *code, size_t size, struct x86_insn *ret)
{
	struct reader r = { .code = code, .size = size };
	char form = take_opcode(&r);
	int32_t displacement = 0;

	if (!take_operands(&r, form))
		return -EBADMSG;
	*ret = (struct x86_insn){ .length = r.at, .kind = kind_of(&r) };
	if (ret->kind == X86_JCC || ret->kind == X86_JMP || ret->kind == X86_CALL) {
		r.at -= form == 'b' ? 1 : 4;
		take_number(&r, form == 'b' ? 1 : 4, &displacement);
		ret->displacement = displacement;
	}
	ret->is_store = r.map == MAP_ONE && r.opcode == 0x89 && r.rex & 8 && r.has_memory &&
			r.base != BASE_NONE;
	ret->base = r.base;
	ret->offset = r.offset;
	return 0;
}
