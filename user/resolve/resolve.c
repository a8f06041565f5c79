/* SPDX-License-Identifier: BSD-2-Clause */
#include "resolve/resolve.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "profile/profile.h"
#include "python/qualname.h"
#include "resolve/accounts.h"
#include "resolve/age.h"
#include "resolve/awaited.h"
#include "resolve/called.h"
#include "resolve/names.h"
#include "resolve/task_names.h"

#define MAX_TABLE      (1 << 18) /* bytes of a line table: of a function of 30,000 lines */
#define PROCESS_TABLES (8 << 20) /* of a process: then long ones are not read on */

/* Of the memory, 2/8 are the profile's names and stacks, 3/8 the accounts with the samples that
 * they become, 2/8 what was told and is in use; threads are part of the rest. */
#define PROFILE_BYTES(memory) ((memory) / 8 * 2)
#define MAX_ACCOUNTS(memory)  ((memory) / 8 * 3 / 512)
#define CROWD(memory)         ((memory) / 8 * 2 / 512)
#define MAX_THREADS(memory)   ((memory) / 2048) /* as many processes at the most */
#define MAX_ENDED(memory)     ((memory) / 768)  /* called functions of ended processes */
#define TRIM_COUNT            4096              /* of names and stacks, some 2 MB */

struct thread {
	uint32_t tid;
	uint32_t number;      /* among all threads of the recording */
	uint32_t name;        /* the profile's string id */
	uint32_t before;      /* the profile's stack id of what it was blocked on at the start */
	uint64_t before_task; /* and in which task; 0: none */
	uint8_t before_state; /* and in which state, with @before */
	UT_hash_handle hh;
};

/* Whom ids in the ledger's `on` mean: the profile's string ids. */
struct awaited {
	uint64_t id;
	uint32_t text, text_of_child;
	uint8_t age;
	UT_hash_handle hh;
};

struct process {
	uint32_t serial;
	pid_t pid;
	uint32_t name, container, python; /* string ids; 0: none */
	uint32_t counted, uncounted;      /* likewise */
	uint16_t version;
	uint8_t gone; /* 1: said to be, 2: a thread's end followed, 3: and a drain, 4: names freed
		       */
	uint8_t dropped;
	uint64_t life_ns, ticks;
	uint64_t run_code; /* address of asyncio's Handle._run; 0: not met */
	struct names *names;
	struct task_names *tasks;
	struct thread *threads;
	struct called *called;
	UT_hash_handle hh;
};

/* Where a thread's number leads. */
struct place {
	struct process *process;
	struct thread *thread;
};

struct resolver {
	struct profile *p;
	struct process *processes;
	struct awaited *awaited;
	struct accounts *accounts;
	struct place *places;
	uint32_t places_used, places_size;
	struct resolver_hooks hooks;
	size_t memory; /* limit in bytes; 0: none */
	bool crowded;
	struct process rest; /* stands for all for which there is no room */
	uint64_t stacks, refused;
	size_t ended_calls; /* functions that ended processes had called, by process */
	uint32_t pseudo[ADDER_STACK_FIRST_HASH]; /* stack ids */
};

static const char *const pseudo_names[] = {
#define PSEUDO_NAME(id, text) [ADDER_STACK_##id] = text,
	ADDER_STACK_LIST(PSEUDO_NAME)
};

struct resolver *resolver_new(struct profile *p, const struct resolver_hooks *hooks, size_t memory)
{
	CLEANUP(resolver_free) struct resolver *r = calloc(1, sizeof(*r));
	uint32_t full = profile_pseudo(p, "[memory full]");

	if (!r)
		return NULL;
	r->p = p;
	r->hooks = *hooks;
	r->memory = memory;
	r->rest.name = profile_string(p, "[memory full]");
	r->rest.tasks = task_names_new();
	r->accounts = accounts_new(MAX_ACCOUNTS(memory), profile_stack(p, &full, 1));
	if (!r->accounts || !r->rest.tasks)
		return NULL;
	for (int i = 0; i < ADDER_STACK_FIRST_HASH; i++) {
		uint32_t location = profile_pseudo(p, pseudo_names[i]);

		r->pseudo[i] = profile_stack(p, &location, 1);
	}
	profile_limit(p, PROFILE_BYTES(memory));
	return TAKE_PTR(r);
}

static void done_process(struct process *process)
{
	struct thread *thread, *next;

	HASH_ITER (hh, process->threads, thread, next) {
		HASH_DEL(process->threads, thread);
		free(thread);
	}
	called_free(&process->called);
	names_free(process->names);
	task_names_free(process->tasks);
}

void resolver_free(struct resolver *r)
{
	struct awaited *awaited, *next_awaited;
	struct process *process, *next;

	if (!r)
		return;
	HASH_ITER (hh, r->processes, process, next) {
		HASH_DEL(r->processes, process);
		done_process(process);
		free(process);
	}
	done_process(&r->rest);
	HASH_ITER (hh, r->awaited, awaited, next_awaited) {
		HASH_DEL(r->awaited, awaited);
		free(awaited);
	}
	accounts_free(r->accounts);
	free(r->places);
	free(r);
}

static bool is_full(const struct resolver *r, size_t count)
{
	return r->memory && count >= MAX_THREADS(r->memory);
}

/* The process @serial, begun if it is new, or the rest.  NULL without memory. */
static struct process *get_process(struct resolver *r, uint32_t serial)
{
	struct process *process;

	HASH_FIND(hh, r->processes, &serial, sizeof(serial), process);
	if (process)
		return process;
	if (is_full(r, HASH_COUNT(r->processes)))
		return &r->rest;
	process = calloc(1, sizeof(*process));
	if (!process)
		return NULL;
	process->serial = serial;
	process->names = names_new();
	process->tasks = task_names_new();
	if (!process->names || !process->tasks) {
		done_process(process);
		free(process);
		return NULL;
	}
	HASH_ADD(hh, r->processes, serial, sizeof(process->serial), process);
	return process;
}

void resolver_process(struct resolver *r, const struct resolver_process *info)
{
	struct process *process = get_process(r, info->serial);
	char version[16];

	if (!process || process == &r->rest)
		return;
	process->pid = info->pid;
	process->name = profile_string(r->p, info->name);
	process->container = info->container ? profile_string(r->p, info->container) : 0;
	process->version = info->version;
	snprintf(version, sizeof(version), "%d.%d", info->version >> 8, info->version & 0xff);
	process->python = info->version ? profile_string(r->p, version) : 0;
	process->counted = info->counted ? profile_string(r->p, info->counted) : 0;
	process->uncounted = info->uncounted ? profile_string(r->p, info->uncounted) : 0;
}

void resolver_process_gone(struct resolver *r, uint32_t serial)
{
	struct process *process = get_process(r, serial);

	if (process)
		process->gone = 1;
}

void resolver_drop(struct resolver *r, uint32_t serial)
{
	struct process *process = get_process(r, serial);

	if (process && process != &r->rest)
		process->dropped = 1;
}

static int give_number(struct resolver *r, struct process *process, struct thread *thread)
{
	if (r->places_used == r->places_size) {
		uint32_t size = r->places_size ? 2 * r->places_size : 256;
		struct place *places = reallocarray(r->places, size, sizeof(*places));

		if (!places)
			return -ENOMEM;
		r->places = places;
		r->places_size = size;
	}
	thread->number = r->places_used++;
	r->places[thread->number] = (struct place){ process, thread };
	return 0;
}

/* Thread @tid of @process, begun if it is new, or the one of all others.  NULL without memory. */
static struct thread *get_thread(struct resolver *r, struct process *process, uint32_t tid)
{
	struct thread *thread;

	HASH_FIND(hh, process->threads, &tid, sizeof(tid), thread);
	if (thread)
		return thread;
	if (tid && (process == &r->rest || is_full(r, r->places_used))) {
		r->refused++;
		return get_thread(r, process, 0);
	}
	thread = calloc(1, sizeof(*thread));
	if (!thread)
		return NULL;
	thread->tid = tid;
	thread->before = r->pseudo[ADDER_STACK_BEFORE];
	thread->name = tid ? 0 : r->rest.name;
	if (give_number(r, process, thread)) {
		free(thread);
		return NULL;
	}
	HASH_ADD(hh, process->threads, tid, sizeof(thread->tid), thread);
	return thread;
}

void resolver_thread(struct resolver *r, uint32_t serial, uint32_t tid, const char *name)
{
	struct process *process = get_process(r, serial);
	struct thread *thread = process && !process->dropped ? get_thread(r, process, tid) : NULL;

	if (thread && thread->tid)
		thread->name = profile_string(r->p, name);
}

void resolver_life(struct resolver *r, uint32_t serial, uint64_t ns)
{
	struct process *process = get_process(r, serial);

	if (!process)
		return;
	process->life_ns += ns;
	if (process->gone == 1 || process->gone == 3)
		process->gone = 2;
}

void resolver_before(struct resolver *r, const struct adder_ledger_key *key)
{
	struct process *process = get_process(r, key->process);
	struct thread *thread = process ? get_thread(r, process, key->tid) : NULL;

	if (!thread || !thread->tid ||
	    resolver_find_stack(r, key->process, key->stack, &thread->before))
		return;
	thread->before_task = key->task;
	thread->before_state = key->state;
}

/*
 * The whole line table of a code object: a long one is read on from the process.  The caller's to
 * free; NULL without memory.  *@size is how much of it is there.
 */
static uint8_t *whole_table(struct resolver *r, struct process *process,
			    const struct adder_event_code *e, uint32_t *size)
{
	uint32_t rest = e->table_size > e->table_bytes ? e->table_size - e->table_bytes : 0;
	uint8_t *table;

	if (rest > MAX_TABLE || names_table_bytes(process->names) + rest > PROCESS_TABLES)
		rest = 0; /* lines from there on are the function's first */
	table = malloc(e->table_bytes + rest + 1);
	if (!table)
		return NULL;
	memcpy(table, e->table_data, e->table_bytes);
	*size = e->table_bytes;
	if (rest && !r->hooks.read_memory(r->hooks.arg, e->serial, e->table + e->table_bytes,
					  table + e->table_bytes, rest))
		*size += rest;
	return table;
}

/* With its class, before 3.11: the process has to be asked.  Valid until the next call. */
static const struct adder_event_code *with_class(struct resolver *r, const struct process *process,
						 const struct adder_event_code *e)
{
	const struct qualname_memory memory = { r->hooks.read_memory, r->hooks.arg };
	static struct adder_event_code named;

	if (!e->first_type)
		return e;
	memcpy(&named, e, offsetof(struct adder_event_code, table_data));
	qualname_find(&memory, process->version, &named);
	return &named;
}

static void add_code(struct resolver *r, struct process *process, const struct adder_event_code *e)
{
	uint32_t size = 0;
	cleanup_free uint8_t *table = whole_table(r, process, e, &size);

	if (table)
		names_add_code(process->names, r->p, process->version, with_class(r, process, e),
			       table, size);
	if (e->role == ADDER_CODE_RUN)
		process->run_code = e->code;
}

void resolver_code(struct resolver *r, const struct adder_event_code *e, size_t size)
{
	struct process *process;

	if (size < offsetof(struct adder_event_code, table_data) ||
	    e->table_bytes > ADDER_TABLE_BYTES ||
	    size < offsetof(struct adder_event_code, table_data) + e->table_bytes)
		return;
	process = get_process(r, e->serial);
	if (process && !process->dropped && process->names)
		add_code(r, process, e);
}

/* What the kernel half could not read, because its page was not there, may be readable from here.
 */
static void read_missing(struct resolver *r, struct process *process,
			 const struct adder_event_stack *e, uint32_t frames)
{
	static struct adder_event_code code;

	for (uint32_t i = 0; i < frames; i++) {
		if (!names_has_code(process->names, &e->frames[i]) &&
		    !r->hooks.read_code(r->hooks.arg, e->serial, &e->frames[i], &code))
			add_code(r, process, &code);
	}
}

void resolver_stack(struct resolver *r, const struct adder_event_stack *e, size_t size)
{
	struct process *process;
	uint32_t frames;

	if (size < offsetof(struct adder_event_stack, frames))
		return;
	frames = e->depth < ADDER_MAX_FRAMES ? e->depth : ADDER_MAX_FRAMES;
	if (size < offsetof(struct adder_event_stack, frames) + frames * sizeof(e->frames[0]))
		return;
	process = get_process(r, e->serial);
	if (!process || process->dropped || !process->names)
		return;
	if (e->torn && !r->hooks.complete_stack(r->hooks.arg, e, &e))
		frames = e->depth < ADDER_MAX_FRAMES ? e->depth : ADDER_MAX_FRAMES;
	read_missing(r, process, e, frames);
	names_add_stack(process->names, r->p, e);
	r->stacks++;
}

int resolver_locate(struct resolver *r, uint32_t serial, const struct adder_frame *frame,
		    uint32_t *ret)
{
	static struct adder_event_code code;
	struct process *process = get_process(r, serial);

	if (!process || process->dropped || !process->names)
		return -ENOENT;
	if (!names_has_code(process->names, frame) &&
	    !r->hooks.read_code(r->hooks.arg, serial, frame, &code))
		add_code(r, process, &code);
	return names_locate(process->names, r->p, frame, ret);
}

static struct awaited *find_awaited(const struct resolver *r, uint64_t id)
{
	struct awaited *awaited;

	HASH_FIND(hh, r->awaited, &id, sizeof(id), awaited);
	if (awaited)
		awaited->age = 0;
	return awaited;
}

void resolver_awaited(struct resolver *r, const struct adder_event_awaited *e, size_t size)
{
	char text[AWAITED_TEXT_BYTES];
	struct awaited *awaited;
	struct process *process;

	if (size < sizeof(*e))
		return;
	if (find_awaited(r, e->id))
		return;
	awaited = calloc(1, sizeof(*awaited));
	if (!awaited)
		return;
	awaited->id = e->id;
	if (e->awaited == ADDER_AWAITED_CODE) {
		process = get_process(r, e->serial);
		awaited->text = process && process->names ? names_code_name(process->names, r->p,
									    e->code, e->signature)
							  : 0;
		awaited->text_of_child = awaited->text;
	} else {
		awaited_text(e, 0, text, sizeof(text));
		awaited->text = profile_string(r->p, text);
		awaited_text(e, 1, text, sizeof(text));
		awaited->text_of_child = profile_string(r->p, text);
	}
	HASH_ADD(hh, r->awaited, id, sizeof(awaited->id), awaited);
}

void resolver_task(struct resolver *r, const struct adder_event_task *e, size_t size)
{
	struct process *process;

	if (size < offsetof(struct adder_event_task, chain))
		return;
	process = get_process(r, e->serial);
	if (process && process != &r->rest && !process->dropped)
		task_names_add(process->tasks, r->p, e, size);
}

bool resolver_learn(const struct resolver *r, struct adder_process *ret)
{
	struct process *process;

	HASH_FIND(hh, r->processes, &ret->serial, sizeof(ret->serial), process);
	if (!process || process->run_code == ret->asyncio.run_code || !process->run_code)
		return false;
	ret->asyncio.run_code = process->run_code;
	return true;
}

/* Whom a wait was for, as the profile's string id; 0 if that is not known. */
static uint32_t awaited_name(const struct resolver *r, const struct process *process,
			     const struct adder_ledger_key *key)
{
	struct awaited *awaited;
	uint32_t stack;

	if (key->on >> 63)
		return names_find_stack(process->names, key->on, &stack)
			       ? 0
			       : names_releaser(r->p, stack);
	awaited = find_awaited(r, key->on);
	if (!awaited)
		return 0;
	return key->state == ADDER_STATE_CHILD ? awaited->text_of_child : awaited->text;
}

static uint64_t stack_key(const struct resolver *r, const struct process *process,
			  const struct thread *thread, uint64_t stack)
{
	uint32_t id;

	if (stack == ADDER_STACK_BEFORE)
		return thread->before;
	if (stack < ADDER_STACK_FIRST_HASH)
		return r->pseudo[stack];
	if (!names_find_stack(process->names, stack, &id))
		return id;
	if (!process->names || names_expect_stack(process->names, stack))
		return r->pseudo[ADDER_STACK_LOST];
	return stack | 1ULL << 63;
}

void resolver_add(struct resolver *r, const struct adder_ledger_key *key,
		  const struct adder_ledger_value *value)
{
	struct process *process = get_process(r, key->process);
	struct thread *thread;
	struct account_key account = {};

	if (!process || process->dropped)
		return;
	if (key->how == ADDER_HOW_LIFE) {
		process->life_ns += value->wait_ns;
		return;
	}
	thread = get_thread(r, process, key->tid);
	if (!thread)
		return;
	account.stack = stack_key(r, process, thread, key->stack);
	account.task = key->task;
	account.thread = thread->number;
	account.syscall = key->syscall;
	account.state = key->state < ADDER_STATE_NR ? key->state : ADDER_STATE_OTHER;
	if (key->stack == ADDER_STACK_BEFORE && thread->before != r->pseudo[ADDER_STACK_BEFORE]) {
		account.state = thread->before_state;
		account.task = thread->before_task;
	}
	account.how = key->how;
	if (key->how == ADDER_HOW_TICK || key->how == ADDER_HOW_LATE_TICK) {
		account.on = stack_key(r, process, thread, key->on);
		process->ticks += value->count;
	} else if (key->how == ADDER_HOW_READY || key->how == ADDER_HOW_READY_TICK) {
		account.on = key->on;
	} else if (key->on) {
		account.on = awaited_name(r, process, key);
	}
	accounts_add(r->accounts, &account, value);
}

uint32_t resolver_find_awaited(const struct resolver *r, uint32_t serial, uint64_t on,
			       enum adder_state state)
{
	const struct adder_ledger_key key = { .on = on, .state = state };
	struct process *process;

	HASH_FIND(hh, r->processes, &serial, sizeof(serial), process);
	return process && on ? awaited_name(r, process, &key) : 0;
}

struct task_text resolver_find_task(const struct resolver *r, uint32_t serial, uint64_t task)
{
	struct process *process;

	HASH_FIND(hh, r->processes, &serial, sizeof(serial), process);
	return process ? task_names_find(process->tasks, r->p, task) : (struct task_text){ 0 };
}

int resolver_find_stack(const struct resolver *r, uint32_t serial, uint64_t stack, uint32_t *ret)
{
	struct process *process;

	if (stack < ADDER_STACK_FIRST_HASH) {
		*ret = r->pseudo[stack];
		return 0;
	}
	HASH_FIND(hh, r->processes, &serial, sizeof(serial), process);
	return process ? names_find_stack(process->names, stack, ret) : -ENOENT;
}

bool resolver_is_crowded(const struct resolver *r)
{
	return r->crowded;
}

void resolver_hold(struct resolver *r, uint32_t serial, uint64_t id)
{
	struct process *process;
	uint32_t stack;

	if (!(id >> 63)) {
		find_awaited(r, id);
		return;
	}
	HASH_FIND(hh, r->processes, &serial, sizeof(serial), process);
	if (process)
		names_find_stack(process->names, id, &stack);
}

static void sweep_awaited(struct resolver *r)
{
	struct awaited *awaited, *next;

	HASH_ITER (hh, r->awaited, awaited, next) {
		enum age_step step = age_on(&awaited->age);

		if (step == AGE_UNTELL) {
			r->hooks.untell(r->hooks.arg, awaited->id);
		} else if (step == AGE_FREE) {
			HASH_DEL(r->awaited, awaited);
			free(awaited);
		}
	}
}

/* Code objects are told by process. */
struct untelling {
	const struct resolver_hooks *hooks;
	uint32_t serial;
};

static void untell_stack(void *arg, uint64_t hash)
{
	const struct untelling *u = arg;

	u->hooks->untell(u->hooks->arg, hash);
}

static void untell_code(void *arg, uint64_t code, uint32_t signature)
{
	const struct untelling *u = arg;
	const struct adder_code_key key = { code, u->serial, signature };

	u->hooks->untell_code(u->hooks->arg, &key);
}

static void sweep(struct resolver *r)
{
	struct process *process, *next;

	sweep_awaited(r);
	HASH_ITER (hh, r->processes, process, next) {
		struct untelling u = { &r->hooks, process->serial };
		const struct names_sweeper sweeper = { untell_stack, untell_code, &u };

		if (process->names)
			names_sweep(process->names, &sweeper);
	}
}

static size_t count_told(const struct resolver *r)
{
	size_t count = HASH_COUNT(r->awaited);

	for (struct process *process = r->processes; process; process = process->hh.next)
		count += names_count(process->names);
	return count;
}

/*
 * After a drain that was late, on a busy machine, much is let go of at once.  It lies among what
 * stays: the C library would keep it for the next time.
 */
static void sweep_and_trim(struct resolver *r)
{
	size_t before = count_told(r);

	sweep(r);
	if (before - count_told(r) > TRIM_COUNT)
		malloc_trim(0);
}

void resolver_drained(struct resolver *r)
{
	struct process *process, *next;

	if (r->crowded)
		sweep_and_trim(r);
	r->crowded = r->memory && count_told(r) > CROWD(r->memory);
	HASH_ITER (hh, r->processes, process, next) {
		if (process->gone == 3) {
			names_free(process->names);
			process->names = NULL;
			process->gone = 4;
		} else if (process->gone == 2) {
			process->gone = 3; /* its last stacks may still be on their way */
		}
	}
}

static int find_stack(void *arg, uint32_t thread, uint64_t hash, uint32_t *ret)
{
	struct resolver *r = arg;

	return names_find_stack(r->places[thread].process->names, hash, ret);
}

static bool is_dropped(void *arg, uint32_t thread)
{
	struct resolver *r = arg;

	return r->places[thread].process->dropped;
}

static struct profile_label text_label(struct profile *p, const char *key, uint32_t text)
{
	return (struct profile_label){ .key = profile_string(p, key), .text = text };
}

static struct profile_label number_label(struct profile *p, const char *key, int64_t number)
{
	return (struct profile_label){ .key = profile_string(p, key), .number = number };
}

static uint32_t make_labels(void *arg, uint32_t number, const struct account_labels *what)
{
	struct resolver *r = arg;
	const struct process *process = r->places[number].process;
	const struct thread *thread = r->places[number].thread;
	struct task_text task = task_names_find(process->tasks, r->p, what->task);
	struct task_text by = task_names_find(process->tasks, r->p, what->on_task);
	uint32_t on = by.task ? by.task : what->on;
	struct profile_label labels[11];
	size_t count = 0;

	labels[count++] = number_label(r->p, "pid", process->pid);
	labels[count++] = number_label(r->p, "tid", thread->tid);
	if (process->name)
		labels[count++] = text_label(r->p, "process", process->name);
	if (thread->name)
		labels[count++] = text_label(r->p, "thread", thread->name);
	if (process->container)
		labels[count++] = text_label(r->p, "container", process->container);
	if (process->python)
		labels[count++] = text_label(r->p, "python", process->python);
	if (what->detail)
		labels[count++] = text_label(r->p, "detail", what->detail);
	if (on)
		labels[count++] = text_label(r->p, "on", on);
	if (task.task)
		labels[count++] = text_label(r->p, "task", task.task);
	if (task.coroutine)
		labels[count++] = text_label(r->p, "coroutine", task.coroutine);
	if (task.awaited_by)
		labels[count++] = text_label(r->p, "awaited_by", task.awaited_by);
	return profile_labels(r->p, labels, count);
}

uint64_t resolver_stack_count(const struct resolver *r)
{
	return r->stacks;
}

/* ---- calls ---- */

static void find_function(struct resolver *r, struct process *process, struct called_function *call)
{
	struct adder_frame frame = { .code = call->key.code, .signature = call->key.signature };
	static struct adder_event_code code;
	int err;

	if (!process->names)
		return;
	if (!names_has_code(process->names, &frame) &&
	    !r->hooks.read_code(r->hooks.arg, process->serial, &frame, &code))
		add_code(r, process, &code);
	err = names_function_stack(process->names, r->p, frame.code, frame.signature, &call->stack);
	call->is_known = err != -ENOENT;
	call->is_hidden = err == -ESRCH;
}

/* NULL if its process is not in the profile, or without memory. */
static struct called_function *get_call(struct resolver *r, const struct adder_call_key *key)
{
	struct process *process = get_process(r, key->serial);
	struct called_function *call;

	if (!process || process->dropped)
		return NULL;
	call = called_get(&process->called, key);
	if (call && !call->is_known && key->code)
		find_function(r, process, call);
	return call;
}

static uint32_t function_of(const struct resolver *r, const struct called_function *call)
{
	size_t depth;

	return profile_location_at(r->p, *profile_stack_at(r->p, call->stack, &depth)).function;
}

int resolver_call(struct resolver *r, const struct adder_call_key *key,
		  const struct adder_call_sums *sums, uint32_t *function)
{
	struct called_function *call = get_call(r, key);

	if (!call)
		return -ENOENT;
	call->sums = *sums;
	if (!call->is_known || call->is_hidden || call->is_told)
		return 0;
	call->is_told = true;
	*function = function_of(r, call);
	return 1;
}

/* Add the sums of @call to those of the function's calls by whatever processes. */
static void lump_call(struct resolver *r, const struct called_function *call)
{
	const struct adder_call_key key = { .code = !call->key.code  ? 0
						    : call->is_known ? call->stack + 2ULL
								     : 1 };
	struct called_function *all = called_get(&r->rest.called, &key);

	r->refused++;
	if (!all)
		return;
	all->stack = call->stack;
	all->is_known = call->is_known;
	all->sums.calls += call->sums.calls;
	all->sums.resumes += call->sums.resumes;
	all->sums.recursive += call->sums.recursive;
	all->sums.self_ns += call->sums.self_ns;
	all->sums.total_ns += call->sums.total_ns;
}

void resolver_end_call(struct resolver *r, const struct adder_call_key *key)
{
	struct process *process = get_process(r, key->serial);
	struct called_function *call = process ? called_find(process->called, key) : NULL;

	if (!call)
		return;
	if (!call->is_hidden && (!r->memory || r->ended_calls < MAX_ENDED(r->memory))) {
		r->ended_calls++;
		return;
	}
	if (!call->is_hidden)
		lump_call(r, call);
	called_drop(&process->called, call);
}

int resolver_find_call(struct resolver *r, const struct adder_call_key *key,
		       struct resolver_called *ret)
{
	const struct called_function *call = get_call(r, key);
	const struct process *process = get_process(r, key->serial);

	if (!call || !call->is_known || call->is_hidden)
		return -ENOENT;
	ret->function = function_of(r, call);
	ret->pid = process->pid;
	ret->process = process->name ? profile_text(r->p, process->name) : NULL;
	return 0;
}

void resolver_hide_call(struct resolver *r, const struct adder_call_key *key)
{
	struct called_function *call = get_call(r, key);

	if (call)
		call->is_hidden = true;
}

void resolver_open_call(struct resolver *r, const struct adder_call_key *key, uint64_t self_ns,
			uint64_t total_ns)
{
	struct process *process = get_process(r, key->serial);
	struct called_function *call = process ? called_find(process->called, key) : NULL;

	if (!call)
		return;
	call->sums.self_ns += self_ns;
	call->sums.total_ns += total_ns;
}

static uint32_t process_labels(struct resolver *r, const struct process *process)
{
	struct profile_label labels[4];
	size_t count = 0;

	labels[count++] = number_label(r->p, "pid", process->pid);
	if (process->name)
		labels[count++] = text_label(r->p, "process", process->name);
	if (process->container)
		labels[count++] = text_label(r->p, "container", process->container);
	if (process->python)
		labels[count++] = text_label(r->p, "python", process->python);
	return profile_labels(r->p, labels, count);
}

/* Where its calls were counted; none of one that could be probed but in part. */
static void finish_calls(struct resolver *r, const struct process *process)
{
	if (process->counted || process->uncounted)
		profile_comment(r->p, "%scounted: %d %s: %s", process->counted ? "" : "un",
				process->pid, profile_text(r->p, process->name),
				profile_text(r->p, process->counted ? process->counted
								    : process->uncounted));
	if (process->called && !process->uncounted)
		called_add(process->called, r->p, process_labels(r, process), process->pid,
			   profile_text(r->p, process->name));
}

void resolver_finish(struct resolver *r, uint64_t tick_ns, struct resolver_totals *ret)
{
	struct accounts_hooks hooks = { .tick_ns = tick_ns,
					.skip = is_dropped,
					.stack = find_stack,
					.labels = make_labels,
					.arg = r };
	struct process *process, *next;

	memset(ret, 0, sizeof(*ret));
	ret->refused = r->refused + accounts_refused(r->accounts) + profile_refused(r->p);
	profile_limit(r->p, 0); /* from here on it is what has come in already */
	ret->life_ns = r->rest.life_ns;
	ret->ticks = r->rest.ticks;
	HASH_ITER (hh, r->processes, process, next) {
		if (process->dropped)
			continue;
		ret->processes++;
		ret->threads += HASH_COUNT(process->threads);
		ret->ticks += process->ticks;
		ret->life_ns += process->life_ns;
	}
	ret->stacks = r->stacks;
	HASH_ITER (hh, r->processes, process, next) {
		if (!process->dropped)
			finish_calls(r, process);
	}
	finish_calls(r, &r->rest);
	ret->unknown_stacks = accounts_settle(r->accounts, r->p, r->places_used, &hooks);
}
