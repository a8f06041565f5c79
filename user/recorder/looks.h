/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads that are looked at from outside, while they wait: those that were there before their
 * process was in the ledger, and those whose wait was not walked for the budget, but lasts.
 *
 * A look counts for the wait that it was taken at; a thread that has moved on meanwhile tells by
 * itself.
 */
#ifndef RECORDER_LOOKS_H
#define RECORDER_LOOKS_H

#include <stdbool.h>
#include <stdint.h>

#include "wire.h"

struct looks;
struct resolver;
struct session;

/** At threads of @session, whose stacks @resolver is told; both are borrowed.  NULL without memory.
 */
struct looks *looks_new(struct session *session, struct resolver *resolver);
void looks_free(struct looks *l);

/** Look at the threads that are not in the ledger yet: the resolver is told what they wait in.
 * 0 or -errno. */
int looks_at_new(struct looks *l);

/**
 * Look at waits that were not walked, and last, while there are such; not all at once, and no more
 * often than each ADDER_LOOK_NS.
 */
void looks_at_lasting(struct looks *l);

/** True if there will be such waits by the next look. */
bool looks_expect_more(const struct looks *l);

/** What was seen of the wait that thread @tid is in by its record @t, which was not walked.  False
 * if that was not looked at. */
bool looks_find(const struct looks *l, uint32_t tid, const struct adder_thread *t,
		struct adder_looked *ret);

#endif
