/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "recorder/recorder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "discover/discover.h"
#include "probe/session.h"
#include "proc/process.h"
#include "profile/profile.h"
#include "recorder/calls.h"
#include "recorder/facts.h"
#include "recorder/filter.h"
#include "recorder/looks.h"
#include "recorder/members.h"
#include "recorder/reader.h"
#include "recorder/watch.h"
#include "resolve/resolve.h"

#define TURN_MS     100 /* between looks at the ring buffer */
#define LOOK_MS     (ADDER_LOOK_NS / 1000000)
#define DRAIN_NS    1000000000 /* between drains of the ledger */
#define CROWDED_NS  250000000  /* the same when much is told or posted */
#define MANY_POSTED 8192       /* entries of a drain: a quarter of what there is room for */
#define OWN_BYTES   12000000   /* that adder takes before it knows anything */

struct recorder {
	struct recorder_options options;
	struct session *session;
	struct discover *discover;
	struct resolver *resolver;
	struct members *members;
	struct reader reader; /* the resolver's */
	struct watch watch;
	struct looks *looks;
	struct calls *calls;
	struct profile *profile;
	uint64_t start_ns, end_ns, drained_ns;
	int64_t start_time_ns; /* since the epoch */
	uint32_t posted;       /* entries of the last drain */
	struct stolen stolen;  /* as it began */
};

DEFINE_CLEANUP(struct members *, members_free);

/* ---- what the kernel half sends ---- */

/* Time for which the ledger had no room is in the sums all the same. */
static void add_spilled(struct recorder *r, uint32_t serial, uint32_t tid, const __u64 *spilled_ns)
{
	struct adder_ledger_key key = {
		.stack = ADDER_STACK_LEDGER_FULL,
		.process = serial,
		.tid = tid,
		.syscall = ADDER_NO_SYSCALL,
		.how = ADDER_HOW_UNKNOWN,
	};

	for (int state = 0; state < ADDER_STATE_NR; state++) {
		struct adder_ledger_value value = {};

		key.state = state;
		if (state == ADDER_STATE_CPU)
			value.burst_ns = spilled_ns[state];
		else
			value.wait_ns = spilled_ns[state];
		if (spilled_ns[state])
			resolver_add(r->resolver, &key, &value);
	}
}

static void take_thread_exit(struct recorder *r, const struct adder_event_thread_exit *e)
{
	char name[ADDER_COMM_BYTES + 1] = {};

	memcpy(name, e->comm, ADDER_COMM_BYTES);
	resolver_thread(r->resolver, e->serial, e->tid, name);
	resolver_life(r->resolver, e->serial,
		      e->time_ns > e->first_ns ? e->time_ns - e->first_ns : 0);
	add_spilled(r, e->serial, e->tid, e->spilled_ns);
}

static void take_exit(struct recorder *r, const struct adder_event_exit *e)
{
	members_exit(r->members, e);
	calls_process_ended(r->calls, e->serial);
}

static void take_event(void *arg, const void *event, size_t size)
{
	struct recorder *r = arg;

	switch (*(const uint32_t *)event) {
	case ADDER_EVENT_PROCESS:
		if (size >= sizeof(struct adder_event_process))
			members_process(r->members, event);
		break;
	case ADDER_EVENT_EXIT:
		if (size >= sizeof(struct adder_event_exit))
			take_exit(r, event);
		break;
	case ADDER_EVENT_THREAD_EXIT:
		if (size >= sizeof(struct adder_event_thread_exit))
			take_thread_exit(r, event);
		break;
	case ADDER_EVENT_STACK:
		resolver_stack(r->resolver, event, size);
		break;
	case ADDER_EVENT_AWAITED:
		resolver_awaited(r->resolver, event, size);
		break;
	case ADDER_EVENT_TASK:
		resolver_task(r->resolver, event, size);
		break;
	case ADDER_EVENT_CODE:
		resolver_code(r->resolver, event, size);
		break;
	case ADDER_EVENT_SLOW_CALL:
		if (size >= sizeof(struct adder_event_slow_call))
			calls_take_slow(r->calls, r->members, event);
		break;
	}
}

static void take_mapped(void *arg, pid_t pid, const char *path)
{
	struct recorder *r = arg;

	members_mapped(r->members, pid, path);
}

static void take_entry(void *arg, const struct adder_ledger_key *key,
		       const struct adder_ledger_value *value)
{
	struct recorder *r = arg;

	r->posted++;
	resolver_add(r->resolver, key, value);
}

/* Must the ledger be emptied more often? */
static bool is_crowded(const struct recorder *r)
{
	return r->posted > MANY_POSTED || resolver_is_crowded(r->resolver) ||
	       calls_are_crowded(r->calls);
}

static struct discover_note probe_interpreter(void *arg, int fd, uint32_t version,
					      const struct adder_layout *layout)
{
	struct recorder *r = arg;

	return calls_probe(r->calls, fd, version, layout);
}

/* ---- from beginning to end ---- */

static int build(struct recorder *r)
{
	const struct session_options session = {
		.rate_hz = r->options.rate_hz,
		.tables = r->options.tables,
		.calls = calls_session(&r->options.calls),
		.budget_ppm = r->options.budget < 1 ? r->options.budget * 1e6 : 0,
		.select =
			r->options.family ? ADDER_SELECT_FAMILY : filter_select(r->options.filter),
	};
	const struct session_handler handler = { .event = take_event,
						 .mapped = take_mapped,
						 .arg = r };
	const struct resolver_hooks hooks = reader_hooks(&r->reader);
	struct members_rooms rooms = { .filter = r->options.filter, .family = r->options.family };
	int err = session_open(&session, &handler, &r->session);

	if (err)
		return err;
	r->profile = profile_new();
	if (!r->profile)
		return -ENOMEM;
	profile_add_adder_types(r->profile);
	if (r->options.calls.on)
		profile_add_call_types(r->profile);
	r->discover = rooms.discover = discover_new();
	r->resolver = rooms.resolver =
		resolver_new(r->profile, &hooks, r->options.memory_bytes - OWN_BYTES);
	if (r->discover && r->options.calls.on)
		discover_on_interpreter(r->discover, probe_interpreter, r);
	rooms.session = r->session;
	r->members = members_new(&rooms);
	r->reader = (struct reader){ r->session, r->members };
	r->watch = (struct watch){ .session = r->session,
				   .members = r->members,
				   .filter = rooms.filter,
				   .family = rooms.family };
	r->looks = looks_new(r->session, r->resolver);
	r->calls = calls_new(&r->options.calls,
			     &(struct calls_rooms){ r->session, r->resolver, r->profile,
						    r->options.filter, r->options.family });
	return r->discover && r->resolver && r->members && r->looks && r->calls ? 0 : -ENOMEM;
}

int recorder_open(const struct recorder_options *options, struct recorder **ret)
{
	CLEANUP(recorder_close) struct recorder *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return -ENOMEM;
	r->options = *options;
	err = build(r);
	if (!err)
		*ret = TAKE_PTR(r);
	return err;
}

void recorder_close(struct recorder *r)
{
	if (!r)
		return;
	session_close(r->session);
	calls_free(r->calls);
	looks_free(r->looks);
	members_free(r->members);
	resolver_free(r->resolver);
	discover_free(r->discover);
	profile_free(r->profile);
	free(r);
}

int recorder_start(struct recorder *r)
{
	int err = watch_begin(&r->watch, r->options.command);

	if (!err)
		err = session_start(r->session, &r->start_ns);
	if (err)
		return err;
	r->start_time_ns = clock_ns(CLOCK_REALTIME);
	stolen_read(&r->stolen); /* without /proc/stat, nothing is stolen as far as one can tell */
	r->drained_ns = r->start_ns;
	members_want_look(r->members);
	session_count_cost(r->session, true); /* short recordings have no other turn for it */
	return looks_at_new(r->looks);
}

int recorder_fd(const struct recorder *r)
{
	return session_fd(r->session);
}

int recorder_timeout_ms(const struct recorder *r)
{
	return watch_timeout_ms(&r->watch, looks_expect_more(r->looks) ? LOOK_MS : TURN_MS);
}

/* What a thread's record refers to will come with a later drain. */
static void hold(void *arg, uint32_t tid, const struct adder_thread *t)
{
	struct recorder *r = arg;
	struct adder_looked look;

	resolver_hold(r->resolver, t->process,
		      looks_find(r->looks, tid, t, &look) ? look.stack : t->stack);
	resolver_hold(r->resolver, t->process, t->on);
	resolver_hold(r->resolver, t->held_key.process, t->held_key.stack);
	resolver_hold(r->resolver, t->held_key.process, t->held_key.on);
}

static int drain(struct recorder *r)
{
	int err;

	if (resolver_is_crowded(r->resolver))
		session_each_thread(r->session, hold, r);
	r->posted = 0;
	err = session_drain(r->session, take_entry, r);
	if (!err && r->options.calls.on)
		err = calls_drain(r->calls);
	resolver_drained(r->resolver);
	r->drained_ns = clock_now_ns();
	return err;
}

/* The programs' cost is counted in one turn of ten: counting is no free ride either. */
int recorder_turn(struct recorder *r)
{
	int err;

	session_count_cost(r->session, false);
	watch_turn(&r->watch);
	if (members_want_look(r->members))
		looks_at_new(r->looks);
	looks_at_lasting(r->looks);
	if (clock_now_ns() - r->drained_ns < (is_crowded(r) ? CROWDED_NS : DRAIN_NS))
		return 0;
	session_count_cost(r->session, true);
	err = watch_catch_up(&r->watch);
	return err ? err : drain(r);
}

void recorder_progress(const struct recorder *r, struct recorder_progress *ret)
{
	uint64_t lost[ADDER_LOST_NR];

	session_lost(r->session, lost);
	memset(ret, 0, sizeof(*ret));
	ret->elapsed_ns = clock_now_ns() - r->start_ns;
	ret->processes = members_count(r->members);
	ret->stacks = resolver_stack_count(r->resolver);
	ret->lost = lost[ADDER_LOST_RING_STACK] + lost[ADDER_LOST_LEDGER_FULL] +
		    lost[ADDER_LOST_THREADS_FULL];
}

/* The wait that @t is in at the end, up to @end, as one of the tasks that wait for its loop. */
static void close_ready(struct recorder *r, uint32_t tid, const struct adder_thread *t,
			uint64_t end)
{
	struct adder_ledger_key key = {
		.stack = t->stack,
		.on = t->task,
		.process = t->process,
		.tid = tid,
		.syscall = ADDER_NO_SYSCALL,
		.how = ADDER_HOW_READY,
	};
	struct adder_ledger_value value = {};
	struct adder_ready ready;

	if (!t->has_ready || !t->out_ns || end < t->out_ns ||
	    session_find_ready(r->session, tid, &ready))
		return;
	value.wait_ns = end - t->out_ns;
	for (uint64_t i = 0; i < ready.count && i < ADDER_READY_TASKS; i++) {
		key.task = ready.tasks[i];
		resolver_add(r->resolver, &key, &value);
	}
	key.task = ADDER_TASK_MORE;
	value.wait_ns *= ready.more;
	if (ready.more)
		resolver_add(r->resolver, &key, &value);
}

/* What is open in the account of a thread at the end: its wait, or its time on the CPU. */
static void close_thread(void *arg, uint32_t tid, const struct adder_thread *t)
{
	struct recorder *r = arg;
	struct adder_ledger_key key = {
		.stack = t->stack,
		.on = t->on,
		.task = t->task,
		.process = t->process,
		.tid = tid,
		.syscall = t->syscall,
		.state = t->state,
		.how = t->how,
	};
	struct adder_ledger_value value = { .count = t->out_ns != 0 };
	uint64_t end = r->end_ns, in = t->in_ns ? t->in_ns : end, woken;
	struct adder_looked look;
	struct process_stat stat;
	bool is_gone = process_thread_stat(t->tgid, tid, &stat) != 0;

	in = in < end ? in : end;
	woken = t->wake_ns && t->wake_ns < in ? t->wake_ns : in;
	/* it has ended since, or its last switch was not reported: then nobody knows when */
	if (is_gone && t->exiting && t->in_ns)
		end = in;
	if (looks_find(r->looks, tid, t, &look)) {
		key.stack = look.stack;
		key.task = look.task;
	}
	if (t->out_ns) {
		value.wait_ns = woken > t->out_ns ? woken - t->out_ns : 0;
		value.runq_ns = in - (woken > t->out_ns ? woken : t->out_ns < in ? t->out_ns : in);
		value.throttled_ns = t->throttled ? value.runq_ns : 0;
	}
	value.burst_ns = end - in;
	value.late_ns = value.burst_ns > ADDER_LATE_NS ? value.burst_ns - ADDER_LATE_NS : 0;
	if (t->held_key.process)
		resolver_add(r->resolver, &t->held_key, &t->held);
	add_spilled(r, t->process, tid, t->spilled_ns);
	if (!is_gone)
		resolver_thread(r->resolver, t->process, tid, stat.comm);
	close_ready(r, tid, t, in);
	resolver_add(r->resolver, &key, &value);
	resolver_life(r->resolver, t->process, end > t->first_ns ? end - t->first_ns : 0);
}

int recorder_finish(struct recorder *r, struct profile **ret)
{
	struct recording_facts facts = { .rate_hz = r->options.rate_hz,
					 .start_time_ns = r->start_time_ns,
					 .budget = r->options.budget,
					 .stolen = &r->stolen };
	uint64_t counted_ns;
	int err;

	session_count_cost(r->session, false);
	session_stop(r->session, &r->end_ns);
	members_retry(r->members);
	err = drain(r);
	if (r->options.calls.on)
		calls_finish(r->calls, r->end_ns);
	session_each_thread(r->session, close_thread, r);
	members_settle(r->members);
	resolver_finish(r->resolver, 1000000000 / r->options.rate_hz, &facts.totals);
	session_lost(r->session, facts.lost);
	facts.lost[ADDER_LOST_MEMORY] = facts.totals.refused;
	session_walks(r->session, &facts.walked, &facts.unwalked);
	facts.duration_ns = r->end_ns - r->start_ns;
	if (!session_cost(r->session, &facts.bpf_ns, &counted_ns))
		facts.bpf_ns *= (double)facts.duration_ns / counted_ns;
	facts_add(r->profile, &facts, r->members);
	if (!err)
		err = profile_error(r->profile);
	if (!err)
		*ret = TAKE_PTR(r->profile);
	return err;
}
