/* SPDX-License-Identifier: BSD-2-Clause */
#include "resolve/accounts.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/tally.h"
#include "profile/profile.h"
#include "resolve/shares.h"
#include "resolve/syscall_name.h"
#include "resolve/unwalked.h"

#define MAX_READY_NS (UINT64_C(1) << 60) /* a file's values may be 2^62 in all */

struct account {
	struct account_key key;
	struct adder_ledger_value sum;
};

struct accounts {
	struct tally sums; /* struct adder_ledger_value by struct account_key */
	size_t max;
	uint32_t full;
	uint64_t refused;
};

/* What the kernel's clock and ours disagree about, of a thread. */
struct balance {
	uint64_t stolen_ns; /* on the CPU, but not charged by the kernel */
	uint64_t over_ns;   /* charged twice; comes off the waits for the CPU, then off that */
	uint64_t split_ns,
		given_ns; /* of stolen_ns, so far: split up, and of that left and given */
};

struct settling {
	struct profile *p;
	struct balance *balances;
	struct shares *shares;
	struct unwalked *unwalked;
	const struct accounts_hooks *hooks;
	uint64_t unknown;
	uint64_t ready_room; /* what tasks may have waited: the target alone says how many there are
			      */
	uint32_t lost_stack, unwalked_stack;
	int state[ADDER_STATE_NR], wall, sys, throttled, samples, loop; /* indices of the types */
};

struct accounts *accounts_new(size_t max, uint32_t full)
{
	struct accounts *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->sums.size = sizeof(struct adder_ledger_value);
	a->max = max;
	a->full = full;
	return a;
}

uint64_t accounts_refused(const struct accounts *a)
{
	return a->refused;
}

void accounts_free(struct accounts *a)
{
	if (!a)
		return;
	tally_done(&a->sums);
	free(a);
}

static bool is_tick(const struct account_key *key)
{
	return key->how == ADDER_HOW_TICK || key->how == ADDER_HOW_LATE_TICK;
}

/* Not of the thread: of a task that it could not run meanwhile. */
static bool is_ready(const struct account_key *key)
{
	return key->how == ADDER_HOW_READY || key->how == ADDER_HOW_READY_TICK;
}

/* What is left of @key where there is no room: who, and in which state. */
static struct account_key without_stack(const struct accounts *a, const struct account_key *key)
{
	struct account_key lumped = {
		.stack = a->full,
		.thread = key->thread,
		.syscall = ADDER_NO_SYSCALL,
		.state = key->state,
		.how = is_tick(key) || is_ready(key) ? key->how : ADDER_HOW_UNKNOWN,
	};

	if (is_tick(key))
		lumped.on = a->full;
	if (is_ready(key))
		lumped.task = ADDER_TASK_MORE;
	return lumped;
}

static struct adder_ledger_value *get_sum(struct accounts *a, const struct account_key *key)
{
	struct account_key lumped;

	if (!a->max || tally_count(&a->sums) < a->max || tally_find(&a->sums, key, sizeof(*key)))
		return tally_get(&a->sums, key, sizeof(*key));
	a->refused++;
	lumped = without_stack(a, key);
	return tally_get(&a->sums, &lumped, sizeof(lumped));
}

int accounts_add(struct accounts *a, const struct account_key *key,
		 const struct adder_ledger_value *value)
{
	struct adder_ledger_value *sum = get_sum(a, key);

	if (!sum)
		return -ENOMEM;
	sum->wait_ns += value->wait_ns;
	sum->runq_ns += value->runq_ns;
	sum->throttled_ns += value->throttled_ns;
	sum->burst_ns += value->burst_ns;
	sum->late_ns += value->late_ns;
	sum->stolen_ns += value->stolen_ns;
	sum->unwalked_ns += value->unwalked_ns;
	sum->count += value->count;
	sum->sys_count += value->sys_count;
	return 0;
}

/* How it waits: the syscall, or what else made it. */
static uint32_t detail_of(struct profile *p, const struct account_key *key)
{
	const char *name = wait_detail(key->how, key->syscall);

	return name ? profile_string(p, name) : 0;
}

static uint32_t pseudo_stack(struct profile *p, const char *name)
{
	uint32_t location = profile_pseudo(p, name);

	return profile_stack(p, &location, 1);
}

/* The profile's id of a stack that may have been told only after it was added. */
static uint32_t known_stack(struct settling *s, uint32_t thread, uint64_t stack)
{
	uint32_t id = stack;

	if (!(stack >> 63))
		return id;
	return s->hooks->stack(s->hooks->arg, thread, stack, &id) ? s->lost_stack : id;
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

/* The stratum (shares.h) of CPU time after a wait on @stack, early or late in its stint. */
static uint64_t stratum(struct settling *s, uint32_t thread, uint64_t stack, bool late)
{
	return (uint64_t)known_stack(s, thread, stack) << 1 | late;
}

/* CPU time of an account's stints, without what the wake-ups cost. */
static uint64_t late_of(const struct account *account)
{
	uint64_t ns = account->sum.burst_ns - wakeup_cost(account);

	return account->sum.late_ns < ns ? account->sum.late_ns : ns;
}

static uint64_t early_of(const struct account *account)
{
	return account->sum.burst_ns - wakeup_cost(account) - late_of(account);
}

/* What hypervisor and interrupts took from an account's stints. */
static uint64_t stolen_of(const struct account *account)
{
	return account->sum.stolen_ns > 0 ? account->sum.stolen_ns : 0;
}

/* Of which late in them: it comes at any time. */
static uint64_t late_stolen_of(const struct account *account)
{
	uint64_t late = late_of(account), all = early_of(account) + late;

	return all ? (uint64_t)((__uint128_t)stolen_of(account) * late / all) : 0;
}

/*
 * The part that falls to an account of its thread's time of @kind, of which it has brought in
 * @early and @late itself.
 */
static uint64_t part_of(struct settling *s, const struct account *account, enum shares_kind kind,
			uint64_t early, uint64_t late)
{
	const struct account_key *key = &account->key;
	uint32_t thread = key->thread;
	uint64_t ns = 0;

	if (is_tick(key))
		return shares_of_ticks(s->shares, kind, thread,
				       stratum(s, thread, key->on, key->how == ADDER_HOW_LATE_TICK),
				       account->sum.count);
	if (shares_without_ticks(s->shares, thread, stratum(s, thread, key->stack, false)))
		ns += early;
	if (shares_without_ticks(s->shares, thread, stratum(s, thread, key->stack, true)))
		ns += late;
	return ns;
}

/* CPU time. */
static uint64_t cpu_of(struct settling *s, const struct account *account)
{
	uint64_t ns = part_of(s, account, SHARES_CPU, early_of(account), late_of(account));

	return is_tick(&account->key) ? ns : ns + wakeup_cost(account);
}

/* Take @cost off @runq_ns, which counted the same time; what is left of it is given back. */
static uint64_t take_cost(uint64_t *runq_ns, uint64_t cost)
{
	uint64_t own = cost < *runq_ns ? cost : *runq_ns;

	*runq_ns -= own;
	return cost - own;
}

/* A wait for the CPU, as the account and those of its kind that were not walked had it. */
static uint64_t runq_of(const struct account *account)
{
	return account->sum.runq_ns +
	       (account->key.state == ADDER_STATE_RUNQ ? account->sum.wait_ns : 0);
}

/* The waits of an account, with its part of those that were not walked. */
static struct unwalked_time waits_of(struct settling *s, const struct account *account)
{
	const struct adder_ledger_value *sum = &account->sum;
	struct unwalked_time time;

	unwalked_take(s->unwalked, account->key.thread, account->key.state, sum->unwalked_ns,
		      &time);
	time.wait_ns += sum->wait_ns;
	time.runq_ns += sum->runq_ns;
	time.throttled_ns += sum->throttled_ns;
	if (account->key.state == ADDER_STATE_RUNQ) {
		time.runq_ns += time.wait_ns;
		time.wait_ns = 0;
	}
	return time;
}

static uint32_t labels_of(struct settling *s, uint32_t thread, uint32_t detail, uint32_t on,
			  uint64_t task)
{
	const struct account_labels what = { .detail = detail, .on = on, .task = task };

	return s->hooks->labels(s->hooks->arg, thread, &what);
}

static void settle_wait(struct settling *s, const struct account *account, uint32_t stack)
{
	const struct account_key *key = &account->key;
	struct balance *balance = &s->balances[key->thread];
	struct unwalked_time time = waits_of(s, account);
	uint32_t labels = labels_of(s, key->thread, detail_of(s->p, key), key->on, key->task);

	/* first its own, then what others could not take off theirs */
	take_cost(&time.runq_ns, wakeup_cost(account) + time.cpu_ns);
	balance->over_ns = take_cost(&time.runq_ns, balance->over_ns);
	if (time.throttled_ns > time.runq_ns) /* it is a part of what is left */
		time.throttled_ns = time.runq_ns;
	add_time(s, stack, labels, key->state, time.wait_ns);
	add_time(s, stack, labels, ADDER_STATE_CPU, time.cpu_ns);
	add(s, stack, labels, s->sys, time.cpu_ns);
	add_time(s, stack, labels, ADDER_STATE_RUNQ, time.runq_ns);
	add(s, stack, labels, s->throttled, time.throttled_ns);
}

/* Its time goes with the walked waits of its thread and state, if there are any. */
static bool is_spread(const struct settling *s, const struct account *account)
{
	const struct account_key *key = &account->key;

	return !is_tick(key) && key->stack == s->unwalked_stack &&
	       !unwalked_is_alone(s->unwalked, key->thread, key->state);
}

/* The stack is that of who had the loop; the task, that of who waited. */
static void settle_ready(struct settling *s, const struct account *account)
{
	const struct account_key *key = &account->key;
	const struct account_labels what = { .task = key->task, .on_task = key->on };

	uint64_t ns = account->sum.wait_ns + account->sum.count * s->hooks->tick_ns;

	if (ns > s->ready_room)
		ns = s->ready_room;
	s->ready_room -= ns;
	add(s, known_stack(s, key->thread, key->stack),
	    s->hooks->labels(s->hooks->arg, key->thread, &what), s->loop, ns);
}

static void settle(struct settling *s, const struct account *account)
{
	const struct account_key *key = &account->key;
	const struct adder_ledger_value *sum = &account->sum;
	uint64_t cpu = cpu_of(s, account);
	uint32_t plain = labels_of(s, key->thread, 0, 0, key->task);
	uint32_t stack = known_stack(s, key->thread, key->stack);

	if (is_spread(s, account)) {
		add_time(s, stack, plain, ADDER_STATE_CPU, cpu - wakeup_cost(account));
		return;
	}
	s->unknown += stack == s->lost_stack;
	add_time(s, stack, plain, ADDER_STATE_CPU, cpu);
	if (is_tick(key)) {
		add(s, stack, plain, s->sys, sum->count ? cpu * sum->sys_count / sum->count : 0);
		add(s, stack, plain, s->samples, sum->count);
		return;
	}
	add(s, stack, plain, s->sys, wakeup_cost(account));
	if (key->state != ADDER_STATE_CPU)
		settle_wait(s, account, stack);
}

/*
 * What hypervisor and interrupts took: the thread could run, and something else did.  After all
 * waits, which say how much of it there is.
 */
static void settle_stolen(struct settling *s, const struct account *account)
{
	const struct account_key *key = &account->key;
	struct balance *balance = &s->balances[key->thread];
	uint64_t late = late_stolen_of(account), left = balance->stolen_ns, ns;

	take_cost(&left, balance->over_ns);
	if (!left)
		return;
	balance->split_ns += part_of(s, account, SHARES_STOLEN, stolen_of(account) - late, late);
	ns = (uint64_t)((__uint128_t)left * balance->split_ns / balance->stolen_ns) -
	     balance->given_ns;
	balance->given_ns += ns;
	if (ns)
		add_time(s, known_stack(s, key->thread, key->stack),
			 labels_of(s, key->thread, profile_string(s->p, "stolen"), 0, key->task),
			 ADDER_STATE_RUNQ, ns);
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
	s->loop = profile_type_find(s->p, "loop");
}

/* Sum up what is to be split. */
static void weigh(struct settling *s, const struct account *account)
{
	const struct account_key *key = &account->key;
	const struct adder_ledger_value *sum = &account->sum;
	uint32_t thread = key->thread;
	uint64_t runq, early, late;

	if (is_tick(key)) {
		shares_add_ticks(s->shares, thread,
				 stratum(s, thread, key->on, key->how == ADDER_HOW_LATE_TICK),
				 sum->count);
		return;
	}
	runq = runq_of(account);
	s->balances[thread].over_ns += take_cost(&runq, wakeup_cost(account));
	if (key->stack == s->unwalked_stack) {
		struct unwalked_time time = { sum->wait_ns, sum->runq_ns, sum->throttled_ns,
					      wakeup_cost(account) };

		unwalked_add(s->unwalked, thread, key->state, &time);
	} else {
		unwalked_add_weight(s->unwalked, thread, key->state, sum->unwalked_ns);
	}
	early = stratum(s, thread, key->stack, false);
	late = stratum(s, thread, key->stack, true);
	shares_add_time(s->shares, SHARES_CPU, thread, early, early_of(account));
	shares_add_time(s->shares, SHARES_CPU, thread, late, late_of(account));
	shares_add_time(s->shares, SHARES_STOLEN, thread, early,
			stolen_of(account) - late_stolen_of(account));
	shares_add_time(s->shares, SHARES_STOLEN, thread, late, late_stolen_of(account));
	s->balances[thread].stolen_ns += stolen_of(account);
}

static struct account account_at(const struct accounts *a, size_t index)
{
	const struct account_key *key = tally_key(&a->sums, index);
	const struct adder_ledger_value *sum = tally_value(&a->sums, index);

	return (struct account){ *key, *sum };
}

static void settle_all(struct accounts *a, struct settling *s)
{
	for (size_t i = 0; i < tally_count(&a->sums); i++) {
		struct account account = account_at(a, i);

		if (!is_ready(&account.key))
			weigh(s, &account);
	}
	shares_close(s->shares);
	for (size_t i = 0; i < tally_count(&a->sums); i++) {
		struct account account = account_at(a, i);

		if (s->hooks->skip(s->hooks->arg, account.key.thread))
			continue;
		if (is_ready(&account.key))
			settle_ready(s, &account);
		else
			settle(s, &account);
	}
	for (size_t i = 0; i < tally_count(&a->sums); i++) {
		struct account account = account_at(a, i);

		if (!is_ready(&account.key) && !s->hooks->skip(s->hooks->arg, account.key.thread))
			settle_stolen(s, &account);
	}
}

uint64_t accounts_settle(struct accounts *a, struct profile *p, uint32_t threads,
			 const struct accounts_hooks *hooks)
{
	cleanup_free struct balance *balances = calloc(threads + 1, sizeof(*balances));
	CLEANUP(shares_free) struct shares *shares = shares_new(threads, hooks->tick_ns);
	CLEANUP(unwalked_free) struct unwalked *unwalked = unwalked_new();
	struct settling s = {
		.p = p,
		.balances = balances,
		.shares = shares,
		.unwalked = unwalked,
		.hooks = hooks,
		.ready_room = MAX_READY_NS,
	};

	if (!balances || !shares || !unwalked)
		return 0;
	find_types(&s);
	s.lost_stack = pseudo_stack(p, "[stack lost]");
	s.unwalked_stack = pseudo_stack(p, "[not walked]");
	settle_all(a, &s);
	return s.unknown;
}
