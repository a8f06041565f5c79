/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ledger: time added up by {process, thread, stack, state, ...}.
 *
 * There are two tables.  User space turns active_ledger over, waits until no program can still be
 * adding to the old one, and empties it: nothing is lost in between.  A key holds the thread, so no
 * two CPUs add to one value at a time, and plain additions do.
 *
 * Threads that wait in one way again and again hold the sum until another comes: most switches
 * touch no table.
 */
#ifndef BPF_LEDGER_H
#define BPF_LEDGER_H

#include "maps.h"

#define NO_OTHER_SHIFT 12 /* then it counts for this little, which is nothing beside any other */

static __always_inline void *ledger_find(const struct adder_ledger_key *key)
{
	return active_ledger ? bpf_map_lookup_elem(&ledger_b, key)
			     : bpf_map_lookup_elem(&ledger_a, key);
}

static __always_inline long ledger_insert(const struct adder_ledger_key *key,
					  const struct adder_ledger_value *value)
{
	return active_ledger ? bpf_map_update_elem(&ledger_b, key, value, BPF_NOEXIST)
			     : bpf_map_update_elem(&ledger_a, key, value, BPF_NOEXIST);
}

static __always_inline void ledger_sum(struct adder_ledger_value *sum,
				       const struct adder_ledger_value *value)
{
	sum->wait_ns += value->wait_ns;
	sum->runq_ns += value->runq_ns;
	sum->throttled_ns += value->throttled_ns;
	sum->burst_ns += value->burst_ns;
	sum->late_ns += value->late_ns;
	sum->stolen_ns += value->stolen_ns;
	sum->unwalked_ns += value->unwalked_ns;
	sum->count += value->count;
	sum->sys_count += value->sys_count;
}

/* Add @value under @key; without the stack if there is no room.  0, or -1 if not even that. */
static __noinline int ledger_add(struct adder_ledger_key *key,
				 const struct adder_ledger_value *value)
{
	struct adder_ledger_value *sum;

	if (!key || !value)
		return -1;
	for (int attempt = 0; attempt < 2; attempt++) {
		sum = ledger_find(key);
		if (sum) {
			ledger_sum(sum, value);
			return 0;
		}
		if (!ledger_insert(key, value))
			return 0;
		lose(ADDER_LOST_LEDGER_FULL);
		key->stack = ADDER_STACK_LEDGER_FULL;
		key->on = 0;
		key->task = 0;
		key->syscall = ADDER_NO_SYSCALL;
		key->how = ADDER_HOW_UNKNOWN;
	}
	return -1;
}

/* What tasks waited for the loop that their thread had for another. */
struct ledger_ready {
	struct adder_ledger_key key; /* @task is filled in */
	struct adder_ledger_value value;
	const struct adder_ready *ready;
};

static __always_inline void ledger_add_one_ready(const struct ledger_ready *r)
{
	struct adder_ledger_value *sum = ledger_find(&r->key);

	if (sum)
		ledger_sum(sum, &r->value);
	else if (ledger_insert(&r->key, &r->value))
		lose(ADDER_LOST_READY_FULL);
}

static long ledger_add_ready_task(__u32 index, void *context)
{
	struct ledger_ready *r = context;

	if (index >= ADDER_READY_TASKS || index >= r->ready->count)
		return 1;
	r->key.task = r->ready->tasks[index];
	ledger_add_one_ready(r);
	return 0;
}

/* Add the value of @r to each of its tasks. */
static __noinline void ledger_add_ready(struct ledger_ready *r)
{
	__u64 more;

	if (!r)
		return;
	more = r->ready->more;
	compat_loop(ADDER_READY_TASKS, ledger_add_ready_task, r);
	if (!more)
		return;
	r->key.task = ADDER_TASK_MORE;
	r->value.wait_ns *= more;
	r->value.count *= more;
	ledger_add_one_ready(r);
}

/*
 * The wait that @t has ended was also one of the tasks that its loop could not run.  (A function of
 * its own, for its room on the stack.)
 */
static __noinline void ledger_post_ready(struct adder_thread *t, __u32 tid, __u64 in)
{
	struct ledger_ready r = { .key = { .tid = tid,
					   .syscall = ADDER_NO_SYSCALL,
					   .state = ADDER_STATE_CPU,
					   .how = ADDER_HOW_READY } };
	__u64 wait;

	if (!t)
		return;
	r.key.stack = t->stack;
	r.key.on = t->task;
	r.key.process = t->process;
	wait = in > t->out_ns ? in - t->out_ns : 0;
	t->has_ready = 0;
	r.ready = bpf_map_lookup_elem(&ready_tasks, &tid);
	if (!r.ready)
		return;
	r.value.wait_ns = wait < 1ULL << 32 ? wait << (t->unwalked_shift & 15) : wait;
	ledger_add_ready(&r);
	bpf_map_delete_elem(&ready_tasks, &tid);
}

/* Add how long a thread was there: what its times must sum to. */
static __always_inline void ledger_add_life(__u32 process, __u32 tid, __u64 ns)
{
	const struct adder_ledger_key key = { .process = process,
					      .tid = tid,
					      .how = ADDER_HOW_LIFE };
	const struct adder_ledger_value value = { .wait_ns = ns };
	struct adder_ledger_value *sum = ledger_find(&key);

	if (sum)
		sum->wait_ns += ns;
	else if (ledger_insert(&key, &value))
		lose(ADDER_LOST_LEDGER_FULL);
}

/* Waits and bursts for which there is no room stay with the thread, by state. */
static __always_inline void ledger_spill(struct adder_thread *t)
{
	__u32 state = t->held_key.state;

	t->spilled_ns[state < ADDER_STATE_NR ? state : 0] += t->held.wait_ns;
	t->spilled_ns[ADDER_STATE_RUNQ] += t->held.runq_ns;
	t->spilled_ns[ADDER_STATE_CPU] += t->held.burst_ns + t->held.stolen_ns;
}

/* Hand over what the thread holds. */
static __noinline void ledger_flush(struct adder_thread *t)
{
	struct adder_ledger_key key;

	if (!t)
		return;
	key = t->held_key; /* ledger_add() may change it */
	if (key.process && ledger_add(&key, &t->held))
		ledger_spill(t);
	t->held_key.process = 0;
}

static __always_inline bool is_held(const struct adder_thread *t)
{
	const struct adder_ledger_key *k = &t->held_key;

	return k->stack == t->stack && k->on == t->on && k->task == t->task &&
	       k->state == t->state && k->how == t->how && k->syscall == t->syscall &&
	       k->process == t->process;
}

/* Begin to hold waits of the kind that @t has just ended. */
static __always_inline void ledger_hold(struct adder_thread *t, __u32 tid)
{
	ledger_flush(t);
	t->held_key = (struct adder_ledger_key){
		.stack = t->stack,
		.on = t->on,
		.task = t->task,
		.process = t->process,
		.tid = tid,
		.syscall = t->syscall,
		.state = t->state,
		.how = t->how,
	};
	__builtin_memset(&t->held, 0, sizeof(t->held));
}

/* How likely a wait of @ns has a stack of its own, in 1 / 65536: walked at first, or looked at. */
static __always_inline __u64 chance_of_stack(const struct adder_thread *t, __u64 ns)
{
	__u64 walked = 65536 >> (t->unwalked_shift & 31), looked = 0, apart = look_ns;

	if (ns > ADDER_LASTS_NS && ns - ADDER_LASTS_NS >= apart)
		return 65536;
	if (ns > ADDER_LASTS_NS)
		looked = ((ns - ADDER_LASTS_NS) << 16) / apart;
	return walked + looked - (walked * looked >> 16);
}

/*
 * What a wait that took @ns stands for beside itself: one of like length whose chance is 1 in 4
 * stands for three that were not walked.  Its own walk has made it longer than those, a short one
 * by half.  One that was walked in any case stands for none, unless there is no other.
 */
static __always_inline __u64 stands_for(const struct adder_thread *t, __u64 ns)
{
	bool has_stack = t->stack >= ADDER_STACK_FIRST_HASH || t->stack == ADDER_STACK_NONE;
	__u64 chance;

	if (t->stack == ADDER_STACK_UNWALKED)
		return 0;
	ns -= t->walk_ns < ns ? t->walk_ns : ns;
	if (!t->unwalked_shift)
		return has_stack ? ns >> NO_OTHER_SHIFT : 0;
	chance = chance_of_stack(t, ns);
	return chance ? ns * (65536 - chance) / chance : 0;
}

/* The stint of @t on its CPU ends at @now, with @burst of CPU time: charge it, and the wait before.
 */
static __always_inline void ledger_post(struct adder_thread *t, __u32 tid, __u64 burst, __u64 now)
{
	__u64 in = t->in_ns < now ? t->in_ns : now, woken = t->wake_ns ? t->wake_ns : in;
	__u64 wait = 0, runq = 0;

	if (!is_held(t))
		ledger_hold(t, tid);
	if (woken > in)
		woken = in;
	if (t->out_ns) {
		wait = woken > t->out_ns ? woken - t->out_ns : 0;
		runq = in > woken ? in - woken : 0;
		t->held.count++;
	}
	t->held.wait_ns += wait;
	t->held.runq_ns += runq;
	if (t->throttled)
		t->held.throttled_ns += t->state == ADDER_STATE_RUNQ ? wait + runq : runq;
	t->held.unwalked_ns += stands_for(t, wait + runq);
	t->held.burst_ns += burst;
	t->held.late_ns += burst > ADDER_LATE_NS ? burst - ADDER_LATE_NS : 0;
	t->held.stolen_ns += (__s64)(now - in) - (__s64)burst;
	if (t->has_ready)
		ledger_post_ready(t, tid, in);
}

#endif
