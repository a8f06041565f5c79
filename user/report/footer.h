/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of a report, how far to trust it: what is missing, what was estimated, what adder cost.
 */
#ifndef REPORT_FOOTER_H
#define REPORT_FOOTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct profile;

/** Print what @p's comments say of its making; nothing if they say nothing.  0 or -errno. */
int footer_print(const struct profile *p, FILE *out);

/** Write "COUNT what was lost, and why", if comment @index of @p says so, to @dst.  Escaped. */
bool footer_loss(const struct profile *p, size_t index, char *dst, size_t size);

#endif
