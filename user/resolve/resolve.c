/* SPDX-License-Identifier: BSD-2-Clause */
#include "resolve/resolve.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/profile.h"
#include "resolve/accounts.h"
#include "resolve/awaited.h"
#include "resolve/call_table.h"
#include "resolve/names.h"
#include "resolve/process_table.h"
#include "resolve/symbolize.h"
#include "resolve/task_names.h"

/* Of the memory, 2/8 are the profile's names and stacks, 3/8 the accounts with the samples that
 * they become, 2/8 what was told and is in use; threads are part of the rest. */
#define PROFILE_BYTES(memory) ((memory) / 8 * 2)
#define MAX_ACCOUNTS(memory)  ((memory) / 8 * 3 / 512)
#define CROWD(memory)         ((memory) / 8 * 2 / 512)
#define MAX_THREADS(memory)   ((memory) / 2048) /* as many processes at the most */
#define MAX_ENDED(memory)     ((memory) / 768)  /* called functions of ended processes */
#define TRIM_COUNT            4096              /* of names and stacks, some 2 MB */

struct resolver {
	struct profile *p;
	struct process_table *processes;
	struct call_table *calls;
	struct awaited *awaited;
	struct accounts *accounts;
	struct resolver_hooks hooks;
	struct symbolizer symbolizer;
	size_t memory; /* limit in bytes; 0: none */
	bool crowded;
	uint64_t stacks;
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
	r->symbolizer = (struct symbolizer){ p, &r->hooks };
	r->memory = memory;
	r->accounts = accounts_new(MAX_ACCOUNTS(memory), profile_stack(p, &full, 1));
	if (!r->accounts)
		return NULL;
	for (int i = 0; i < ADDER_STACK_FIRST_HASH; i++) {
		uint32_t location = profile_pseudo(p, pseudo_names[i]);

		r->pseudo[i] = profile_stack(p, &location, 1);
	}
	r->processes = process_table_new(p, MAX_THREADS(memory), r->pseudo[ADDER_STACK_BEFORE]);
	if (!r->processes)
		return NULL;
	r->calls = call_table_new(r->processes, &r->symbolizer, MAX_ENDED(memory));
	if (!r->calls)
		return NULL;
	profile_limit(p, PROFILE_BYTES(memory));
	return TAKE_PTR(r);
}

void resolver_free(struct resolver *r)
{
	if (!r)
		return;
	call_table_free(r->calls);
	process_table_free(r->processes);
	awaited_free(&r->awaited);
	accounts_free(r->accounts);
	free(r);
}

void resolver_process(struct resolver *r, const struct resolver_process *info)
{
	struct process *process = process_table_get(r->processes, info->serial);
	char version[16];

	if (!process || process == process_table_rest(r->processes))
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
	struct process *process = process_table_get(r->processes, serial);

	if (process)
		process->gone = 1;
}

void resolver_drop(struct resolver *r, uint32_t serial)
{
	struct process *process = process_table_get(r->processes, serial);

	if (process && process != process_table_rest(r->processes))
		process->dropped = 1;
}

void resolver_thread(struct resolver *r, uint32_t serial, uint32_t tid, const char *name)
{
	struct process *process = process_table_get(r->processes, serial);
	struct thread *thread = process && !process->dropped
					? process_table_thread(r->processes, process, tid)
					: NULL;

	if (thread && thread->tid)
		thread->name = profile_string(r->p, name);
}

void resolver_life(struct resolver *r, uint32_t serial, uint64_t ns)
{
	struct process *process = process_table_get(r->processes, serial);

	if (!process)
		return;
	process->life_ns += ns;
	if (process->gone == 1 || process->gone == 3)
		process->gone = 2;
}

void resolver_before(struct resolver *r, const struct adder_ledger_key *key)
{
	struct process *process = process_table_get(r->processes, key->process);
	struct thread *thread =
		process ? process_table_thread(r->processes, process, key->tid) : NULL;

	if (!thread || !thread->tid ||
	    resolver_find_stack(r, key->process, key->stack, &thread->before))
		return;
	thread->before_task = key->task;
	thread->before_state = key->state;
}

void resolver_code(struct resolver *r, const struct adder_event_code *e, size_t size)
{
	struct process *process;

	if (size < offsetof(struct adder_event_code, table_data) ||
	    e->table_bytes > ADDER_TABLE_BYTES ||
	    size < offsetof(struct adder_event_code, table_data) + e->table_bytes)
		return;
	process = process_table_get(r->processes, e->serial);
	if (process && !process->dropped && process->names)
		symbolizer_add_code(&r->symbolizer, process, e);
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
	process = process_table_get(r->processes, e->serial);
	if (!process || process->dropped || !process->names)
		return;
	symbolizer_add_stack(&r->symbolizer, process, e);
	r->stacks++;
}

int resolver_locate(struct resolver *r, uint32_t serial, const struct adder_frame *frame,
		    uint32_t *ret)
{
	struct process *process = process_table_get(r->processes, serial);

	if (!process || process->dropped || !process->names)
		return -ENOENT;
	symbolizer_need_code(&r->symbolizer, process, frame);
	return names_locate(process->names, r->p, frame, ret);
}

/* A function's, which is read from its process if that has not told it; 0 if it can't be. */
static uint32_t code_name(struct resolver *r, const struct adder_event_awaited *e)
{
	const struct adder_frame frame = { .code = e->code, .signature = e->signature };
	struct process *process = process_table_find(r->processes, e->serial);

	if (!process || process->dropped || !process->names)
		return 0;
	symbolizer_need_code(&r->symbolizer, process, &frame);
	return names_code_name(process->names, r->p, e->code, e->signature);
}

void resolver_awaited(struct resolver *r, const struct adder_event_awaited *e, size_t size)
{
	if (size < sizeof(*e) || awaited_is_told(r->awaited, e->id))
		return;
	awaited_add(&r->awaited, r->p, e, e->awaited == ADDER_AWAITED_CODE ? code_name(r, e) : 0);
}

void resolver_task(struct resolver *r, const struct adder_event_task *e, size_t size)
{
	struct process *process;

	if (size < offsetof(struct adder_event_task, chain))
		return;
	process = process_table_get(r->processes, e->serial);
	if (process && process != process_table_rest(r->processes) && !process->dropped)
		task_names_add(process->tasks, r->p, e, size);
}

bool resolver_learn(const struct resolver *r, struct adder_process *ret)
{
	const struct process *process = process_table_find(r->processes, ret->serial);

	if (!process || process->run_code == ret->asyncio.run_code || !process->run_code)
		return false;
	ret->asyncio.run_code = process->run_code;
	return true;
}

/* Whom a wait was for, as the profile's string id; 0 if that is not known. */
static uint32_t awaited_name(const struct resolver *r, const struct process *process,
			     const struct adder_ledger_key *key)
{
	uint32_t stack;

	if (key->on >> 63)
		return names_find_stack(process->names, key->on, &stack)
			       ? 0
			       : names_releaser(r->p, stack);
	return awaited_find(r->awaited, key->on, key->state == ADDER_STATE_CHILD);
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
	struct process *process = process_table_get(r->processes, key->process);
	struct thread *thread;
	struct account_key account = {};

	if (!process || process->dropped)
		return;
	if (key->how == ADDER_HOW_LIFE) {
		process->life_ns += value->wait_ns;
		return;
	}
	thread = process_table_thread(r->processes, process, key->tid);
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
	const struct process *process = process_table_find(r->processes, serial);

	return process && on ? awaited_name(r, process, &key) : 0;
}

struct task_text resolver_find_task(const struct resolver *r, uint32_t serial, uint64_t task)
{
	const struct process *process = process_table_find(r->processes, serial);

	return process ? task_names_find(process->tasks, r->p, task) : (struct task_text){ 0 };
}

int resolver_find_stack(const struct resolver *r, uint32_t serial, uint64_t stack, uint32_t *ret)
{
	struct process *process;

	if (stack < ADDER_STACK_FIRST_HASH) {
		*ret = r->pseudo[stack];
		return 0;
	}
	process = process_table_find(r->processes, serial);
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
		awaited_is_told(r->awaited, id);
		return;
	}
	process = process_table_find(r->processes, serial);
	if (process)
		names_find_stack(process->names, id, &stack);
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
	struct process *process = NULL;

	awaited_sweep(&r->awaited, &r->hooks);
	while ((process = process_table_next(r->processes, process))) {
		struct untelling u = { &r->hooks, process->serial };
		const struct names_sweeper sweeper = { untell_stack, untell_code, &u };

		if (process->names)
			names_sweep(process->names, &sweeper);
	}
}

static size_t count_told(const struct resolver *r)
{
	size_t count = awaited_count(r->awaited);
	struct process *process = NULL;

	while ((process = process_table_next(r->processes, process)))
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
	struct process *process = NULL;

	if (r->crowded)
		sweep_and_trim(r);
	r->crowded = r->memory && count_told(r) > CROWD(r->memory);
	while ((process = process_table_next(r->processes, process))) {
		if (process->gone == 3) {
			names_free(process->names);
			process->names = NULL;
			process->gone = 4;
		} else if (process->gone == 2) {
			process->gone = 3; /* its last stacks may still be on their way */
		}
	}
}

uint64_t resolver_stack_count(const struct resolver *r)
{
	return r->stacks;
}

struct call_table *resolver_calls(struct resolver *r)
{
	return r->calls;
}

static int find_stack(void *arg, uint32_t thread, uint64_t hash, uint32_t *ret)
{
	struct resolver *r = arg;

	return names_find_stack(process_table_at(r->processes, thread)->names, hash, ret);
}

static bool is_dropped(void *arg, uint32_t thread)
{
	struct resolver *r = arg;

	return process_table_at(r->processes, thread)->dropped;
}

static uint32_t make_labels(void *arg, uint32_t thread, const struct account_labels *what)
{
	struct resolver *r = arg;

	return process_table_labels(r->processes, thread, what);
}

void resolver_finish(struct resolver *r, uint64_t tick_ns, struct resolver_totals *ret)
{
	struct accounts_hooks hooks = { .tick_ns = tick_ns,
					.skip = is_dropped,
					.stack = find_stack,
					.labels = make_labels,
					.arg = r };
	const struct process *process = NULL, *rest = process_table_rest(r->processes);

	memset(ret, 0, sizeof(*ret));
	ret->refused = process_table_refused(r->processes) + call_table_refused(r->calls) +
		       accounts_refused(r->accounts) + profile_refused(r->p);
	profile_limit(r->p, 0); /* from here on it is what has come in already */
	ret->life_ns = rest->life_ns;
	ret->ticks = rest->ticks;
	while ((process = process_table_next(r->processes, process))) {
		if (process->dropped)
			continue;
		ret->processes++;
		ret->threads += process_table_thread_count(process);
		ret->ticks += process->ticks;
		ret->life_ns += process->life_ns;
	}
	ret->stacks = r->stacks;
	call_table_finish(r->calls);
	ret->unknown_stacks =
		accounts_settle(r->accounts, r->p, process_table_numbers(r->processes), &hooks);
}
