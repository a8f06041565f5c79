/* SPDX-License-Identifier: BSD-2-Clause */
#include "recorder/seen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "proc/process.h"
#include "profile/profile.h"
#include "python/memory.h"
#include "recorder/blocked.h"
#include "resolve/resolve.h"

#define MAX_WALKS 5 /* of a running thread, until two agree */

void seen_done(struct seen_process *process)
{
	free(process->threads);
	process->threads = NULL;
	process->count = process->capacity = 0;
}

/* Where @tid is among the threads, or belongs. */
static size_t find_place(const struct seen_process *process, uint32_t tid)
{
	size_t low = 0, high = process->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (process->threads[middle].tid < tid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Valid until the next call; NULL without memory. */
static struct seen_thread *get_thread(struct seen_process *process, uint32_t tid)
{
	size_t place = find_place(process, tid);
	struct seen_thread *threads = process->threads;

	if (place < process->count && threads[place].tid == tid)
		return &threads[place];
	threads = array_reserve(threads, &process->capacity, process->count + 1, sizeof(*threads));
	if (!threads)
		return NULL;
	process->threads = threads;
	memmove(&threads[place + 1], &threads[place], (process->count - place) * sizeof(*threads));
	process->count++;
	threads[place] = (struct seen_thread){ .tid = tid };
	return &threads[place];
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

/* Walk the stack of a thread that may run: until two walks agree, or it has no Python stack. */
static void walk_running(struct seen_process *process, uint64_t thread_pointer,
			 struct memory_stack *stack)
{
	struct adder_event_stack before;
	bool had = false;

	before.depth = 0;

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

static void read_stack(struct seen_process *process, struct seen_thread *thread,
		       struct resolver *resolver)
{
	struct memory_stack stack;

	do {
		if (is_blocked(&thread->known))
			memory_walk(process->pid, &process->how, thread->known.thread_pointer,
				    &stack);
		else
			walk_running(process, thread->known.thread_pointer, &stack);
		if (stack.id >= ADDER_STACK_FIRST_HASH)
			resolver_stack(resolver, stack.event, sizeof(*stack.event));
	} while (resolver_learn(resolver, &process->how));
	if (stack.task)
		resolver_task(resolver, stack.task, sizeof(*stack.task));
	thread->task = stack.task ? stack.task->id : 0;
	thread->stack = stack.id;
	thread->tstate = stack.tstate;
	thread->interp = stack.interp;
	thread->holder = 0;
	if (thread->tstate)
		memory_gil_holder(process->pid, &process->how, thread->interp, &thread->holder);
}

bool seen_read(struct seen_process *process, const struct adder_known_thread *known,
	       struct resolver *resolver, struct profile *p)
{
	struct seen_thread *thread = get_thread(process, known->tid);
	char on[BLOCKED_ON_BYTES] = "";
	struct process_stat stat;

	if (!thread || thread->settled)
		return true;
	thread->known = *known;
	read_stack(process, thread, resolver);
	/* asked last: what holds now has held since the iterator looked */
	thread->settled = !is_blocked(known) || blocked_complete(&thread->known, on) != -EAGAIN;
	thread->on = on[0] ? profile_string(p, on) : 0;
	if (!process_thread_stat(process->pid, thread->tid, &stat))
		thread->name = profile_string(p, stat.comm);
	return thread->settled;
}

/*
 * Threads are not all read in one moment: of several that held the GIL when they were, the first
 * counts.
 */
const struct seen_thread *seen_gil_holder(const struct seen_process *process, uint64_t interp)
{
	for (size_t i = 0; interp && i < process->count; i++) {
		const struct seen_thread *thread = &process->threads[i];

		if (thread->interp == interp && thread->holder == thread->tstate &&
		    thread->known.state != ADDER_STATE_GIL)
			return thread;
	}
	return NULL;
}
