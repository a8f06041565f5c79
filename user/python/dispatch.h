/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interpreter's opcode handlers in a program file, without symbols (3.11 on).
 *
 * CPython jumps, or calls, from handler to handler through a table of 256 addresses, one for each
 * opcode; numbers that are no opcode all share one.  Which those are differs from version to
 * version, so that only the right table of the right version fits.
 */
#ifndef PYTHON_DISPATCH_H
#define PYTHON_DISPATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "python/opcodes.h"

struct image;

#define DISPATCH_PROBES_MAX 64 /* PGO builds have up to 20 copies of handlers */

struct dispatch {
	uint64_t table; /* its address */
	uint64_t handlers[256];
	bool is_switch; /* it has distances in place of addresses */

	/* What handlers store to; dispatch_find() fills in where all released versions have it. */
	uint16_t instr_offset; /* of prev_instr, later instr_ptr, in a frame */
	uint16_t frame_offset; /* of current_frame in a thread state, from 3.13 on */
};

/** Where to put a probe so that it runs once each time that the opcode is executed. */
struct dispatch_probe {
	uint64_t address; /* of an instruction that the kernel emulates */
	uint8_t opcode, role;
	bool is_behind; /* the caller's frame has become the innermost (3.13 on) */
};

/**
 * Find the table of the interpreter of version @opcodes in @image.
 *
 * Returns 0; -ENOENT if there is none; -EEXIST if several fit; -E2BIG if there is more to search
 * than any interpreter has; -errno.
 */
int dispatch_find(const struct image *image, const struct opcodes *opcodes, struct dispatch *ret);

/** What is probed. */
enum dispatch_goal {
	DISPATCH_ENTRIES, /* OPCODE_ENTRY, _QUICK and _EXECUTOR: calls begin */
	DISPATCH_RETURNS, /* OPCODE_RETURN: they end */
	DISPATCH_YIELDS,  /* OPCODE_YIELD: generators and coroutines rest */
};

/**
 * Choose the places to probe for all handlers of @goal, inlined copies of them too.
 *
 * Returns how many of @ret[DISPATCH_PROBES_MAX] there are; -EBADMSG if the code is not understood,
 * with why in @why: then some could be missed.
 */
int dispatch_probes(const struct image *image, const struct opcodes *opcodes,
		    const struct dispatch *dispatch, enum dispatch_goal goal,
		    struct dispatch_probe *ret, const char **why);

#endif
