/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much walking at switches may cost: a part of each CPU's time.
 *
 * Above it, switches are walked with probability 1 / 2^shift.  What is not walked is still timed
 * and told apart by state; a walked wait says how many it stands for, so that user space can split
 * their time without favouring any.
 */
#ifndef BPF_BUDGET_H
#define BPF_BUDGET_H

#include "maps.h"

#define SELDOM_NS   5000000 /* a thread that switches this seldom is not who the budget is for */
#define YOUNG_WALKS 16      /* a thread's first switches, with walks of about a microsecond */

static __always_inline struct adder_budget *this_budget(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&budgets, &zero);
}

static __always_inline __s64 budget_of(__u64 ns)
{
	return (ns >> 10) * budget_ppm / 1000 * 1024 / 1000; /* in this order: no overflow */
}

/*
 * The window is over.  Overspent: walk half as often.  Enough saved: twice as often.  A quiet
 * second's savings go first, so that a burst of new stacks, which cost more, is seen whole.
 */
static __always_inline void budget_turn(struct adder_budget *b, __u64 now)
{
	__u64 elapsed = now - b->window_ns;
	__s64 most = budget_of(ADDER_BUDGET_SAVED_NS), credit;

	if (elapsed > ADDER_BUDGET_SAVED_NS)
		elapsed = ADDER_BUDGET_SAVED_NS;
	credit = b->credit_ns + budget_of(elapsed);
	if (credit > most)
		credit = most;
	if (credit < 0 && b->shift < ADDER_BUDGET_SHIFTS)
		b->shift += credit < -most ? 4 : credit < -(most >> 2) ? 2 : 1;
	else if (credit > most >> 2 && b->shift)
		b->shift--;
	/* debts are not carried far: they show in the shift */
	b->credit_ns = credit < -most ? -most : credit;
	b->window_ns = now;
}

/*
 * Is this switch of @t walked?  A young thread's are: what lives shortly is seen too, and starting
 * a thread costs more than they do.
 */
static __always_inline bool budget_allows(struct adder_budget *b, struct adder_thread *t, __u64 now)
{
	t->unwalked_shift = 0;
	if (!budget_ppm)
		return true;
	if (now - b->window_ns > ADDER_BUDGET_WINDOW_NS)
		budget_turn(b, now);
	b->walked++;
	if (t->walks < YOUNG_WALKS) {
		t->walks++;
		return true;
	}
	if (now - t->out_ns > SELDOM_NS)
		return true;
	t->unwalked_shift = b->shift;
	if (!b->shift || !(bpf_get_prandom_u32() & ((1U << (b->shift & 31)) - 1)))
		return true;
	b->walked--;
	b->unwalked++;
	return false;
}

/* Walking began at @since, and telling of a new stack, which happens once, took @tell_ns of it. */
static __always_inline void budget_spend(struct adder_budget *b, __u64 since, __u64 tell_ns)
{
	if (budget_ppm)
		b->credit_ns -= bpf_ktime_get_ns() - since - tell_ns;
}

#endif
