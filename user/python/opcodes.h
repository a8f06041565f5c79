/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The opcodes of each minor version that begin or end a call; equal in all its builds.
 */
#ifndef PYTHON_OPCODES_H
#define PYTHON_OPCODES_H

#include <stdbool.h>
#include <stdint.h>

#define OPCODES_UNDEFINED_MAX 4
#define OPCODES_ROLES_MAX     16

/** What an opcode's handler tells of a call. */
enum opcode_role {
	OPCODE_ENTRY,       /* RESUME: a call, or a generator that goes on */
	OPCODE_ENTRY_QUICK, /* its specialised forms: may fall back on RESUME's handler, counted */
	OPCODE_RETURN,      /* the frame ends ... */
	OPCODE_YIELD,       /* ... or rests */
	OPCODE_GENERATOR,   /* a generator or coroutine has been made; its frame rests */
	/*
	 * The JIT's code begins, in which calls pass no handler; or where it is on, a loop goes
	 * round (JUMP_BACKWARD_JIT): it may go on in such code at once.
	 */
	OPCODE_EXECUTOR,
};

struct opcodes {
	uint16_t version; /* 0x030b for 3.11 */
	struct {
		uint8_t first, last;
	} undefined[OPCODES_UNDEFINED_MAX]; /* numbers that are no opcode; {0, 0} ends */
	struct {
		uint8_t opcode, role; /* enum opcode_role; {0, 0} ends */
	} roles[OPCODES_ROLES_MAX];
	uint8_t unreachable; /* besides 0 (CACHE): a compiler gives these any other's handler */
};

/** Of @version (0x030b to 0x030f); NULL of others, which have no such opcodes. */
const struct opcodes *opcodes_find(uint16_t version);

bool opcodes_is_defined(const struct opcodes *o, uint8_t opcode);

/** Is @opcode one that is never executed, so that its handler may be anything? */
bool opcodes_is_unreachable(const struct opcodes *o, uint8_t opcode);

#endif
