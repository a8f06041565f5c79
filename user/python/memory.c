/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "python/memory.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/uio.h>

#include "../bpf/code.h"
#include "../bpf/runtime.h"
#include "../bpf/tasks.h"
#include "../bpf/unwind.h"

#define MAX_INTERPRETERS 64 /* looked through for the main one */

/* Whose memory the walkers' remote_read() reads: they know no process. */
static pid_t current_pid;

int memory_read(pid_t pid, uint64_t address, void *dst, size_t size)
{
	struct iovec local = { dst, size }, remote = { (void *)address, size };
	ssize_t bytes = process_vm_readv(pid, &local, 1, &remote, 1, 0);

	if (bytes < 0)
		return -errno;
	return (size_t)bytes == size ? 0 : -EFAULT;
}

long remote_read(void *dst, __u32 size, __u64 addr)
{
	return memory_read(current_pid, addr, dst, size);
}

/* The task that the thread runs whose stack has just been walked; NULL: none. */
static struct adder_event_task *read_task(struct adder_process *process,
					  const struct unwind_scratch *walked)
{
	static struct tasks_scratch scratch;

	if (!tasks_read(process, &scratch, walked))
		return NULL;
	tasks_complete(process, &scratch);
	return &scratch.event;
}

/* The stack alone, into @scratch: its hash, or enum adder_stack_id. */
static uint64_t walk(pid_t pid, struct adder_process *process, uint64_t thread_pointer,
		     struct unwind_scratch *scratch, uint32_t *ret_status)
{
	uint64_t id;

	current_pid = pid;
	scratch->interp = scratch->tstate_at = 0;
	*ret_status = UNWIND_NO_PYTHON;
	if (process->phase == ADDER_PHASE_UNREADABLE)
		id = ADDER_STACK_UNREAD;
	else if (runtime_advance(process))
		id = ADDER_STACK_NONE;
	else
		id = unwind_python(scratch, process, thread_pointer, ret_status);
	unwind_learn(process, scratch, thread_pointer);
	if (id >= ADDER_STACK_FIRST_HASH && !scratch->stack.depth)
		id = ADDER_STACK_UNREAD; /* nobody can read on from here */
	return id;
}

void memory_walk(pid_t pid, struct adder_process *process, uint64_t thread_pointer,
		 struct memory_stack *ret)
{
	static struct unwind_scratch scratch;

	ret->event = &scratch.stack;
	ret->id = walk(pid, process, thread_pointer, &scratch, &ret->status);
	ret->tstate = scratch.interp ? scratch.tstate_at : 0;
	ret->interp = scratch.interp;
	ret->task = ret->id >= ADDER_STACK_FIRST_HASH ? read_task(process, &scratch) : NULL;
}

/* Are the innermost frames of @whole those of @torn, where they were?  If it had none: is that the
 * first which could not be read? */
static bool goes_on(const struct adder_event_stack *torn, const struct adder_event_stack *whole)
{
	uint32_t inner = torn->depth < ADDER_INNER_FRAMES ? torn->depth : ADDER_INNER_FRAMES;

	return !whole->torn && whole->depth > torn->depth &&
	       (torn->depth || whole->frames[0].at == torn->rest) &&
	       !memcmp(torn->frames, whole->frames, inner * sizeof(torn->frames[0]));
}

int memory_complete_stack(pid_t pid, struct adder_process *process,
			  const struct adder_event_stack *torn,
			  const struct adder_event_stack **ret)
{
	static struct unwind_scratch whole; /* its own: @torn may be memory_walk()'s */
	uint32_t status;
	uint64_t id = walk(pid, process, torn->thread_pointer, &whole, &status);

	if (id < ADDER_STACK_FIRST_HASH || !goes_on(torn, &whole.stack))
		return -ENOENT;
	whole.stack.hash = torn->hash;
	*ret = &whole.stack;
	return 0;
}

/* The oldest interpreter of a process: the list's last. */
static int find_main_interp(pid_t pid, const struct adder_process *process, uint64_t *ret)
{
	const struct adder_layout *l = &process->binary.layout;
	uint64_t interp, next;
	int err = memory_read(pid, process->runtime + l->rt_interpreters_head, &next, sizeof(next));

	for (int i = 0; !err && next && i < MAX_INTERPRETERS; i++) {
		interp = next;
		err = memory_read(pid, interp + l->interp_next, &next, sizeof(next));
		if (!err && !next) {
			*ret = interp;
			return 0;
		}
	}
	return err ? err : -ENOENT;
}

void memory_find_gil(pid_t pid, struct adder_process *process)
{
	const struct adder_layout *l = &process->binary.layout;
	uint64_t interp, gil;

	current_pid = pid;
	if (process->phase == ADDER_PHASE_UNKNOWN || process->phase == ADDER_PHASE_UNREADABLE)
		return;
	if (runtime_advance(process) || process->gil_end || !l->interp_gil || l->free_threaded)
		return;
	if (find_main_interp(pid, process, &interp) ||
	    memory_read(pid, interp + l->interp_gil, &gil, sizeof(gil)) || !gil)
		return;
	process->gil = gil + l->gil_words;
	process->gil_end = gil + l->gil_bytes;
}

/* From 3.12 on: each interpreter points to its GIL, whose last holder is the one while it is
 * locked. */
static int find_last_holder(pid_t pid, const struct adder_layout *l, uint64_t interp, uint64_t *ret)
{
	uint64_t gil, holder;
	int32_t locked;
	int err;

	if (!interp || !l->interp_gil)
		return -ENOENT;
	err = memory_read(pid, interp + l->interp_gil, &gil, sizeof(gil));
	if (!err && !gil)
		return -ENOENT;
	if (!err)
		err = memory_read(pid, gil + l->gil_locked, &locked, sizeof(locked));
	if (!err)
		err = memory_read(pid, gil + l->gil_last_holder, &holder, sizeof(holder));
	if (!err)
		*ret = locked == 1 ? holder : 0;
	return err;
}

int memory_gil_holder(pid_t pid, const struct adder_process *process, uint64_t interp,
		      uint64_t *ret)
{
	const struct adder_binary *b = &process->binary;
	const struct adder_layout *l = &b->layout;
	uint64_t bias = b->kind == ADDER_BINARY_STATIC ? process->bias : process->lib_bias;

	if (l->free_threaded || process->phase != ADDER_PHASE_READY)
		return -ENOENT;
	if (l->rt_tstate_current)
		return memory_read(pid, process->runtime + l->rt_tstate_current, ret, sizeof(*ret));
	if (b->tstate_current)
		return memory_read(pid, bias + b->tstate_current, ret, sizeof(*ret));
	return find_last_holder(pid, l, interp, ret);
}

static int sign(const struct adder_process *process, uint64_t code, uint32_t *ret)
{
	__u64 words[ADDER_SIGNATURE_MAX / 8], text[UNWIND_TEXT_WORDS];
	struct unwind_file known = { 0 };

	return unwind_signature(&process->binary.layout, words, text, &known, code, ret);
}

int memory_sign_code(pid_t pid, const struct adder_process *process, uint64_t code, uint32_t *ret)
{
	current_pid = pid;
	return sign(process, code, ret) ? -EFAULT : 0;
}

int memory_read_code(pid_t pid, const struct adder_process *process,
		     const struct adder_frame *frame, struct adder_event_code *ret)
{
	uint32_t before, after;

	current_pid = pid;
	if (sign(process, frame->code, &before) || code_read(process, frame, ret) ||
	    sign(process, frame->code, &after))
		return -EFAULT;
	return before == frame->signature && after == frame->signature ? 0 : -ESTALE;
}
