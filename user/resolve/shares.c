/* SPDX-License-Identifier: BSD-2-Clause */
#include "resolve/shares.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/tally.h"

#define FEW_TICKS 4 /* a stratum that should have fewer is split with others */

/* Time and the ticks to split it by. */
struct share {
	uint64_t ticks;
	uint64_t ns[SHARES_NR];
	uint64_t given_ns[SHARES_NR], given_ticks[SHARES_NR]; /* so far: roundings do not add up */
};

struct stratum_key {
	uint64_t stack;
	uint64_t thread;
};

struct stratum {
	struct share share;
	bool pooled;
};

struct shares {
	uint64_t tick_ns;
	struct tally strata;  /* struct stratum by struct stratum_key */
	struct share pools[]; /* of each thread's small strata */
};

struct shares *shares_new(uint32_t threads, uint64_t tick_ns)
{
	struct shares *s = calloc(1, sizeof(*s) + threads * sizeof(s->pools[0]));

	if (!s)
		return NULL;
	s->tick_ns = tick_ns;
	s->strata.size = sizeof(struct stratum);
	return s;
}

void shares_free(struct shares *s)
{
	if (!s)
		return;
	tally_done(&s->strata);
	free(s);
}

/* The share that @stack's time is in; without memory for its own, the thread's pool. */
static struct share *get(struct shares *s, uint32_t thread, uint64_t stack)
{
	struct stratum_key key = { .stack = stack, .thread = thread };
	struct stratum *stratum = tally_get(&s->strata, &key, sizeof(key));

	return stratum ? &stratum->share : &s->pools[thread];
}

void shares_add_time(struct shares *s, enum shares_kind kind, uint32_t thread, uint64_t stack,
		     uint64_t ns)
{
	get(s, thread, stack)->ns[kind] += ns;
}

void shares_add_ticks(struct shares *s, uint32_t thread, uint64_t stack, uint64_t count)
{
	get(s, thread, stack)->ticks += count;
}

void shares_close(struct shares *s)
{
	for (size_t i = 0; i < tally_count(&s->strata); i++) {
		const struct stratum_key *key = tally_key(&s->strata, i);
		struct stratum *stratum = tally_value(&s->strata, i);
		struct share *pool = &s->pools[key->thread];

		/* a large one without ticks can't be split by its own, either */
		stratum->pooled = stratum->share.ns[SHARES_CPU] < FEW_TICKS * s->tick_ns ||
				  !stratum->share.ticks;
		if (!stratum->pooled)
			continue;
		for (int kind = 0; kind < SHARES_NR; kind++)
			pool->ns[kind] += stratum->share.ns[kind];
		pool->ticks += stratum->share.ticks;
	}
}

static struct share *share_of(struct shares *s, uint32_t thread, uint64_t stack)
{
	struct stratum_key key = { .stack = stack, .thread = thread };
	struct stratum *stratum = tally_find(&s->strata, &key, sizeof(key));

	return stratum && !stratum->pooled ? &stratum->share : &s->pools[thread];
}

uint64_t shares_of_ticks(struct shares *s, enum shares_kind kind, uint32_t thread, uint64_t stack,
			 uint64_t count)
{
	struct share *share = share_of(s, thread, stack);
	uint64_t ns;

	if (!share->ticks)
		return 0;
	share->given_ticks[kind] += count;
	ns = (uint64_t)((__uint128_t)share->ns[kind] * share->given_ticks[kind] / share->ticks) -
	     share->given_ns[kind];
	share->given_ns[kind] += ns;
	return ns;
}

int shares_without_ticks(struct shares *s, uint32_t thread, uint64_t stack)
{
	return !share_of(s, thread, stack)->ticks;
}
