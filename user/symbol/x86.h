/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long an x86_64 instruction is, and where it leads.
 *
 * Enough to go forward from one known beginning of an instruction to the next; what is rare in
 * compiled C (EVEX, XOP, far jumps) is refused, not guessed.
 */
#ifndef SYMBOL_X86_H
#define SYMBOL_X86_H

#include <stddef.h>
#include <stdint.h>

enum x86_kind {
	X86_OTHER,
	X86_NOP,
	X86_PUSH, /* of a register */
	X86_JCC,  /* conditional jump, relative */
	X86_JMP,  /* relative */
	X86_CALL, /* relative */
	X86_GONE, /* never goes on behind it: ret, jmp through memory or register, ud2 */
};

struct x86_insn {
	uint8_t length;
	enum x86_kind kind;
	int64_t displacement; /* of JCC, JMP and CALL: from behind the instruction */
	/* of a mov of a 64-bit register to memory at a distance from a register (%rip is none) */
	int is_store;
	uint8_t base;
	int32_t offset;
};

/** The instruction at @code, of which @size bytes can be read.  0 or -EBADMSG. */
int x86_decode(const uint8_t *code, size_t size, struct x86_insn *ret);

#endif
