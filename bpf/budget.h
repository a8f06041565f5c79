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

#define SELDOM_NS  5000000    /* a thread that switches this seldom is not who the budget is for */
#define KIND_BITS  2          /* of a count of waits of one kind; 64 / 2 kinds are told apart */
#define KIND_WALKS 3          /* a thread's first waits of a kind ... */
#define KIND_NS    1000000000 /* ... in each second: with walks of a microsecond, next to nothing */

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
 * The window is over.  In debt, and still spending more than comes in: walk less often, by as much.
 * Enough saved: twice as often.  A quiet second's savings go first, so that a burst of new stacks,
 * which cost more, is seen whole.
 */
static __always_inline void budget_turn(struct adder_budget *b, __u64 now)
{
	__u64 elapsed = now - b->window_ns;
	__s64 most = budget_of(ADDER_BUDGET_SAVED_NS), income, credit;

	if (elapsed > ADDER_BUDGET_SAVED_NS)
		elapsed = ADDER_BUDGET_SAVED_NS;
	income = budget_of(elapsed);
	credit = b->credit_ns + income;
	if (credit > most)
		credit = most;
	if (credit > most >> 2 && b->shift)
		b->shift--;
	for (int i = 0; i < 5 && credit < 0 && income << i < b->spent_ns; i++)
		b->shift += b->shift < ADDER_BUDGET_SHIFTS;
	/* debts are not carried far: they show in the shift */
	b->credit_ns = credit < -most ? -most : credit;
	b->spent_ns = 0;
	b->window_ns = now;
}

/*
 * Has @task waited in this way only a few times of late?  By the syscall, its first argument and
 * the stack pointer: so a sleep now and then is walked among thousands of reads, and so is what a
 * thread does that lives shortly.
 */
static __always_inline bool is_rare(struct adder_thread *t, struct task_struct *task, bool runnable,
				    __u64 now)
{
	struct pt_regs *regs = task_user_regs(task);
	__u64 hash = 0, shift;

	if (!runnable)
		hash = unwind_mix(
			unwind_mix(user_reg(regs, ARCH_SYSCALL), user_reg(regs, ARCH_ARG1)),
			user_reg(regs, sp));
	shift = (hash >> 59) * KIND_BITS;
	if (now - t->kinds_ns > KIND_NS) {
		t->kinds_ns = now;
		t->kinds = 0;
	}
	if ((t->kinds >> shift & KIND_WALKS) == KIND_WALKS)
		return false;
	t->kinds += 1ULL << shift;
	return true;
}

/* Is this switch of @t walked? */
static __always_inline bool budget_allows(struct adder_budget *b, struct adder_thread *t,
					  struct task_struct *task, bool runnable, __u64 now)
{
	t->unwalked_shift = 0;
	if (!budget_ppm)
		return true;
	if (now - b->window_ns > ADDER_BUDGET_WINDOW_NS)
		budget_turn(b, now);
	b->walked++;
	if (!b->shift || now - t->out_ns > SELDOM_NS || is_rare(t, task, runnable, now))
		return true;
	t->unwalked_shift = b->shift;
	b->random = b->random * 6364136223846793005ULL + 1442695040888963407ULL;
	if (!(b->random >> ((64 - b->shift) & 63)))
		return true;
	b->walked--;
	b->unwalked++;
	return false;
}

/*
 * Walking for the wait of @t began at @since, and telling of a new stack, which happens once, took
 * @tell_ns of it.
 */
static __always_inline void budget_spend(struct adder_budget *b, struct adder_thread *t,
					 __u64 since, __u64 tell_ns)
{
	__u64 ns;

	if (!budget_ppm)
		return;
	ns = bpf_ktime_get_ns() - since;
	t->walk_ns += ns;
	b->credit_ns -= ns - tell_ns;
	b->spent_ns += ns - tell_ns;
}

#endif
