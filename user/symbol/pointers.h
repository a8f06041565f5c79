/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs of pointers into the code: jump tables, among others.
 *
 * Read from a file's data as it will be when loaded at its own addresses: relocations that make
 * pointers (R_X86_64_RELATIVE, packed ones too) are applied.
 */
#ifndef SYMBOL_POINTERS_H
#define SYMBOL_POINTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image;

/**
 * Call @fn with each run of at least @least adjacent pointers into executable segments: the address
 * of its first slot, and what they point to.  It ends early when @fn returns non-zero.  With
 * @in_code those are looked for in executable segments, where old linkers put constants; else in
 * all others.
 *
 * Returns what @fn did, 0, or -errno (-EBADMSG: the file contradicts itself; -E2BIG).
 */
int pointers_each_run(const struct image *image, bool in_code, size_t least,
		      int (*fn)(void *arg, uint64_t address, const uint64_t *targets, size_t count),
		      void *arg);

#endif
