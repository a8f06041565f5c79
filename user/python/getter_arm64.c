/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include "python/getter.h"

#define REGISTERS 32
#define ZERO      31 /* the zero register, or the stack pointer: never followed */
#define TCB_BYTES 16 /* at the thread pointer, before the first thread-local */

/* What is known of a register: its distance from the thread pointer. */
struct known {
	bool is_from_tp[REGISTERS];
	int64_t distance[REGISTERS];
};

/* mrs Xd, tpidr_el0 */
static bool take_thread_pointer(uint32_t insn, struct known *k)
{
	if ((insn & ~0x1fU) != 0xd53bd040)
		return false;
	k->is_from_tp[insn & 31] = true;
	k->distance[insn & 31] = 0;
	return true;
}

/* add Xd, Xn, #IMM12 {, lsl #12} */
static bool take_add(uint32_t insn, struct known *k)
{
	uint32_t to = insn & 31, from = insn >> 5 & 31;
	int64_t value = insn >> 10 & 0xfff;

	if ((insn & 0xff800000) != 0x91000000 || to == ZERO)
		return false;
	k->is_from_tp[to] = k->is_from_tp[from];
	k->distance[to] = k->distance[from] + (insn >> 22 & 1 ? value << 12 : value);
	return true;
}

/* ldr Xt, [Xn, #IMM12 * 8], from where Xn is known */
static bool is_load(uint32_t insn, const struct known *k, int64_t *ret)
{
	uint32_t from = insn >> 5 & 31;

	if ((insn & 0xffc00000) != 0xf9400000 || from == ZERO || !k->is_from_tp[from])
		return false;
	*ret = k->distance[from] + (insn >> 10 & 0xfff) * 8;
	return *ret >= TCB_BYTES;
}

int getter_find_tls_arm64(const struct getter *getter, struct getter_tls *ret)
{
	struct known k = { 0 };
	int64_t distance;
	uint32_t insn;

	for (size_t at = 0; at + sizeof(insn) <= getter->size; at += sizeof(insn)) {
		memcpy(&insn, getter->code + at, sizeof(insn));
		if (is_load(insn, &k, &distance)) {
			*ret = (struct getter_tls){ .offset = distance };
			return 0;
		}
		if (!take_thread_pointer(insn, &k) && !take_add(insn, &k))
			k.is_from_tp[insn & 31] = false; /* it may be written to */
	}
	return -ENOENT;
}
