/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "recorder/trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/tally.h"
#include "base/text.h"
#include "discover/discover.h"
#include "probe/session.h"
#include "probe/usdt.h"
#include "profile/profile.h"
#include "recorder/filter.h"
#include "recorder/members.h"
#include "recorder/nesting.h"
#include "recorder/reader.h"
#include "recorder/watch.h"
#include "resolve/resolve.h"

#define TURN_MS      100        /* between looks at the ring buffer */
#define SWEEP_NS     1000000000 /* between looks for what may be forgotten */
#define OWN_BYTES    12000000   /* that adder takes before it knows anything */
#define MAX_UNTRACED 64         /* processes named one by one; more are the same story */

struct trace {
	struct trace_options options;
	struct trace_handler handler;
	struct session *session;
	struct discover *discover;
	struct resolver *resolver;
	struct members *members;
	struct reader reader; /* the resolver's */
	struct watch watch;
	struct profile *profile; /* holds the names */
	struct nesting *nesting;
	struct tally untraced; /* serials that were named */
	int64_t epoch_ns;      /* of CLOCK_MONOTONIC's 0 */
	uint64_t swept_ns;
	pid_t late; /* its interpreter has just been probed */
	bool has_begun;
};

DEFINE_CLEANUP(struct members *, members_free);

/* When CLOCK_MONOTONIC was 0, by the try that was interrupted least. */
static int64_t find_epoch(void)
{
	uint64_t least = UINT64_MAX;
	int64_t epoch = 0;

	for (int i = 0; i < 5; i++) {
		uint64_t before = clock_now_ns(), real = clock_ns(CLOCK_REALTIME);
		uint64_t took = clock_now_ns() - before;

		if (took < least) {
			least = took;
			epoch = real - (before + took / 2);
		}
	}
	return epoch;
}

/* ---- what the kernel half sends ---- */

/* The text of @size bytes at @data, which a stranger chose, in UTF-8. */
static void copy_text(char *dst, size_t size, const char *data, size_t bytes)
{
	snprintf(dst, size, "%.*s", (int)(bytes < size ? bytes : size - 1), data);
	text_make_utf8(dst);
}

static void set_function(struct trace *t, const struct adder_span *span, struct trace_event *ret)
{
	struct profile_function function;
	struct profile_location location;
	uint32_t id;

	if (!span->by.code || resolver_locate(t->resolver, span->serial, &span->by, &id))
		return;
	location = profile_location_at(t->profile, id);
	function = profile_function_at(t->profile, location.function);
	ret->function = profile_text(t->profile, function.name);
	ret->file = profile_text(t->profile, function.filename);
	ret->line = location.line;
}

/* Complete @event, and hand it over; its process may not have been asked for. */
static void hand_over(struct trace *t, const struct adder_span *span, struct trace_event *event)
{
	char thread[ADDER_COMM_BYTES * 2], python[16];
	struct members_entry member;

	if (members_find(t->members, span->serial, &member))
		return;
	copy_text(thread, sizeof(thread), span->comm, sizeof(span->comm));
	snprintf(python, sizeof(python), "%d.%d", member.version >> 8, member.version & 0xff);
	event->time_ns = t->epoch_ns + span->start_ns;
	event->pid = span->pid;
	event->tid = span->tid;
	event->process = member.name;
	event->container = member.container;
	event->thread = thread;
	event->python = python;
	set_function(t, span, event);
	t->handler.event(t->handler.arg, event);
}

static uint64_t length_of(const struct adder_span *span)
{
	return span->end_ns > span->start_ns ? span->end_ns - span->start_ns : 0;
}

static void take_collection(struct trace *t, const struct adder_event_collection *e)
{
	struct trace_event event = { .duration_ns = length_of(&e->span),
				     .self_ns = length_of(&e->span),
				     .generation = e->generation,
				     .collected = e->collected };

	hand_over(t, &e->span, &event);
}

static void take_import(struct trace *t, const struct adder_event_import *e)
{
	char module[ADDER_MODULE_BYTES + 1];
	struct trace_event event = { .duration_ns = length_of(&e->span),
				     .module = module,
				     .depth = e->depth,
				     .found = e->found };

	copy_text(module, sizeof(module), e->module, e->module_bytes);
	event.self_ns =
		nesting_end(t->nesting, e->span.serial, e->span.tid, e->depth, event.duration_ns);
	hand_over(t, &e->span, &event);
}

static void say_if_late(void *arg, const struct members_entry *member)
{
	struct trace *t = arg;

	if (member->pid != t->late || !member->version || member->why_not)
		return;
	t->late = 0;
	t->handler.untraced(t->handler.arg, member->pid, member->name,
			    "what it did before its interpreter was probed, as it ran");
}

/*
 * Its interpreter was probed only now: if it is asked for, not all of it was seen.  What it was
 * before it became a Python may still have to be heard of.
 */
static void say_late(struct trace *t)
{
	if (t->late)
		members_each(t->members, say_if_late, t);
}

static void take_process(struct trace *t, const struct adder_event_process *e)
{
	members_process(t->members, e);
	say_late(t);
}

static void take_exit(struct trace *t, const struct adder_event_exit *e)
{
	members_exit(t->members, e);
	resolver_life(t->resolver, e->serial, 0); /* no thread has more to tell */
	nesting_forget(t->nesting, e->serial);
}

static void take_event(void *arg, const void *event, size_t size)
{
	struct trace *t = arg;

	switch (*(const uint32_t *)event) {
	case ADDER_EVENT_PROCESS:
		if (size >= sizeof(struct adder_event_process))
			take_process(t, event);
		break;
	case ADDER_EVENT_EXIT:
		if (size >= sizeof(struct adder_event_exit))
			take_exit(t, event);
		break;
	case ADDER_EVENT_CODE:
		resolver_code(t->resolver, event, size);
		break;
	case ADDER_EVENT_COLLECTION:
		if (size >= sizeof(struct adder_event_collection))
			take_collection(t, event);
		break;
	case ADDER_EVENT_IMPORT:
		if (size >= sizeof(struct adder_event_import))
			take_import(t, event);
		break;
	}
}

static void take_mapped(void *arg, pid_t pid, const char *path)
{
	struct trace *t = arg;

	members_mapped(t->members, pid, path);
	say_late(t);
}

/* ---- probes ---- */

static int probe_in_each(struct trace *t, int fd)
{
	const struct filter *filter = t->options.filter;
	int err = 0;

	if (t->options.family || !filter->pid_count)
		return session_trace(t->session, fd, 0);
	for (size_t i = 0; i < filter->pid_count && (!err || err == -ESRCH); i++)
		err = session_trace(t->session, fd, filter->pids[i]);
	return err == -ESRCH ? 0 : err;
}

static const char *why_not(int err)
{
	switch (err) {
	case 0:
		return NULL;
	case -ENOENT:
		return "its Python was built without static probes (--with-dtrace)";
	case -ENOTSUP:
		return "its Python can be loaded anywhere: to probe it, Linux 5.15 is needed";
	case -EINVAL:
		return "another tracer (bcc, perf) holds its static probes in another way (end "
		       "that tracer first)";
	default:
		return "its static probes can't be used (-v tells more)";
	}
}

/* An interpreter's file is met: probe it. */
static struct discover_note probe_interpreter(void *arg, int fd, uint32_t version,
					      const struct adder_layout *layout)
{
	struct trace *t = arg;
	int err = probe_in_each(t, fd);

	(void)version;
	(void)layout;
	if (t->has_begun && !err)
		t->late = discover_looks_at(t->discover);
	return (struct discover_note){ .why_not = why_not(err) };
}

static void name_untraced(void *arg, const struct members_entry *member)
{
	struct trace *t = arg;

	if (!member->why_not || tally_count(&t->untraced) == MAX_UNTRACED ||
	    tally_find(&t->untraced, &member->serial, sizeof(member->serial)))
		return;
	tally_get(&t->untraced, &member->serial, sizeof(member->serial));
	t->handler.untraced(t->handler.arg, member->pid, member->name, member->why_not);
}

/* ---- from beginning to end ---- */

static unsigned int what_of(const struct trace_options *options)
{
	return (options->collections ? USDT_COLLECTIONS : 0) |
	       (options->imports ? USDT_IMPORTS : 0);
}

static int build(struct trace *t)
{
	const struct session_options session = {
		.select =
			t->options.family ? ADDER_SELECT_FAMILY : filter_select(t->options.filter),
		.trace = what_of(&t->options),
	};
	const struct session_handler handler = { take_event, take_mapped, t };
	const struct resolver_hooks hooks = reader_hooks(&t->reader);
	struct members_rooms rooms = { .filter = t->options.filter, .family = t->options.family };
	int err = session_open(&session, &handler, &t->session);

	if (err)
		return err;
	t->profile = profile_new();
	t->nesting = nesting_new();
	if (!t->profile || !t->nesting)
		return -ENOMEM;
	t->discover = rooms.discover = discover_new();
	t->resolver = rooms.resolver =
		resolver_new(t->profile, &hooks, t->options.memory_bytes - OWN_BYTES);
	if (t->discover)
		discover_on_interpreter(t->discover, probe_interpreter, t);
	rooms.session = t->session;
	t->members = members_new(&rooms);
	t->reader = (struct reader){ t->session, t->members };
	t->watch = (struct watch){ .session = t->session,
				   .members = t->members,
				   .filter = rooms.filter,
				   .family = rooms.family };
	return t->discover && t->resolver && t->members ? 0 : -ENOMEM;
}

int trace_open(const struct trace_options *options, const struct trace_handler *handler,
	       struct trace **ret)
{
	CLEANUP(trace_close) struct trace *t = calloc(1, sizeof(*t));
	int err;

	if (!t)
		return -ENOMEM;
	t->options = *options;
	t->handler = *handler;
	t->epoch_ns = find_epoch();
	err = build(t);
	if (!err)
		*ret = TAKE_PTR(t);
	return err;
}

void trace_close(struct trace *t)
{
	if (!t)
		return;
	session_close(t->session);
	members_free(t->members);
	resolver_free(t->resolver);
	discover_free(t->discover);
	nesting_free(t->nesting);
	profile_free(t->profile);
	tally_done(&t->untraced);
	free(t);
}

int trace_start(struct trace *t)
{
	int err = watch_begin(&t->watch, t->options.command);

	members_each(t->members, name_untraced, t);
	t->swept_ns = clock_now_ns();
	t->has_begun = true;
	return err;
}

uint32_t trace_processes(const struct trace *t)
{
	return members_count(t->members);
}

int trace_fd(const struct trace *t)
{
	return session_fd(t->session);
}

int trace_timeout_ms(const struct trace *t)
{
	return watch_timeout_ms(&t->watch, TURN_MS);
}

int trace_turn(struct trace *t)
{
	uint64_t now = clock_now_ns();

	watch_turn(&t->watch);
	say_late(t);
	members_each(t->members, name_untraced, t);
	if (now - t->swept_ns < SWEEP_NS)
		return 0;
	t->swept_ns = now;
	resolver_drained(t->resolver);
	return watch_catch_up(&t->watch);
}

static void name_unprofiled(void *arg, pid_t pid, const char *name, const char *reason)
{
	struct trace *t = arg;

	t->handler.untraced(t->handler.arg, pid, name, reason);
}

void trace_finish(struct trace *t, struct trace_losses *ret)
{
	uint64_t lost[ADDER_LOST_NR];

	session_trace_end(t->session);
	members_retry(t->members);
	members_each(t->members, name_untraced, t);
	members_unprofiled(t->members, name_unprofiled, t);
	session_lost(t->session, lost);
	ret->lost = lost[ADDER_LOST_RING_SPAN];
	ret->unopened = lost[ADDER_LOST_UNOPENED];
}
