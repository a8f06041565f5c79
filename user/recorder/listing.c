/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "recorder/listing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "profile/profile.h"
#include "recorder/seen.h"
#include "recorder/snapshot.h"
#include "resolve/resolve.h"
#include "resolve/syscall_name.h"

static const char *const state_names[] = {
#define STATE_NAME(id, name, text) [ADDER_STATE_##id] = name,
	ADDER_STATE_LIST(STATE_NAME)
};

static const char *text_or_null(const struct profile *p, uint32_t id)
{
	return id ? profile_text(p, id) : NULL;
}

static struct snapshot_frame describe_frame(const struct profile *p, uint32_t id)
{
	struct profile_location location = profile_location_at(p, id);
	struct profile_function function = profile_function_at(p, location.function);

	return (struct snapshot_frame){
		.function = profile_text(p, function.name),
		.file = profile_text(p, function.filename),
		.line = location.line,
	};
}

static int describe_frames(struct listing *l, const struct profile *p, uint32_t stack,
			   struct snapshot_thread *ret)
{
	const uint32_t *locations = profile_stack_at(p, stack, &ret->frame_count);
	struct snapshot_frame *frames = arena_alloc(&l->pieces, ret->frame_count * sizeof(*frames));

	if (!frames)
		return -ENOMEM;
	for (size_t i = 0; i < ret->frame_count; i++)
		frames[i] = describe_frame(p, locations[i]);
	ret->frames = frames;
	return 0;
}

static struct snapshot_thread describe_thread(const struct profile *p,
					      const struct resolver *resolver,
					      const struct seen_process *process,
					      const struct seen_thread *thread)
{
	const struct adder_known_thread *known = &thread->known;
	uint32_t on = resolver_find_awaited(resolver, process->serial, known->on, known->state);

	struct task_text task = resolver_find_task(resolver, process->serial, thread->task);

	return (struct snapshot_thread){
		.tid = thread->tid,
		.name = profile_text(p, thread->name),
		.state = state_names[known->state < ADDER_STATE_NR ? known->state
								   : ADDER_STATE_OTHER],
		.detail = known->running ? NULL : wait_detail(known->how, known->syscall),
		.on = text_or_null(p, on ? on : thread->on),
		.task = text_or_null(p, task.task),
		.coroutine = text_or_null(p, task.coroutine),
		.awaited_by = text_or_null(p, task.awaited_by),
		.running = known->running,
		.holds_gil = seen_gil_holder(process, thread->interp) == thread,
	};
}

static int describe_threads(struct listing *l, const struct profile *p,
			    const struct resolver *resolver, const struct seen_process *process,
			    struct snapshot_process *ret)
{
	for (size_t i = 0; i < process->count; i++) {
		const struct seen_thread *thread = &process->threads[i];
		struct snapshot_thread *t = &ret->threads[i];
		uint32_t stack;
		int err;

		if (resolver_find_stack(resolver, process->serial, thread->stack, &stack) &&
		    resolver_find_stack(resolver, process->serial, ADDER_STACK_UNREAD, &stack))
			return -ENOENT;
		*t = describe_thread(p, resolver, process, thread);
		err = describe_frames(l, p, stack, t);
		if (err)
			return err;
		ret->thread_count++;
	}
	return 0;
}

/* Tell those who wait for a GIL in which function its holder is; threads are as in @process. */
static void describe_holders(const struct seen_process *process, struct snapshot_process *ret)
{
	for (size_t i = 0; i < process->count; i++) {
		const struct seen_thread *thread = &process->threads[i];
		const struct seen_thread *holder = seen_gil_holder(process, thread->interp);

		if (thread->known.state == ADDER_STATE_GIL && holder)
			ret->threads[i].on =
				ret->threads[holder - process->threads].frames[0].function;
	}
}

static int compare_threads(const void *a, const void *b, void *arg)
{
	pid_t x = ((const struct snapshot_thread *)a)->tid;
	pid_t y = ((const struct snapshot_thread *)b)->tid;
	pid_t first = *(const pid_t *)arg;

	if ((x == first) != (y == first))
		return x == first ? -1 : 1;
	return (x > y) - (x < y);
}

static struct snapshot_process *add(struct listing *l)
{
	struct snapshot_process *moved =
		array_reserve(l->processes, &l->capacity, l->count + 1, sizeof(*moved));

	if (!moved)
		return NULL;
	l->processes = moved;
	return memset(&l->processes[l->count++], 0, sizeof(*moved));
}

int listing_add(struct listing *l, const struct profile *p, const struct resolver *resolver,
		const struct seen_process *process)
{
	struct snapshot_process *ret = add(l);
	int err;

	if (!ret)
		return -ENOMEM;
	ret->pid = process->pid;
	ret->name = profile_text(p, process->name);
	ret->container = text_or_null(p, process->container);
	ret->python = text_or_null(p, process->python);
	ret->problem = process->problem;
	ret->threads = arena_alloc(&l->pieces, process->count * sizeof(*ret->threads));
	if (!ret->threads)
		return -ENOMEM;
	err = describe_threads(l, p, resolver, process, ret);
	if (err)
		return err;
	describe_holders(process, ret);
	qsort_r(ret->threads, ret->thread_count, sizeof(*ret->threads), compare_threads, &ret->pid);
	return 0;
}

int listing_add_problem(struct listing *l, pid_t pid, const char *name, const char *problem)
{
	struct snapshot_process *ret = add(l);

	if (!ret)
		return -ENOMEM;
	ret->pid = pid;
	ret->name = name;
	ret->problem = problem;
	return 0;
}

static int compare_processes(const void *a, const void *b)
{
	pid_t x = ((const struct snapshot_process *)a)->pid;
	pid_t y = ((const struct snapshot_process *)b)->pid;

	return (x > y) - (x < y);
}

void listing_sort(struct listing *l)
{
	if (l->count)
		qsort(l->processes, l->count, sizeof(*l->processes), compare_processes);
}

void listing_done(struct listing *l)
{
	free(l->processes);
	arena_done(&l->pieces);
	memset(l, 0, sizeof(*l));
}
