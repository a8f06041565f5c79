/* SPDX-License-Identifier: BSD-2-Clause */
#include "resolve/process_table.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <uthash.h>

#include "base/cleanup.h"
#include "profile/profile.h"
#include "resolve/accounts.h"
#include "resolve/called.h"
#include "resolve/names.h"
#include "resolve/task_names.h"

struct thread_entry {
	struct thread thread;
	UT_hash_handle hh;
};

struct process_entry {
	struct process process;
	struct thread_entry *threads;
	UT_hash_handle hh;
};

/* Where a thread's number leads. */
struct place {
	struct process *process;
	struct thread *thread;
};

struct process_table {
	struct profile *p;
	struct process_entry *all;
	struct process_entry rest; /* stands for all for which there is no room */
	struct place *places;
	uint32_t places_used, places_size;
	size_t max;
	uint32_t before;
	uint64_t refused;
};

DEFINE_CLEANUP(struct process_table *, process_table_free);

static struct process_entry *entry_of(const struct process *process)
{
	return (struct process_entry *)process; /* its first member */
}

struct process_table *process_table_new(struct profile *p, size_t max, uint32_t before)
{
	CLEANUP(process_table_free) struct process_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->p = p;
	t->max = max;
	t->before = before;
	t->rest.process.name = profile_string(p, "[memory full]");
	t->rest.process.tasks = task_names_new();
	return t->rest.process.tasks ? TAKE_PTR(t) : NULL;
}

static void done_process(struct process_entry *entry)
{
	struct thread_entry *thread, *next;

	HASH_ITER (hh, entry->threads, thread, next) {
		HASH_DEL(entry->threads, thread);
		free(thread);
	}
	called_free(&entry->process.called);
	names_free(entry->process.names);
	task_names_free(entry->process.tasks);
}

void process_table_free(struct process_table *t)
{
	struct process_entry *entry, *next;

	if (!t)
		return;
	HASH_ITER (hh, t->all, entry, next) {
		HASH_DEL(t->all, entry);
		done_process(entry);
		free(entry);
	}
	done_process(&t->rest);
	free(t->places);
	free(t);
}

static bool is_full(const struct process_table *t, size_t count)
{
	return t->max && count >= t->max;
}

struct process *process_table_find(const struct process_table *t, uint32_t serial)
{
	struct process_entry *entry;

	HASH_FIND(hh, t->all, &serial, sizeof(serial), entry);
	return entry ? &entry->process : NULL;
}

struct process *process_table_get(struct process_table *t, uint32_t serial)
{
	struct process *process = process_table_find(t, serial);
	struct process_entry *entry;

	if (process)
		return process;
	if (is_full(t, HASH_COUNT(t->all)))
		return &t->rest.process;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	process = &entry->process;
	process->serial = serial;
	process->names = names_new();
	process->tasks = task_names_new();
	if (!process->names || !process->tasks) {
		done_process(entry);
		free(entry);
		return NULL;
	}
	HASH_ADD(hh, t->all, process.serial, sizeof(process->serial), entry);
	return process;
}

struct process *process_table_rest(struct process_table *t)
{
	return &t->rest.process;
}

struct process *process_table_next(const struct process_table *t, const struct process *process)
{
	struct process_entry *entry = process ? entry_of(process)->hh.next : t->all;

	return entry ? &entry->process : NULL;
}

size_t process_table_thread_count(const struct process *process)
{
	return HASH_COUNT(entry_of(process)->threads);
}

static int give_number(struct process_table *t, struct process *process, struct thread *thread)
{
	if (t->places_used == t->places_size) {
		uint32_t size = t->places_size ? 2 * t->places_size : 256;
		struct place *places = reallocarray(t->places, size, sizeof(*places));

		if (!places)
			return -ENOMEM;
		t->places = places;
		t->places_size = size;
	}
	thread->number = t->places_used++;
	t->places[thread->number] = (struct place){ process, thread };
	return 0;
}

struct thread *process_table_thread(struct process_table *t, struct process *process, uint32_t tid)
{
	struct process_entry *of = entry_of(process);
	struct thread_entry *entry;
	struct thread *thread;

	HASH_FIND(hh, of->threads, &tid, sizeof(tid), entry);
	if (entry)
		return &entry->thread;
	if (tid && (of == &t->rest || is_full(t, t->places_used))) {
		t->refused++;
		return process_table_thread(t, process, 0);
	}
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	thread = &entry->thread;
	thread->tid = tid;
	thread->before = t->before;
	thread->name = tid ? 0 : t->rest.process.name;
	if (give_number(t, process, thread)) {
		free(entry);
		return NULL;
	}
	HASH_ADD(hh, of->threads, thread.tid, sizeof(thread->tid), entry);
	return thread;
}

uint32_t process_table_numbers(const struct process_table *t)
{
	return t->places_used;
}

struct process *process_table_at(const struct process_table *t, uint32_t number)
{
	return t->places[number].process;
}

uint64_t process_table_refused(const struct process_table *t)
{
	return t->refused;
}

/* ---- labels ---- */

static struct profile_label text_label(struct profile *p, const char *key, uint32_t text)
{
	return (struct profile_label){ .key = profile_string(p, key), .text = text };
}

static struct profile_label number_label(struct profile *p, const char *key, int64_t number)
{
	return (struct profile_label){ .key = profile_string(p, key), .number = number };
}

uint32_t process_table_labels(const struct process_table *t, uint32_t number,
			      const struct account_labels *what)
{
	const struct process *process = t->places[number].process;
	const struct thread *thread = t->places[number].thread;
	struct task_text task = task_names_find(process->tasks, t->p, what->task);
	struct task_text by = task_names_find(process->tasks, t->p, what->on_task);
	uint32_t on = by.task ? by.task : what->on;
	struct profile_label labels[11];
	size_t count = 0;

	labels[count++] = number_label(t->p, "pid", process->pid);
	labels[count++] = number_label(t->p, "tid", thread->tid);
	if (process->name)
		labels[count++] = text_label(t->p, "process", process->name);
	if (thread->name)
		labels[count++] = text_label(t->p, "thread", thread->name);
	if (process->container)
		labels[count++] = text_label(t->p, "container", process->container);
	if (process->python)
		labels[count++] = text_label(t->p, "python", process->python);
	if (what->detail)
		labels[count++] = text_label(t->p, "detail", what->detail);
	if (on)
		labels[count++] = text_label(t->p, "on", on);
	if (task.task)
		labels[count++] = text_label(t->p, "task", task.task);
	if (task.coroutine)
		labels[count++] = text_label(t->p, "coroutine", task.coroutine);
	if (task.awaited_by)
		labels[count++] = text_label(t->p, "awaited_by", task.awaited_by);
	return profile_labels(t->p, labels, count);
}

uint32_t process_table_process_labels(const struct process_table *t, const struct process *process)
{
	struct profile_label labels[4];
	size_t count = 0;

	labels[count++] = number_label(t->p, "pid", process->pid);
	if (process->name)
		labels[count++] = text_label(t->p, "process", process->name);
	if (process->container)
		labels[count++] = text_label(t->p, "container", process->container);
	if (process->python)
		labels[count++] = text_label(t->p, "python", process->python);
	return profile_labels(t->p, labels, count);
}
