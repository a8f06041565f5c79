/* SPDX-License-Identifier: BSD-2-Clause */
#include "recorder/snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "discover/discover.h"
#include "probe/session.h"
#include "profile/profile.h"
#include "python/memory.h"
#include "recorder/filter.h"
#include "recorder/listing.h"
#include "recorder/members.h"
#include "recorder/seen.h"
#include "resolve/resolve.h"

#define MAX_LOOKS 3 /* at threads that move on while they are read */

/* A process by its serial. */
struct entry {
	struct seen_process process;
	UT_hash_handle hh;
};

struct snapshot {
	struct session *session;
	struct discover *discover;
	struct resolver *resolver;
	struct members *members;
	struct profile *profile; /* holds the texts */
	struct entry *entries;
	struct listing listing;
	bool moving; /* some thread has not settled */
	int err;
};

/* ---- the rooms below ---- */

static struct seen_process *find(const struct snapshot *s, uint32_t serial)
{
	struct entry *entry;

	HASH_FIND(hh, s->entries, &serial, sizeof(serial), entry);
	return entry ? &entry->process : NULL;
}

static int read_code(void *arg, uint32_t serial, const struct adder_frame *frame,
		     struct adder_event_code *ret)
{
	const struct seen_process *process = find(arg, serial);

	return process ? memory_read_code(process->pid, &process->how, frame, ret) : -ESRCH;
}

/* It was walked from here just now. */
static int complete_stack(void *arg, const struct adder_event_stack *torn,
			  const struct adder_event_stack **ret)
{
	(void)arg;
	(void)torn;
	(void)ret;
	return -ENOENT;
}

static int read_memory(void *arg, uint32_t serial, uint64_t address, void *dst, size_t size)
{
	const struct seen_process *process = find(arg, serial);

	return process ? memory_read(process->pid, address, dst, size) : -ESRCH;
}

/* The iterator tells what is waited for. */
static void take_event(void *arg, const void *event, size_t size)
{
	struct snapshot *s = arg;

	if (*(const uint32_t *)event == ADDER_EVENT_AWAITED)
		resolver_awaited(s->resolver, event, size);
}

static int build(struct snapshot *s, const struct filter *filter)
{
	const struct session_handler handler = { .event = take_event, .arg = s };
	const struct session_options options = { .select = filter_select(filter),
						 .look_only = true };
	const struct resolver_hooks hooks = { .read_code = read_code,
					      .complete_stack = complete_stack,
					      .read_memory = read_memory,
					      .arg = s };
	struct members_rooms rooms = { .filter = filter };
	int err = session_open(&options, &handler, &s->session);

	if (err)
		return err;
	s->profile = profile_new();
	if (!s->profile)
		return -ENOMEM;
	s->discover = rooms.discover = discover_new();
	s->resolver = rooms.resolver = resolver_new(s->profile, &hooks, 0);
	rooms.session = s->session;
	s->members = members_new(&rooms);
	return s->discover && s->resolver && s->members ? 0 : -ENOMEM;
}

/* What was only needed to make it. */
static void take_down(struct snapshot *s)
{
	struct entry *entry, *next;

	HASH_ITER (hh, s->entries, entry, next) {
		HASH_DEL(s->entries, entry);
		seen_done(&entry->process);
		free(entry);
	}
	session_close(TAKE_PTR(s->session));
	members_free(TAKE_PTR(s->members));
	resolver_free(TAKE_PTR(s->resolver));
	discover_free(TAKE_PTR(s->discover));
}

void snapshot_free(struct snapshot *s)
{
	if (!s)
		return;
	take_down(s);
	listing_done(&s->listing);
	profile_free(s->profile);
	free(s);
}

/* ---- looking ---- */

static void add_process(void *arg, const struct members_entry *member)
{
	struct snapshot *s = arg;
	struct entry *entry = calloc(1, sizeof(*entry));
	struct seen_process *process;
	char version[16];

	if (!entry) {
		s->err = -ENOMEM;
		return;
	}
	process = &entry->process;
	process->serial = member->serial;
	process->pid = member->pid;
	process->name = profile_string(s->profile, member->name);
	if (member->container)
		process->container = profile_string(s->profile, member->container);
	snprintf(version, sizeof(version), "%d.%d", member->version >> 8, member->version & 0xff);
	if (member->version)
		process->python = profile_string(s->profile, version);
	session_find_process(s->session, member->pid, &process->how);
	HASH_ADD(hh, s->entries, process.serial, sizeof(process->serial), entry);
}

static void look_at_thread(void *arg, const struct adder_known_thread *known)
{
	struct snapshot *s = arg;
	struct seen_process *process = find(s, known->serial);

	if (process && !seen_read(process, known, s->resolver, s->profile))
		s->moving = true;
}

static int look(struct snapshot *s)
{
	int err = 0;

	s->moving = true;
	for (int i = 0; i < MAX_LOOKS && s->moving && !err; i++) {
		s->moving = false;
		err = session_look(s->session, look_at_thread, s);
	}
	return err;
}

static bool was_read(const struct seen_process *process)
{
	for (size_t i = 0; i < process->count; i++) {
		if (process->threads[i].stack == ADDER_STACK_UNREAD)
			return false;
	}
	return process->count;
}

/* Of a process that could not be read in full: has it ended, or become another program? */
static void explain(struct snapshot *s, struct seen_process *process)
{
	static struct discovery now;

	if (discover_look(s->discover, process->pid, &now))
		process->problem = "gone while being read";
	else if (memcmp(&now.file, &process->how.file, sizeof(now.file)) != 0 ||
		 now.process.bias != process->how.bias)
		process->problem = "became another program while being read";
}

/* ---- the result ---- */

static void add_unprofiled(void *arg, pid_t pid, const char *name, const char *reason)
{
	struct snapshot *s = arg;
	const char *kept_name = profile_text(s->profile, profile_string(s->profile, name));
	const char *kept_reason = profile_text(s->profile, profile_string(s->profile, reason));

	if (!s->err)
		s->err = listing_add_problem(&s->listing, pid, kept_name, kept_reason);
}

static int list(struct snapshot *s)
{
	for (struct entry *e = s->entries; e && !s->err; e = e->hh.next) {
		if (!was_read(&e->process))
			explain(s, &e->process);
		s->err = listing_add(&s->listing, s->profile, s->resolver, &e->process);
	}
	members_unprofiled(s->members, add_unprofiled, s);
	listing_sort(&s->listing);
	return s->err ? s->err : profile_error(s->profile);
}

int snapshot_take(const struct filter *filter, struct snapshot **ret)
{
	CLEANUP(snapshot_free) struct snapshot *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	err = build(s, filter);
	if (!err)
		err = members_scan(s->members);
	if (err)
		return err;
	members_retry(s->members); /* a program that was starting may have got on */
	members_each(s->members, add_process, s);
	err = look(s);
	if (!err)
		err = list(s);
	if (err)
		return err;
	take_down(s);
	*ret = TAKE_PTR(s);
	return 0;
}

const struct snapshot_process *snapshot_processes(const struct snapshot *s, size_t *count)
{
	*count = s->listing.count;
	return s->listing.processes;
}
