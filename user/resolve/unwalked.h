/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waits whose stack was not walked, to keep to the budget: their time, which is exact by thread and
 * state, is split over the walked waits of the same thread and state, in proportion to what each
 * of those was chosen to stand for.
 */
#ifndef RESOLVE_UNWALKED_H
#define RESOLVE_UNWALKED_H

#include <stdint.h>

#include "base/cleanup.h"

struct unwalked;

/** Time of waits. */
struct unwalked_time {
	uint64_t wait_ns, runq_ns, throttled_ns;
	uint64_t cpu_ns; /* charged before the thread was switched in */
};

/** NULL without memory. */
struct unwalked *unwalked_new(void);
void unwalked_free(struct unwalked *u);
DEFINE_CLEANUP(struct unwalked *, unwalked_free);

/** @time of @thread in @state was not walked. */
void unwalked_add(struct unwalked *u, uint32_t thread, uint32_t state,
		  const struct unwalked_time *time);

/** Walked waits of @thread in @state stand for @ns of such. */
void unwalked_add_weight(struct unwalked *u, uint32_t thread, uint32_t state, uint64_t ns);

/** True if nobody stands for what was not walked of @thread in @state. */
int unwalked_is_alone(const struct unwalked *u, uint32_t thread, uint32_t state);

/** What falls to waits that stand for @ns.  Asked once for each, all sums to what was added. */
void unwalked_take(struct unwalked *u, uint32_t thread, uint32_t state, uint64_t ns,
		   struct unwalked_time *ret);

#endif
