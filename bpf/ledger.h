/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ledger: time added up by {process, thread, stack, state, ...}.
 *
 * There are two tables.  User space turns active_ledger over, waits until no program can still be
 * adding to the old one, and empties it: nothing is lost in between.  A key holds the thread, so no
 * two CPUs add to one value at a time, and plain additions do.
 */
#ifndef BPF_LEDGER_H
#define BPF_LEDGER_H

#include "maps.h"

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
	sum->stolen_ns += value->stolen_ns;
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
		key->syscall = ADDER_NO_SYSCALL;
		key->how = ADDER_HOW_UNKNOWN;
	}
	return -1;
}

/* Waits and bursts for which there is no room stay with the thread, by state. */
static __always_inline void ledger_spill(struct adder_thread *t,
					 const struct adder_ledger_value *value)
{
	t->spilled_ns[t->state < ADDER_STATE_NR ? t->state : 0] += value->wait_ns;
	t->spilled_ns[ADDER_STATE_RUNQ] += value->runq_ns;
	t->spilled_ns[ADDER_STATE_CPU] += value->burst_ns + value->stolen_ns;
}

/* The stint of @t on its CPU ends at @now, with @burst of CPU time: charge it, and the wait before.
 */
static __always_inline void ledger_post(struct adder_thread *t, __u32 tid, __u64 burst, __u64 now)
{
	struct adder_ledger_key key = {
		.stack = t->stack,
		.on = t->on,
		.process = t->process,
		.tid = tid,
		.syscall = t->syscall,
		.state = t->state,
		.how = t->how,
	};
	struct adder_ledger_value value = { .burst_ns = burst, .count = t->out_ns != 0 };
	__u64 in = t->in_ns < now ? t->in_ns : now, woken = t->wake_ns ? t->wake_ns : in;

	if (woken > in)
		woken = in;
	if (t->out_ns) {
		value.wait_ns = woken > t->out_ns ? woken - t->out_ns : 0;
		value.runq_ns = in > woken ? in - woken : 0;
	}
	if (t->throttled)
		value.throttled_ns = t->state == ADDER_STATE_RUNQ ? value.wait_ns + value.runq_ns
								  : value.runq_ns;
	value.stolen_ns = (__s64)(now - in) - (__s64)burst;
	if (ledger_add(&key, &value))
		ledger_spill(t, &value);
}

#endif
