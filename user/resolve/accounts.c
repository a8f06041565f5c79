/* SPDX-License-Identifier: BSD-2-Clause */
#include "resolve/accounts.h"

#include <errno.h>
#include <stdlib.h>
#include <uthash.h>

#include "base/cleanup.h"
#include "profile/profile.h"
#include "resolve/syscall_name.h"

struct account {
	struct account_key key;
	struct adder_ledger_value sum;
	UT_hash_handle hh;
};

struct accounts {
	struct account *all;
};

/* A thread's CPU time, while it is being split. */
struct share {
	uint64_t cpu_ns, ticks;         /* in all */
	uint64_t given_ns, given_ticks; /* so far: the last one gets what rounding left */
	uint64_t stolen_ns;             /* on the CPU, but not charged by the kernel */
	uint64_t over_ns; /* charged twice so far; comes off the next waits for the CPU */
};

struct settling {
	struct profile *p;
	struct share *shares;
	const struct accounts_hooks *hooks;
	uint64_t unknown;
	int state[ADDER_STATE_NR], wall, sys, throttled, samples; /* indices of the types */
};

struct accounts *accounts_new(void)
{
	return calloc(1, sizeof(struct accounts));
}

void accounts_free(struct accounts *a)
{
	struct account *account, *next;

	if (!a)
		return;
	HASH_ITER (hh, a->all, account, next) {
		HASH_DEL(a->all, account);
		free(account);
	}
	free(a);
}

int accounts_add(struct accounts *a, const struct account_key *key,
		 const struct adder_ledger_value *value)
{
	struct account *account;

	HASH_FIND(hh, a->all, key, sizeof(*key), account);
	if (!account) {
		account = calloc(1, sizeof(*account));
		if (!account)
			return -ENOMEM;
		account->key = *key;
		HASH_ADD(hh, a->all, key, sizeof(*key), account);
	}
	account->sum.wait_ns += value->wait_ns;
	account->sum.runq_ns += value->runq_ns;
	account->sum.throttled_ns += value->throttled_ns;
	account->sum.burst_ns += value->burst_ns;
	account->sum.stolen_ns += value->stolen_ns;
	account->sum.count += value->count;
	account->sum.sys_count += value->sys_count;
	return 0;
}

/* How it waits: the syscall, or what else made it. */
static uint32_t detail_of(struct profile *p, const struct account_key *key)
{
	const char *name = NULL;

	switch (key->how) {
	case ADDER_HOW_SWITCH:
		return profile_string(p, "switch");
	case ADDER_HOW_THROTTLED:
		return profile_string(p, "quota");
	case ADDER_HOW_PAGE_IN:
		return profile_string(p, "page-in");
	case ADDER_HOW_FAULT:
		return profile_string(p, "page-fault");
	case ADDER_HOW_SYSCALL:
		name = syscall_name(key->syscall);
		break;
	}
	return name ? profile_string(p, name) : 0;
}

static uint32_t pseudo_stack(struct profile *p, const char *name)
{
	uint32_t location = profile_pseudo(p, name);

	return profile_stack(p, &location, 1);
}

static uint32_t stack_of(struct settling *s, const struct account_key *key)
{
	uint32_t stack = key->stack;

	if (key->stack >> 63 && s->hooks->stack(s->hooks->arg, key->thread, key->stack, &stack)) {
		s->unknown++;
		stack = pseudo_stack(s->p, "[stack lost]");
	}
	return stack;
}

static void add(struct settling *s, uint32_t stack, uint32_t labels, int type, int64_t value)
{
	int64_t *values = value ? profile_sample_values(s->p, stack, labels) : NULL;

	if (values)
		values[type] += value;
}

/* Time in a state: it is also wall time. */
static void add_time(struct settling *s, uint32_t stack, uint32_t labels, enum adder_state state,
		     int64_t ns)
{
	add(s, stack, labels, s->state[state], ns);
	add(s, stack, labels, s->wall, ns);
}

/*
 * CPU time that the kernel charged before the thread was switched in: a wake-up's own time goes to
 * who is woken.  No tick can find the thread there, so it is not split by ticks, but stays with
 * the wait; and it was counted as waiting for the CPU, which it comes off again.
 */
static uint64_t wakeup_cost(const struct account *account)
{
	uint64_t cost = account->sum.stolen_ns < 0 ? -account->sum.stolen_ns : 0;

	return cost < account->sum.burst_ns ? cost : account->sum.burst_ns;
}

/* The part of the thread's CPU time that falls to an account: by ticks, else by its own bursts. */
static uint64_t cpu_of(struct share *share, const struct account *account)
{
	uint64_t ns;

	if (!share->ticks)
		return account->sum.burst_ns - wakeup_cost(account);
	if (account->key.how != ADDER_HOW_TICK)
		return 0;
	share->given_ticks += account->sum.count;
	/* up to here, less what was given: the roundings do not add up */
	ns = (uint64_t)((__uint128_t)share->cpu_ns * share->given_ticks / share->ticks) -
	     share->given_ns;
	share->given_ns += ns;
	return ns;
}

static uint64_t take_off(struct share *share, uint64_t runq_ns)
{
	uint64_t over = share->over_ns < runq_ns ? share->over_ns : runq_ns;

	share->over_ns -= over;
	return runq_ns - over;
}

static void settle_wait(struct settling *s, const struct account *account, uint32_t stack)
{
	const struct account_key *key = &account->key;
	const struct adder_ledger_value *sum = &account->sum;
	struct share *share = &s->shares[key->thread];
	uint64_t wait = sum->wait_ns, runq = sum->runq_ns;
	uint32_t labels =
		s->hooks->labels(s->hooks->arg, key->thread, detail_of(s->p, key), key->on);

	if (key->state == ADDER_STATE_RUNQ) {
		runq += wait;
		wait = 0;
	}
	share->over_ns += wakeup_cost(account);
	add_time(s, stack, labels, key->state, wait);
	add_time(s, stack, labels, ADDER_STATE_RUNQ, take_off(share, runq));
	add(s, stack, labels, s->throttled, sum->throttled_ns);
}

static void settle(struct settling *s, const struct account *account)
{
	const struct account_key *key = &account->key;
	const struct adder_ledger_value *sum = &account->sum;
	uint64_t cpu = cpu_of(&s->shares[key->thread], account);
	uint32_t plain = s->hooks->labels(s->hooks->arg, key->thread, 0, 0);
	uint32_t stack = stack_of(s, key);

	add_time(s, stack, plain, ADDER_STATE_CPU, cpu + wakeup_cost(account));
	if (key->how == ADDER_HOW_TICK) {
		add(s, stack, plain, s->sys, sum->count ? cpu * sum->sys_count / sum->count : 0);
		add(s, stack, plain, s->samples, sum->count);
		return;
	}
	add(s, stack, plain, s->sys, wakeup_cost(account));
	if (key->state == ADDER_STATE_CPU)
		s->shares[key->thread].over_ns += wakeup_cost(account);
	else
		settle_wait(s, account, stack);
}

/* What hypervisor and interrupts took: the thread could run, and something else did. */
static void settle_stolen(struct settling *s, uint32_t thread)
{
	uint32_t labels =
		s->hooks->labels(s->hooks->arg, thread, profile_string(s->p, "stolen"), 0);
	uint64_t stolen = take_off(&s->shares[thread], s->shares[thread].stolen_ns);

	add_time(s, pseudo_stack(s->p, "[taken from the CPU]"), labels, ADDER_STATE_RUNQ, stolen);
}

static void find_types(struct settling *s)
{
#define STATE_NAME(id, name, text) [ADDER_STATE_##id] = name,
	static const char *const names[] = { ADDER_STATE_LIST(STATE_NAME) };

	for (int i = 0; i < ADDER_STATE_NR; i++)
		s->state[i] = profile_type_find(s->p, names[i]);
	s->wall = profile_type_find(s->p, "wall");
	s->sys = profile_type_find(s->p, "sys");
	s->throttled = profile_type_find(s->p, "throttled");
	s->samples = profile_type_find(s->p, "samples");
}

uint64_t accounts_settle(struct accounts *a, struct profile *p, uint32_t threads,
			 const struct accounts_hooks *hooks)
{
	cleanup_free struct share *shares = calloc(threads + 1, sizeof(*shares));
	struct settling s = { .p = p, .shares = shares, .hooks = hooks };
	struct account *account, *next;

	if (!shares)
		return 0;
	find_types(&s);
	HASH_ITER (hh, a->all, account, next) {
		struct share *share = &shares[account->key.thread];

		share->cpu_ns += account->sum.burst_ns - wakeup_cost(account);
		if (account->sum.stolen_ns > 0)
			share->stolen_ns += account->sum.stolen_ns;
		if (account->key.how == ADDER_HOW_TICK)
			share->ticks += account->sum.count;
	}
	HASH_ITER (hh, a->all, account, next) {
		if (!hooks->skip(hooks->arg, account->key.thread))
			settle(&s, account);
	}
	for (uint32_t thread = 0; thread < threads; thread++) {
		if (!hooks->skip(hooks->arg, thread))
			settle_stolen(&s, thread);
	}
	return s.unknown;
}
