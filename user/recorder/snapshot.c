/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "recorder/snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/arena.h"
#include "discover/discover.h"
#include "probe/session.h"
#include "proc/process.h"
#include "profile/profile.h"
#include "python/memory.h"
#include "recorder/blocked.h"
#include "recorder/filter.h"
#include "recorder/members.h"
#include "resolve/resolve.h"
#include "resolve/syscall_name.h"

#define MAX_LOOKS 3 /* at threads that move on while they are read */
#define MAX_WALKS 5 /* of a running thread, until two agree */

struct thread {
	uint32_t tid;
	struct adder_known_thread known;
	uint64_t stack, tstate, interp, holder; /* holder: PyThreadState that holds its GIL */
	uint32_t name, on;                      /* the profile's string ids; 0: none */
	bool settled;                           /* state and stack are of one moment */
	UT_hash_handle hh;
};

struct process {
	uint32_t serial;
	pid_t pid;
	uint32_t name, container, python; /* the profile's string ids; 0: none */
	struct adder_process how;         /* it is read */
	struct thread *threads;
	const char *problem;
	UT_hash_handle hh;
};

struct snapshot {
	struct session *session;
	struct discover *discover;
	struct resolver *resolver;
	struct members *members;
	struct profile *profile;
	struct process *processes;
	struct arena results;
	struct snapshot_process *list;
	size_t count, capacity;
	bool moving; /* some thread is not settled */
};

DEFINE_CLEANUP(struct members *, members_free);

static const char *const state_names[] = {
#define STATE_NAME(id, name, text) [ADDER_STATE_##id] = name,
	ADDER_STATE_LIST(STATE_NAME)
};

/* ---- the rooms below ---- */

static struct process *find_process(const struct snapshot *s, uint32_t serial)
{
	struct process *process;

	HASH_FIND(hh, s->processes, &serial, sizeof(serial), process);
	return process;
}

static int read_code(void *arg, uint32_t serial, const struct adder_frame *frame,
		     struct adder_event_code *ret)
{
	const struct process *process = find_process(arg, serial);

	return process ? memory_read_code(process->pid, &process->how, frame, ret) : -ESRCH;
}

static int read_memory(void *arg, uint32_t serial, uint64_t address, void *dst, size_t size)
{
	const struct process *process = find_process(arg, serial);

	return process ? memory_read(process->pid, address, dst, size) : -ESRCH;
}

static int build(struct snapshot *s, const struct filter *filter)
{
	const struct session_options options = { .select = filter_select(filter),
						 .look_only = true };
	const struct resolver_hooks hooks = { read_code, read_memory, s };
	struct members_rooms rooms = { .filter = filter };
	int err = session_open(&options, NULL, &s->session);

	if (err)
		return err;
	s->profile = profile_new();
	if (!s->profile)
		return -ENOMEM;
	s->discover = rooms.discover = discover_new();
	s->resolver = rooms.resolver = resolver_new(s->profile, &hooks);
	rooms.session = s->session;
	s->members = members_new(&rooms);
	return s->discover && s->resolver && s->members ? 0 : -ENOMEM;
}

/* What was only needed to make it. */
static void take_down(struct snapshot *s)
{
	struct process *process, *next_process;
	struct thread *thread, *next;

	HASH_ITER (hh, s->processes, process, next_process) {
		HASH_ITER (hh, process->threads, thread, next) {
			HASH_DEL(process->threads, thread);
			free(thread);
		}
		HASH_DEL(s->processes, process);
		free(process);
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
	profile_free(s->profile);
	arena_done(&s->results);
	free(s->list);
	free(s);
}

/* ---- which processes ---- */

static void add_process(void *arg, const struct members_entry *entry)
{
	struct snapshot *s = arg;
	struct process *process = calloc(1, sizeof(*process));
	char version[16];

	if (!process)
		return;
	process->serial = entry->serial;
	process->pid = entry->pid;
	process->name = profile_string(s->profile, entry->name);
	if (entry->container)
		process->container = profile_string(s->profile, entry->container);
	snprintf(version, sizeof(version), "%d.%d", entry->version >> 8, entry->version & 0xff);
	if (entry->version)
		process->python = profile_string(s->profile, version);
	session_find_process(s->session, entry->pid, &process->how);
	HASH_ADD(hh, s->processes, serial, sizeof(process->serial), process);
}

/* ---- threads ---- */

static struct thread *get_thread(struct process *process, uint32_t tid)
{
	struct thread *thread;

	HASH_FIND(hh, process->threads, &tid, sizeof(tid), thread);
	if (thread)
		return thread;
	thread = calloc(1, sizeof(*thread));
	if (!thread)
		return NULL;
	thread->tid = tid;
	HASH_ADD(hh, process->threads, tid, sizeof(thread->tid), thread);
	return thread;
}

static bool is_blocked(const struct adder_known_thread *known)
{
	return !known->running && known->state != ADDER_STATE_CPU &&
	       known->state != ADDER_STATE_RUNQ;
}

/* Two walks of one moment's stack; the innermost function goes on running. */
static bool agree(const struct adder_event_stack *a, const struct adder_event_stack *b)
{
	uint32_t frames = a->depth < ADDER_MAX_FRAMES ? a->depth : ADDER_MAX_FRAMES;

	if (a->depth != b->depth || a->torn || b->torn)
		return false;
	for (uint32_t i = 0; i < frames; i++) {
		if (a->frames[i].code != b->frames[i].code ||
		    a->frames[i].signature != b->frames[i].signature ||
		    (i && a->frames[i].instr != b->frames[i].instr))
			return false;
	}
	return true;
}

/* Walk the stack of a thread that may run: until two walks agree, or it is in no Python function.
 */
static void walk_running(struct process *process, uint64_t thread_pointer,
			 struct memory_stack *stack)
{
	struct adder_event_stack before;
	bool had = false;

	for (int i = 0; i < MAX_WALKS; i++) {
		memory_walk(process->pid, &process->how, thread_pointer, stack);
		if (stack->id == ADDER_STACK_NONE)
			return;
		if (stack->id < ADDER_STACK_FIRST_HASH)
			continue;
		if (had && agree(&before, stack->event))
			return;
		before = *stack->event;
		had = true;
	}
}

static void read_stack(struct snapshot *s, struct process *process, struct thread *thread)
{
	struct memory_stack stack;

	if (is_blocked(&thread->known))
		memory_walk(process->pid, &process->how, thread->known.thread_pointer, &stack);
	else
		walk_running(process, thread->known.thread_pointer, &stack);
	if (stack.id >= ADDER_STACK_FIRST_HASH)
		resolver_stack(s->resolver, stack.event, sizeof(*stack.event));
	thread->stack = stack.id;
	thread->tstate = stack.tstate;
	thread->interp = stack.interp;
	thread->holder = 0;
	if (thread->tstate)
		memory_gil_holder(process->pid, &process->how, thread->interp, &thread->holder);
}

/* Its name, and whether it still is as the iterator found it. */
static void finish_thread(struct snapshot *s, struct process *process, struct thread *thread)
{
	char on[BLOCKED_ON_BYTES] = "";
	struct process_stat stat;

	thread->settled = !is_blocked(&thread->known) ||
			  blocked_complete(&thread->known, on) != -EAGAIN;
	thread->on = on[0] ? profile_string(s->profile, on) : 0;
	if (!thread->settled)
		s->moving = true;
	if (!process_thread_stat(process->pid, thread->tid, &stat))
		thread->name = profile_string(s->profile, stat.comm);
}

static void look_at_thread(void *arg, const struct adder_known_thread *known)
{
	struct snapshot *s = arg;
	struct process *process = find_process(s, known->serial);
	struct thread *thread = process ? get_thread(process, known->tid) : NULL;

	if (!thread || thread->settled)
		return;
	thread->known = *known;
	read_stack(s, process, thread);
	finish_thread(s, process, thread);
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

/* ---- what became of them ---- */

static bool is_suspicious(const struct process *process)
{
	const struct thread *thread;

	for (thread = process->threads; thread; thread = thread->hh.next) {
		if (thread->stack == ADDER_STACK_UNREAD)
			return true;
	}
	return !process->threads;
}

/* A process that could not be read in full: has it ended, or become another program? */
static void check(struct snapshot *s, struct process *process)
{
	static struct discovery now;

	if (!is_suspicious(process))
		return;
	if (discover_look(s->discover, process->pid, &now))
		process->problem = "gone while being read";
	else if (memcmp(&now.file, &process->how.file, sizeof(now.file)) != 0 ||
		 now.process.bias != process->how.bias)
		process->problem = "became another program while being read";
}

/* ---- the result ---- */

static const char *text_or_null(const struct snapshot *s, uint32_t id)
{
	return id ? profile_text(s->profile, id) : NULL;
}

static int describe_frames(struct snapshot *s, const struct process *process,
			   const struct thread *thread, struct snapshot_thread *ret)
{
	struct snapshot_frame *frames;
	const uint32_t *locations;
	uint32_t stack;

	if (resolver_find_stack(s->resolver, process->serial, thread->stack, &stack) &&
	    resolver_find_stack(s->resolver, process->serial, ADDER_STACK_UNREAD, &stack))
		return -ENOENT;
	locations = profile_stack_at(s->profile, stack, &ret->frame_count);
	frames = arena_alloc(&s->results, ret->frame_count * sizeof(*frames));
	if (!frames)
		return -ENOMEM;
	for (size_t i = 0; i < ret->frame_count; i++) {
		struct profile_location location = profile_location_at(s->profile, locations[i]);
		struct profile_function function =
			profile_function_at(s->profile, location.function);

		frames[i].function = profile_text(s->profile, function.name);
		frames[i].file = profile_text(s->profile, function.filename);
		frames[i].line = location.line;
	}
	ret->frames = frames;
	return 0;
}

static int describe_thread(struct snapshot *s, const struct process *process,
			   const struct thread *thread, struct snapshot_thread *ret)
{
	const struct adder_known_thread *known = &thread->known;

	*ret = (struct snapshot_thread){
		.tid = thread->tid,
		.name = profile_text(s->profile, thread->name),
		.state = state_names[known->state < ADDER_STATE_NR ? known->state
								   : ADDER_STATE_OTHER],
		.on = text_or_null(s, thread->on),
		.running = known->running,
	};
	if (!known->running)
		ret->detail = wait_detail(known->how, known->syscall);
	return describe_frames(s, process, thread, ret);
}

/*
 * Threads were not all read in one moment: of an interpreter's several that held the GIL when they
 * were, the first counts.
 */
static const struct thread *find_holder(const struct process *process, uint64_t interp)
{
	const struct thread *thread;

	for (thread = process->threads; thread; thread = thread->hh.next) {
		if (thread->interp == interp && thread->tstate &&
		    thread->holder == thread->tstate && thread->known.state != ADDER_STATE_GIL)
			return thread;
	}
	return NULL;
}

static const struct snapshot_thread *find_described(const struct snapshot_process *p, uint32_t tid)
{
	for (size_t i = 0; i < p->thread_count; i++) {
		if (p->threads[i].tid == (pid_t)tid)
			return &p->threads[i];
	}
	return NULL;
}

/* Mark who holds the GIL, and tell those who wait for it in which function that is. */
static void describe_gil(const struct process *process, struct snapshot_process *ret)
{
	size_t i = 0;

	for (struct thread *t = process->threads; t; t = t->hh.next, i++) {
		const struct thread *holder = find_holder(process, t->interp);
		const struct snapshot_thread *described =
			holder ? find_described(ret, holder->tid) : NULL;

		ret->threads[i].holds_gil = holder == t;
		if (t->known.state == ADDER_STATE_GIL && described)
			ret->threads[i].on = described->frames[0].function;
	}
}

static int compare_threads(const void *a, const void *b, void *pid)
{
	pid_t x = ((const struct snapshot_thread *)a)->tid,
	      y = ((const struct snapshot_thread *)b)->tid, main = *(pid_t *)pid;

	if ((x == main) != (y == main))
		return x == main ? -1 : 1;
	return (x > y) - (x < y);
}

static struct snapshot_process *add_result(struct snapshot *s)
{
	if (s->count == s->capacity) {
		size_t capacity = s->capacity ? 2 * s->capacity : 64;
		struct snapshot_process *list = reallocarray(s->list, capacity, sizeof(*list));

		if (!list)
			return NULL;
		s->list = list;
		s->capacity = capacity;
	}
	return memset(&s->list[s->count++], 0, sizeof(*s->list));
}

static int describe_process(struct snapshot *s, const struct process *process)
{
	struct snapshot_process *ret = add_result(s);
	size_t count = HASH_COUNT(process->threads);

	if (!ret)
		return -ENOMEM;
	*ret = (struct snapshot_process){
		.pid = process->pid,
		.name = profile_text(s->profile, process->name),
		.container = text_or_null(s, process->container),
		.python = text_or_null(s, process->python),
		.problem = process->problem,
	};
	ret->threads = arena_alloc(&s->results, count * sizeof(*ret->threads));
	if (!ret->threads)
		return -ENOMEM;
	for (struct thread *t = process->threads; t; t = t->hh.next) {
		int err = describe_thread(s, process, t, &ret->threads[ret->thread_count]);

		if (err)
			return err;
		ret->thread_count++;
	}
	describe_gil(process, ret);
	qsort_r(ret->threads, count, sizeof(*ret->threads), compare_threads, &ret->pid);
	return 0;
}

static void describe_unprofiled(void *arg, pid_t pid, const char *name, const char *reason)
{
	struct snapshot *s = arg;
	struct snapshot_process *ret = add_result(s);

	if (!ret)
		return;
	ret->pid = pid;
	ret->name = profile_text(s->profile, profile_string(s->profile, name));
	ret->problem = profile_text(s->profile, profile_string(s->profile, reason));
}

static int compare_processes(const void *a, const void *b)
{
	pid_t x = ((const struct snapshot_process *)a)->pid,
	      y = ((const struct snapshot_process *)b)->pid;

	return (x > y) - (x < y);
}

static int describe(struct snapshot *s)
{
	int err = 0;

	for (struct process *p = s->processes; p && !err; p = p->hh.next)
		err = describe_process(s, p);
	members_unprofiled(s->members, describe_unprofiled, s);
	if (s->count)
		qsort(s->list, s->count, sizeof(*s->list), compare_processes);
	return err ? err : profile_error(s->profile);
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
	if (err)
		return err;
	for (struct process *p = s->processes; p; p = p->hh.next)
		check(s, p);
	err = describe(s);
	if (err)
		return err;
	take_down(s);
	*ret = TAKE_PTR(s);
	return 0;
}

const struct snapshot_process *snapshot_processes(const struct snapshot *s, size_t *count)
{
	*count = s->count;
	return s->list;
}
