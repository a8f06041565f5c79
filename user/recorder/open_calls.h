/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The calls of a thread that have not ended when the recording does.
 */
#ifndef RECORDER_OPEN_CALLS_H
#define RECORDER_OPEN_CALLS_H

#include <stdint.h>

#include "wire.h"

/** @key's call; @total_ns is 0 of a recursive one, whose outermost has it. */
typedef void (*open_calls_fn)(void *arg, const struct adder_call_key *key, uint64_t self_ns,
			      uint64_t total_ns);

/** Hand each call of @open to @fn, with what it has taken by @now of their clock. */
void open_calls_each(const struct adder_open_calls *open, uint64_t now, open_calls_fn fn,
		     void *arg);

#endif
