/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Splitting CPU time over functions; and likewise what was taken from it.
 *
 * Known exactly: the CPU time of a thread after each wait (by the stack that it waited on, and
 * whether early or late in that stint on the CPU).  Known by sampling: what it was doing in there.
 * So the time of one kind, a stratum, is split among the ticks that fell into it; a function that
 * waits often keeps what is its own, whatever the ticks in the rest of the program.
 *
 * A stratum too small to expect a few ticks is thrown together with the thread's others of that
 * kind.  Whether it is too small is told by its time, never by how many ticks it happened to get:
 * that would favour the lucky ones.
 */
#ifndef RESOLVE_SHARES_H
#define RESOLVE_SHARES_H

#include <stdint.h>

#include "base/cleanup.h"

struct shares;

/* What is split: the second as the first is. */
enum shares_kind { SHARES_CPU, SHARES_STOLEN, SHARES_NR };

/** For the CPU time of @threads threads, with a tick each @tick_ns.  NULL without memory. */
struct shares *shares_new(uint32_t threads, uint64_t tick_ns);
void shares_free(struct shares *s);
DEFINE_CLEANUP(struct shares *, shares_free);

/** @ns of @kind of @thread in @stratum: any number that the caller tells them by. */
void shares_add_time(struct shares *s, enum shares_kind kind, uint32_t thread, uint64_t stratum,
		     uint64_t ns);

/** @count ticks of @thread in @stratum. */
void shares_add_ticks(struct shares *s, uint32_t thread, uint64_t stratum, uint64_t count);

/** All has been added. */
void shares_close(struct shares *s);

/**
 * The time of @kind that falls to @count of the ticks of @thread in @stratum.  Asked for each tick
 * once, all of it sums exactly to what was added.
 */
uint64_t shares_of_ticks(struct shares *s, enum shares_kind kind, uint32_t thread, uint64_t stratum,
			 uint64_t count);

/** True if no tick fell where the time of @thread in @stratum belongs: it stays with that wait. */
int shares_without_ticks(struct shares *s, uint32_t thread, uint64_t stratum);

#endif
