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

/* The wait of @t ended at @now (it is switched in), or is cut there: charge it. */
static __always_inline void ledger_post_wait(struct adder_thread *t, __u32 tid, __u64 now)
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
	__u64 woken = t->wake_ns && t->wake_ns < now ? t->wake_ns : now;
	struct adder_ledger_value value = {
		.burst_ns = t->burst_ns,
		.stolen_ns = t->stolen_ns,
		.count = 1,
	};

	if (woken < t->out_ns)
		woken = t->out_ns;
	value.wait_ns = woken - t->out_ns;
	value.runq_ns = now > woken ? now - woken : 0;
	if (t->throttled)
		value.throttled_ns = t->state == ADDER_STATE_RUNQ ? value.wait_ns + value.runq_ns
								  : value.runq_ns;
	t->burst_ns = 0;
	t->stolen_ns = 0;
	t->out_ns = 0;
	if (ledger_add(&key, &value)) {
		t->spilled_ns[t->state < ADDER_STATE_NR ? t->state : 0] += value.wait_ns;
		t->spilled_ns[ADDER_STATE_RUNQ] += value.runq_ns + value.stolen_ns;
		t->spilled_ns[ADDER_STATE_CPU] += value.burst_ns;
	}
}

/* CPU time that no wait ended: at the death of the thread, or when it becomes another program. */
static __always_inline void ledger_post_burst(struct adder_thread *t, __u32 tid, __u64 stack)
{
	struct adder_ledger_key key = {
		.stack = stack,
		.process = t->process,
		.tid = tid,
		.syscall = ADDER_NO_SYSCALL,
		.state = ADDER_STATE_CPU,
		.how = ADDER_HOW_SWITCH,
	};
	struct adder_ledger_value value = {
		.burst_ns = t->burst_ns,
		.stolen_ns = t->stolen_ns,
	};

	t->burst_ns = 0;
	t->stolen_ns = 0;
	if (ledger_add(&key, &value)) {
		t->spilled_ns[ADDER_STATE_CPU] += value.burst_ns;
		t->spilled_ns[ADDER_STATE_RUNQ] += value.stolen_ns;
	}
}

#endif
