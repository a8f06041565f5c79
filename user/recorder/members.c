/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "recorder/members.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uthash.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"
#include "discover/discover.h"
#include "probe/session.h"
#include "proc/process.h"
#include "proc/program.h"
#include "python/memory.h"
#include "recorder/cgroups.h"
#include "recorder/filter.h"
#include "resolve/resolve.h"

#define MAX_UNPROFILED 64   /* named one by one; more are the same story */
#define MAX_EXITED     2048 /* of half a kB, whose program nobody has looked at */

/* EXITED: before it was known whether it is a member. */
enum standing { UNKNOWN, MEMBER, EXITED };

struct member {
	uint32_t serial;
	pid_t pid;
	enum standing standing;
	struct adder_file file;
	uint16_t version;
	char comm[ADDER_COMM_BYTES];
	char name[128];
	char container[CONTAINER_NAME_BYTES];
	struct member *next_unknown;
	UT_hash_handle hh;
};

struct unprofiled {
	pid_t pid;
	char name[128], reason[160];
};

struct members {
	struct members_rooms rooms;
	struct member *all;
	struct member *unknown; /* list of those to be looked at again */
	uint32_t count, exited; /* of each standing */
	bool want_look;
	struct cgroups cgroups;
	struct unprofiled unprofiled[MAX_UNPROFILED];
	size_t unprofiled_count;
};

struct members *members_new(const struct members_rooms *rooms)
{
	struct members *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->rooms = *rooms;
	cgroups_init(&m->cgroups);
	return m;
}

void members_free(struct members *m)
{
	struct member *member, *next;

	if (!m)
		return;
	HASH_ITER (hh, m->all, member, next) {
		HASH_DEL(m->all, member);
		free(member);
	}
	cgroups_done(&m->cgroups);
	free(m);
}

static struct member *find(const struct members *m, uint32_t serial)
{
	struct member *member;

	HASH_FIND(hh, m->all, &serial, sizeof(serial), member);
	return member;
}

pid_t members_pid(const struct members *m, uint32_t serial)
{
	const struct member *member = find(m, serial);

	return member ? member->pid : 0;
}

static struct member *add(struct members *m, uint32_t serial, pid_t pid)
{
	struct member *member = calloc(1, sizeof(*member));

	if (!member)
		return NULL;
	member->serial = serial;
	member->pid = pid;
	HASH_ADD(hh, m->all, serial, sizeof(member->serial), member);
	return member;
}

static void forget(struct members *m, struct member *member)
{
	m->count -= member->standing == MEMBER;
	m->exited -= member->standing == EXITED;
	HASH_DEL(m->all, member);
	free(member);
}

static void tell_resolver(struct members *m, const struct member *member)
{
	const struct discover_note note = discover_note(m->rooms.discover, &member->file);
	struct resolver_process process = {
		.serial = member->serial,
		.pid = member->pid,
		.name = member->name,
		.container = member->container[0] ? member->container : NULL,
		.version = member->version,
		.counted = note.how,
		.uncounted = note.why_not,
	};

	resolver_process(m->rooms.resolver, &process);
}

static int drop_thread(pid_t tid, void *arg)
{
	session_drop_thread(arg, tid);
	return 0;
}

/* Have both halves forget a process; of its threads no further switch is seen, nor the last. */
static void drop_process(struct members *m, pid_t pid, uint32_t serial)
{
	if (!session_drop_process(m->rooms.session, pid, serial))
		process_each_thread(pid, drop_thread, m->rooms.session);
	resolver_drop(m->rooms.resolver, serial);
}

static void forget_unknown(struct members *m, const struct member *member)
{
	for (struct member **p = &m->unknown; *p; p = &(*p)->next_unknown) {
		if (*p == member) {
			*p = member->next_unknown;
			return;
		}
	}
}

/* Out of the recording: it was not asked for, or is no Python. */
static void leave(struct members *m, struct member *member)
{
	drop_process(m, member->pid, member->serial);
	forget_unknown(m, member);
	forget(m, member);
}

static void set_container(struct member *member, const struct container *container)
{
	const char *label = container_label(container);

	snprintf(member->container, sizeof(member->container), "%s", label ? label : "");
}

static void note_unprofiled(struct members *m, pid_t pid, const char *name, const char *reason)
{
	struct unprofiled *u;

	for (size_t i = 0; i < m->unprofiled_count; i++) {
		if (m->unprofiled[i].pid == pid && !strcmp(m->unprofiled[i].reason, reason))
			return;
	}
	if (m->unprofiled_count == MAX_UNPROFILED)
		return;
	u = &m->unprofiled[m->unprofiled_count++];
	u->pid = pid;
	snprintf(u->name, sizeof(u->name), "%s", name);
	snprintf(u->reason, sizeof(u->reason), "%s", reason);
}

void members_unprofiled(const struct members *m,
			void (*fn)(void *arg, pid_t pid, const char *name, const char *reason),
			void *arg)
{
	for (size_t i = 0; i < m->unprofiled_count; i++)
		fn(arg, m->unprofiled[i].pid, m->unprofiled[i].name, m->unprofiled[i].reason);
}

/* ---- those that were there ---- */

static bool is_asked_for(const struct members *m, const struct filter_candidate *candidate)
{
	return m->rooms.family || filter_matches(m->rooms.filter, candidate);
}

/* Is the process that was found by looking asked for?  Fills in what names it. */
static bool inspect(struct members *m, struct member *member)
{
	struct process process;
	struct cgroups_place place;
	struct filter_candidate candidate = { .pid = member->pid,
					      .cgroup = place.path,
					      .container = &place.container };

	if (process_read(member->pid, &process))
		return false;
	cgroups_read(&m->cgroups, member->pid, &place);
	candidate.uid = process.uid;
	candidate.comm = process.stat.comm;
	if (!is_asked_for(m, &candidate))
		return false;
	snprintf(member->comm, sizeof(member->comm), "%.15s", process.stat.comm);
	process_name(process.args, process.args_bytes, process.stat.comm, member->name,
		     sizeof(member->name));
	set_container(member, &place.container);
	return true;
}

static void know_binary(struct members *m, const struct discovery *found)
{
	session_know_binary(m->rooms.session, &found->file, &found->binary);
}

void members_expect(struct members *m, const char *command)
{
	static struct discovery found;
	cleanup_close int fd = program_open(command);

	if (fd >= 0 && !discover_file(m->rooms.discover, fd, command, &found))
		know_binary(m, &found);
}

/* Add a process that is not in the ledger, and that is a Python. */
static void join(struct members *m, pid_t pid, struct discovery *found)
{
	struct member *member = add(m, session_new_serial(m->rooms.session), pid);

	if (!member)
		return;
	member->file = found->file;
	member->version = found->version >> 16;
	if (!inspect(m, member)) {
		forget(m, member);
		return;
	}
	found->process.serial = member->serial;
	found->process.start_ns = clock_now_ns();
	memory_find_gil(pid, &found->process);
	if (found->verdict == DISCOVER_NOT_YET)
		found->process.phase = ADDER_PHASE_UNKNOWN;
	tell_resolver(m, member);
	if (session_add_process(m->rooms.session, pid, &found->process)) {
		leave(m, member); /* an event got there first */
		return;
	}
	m->want_look = true;
	if (found->verdict == DISCOVER_PYTHON) {
		member->standing = MEMBER;
		m->count++;
		if (found->reason[0])
			note_unprofiled(m, pid, member->name, found->reason);
		return;
	}
	member->next_unknown = m->unknown;
	m->unknown = member;
}

/* A Python that can't be profiled: say so, if it was asked for. */
static void refuse(struct members *m, pid_t pid, const char *reason)
{
	struct member member = { .pid = pid };

	if (inspect(m, &member))
		note_unprofiled(m, pid, member.name, reason);
}

/* As most Pythons are: of one that may not be looked into, its name alone is known. */
static bool is_called_python(pid_t pid)
{
	struct process_stat stat;

	return !process_read_stat(pid, &stat) && text_starts(stat.comm, "python");
}

/* Look at a process that is not in the ledger. */
static void consider(struct members *m, pid_t pid)
{
	static struct discovery found;
	int err;

	if (pid == getpid() || (m->rooms.family && pid != m->rooms.family))
		return;
	if (!session_find_process(m->rooms.session, pid, NULL))
		return;
	err = discover_look(m->rooms.discover, pid, &found);
	if ((err == -EACCES || err == -EPERM) && is_called_python(pid))
		refuse(m, pid, "permission denied; adder needs CAP_SYS_PTRACE");
	if (err)
		return;
	know_binary(m, &found);
	if (found.verdict == DISCOVER_PYTHON || found.verdict == DISCOVER_NOT_YET)
		join(m, pid, &found);
	else if (found.verdict == DISCOVER_UNSUPPORTED)
		refuse(m, pid, found.reason);
}

static int consider_each(pid_t pid, void *arg)
{
	consider(arg, pid);
	return 0;
}

int members_scan(struct members *m)
{
	const struct filter *filter = m->rooms.filter;

	if (m->rooms.family)
		return 0;
	for (size_t i = 0; i < filter->pid_count; i++)
		consider(m, filter->pids[i]);
	return filter->pid_count ? 0 : process_each(consider_each, m);
}

/* ---- those that become ---- */

/*
 * Look at a process that the kernel half tracks without knowing what it is.
 * True if it is settled: then it may not exist any more.
 */
static bool settle(struct members *m, struct member *member)
{
	static struct discovery found;
	struct adder_process now;
	int err = discover_look(m->rooms.discover, member->pid, &found);

	if (err || session_find_process(m->rooms.session, member->pid, &now) ||
	    now.serial != member->serial)
		return false; /* gone: what it was shows when its file is judged, at the end */
	if (found.verdict == DISCOVER_NOT_YET)
		return false;
	know_binary(m, &found);
	if (found.verdict != DISCOVER_PYTHON) {
		if (found.verdict == DISCOVER_UNSUPPORTED)
			refuse(m, member->pid, found.reason);
		leave(m, member);
		return true;
	}
	forget_unknown(m, member);
	found.process.serial = member->serial;
	found.process.start_ns = now.start_ns;
	memory_find_gil(member->pid, &found.process);
	member->version = found.version >> 16;
	member->standing = MEMBER;
	m->count++;
	if (found.reason[0])
		note_unprofiled(m, member->pid, member->name, found.reason);
	tell_resolver(m, member);
	session_update_process(m->rooms.session, member->pid, &found.process);
	return true;
}

int members_retry(struct members *m)
{
	struct member *member = m->unknown, *next;

	for (; member; member = next) {
		next = member->next_unknown;
		settle(m, member);
	}
	return m->unknown != NULL;
}

static void began(struct members *m, const struct adder_event_process *e)
{
	struct cgroups_place place;
	struct filter_candidate candidate = { .pid = e->pid,
					      .uid = e->uid,
					      .comm = e->comm,
					      .cgroup = place.path,
					      .container = &place.container };
	struct member *member = add(m, e->serial, e->pid);

	if (!member)
		return;
	cgroups_from_components(&m->cgroups, e->cgroup, sizeof(e->cgroup), &place);
	member->standing = e->phase == ADDER_PHASE_UNKNOWN ? UNKNOWN : MEMBER;
	m->count += member->standing == MEMBER;
	if (!is_asked_for(m, &candidate)) {
		leave(m, member);
		return;
	}
	member->file = e->file;
	snprintf(member->comm, sizeof(member->comm), "%.15s", e->comm);
	process_name(e->args, e->args_bytes, member->comm, member->name, sizeof(member->name));
	set_container(member, &place.container);
	member->version = discover_version(m->rooms.discover, &e->file) >> 16;
	tell_resolver(m, member);
	if (member->standing == UNKNOWN && !settle(m, member)) {
		member->next_unknown = m->unknown;
		m->unknown = member;
	}
}

/* A fork is what its parent is. */
static void forked(struct members *m, const struct adder_event_process *e)
{
	const struct member *parent = find(m, e->parent_serial);
	struct member *member;

	if (!parent) { /* its parent was dropped meanwhile */
		drop_process(m, e->pid, e->serial);
		return;
	}
	member = add(m, e->serial, e->pid);
	if (!member)
		return;
	member->standing = e->phase == ADDER_PHASE_UNKNOWN ? UNKNOWN : parent->standing;
	member->file = parent->file;
	member->version = parent->version;
	memcpy(member->comm, parent->comm, sizeof(member->comm));
	memcpy(member->name, parent->name, sizeof(member->name));
	memcpy(member->container, parent->container, sizeof(member->container));
	tell_resolver(m, member);
	if (member->standing == MEMBER) {
		m->count++;
		return;
	}
	member->standing = UNKNOWN;
	if (!settle(m, member)) {
		member->next_unknown = m->unknown;
		m->unknown = member;
	}
}

void members_process(struct members *m, const struct adder_event_process *e)
{
	if (find(m, e->serial))
		return;
	if (e->how == ADDER_BY_FORK)
		forked(m, e);
	else
		began(m, e);
}

/*
 * Its program was never seen alive: it is a Python if its file is, by what others of it have shown.
 */
static void judge_by_file(struct members *m, struct member *member)
{
	member->version = discover_version(m->rooms.discover, &member->file) >> 16;
	if (!member->version) {
		leave(m, member);
		return;
	}
	tell_resolver(m, member);
	if (member->standing == EXITED)
		forget(m, member);
}

/* There may be no end of them, where programs end before they can be looked at. */
static void judge_exited(struct members *m)
{
	struct member *member, *next;

	HASH_ITER (hh, m->all, member, next) {
		if (member->standing == EXITED)
			judge_by_file(m, member);
	}
}

void members_exit(struct members *m, const struct adder_event_exit *e)
{
	struct member *member = find(m, e->serial);

	if (!member)
		return;
	resolver_process_gone(m->rooms.resolver, e->serial);
	if (member->standing == MEMBER) {
		forget(m, member);
		return;
	}
	forget_unknown(m, member);
	member->standing = EXITED; /* its file may be judged yet */
	if (++m->exited == MAX_EXITED)
		judge_exited(m);
}

void members_mapped(struct members *m, pid_t pid, const char *path)
{
	const char *name = text_basename(path);

	/* not "python": each extension module, _json.cpython-311-x86_64-linux-gnu.so, has that */
	if (strncmp(name, "libpython", 9) != 0 || !strstr(name, ".so"))
		return;
	consider(m, pid);
	members_retry(m);
}

int members_want_look(struct members *m)
{
	bool want = m->want_look;

	m->want_look = false;
	return want;
}

static struct members_entry entry_of(const struct members *m, const struct member *member)
{
	return (struct members_entry){
		.serial = member->serial,
		.pid = member->pid,
		.name = member->name,
		.container = member->container[0] ? member->container : NULL,
		.version = member->version,
		.why_not = discover_note(m->rooms.discover, &member->file).why_not,
	};
}

void members_each(const struct members *m, void (*fn)(void *arg, const struct members_entry *entry),
		  void *arg)
{
	for (const struct member *member = m->all; member; member = member->hh.next) {
		struct members_entry entry = entry_of(m, member);

		fn(arg, &entry);
	}
}

int members_find(const struct members *m, uint32_t serial, struct members_entry *ret)
{
	const struct member *member = find(m, serial);

	if (!member)
		return -ENOENT;
	*ret = entry_of(m, member);
	return 0;
}

uint32_t members_count(const struct members *m)
{
	return m->count;
}

void members_settle(struct members *m)
{
	static struct process process;
	struct member *member, *next;

	HASH_ITER (hh, m->all, member, next) {
		if (member->standing != MEMBER) {
			judge_by_file(m, member);
		} else if (!process_read(member->pid, &process) && process.args_bytes) {
			process_name(process.args, process.args_bytes, process.stat.comm,
				     member->name, sizeof(member->name));
			tell_resolver(m, member);
		}
	}
}
