/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much stack a BPF program takes with all that it calls, as Linux up to 6.12 counts: each
 * function's lowest access below r10, rounded up to 32, along the deepest chain of calls.  There it
 * must not be more than 512 bytes; later kernels give most programs a stack of their own, and load
 * what those refuse.
 */
#ifndef TESTS_BPF_STACK_DEPTH_H
#define TESTS_BPF_STACK_DEPTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/bpf.h>

#define STACK_MOST  512
#define STACK_ROUND 32
#define STACK_CALLS 16 /* a chain is no longer: eight are allowed */

struct stack_program {
	const struct bpf_insn *insns;
	size_t count;
	bool *begins; /* a function, there; by stack_find_functions() */
};

/* The instruction that the one at @at calls, or passes on as a callback; -1: none. */
static inline long stack_callee(const struct stack_program *p, size_t at)
{
	const struct bpf_insn *i = &p->insns[at];

	if ((i->code == (BPF_JMP | BPF_CALL) && i->src_reg == BPF_PSEUDO_CALL) ||
	    (i->code == (BPF_LD | BPF_IMM | BPF_DW) && i->src_reg == BPF_PSEUDO_FUNC))
		return (long)at + i->imm + 1;
	return -1;
}

static inline void stack_find_functions(struct stack_program *p)
{
	for (size_t i = 0; i < p->count; i++) {
		long callee = stack_callee(p, i);

		if (callee >= 0 && (size_t)callee < p->count)
			p->begins[callee] = true;
	}
}

/* How far below r10 the instruction reaches; @from_r10: a bit for each register that was set to it.
 */
static inline long stack_reach(const struct bpf_insn *i, uint32_t *from_r10)
{
	uint8_t class = BPF_CLASS(i->code);

	if (i->code == (BPF_ALU64 | BPF_MOV | BPF_X)) {
		*from_r10 &= ~(1U << i->dst_reg);
		*from_r10 |= (uint32_t)(i->src_reg == BPF_REG_10) << i->dst_reg;
	} else if (i->code == (BPF_ALU64 | BPF_ADD | BPF_K) && *from_r10 >> i->dst_reg & 1) {
		*from_r10 &= ~(1U << i->dst_reg);
		return -(long)i->imm;
	} else if (class == BPF_LDX && i->src_reg == BPF_REG_10) {
		return -(long)i->off;
	} else if ((class == BPF_ST || class == BPF_STX) && i->dst_reg == BPF_REG_10) {
		return -(long)i->off;
	}
	return 0;
}

/** Bytes that the function at @begin takes, with all that it calls; @calls: made by then. */
static inline long stack_depth(const struct stack_program *p, size_t begin, unsigned int calls)
{
	long own = 1, deepest = 0, reach, callee, below;
	uint32_t from_r10 = 0;

	for (size_t at = begin; at < p->count && calls < STACK_CALLS; at++) {
		if (at > begin && p->begins[at])
			break;
		reach = stack_reach(&p->insns[at], &from_r10);
		own = reach > own ? reach : own;
		callee = stack_callee(p, at);
		below = callee < 0 ? 0 : stack_depth(p, (size_t)callee, calls + 1);
		deepest = below > deepest ? below : deepest;
	}
	return (own + STACK_ROUND - 1) / STACK_ROUND * STACK_ROUND + deepest;
}

#endif
