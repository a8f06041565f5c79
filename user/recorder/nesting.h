/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What of the time of nested intervals is each one's own.  They come in as they end, so those
 * within another one before it.
 */
#ifndef RECORDER_NESTING_H
#define RECORDER_NESTING_H

#include <stdint.h>

#include "base/cleanup.h"

struct nesting;

/** NULL without memory. */
struct nesting *nesting_new(void);
void nesting_free(struct nesting *n);
DEFINE_CLEANUP(struct nesting *, nesting_free);

/**
 * An interval of @ns at @depth (0: in no other) has ended in thread @tid of process @serial.
 * Returns what of it was in none within it; all of it where it is too deep to tell.
 */
uint64_t nesting_end(struct nesting *n, uint32_t serial, uint32_t tid, uint32_t depth, uint64_t ns);

/** Process @serial is gone, with intervals that never ended. */
void nesting_forget(struct nesting *n, uint32_t serial);

#endif
