/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Jump tables of compiled switches: signed 32-bit distances from the table to the code of each
 * case.
 *
 * Where such a table begins cannot be told from its numbers: read from one slot too early, they
 * lead into the middle of instructions.  So only what code takes the address of, to jump by it, is
 * a table.
 */
#ifndef SYMBOL_JUMPTABLE_H
#define SYMBOL_JUMPTABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image;

#define JUMPTABLE_MAX 256 /* slots that are looked at: of a switch by a byte there are no more */

/**
 * Call @fn with each table of at least @least slots: its address, and where they lead.  A table
 * that several places jump by is told several times.  It ends early when @fn returns non-zero.
 *
 * Returns what @fn did, 0, or -errno (-EBADMSG: the file contradicts itself; -E2BIG).
 */
int jumptables_each(const struct image *image, size_t least,
		    int (*fn)(void *arg, uint64_t address, const uint64_t *targets, size_t count),
		    void *arg);

/** Does the instruction at @code, of which @size bytes can be read, read a slot of such a table? */
bool jumptable_is_read(const uint8_t *code, size_t size);

#endif
