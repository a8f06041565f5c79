/* SPDX-License-Identifier: BSD-2-Clause */
#include "resolve/call_table.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "profile/profile.h"
#include "resolve/called.h"
#include "resolve/names.h"
#include "resolve/process_table.h"
#include "resolve/symbolize.h"

struct call_table {
	struct profile *p;
	struct process_table *processes;
	const struct symbolizer *symbolizer;
	size_t max_ended, ended; /* functions that ended processes had called, by process */
	uint64_t refused;
};

struct call_table *call_table_new(struct process_table *processes,
				  const struct symbolizer *symbolizer, size_t max_ended)
{
	struct call_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->p = symbolizer->p;
	t->processes = processes;
	t->symbolizer = symbolizer;
	t->max_ended = max_ended;
	return t;
}

void call_table_free(struct call_table *t)
{
	free(t);
}

uint64_t call_table_refused(const struct call_table *t)
{
	return t->refused;
}

/* Which it is, if that is not known yet. */
static void find_function(struct call_table *t, struct process *process,
			  struct called_function *call)
{
	struct adder_frame frame = { .code = call->key.code, .signature = call->key.signature };
	int err;

	if (call->is_known || !call->key.code || !process->names)
		return;
	symbolizer_need_code(t->symbolizer, process, &frame);
	err = names_function_stack(process->names, t->p, frame.code, frame.signature, &call->stack);
	call->is_known = err != -ENOENT;
	call->is_hidden = err == -ESRCH;
}

/* NULL if its process is not in the profile, or without memory. */
static struct called_function *get_call(struct call_table *t, const struct adder_call_key *key)
{
	struct process *process = process_table_get(t->processes, key->serial);
	struct called_function *call;

	if (!process || process->dropped)
		return NULL;
	call = called_get(&process->called, key);
	if (call)
		find_function(t, process, call);
	return call;
}

/* One that has been added, or NULL; and its process, which may be the rest. */
static struct called_function *find_call(struct call_table *t, const struct adder_call_key *key,
					 struct process **ret_process)
{
	struct process *process = process_table_find(t->processes, key->serial);

	*ret_process = process ? process : process_table_rest(t->processes);
	return (*ret_process)->dropped ? NULL : called_find((*ret_process)->called, key);
}

static uint32_t function_of(const struct call_table *t, const struct called_function *call)
{
	size_t depth;

	return profile_location_at(t->p, *profile_stack_at(t->p, call->stack, &depth)).function;
}

int call_table_add(struct call_table *t, const struct adder_call_key *key,
		   const struct adder_call_sums *sums, uint32_t *function)
{
	struct called_function *call = get_call(t, key);

	if (!call)
		return -ENOENT;
	call->sums = *sums;
	if (!call->is_known || call->is_hidden || call->is_told)
		return 0;
	call->is_told = true;
	*function = function_of(t, call);
	return 1;
}

/* Add the sums of @call to those of the function's calls by whatever processes. */
static void lump_call(struct call_table *t, const struct called_function *call)
{
	const struct adder_call_key key = { .code = !call->key.code  ? 0
						    : call->is_known ? call->stack + 2ULL
								     : 1 };
	struct called_function *all = called_get(&process_table_rest(t->processes)->called, &key);

	t->refused++;
	if (!all)
		return;
	all->stack = call->stack;
	all->is_known = call->is_known;
	all->sums.calls += call->sums.calls;
	all->sums.resumes += call->sums.resumes;
	all->sums.recursive += call->sums.recursive;
	all->sums.recursive_resumes += call->sums.recursive_resumes;
	all->sums.self_ns += call->sums.self_ns;
	all->sums.total_ns += call->sums.total_ns;
}

void call_table_end(struct call_table *t, const struct adder_call_key *key)
{
	struct process *process;
	struct called_function *call = find_call(t, key, &process);

	if (!call)
		return;
	if (!call->is_hidden && (!t->max_ended || t->ended < t->max_ended)) {
		t->ended++;
		return;
	}
	if (!call->is_hidden)
		lump_call(t, call);
	called_drop(&process->called, call);
}

int call_table_find(struct call_table *t, const struct adder_call_key *key,
		    struct call_table_function *ret)
{
	struct process *process;
	struct called_function *call = find_call(t, key, &process);

	if (call)
		find_function(t, process, call);
	if (!call || !call->is_known || call->is_hidden)
		return -ENOENT;
	ret->function = function_of(t, call);
	ret->pid = process->pid;
	ret->process = process->name ? profile_text(t->p, process->name) : NULL;
	return 0;
}

void call_table_hide(struct call_table *t, const struct adder_call_key *key)
{
	struct process *process;
	struct called_function *call = find_call(t, key, &process);

	if (call)
		call->is_hidden = true;
}

void call_table_add_open(struct call_table *t, const struct adder_call_key *key, uint64_t self_ns,
			 uint64_t total_ns)
{
	struct process *process;
	struct called_function *call = find_call(t, key, &process);

	if (!call)
		return;
	call->sums.self_ns += self_ns;
	call->sums.total_ns += total_ns;
}

/* Where its calls were counted; none of one that could be probed but in part. */
static void finish(struct call_table *t, const struct process *process)
{
	if (process->counted || process->uncounted)
		profile_comment(t->p, "%scounted: %d %s: %s", process->counted ? "" : "un",
				process->pid, profile_text(t->p, process->name),
				profile_text(t->p, process->counted ? process->counted
								    : process->uncounted));
	if (process->called && !process->uncounted)
		called_add(process->called, t->p,
			   process_table_process_labels(t->processes, process), process->pid,
			   profile_text(t->p, process->name));
}

void call_table_finish(struct call_table *t)
{
	struct process *process = NULL;

	while ((process = process_table_next(t->processes, process))) {
		if (!process->dropped)
			finish(t, process);
	}
	finish(t, process_table_rest(t->processes));
}
