/* SPDX-License-Identifier: BSD-2-Clause */
#include "recorder/calls.h"

#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uthash.h>

#include "base/clock.h"
#include "base/text.h"
#include "discover/discover.h"
#include "probe/call_probes.h"
#include "probe/session.h"
#include "profile/profile.h"
#include "python/arguments.h"
#include "python/entries.h"
#include "python/memory.h"
#include "recorder/filter.h"
#include "recorder/members.h"
#include "recorder/open_calls.h"
#include "resolve/call_table.h"
#include "resolve/resolve.h"

#define ARGUMENT_BYTES 1024 /* of all arguments of a call, as text */
#define MAX_KEPT       8192 /* histograms of ended processes: 17 MB, as much as of living ones */
#define MANY_NEW       512  /* functions of a drain: each has a histogram until it is judged */

/* A process that has ended, with functions that the kernel half still keeps. */
struct ended {
	uint32_t serial;
	bool has_threads; /* the last thing that they do is to end their calls */
	UT_hash_handle hh;
};

/* How long calls of a process took that has ended. */
struct kept {
	struct call_table_function called;
	struct adder_histogram times;
	struct kept *next;
};

struct calls {
	const struct calls_options *options;
	struct calls_rooms rooms;
	struct ended *ended;
	struct kept *kept;
	size_t kept_count;
	uint32_t news; /* functions that the last drain was the first to see named */
	uint64_t end_ns;
	int64_t epoch_ns;    /* of CLOCK_MONOTONIC's 0 */
	uint32_t untimed;    /* minor versions, a bit each: interpreters whose calls' ends ... */
	uint32_t late_turns; /* ... or generators' turns' are not probed */
};

struct calls *calls_new(const struct calls_options *options, const struct calls_rooms *rooms)
{
	struct calls *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->options = options;
	c->rooms = *rooms;
	c->epoch_ns = clock_ns(CLOCK_REALTIME) - clock_now_ns();
	return c;
}

void calls_free(struct calls *c)
{
	struct ended *ended, *next;
	struct kept *kept;

	if (!c)
		return;
	HASH_ITER (hh, c->ended, ended, next) {
		HASH_DEL(c->ended, ended);
		free(ended);
	}
	while ((kept = c->kept)) {
		c->kept = kept->next;
		free(kept);
	}
	free(c);
}

/* ---- probes ---- */

static struct call_probes *probes_of(const struct calls *c)
{
	return session_call_probes(c->rooms.session);
}

static int probe_in_each(struct calls *c, int fd, const struct entry *entry)
{
	const struct filter *filter = c->rooms.filter;
	int err = 0;

	if (c->rooms.family || !filter->pid_count)
		return call_probes_add(probes_of(c), fd, 0, entry->offset, entry->cookie);
	for (size_t i = 0; i < filter->pid_count && !err; i++) {
		err = call_probes_add(probes_of(c), fd, filter->pids[i], entry->offset,
				      entry->cookie);
		if (err == -ESRCH) /* ended meanwhile */
			err = 0;
	}
	return err;
}

static int probe_returns_in_each(struct calls *c, int fd)
{
	const struct filter *filter = c->rooms.filter;
	int err = 0;

	if (c->rooms.family || !filter->pid_count)
		return call_probes_add_returns(probes_of(c), fd, 0);
	for (size_t i = 0; i < filter->pid_count && !err; i++) {
		err = call_probes_add_returns(probes_of(c), fd, filter->pids[i]);
		if (err == -ESRCH)
			err = 0;
	}
	return err;
}

/* To 3.10 calls are timed where the build has a static probe for their ends. */
static void probe_ends(struct calls *c, int fd, uint32_t version, struct entries *entries)
{
	if (version >> 16 > 0x030a || !c->options->clock || probe_returns_in_each(c, fd))
		return;
	entries->untimed = NULL;
	entries->how = "the eval loop's entry and function__return";
	for (int i = 0; i < entries->count; i++)
		entries->list[i].cookie |= ADDER_PROBE_TIMED;
}

/* An interpreter's file is met: probe it, in all places or in none. */
struct discover_note calls_probe(struct calls *c, int fd, uint32_t version,
				 const struct adder_layout *layout)
{
	static struct entries entries;
	struct call_probes_count before = call_probes_count(probes_of(c));
	int err = entries_find(fd, version, layout, &entries);

	if (err)
		return (struct discover_note){ .why_not = entries.how };
	probe_ends(c, fd, version, &entries);
	for (int i = 0; i < entries.count && !err; i++) {
		if (c->options->clock || !(entries.list[i].cookie & ADDER_PROBE_LEAVE))
			err = probe_in_each(c, fd, &entries.list[i]);
	}
	if (err) {
		call_probes_drop(probes_of(c), before);
		return (struct discover_note){
			.why_not = err == -EINVAL ? "another tracer's probe, with a semaphore, "
						    "holds the same place (end that tracer first)"
						  : "its code can't be probed",
		};
	}
	c->untimed |= (uint32_t) !!entries.untimed << (version >> 16 & 31);
	c->late_turns |= (uint32_t)entries.late_yields << (version >> 16 & 31);
	return (struct discover_note){ .how = entries.how };
}

/* ---- whose calls ---- */

static struct call_table *table_of(const struct calls *c)
{
	return resolver_calls(c->rooms.resolver);
}

/* Does @glob match the qualified name, or its last part? */
static bool matches_name(const char *glob, const char *name)
{
	const char *last = strrchr(name, '.');

	return !fnmatch(glob, name, 0) || (last && !fnmatch(glob, last + 1, 0));
}

/* Of functions the profile's id of which is @id: enum adder_call_wants. */
static uint32_t wants_of(const struct calls *c, uint32_t id)
{
	const struct calls_options *o = c->options;
	struct profile_function f = profile_function_at(c->rooms.profile, id);
	const char *name = profile_text(c->rooms.profile, f.name);
	const char *file = profile_text(c->rooms.profile, f.filename);
	uint32_t wants = o->match_count ? 0 : ADDER_WANT_CALLS;

	for (size_t i = 0; i < o->match_count && !wants; i++) {
		if (matches_name(o->match[i], name) || !fnmatch(o->match[i], file, 0))
			wants = ADDER_WANT_CALLS;
	}
	if (wants && o->histogram_of && matches_name(o->histogram_of, name))
		wants |= ADDER_WANT_HISTOGRAM;
	return wants;
}

static void want(struct calls *c, const struct adder_call_key *key, uint32_t function)
{
	uint32_t wants = wants_of(c, function);

	call_probes_want(probes_of(c), key, wants);
	if (!wants)
		call_table_hide(table_of(c), key);
}

/* ---- whose process has ended ---- */

static struct ended *find_ended(const struct calls *c, uint32_t serial)
{
	struct ended *ended;

	HASH_FIND(hh, c->ended, &serial, sizeof(serial), ended);
	return ended;
}

void calls_process_ended(struct calls *c, uint32_t serial)
{
	struct ended *ended;

	if (!c->options->on || find_ended(c, serial))
		return;
	ended = calloc(1, sizeof(*ended));
	if (!ended)
		return; /* its functions stay where they are */
	ended->serial = serial;
	HASH_ADD(hh, c->ended, serial, sizeof(ended->serial), ended);
}

static void take_thread(void *arg, uint32_t tid, const struct adder_thread *thread)
{
	struct ended *ended = find_ended(arg, thread->process);

	(void)tid;
	if (ended)
		ended->has_threads = true;
}

/* Which of them will add nothing more to any sum? */
static void find_threads_of_ended(struct calls *c)
{
	if (!c->ended)
		return;
	for (struct ended *ended = c->ended; ended; ended = ended->hh.next)
		ended->has_threads = false;
	session_each_thread(c->rooms.session, take_thread, c);
}

static void forget_ended(struct calls *c)
{
	struct ended *ended, *next;

	HASH_ITER (hh, c->ended, ended, next) {
		if (ended->has_threads)
			continue;
		HASH_DEL(c->ended, ended);
		free(ended);
	}
}

/* The histogram of a function, should there be one; false without room. */
static bool keep_histogram(struct calls *c, const struct adder_call_key *key)
{
	struct kept found, *kept;

	if (!c->options->histogram_of ||
	    call_probes_find_histogram(probes_of(c), key, &found.times) ||
	    call_table_find(table_of(c), key, &found.called) ||
	    !(wants_of(c, found.called.function) & ADDER_WANT_HISTOGRAM))
		return true;
	kept = c->kept_count < MAX_KEPT ? malloc(sizeof(*kept)) : NULL;
	if (!kept)
		return false;
	*kept = found;
	kept->next = c->kept;
	c->kept = kept;
	c->kept_count++;
	return true;
}

/* True if the kernel half need not keep it any longer. */
static bool take_call(void *arg, const struct adder_call_key *key,
		      const struct adder_call_sums *sums)
{
	struct calls *c = arg;
	const struct ended *ended = find_ended(c, key->serial);
	uint32_t function;
	int known = call_table_add(table_of(c), key, sums, &function);

	if (known < 0)
		return true;
	c->news += known;
	if (known)
		want(c, key, function);
	if (!ended || ended->has_threads || !keep_histogram(c, key))
		return false;
	call_table_end(table_of(c), key);
	return true;
}

int calls_drain(struct calls *c)
{
	int err;

	c->news = 0;
	find_threads_of_ended(c);
	err = call_probes_each_call(probes_of(c), take_call, c);
	if (!err)
		forget_ended(c);
	return err;
}

bool calls_are_crowded(const struct calls *c)
{
	return c->news > MANY_NEW;
}

/* ---- slow calls ---- */

/* The members' process with its memory, for arguments_format(). */
struct target {
	pid_t pid;
	struct adder_process process;
};

static int read_target(void *arg, uint64_t address, void *dst, size_t size)
{
	const struct target *target = arg;

	return memory_read(target->pid, address, dst, size);
}

/* The profile's id of the function of @code; false if it is not known. */
static bool find_function(const struct calls *c, uint32_t serial, uint64_t code, uint32_t signature,
			  uint32_t *ret)
{
	const struct adder_frame frame = { .code = code, .signature = signature, .instr = -1 };
	uint32_t location;

	if (!code || resolver_locate(c->rooms.resolver, serial, &frame, &location))
		return false;
	*ret = profile_location_at(c->rooms.profile, location).function;
	return true;
}

static void describe(const struct calls *c, uint32_t function, const char **name, const char **file,
		     int64_t *line)
{
	struct profile_function f = profile_function_at(c->rooms.profile, function);

	*name = profile_text(c->rooms.profile, f.name);
	*file = profile_text(c->rooms.profile, f.filename);
	*line = f.start_line;
}

/* Take off the time in @state what adder's probes took.  What is left of that. */
static uint64_t take_off(struct slow_call *call, enum adder_state state, uint64_t cost)
{
	uint64_t part = cost < call->states_ns[state] ? cost : call->states_ns[state];

	call->states_ns[state] -= part;
	return cost - part;
}

/* What each state has grown by, without adder's probes: in some the thread was kept from its CPU.
 */
static void split(const struct adder_event_slow_call *e, struct slow_call *ret)
{
	uint64_t cost = e->cost_ns - e->mark.cost_ns;

	for (int s = 0; s < ADDER_STATE_NR; s++) {
		uint64_t before = e->mark.states_ns[s], after = e->states_ns[s];

		ret->states_ns[s] = after > before ? after - before : 0;
	}
	take_off(ret, ADDER_STATE_RUNQ, take_off(ret, ADDER_STATE_CPU, cost));
	for (int s = 0; s < ADDER_STATE_NR; s++)
		ret->duration_ns += ret->states_ns[s];
}

static void add_arguments(const struct target *target, const struct adder_event_slow_call *e,
			  char *text, struct slow_call *call)
{
	const struct arguments_memory memory = { read_target, (void *)target };

	if (arguments_format(&memory, &target->process.binary.layout, e->code, &e->mark, text,
			     ARGUMENT_BYTES))
		return;
	text_make_utf8(text);
	call->arguments = text;
}

/* Who called, by the code object that is there now: it had to outlive the call. */
static void add_caller(const struct calls *c, const struct target *target,
		       const struct adder_event_slow_call *e, struct slow_call *call)
{
	uint32_t signature, function;

	if (e->mark.caller &&
	    !memory_sign_code(target->pid, &target->process, e->mark.caller, &signature) &&
	    find_function(c, e->serial, e->mark.caller, signature, &function))
		describe(c, function, &call->caller, &call->caller_file, &call->caller_line);
}

void calls_take_slow(struct calls *c, const struct members *members,
		     const struct adder_event_slow_call *e)
{
	char thread[ADDER_COMM_BYTES + 1], python[16], arguments[ARGUMENT_BYTES];
	struct slow_call call = { .tid = e->tid, .thread = thread, .python = python };
	struct members_entry member;
	struct target target;
	uint32_t function;

	/* it may have begun before it was said which are wanted */
	if (!c->options->slow || members_find(members, e->serial, &member) ||
	    !find_function(c, e->serial, e->code, e->signature, &function) ||
	    !wants_of(c, function))
		return;
	describe(c, function, &call.function, &call.file, &call.line);
	snprintf(thread, sizeof(thread), "%.*s", (int)sizeof(e->comm), e->comm);
	text_make_utf8(thread);
	snprintf(python, sizeof(python), "%d.%d", member.version >> 8, member.version & 0xff);
	call.pid = target.pid = member.pid;
	call.process = member.name;
	call.container = member.container;
	call.time_ns = c->epoch_ns + e->mark.begun_ns;
	split(e, &call);
	if (!session_find_process(c->rooms.session, target.pid, &target.process) &&
	    target.process.serial == e->serial) {
		add_caller(c, &target, e, &call);
		if (c->options->arguments)
			add_arguments(&target, e, arguments, &call);
	}
	c->options->slow(c->options->arg, &call);
}

/* ---- the end ---- */

static void take_open_call(void *arg, const struct adder_call_key *key, uint64_t self_ns,
			   uint64_t total_ns)
{
	struct calls *c = arg;

	call_table_add_open(table_of(c), key, self_ns, total_ns);
}

/* What the calls' clock shows at the end. */
static void take_open_calls(void *arg, uint32_t tid, const struct adder_open_calls *open)
{
	struct calls *c = arg;
	struct adder_thread thread;
	uint64_t now = c->end_ns;

	if (c->options->clock == ADDER_CLOCK_CPU) {
		if (session_find_thread(c->rooms.session, tid, &thread))
			return;
		now = thread.runtime_ns + (thread.in_ns ? c->end_ns - thread.in_ns : 0);
	}
	open_calls_each(open, now - open->cost_ns, take_open_call, c);
}

static void tell_histogram(const struct calls *c, const struct call_table_function *called,
			   const struct adder_histogram *times)
{
	struct call_histogram histogram = { .pid = called->pid,
					    .process = called->process,
					    .times = *times };

	describe(c, called->function, &histogram.function, &histogram.file, &histogram.line);
	c->options->histogram(c->options->arg, &histogram);
}

static void take_histogram(void *arg, const struct adder_call_key *key,
			   const struct adder_histogram *times)
{
	const struct calls *c = arg;
	struct call_table_function called;

	if (!call_table_find(table_of(c), key, &called) &&
	    wants_of(c, called.function) & ADDER_WANT_HISTOGRAM)
		tell_histogram(c, &called, times);
}

void calls_finish(struct calls *c, uint64_t end_ns)
{
	static const char *const clocks[] = {
		[ADDER_CLOCK_NONE] = "none", [ADDER_CLOCK_WALL] = "wall", [ADDER_CLOCK_CPU] = "cpu"
	};
	struct profile *p = c->rooms.profile;

	c->end_ns = end_ns;
	for (const struct kept *kept = c->kept; kept; kept = kept->next)
		tell_histogram(c, &kept->called, &kept->times);
	if (c->options->histogram)
		call_probes_each_histogram(probes_of(c), take_histogram, c);
	call_probes_each_open(probes_of(c), take_open_calls, c);
	for (int minor = 0; minor < 32; minor++) {
		if (c->untimed >> minor & 1)
			profile_comment(p, "untimed: 3.%d", minor);
		if (c->late_turns >> minor & 1)
			profile_comment(p, "late_turns: 3.%d", minor);
	}
	profile_comment(p, "call_clock: %s", clocks[c->options->clock]);
	profile_comment(p, "probe_ns: %" PRIu64, call_probes_hit_ns(probes_of(c)));
}

struct session_calls calls_session(const struct calls_options *o)
{
	if (!o->on)
		return (struct session_calls){ .count = false };
	return (struct session_calls){ .count = true,
				       .clock = o->clock,
				       .select = o->match_count || o->histogram_of,
				       .histograms = o->histogram_of,
				       .slow_ns = o->slow_ns };
}
