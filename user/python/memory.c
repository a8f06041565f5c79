/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "python/memory.h"

#include <errno.h>
#include <sys/uio.h>

#include "../bpf/code.h"
#include "../bpf/runtime.h"
#include "../bpf/unwind.h"

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

void memory_walk(pid_t pid, struct adder_process *process, uint64_t thread_pointer,
		 struct memory_stack *ret)
{
	static struct unwind_scratch scratch;

	current_pid = pid;
	ret->event = &scratch.stack;
	ret->status = UNWIND_NO_PYTHON;
	if (process->phase == ADDER_PHASE_UNREADABLE)
		ret->id = ADDER_STACK_UNREAD;
	else if (runtime_advance(process))
		ret->id = ADDER_STACK_NONE;
	else
		ret->id = unwind_python(&scratch, process, thread_pointer, &ret->status);
}

int memory_read_code(pid_t pid, const struct adder_process *process,
		     const struct adder_frame *frame, struct adder_event_code *ret)
{
	static struct unwind_scratch scratch;
	struct unwind w = { .layout = &process->binary.layout, .scratch = &scratch };
	__u32 before, after;

	current_pid = pid;
	if (unwind_signature(&w, frame->code, &before) || code_read(process, frame, ret) ||
	    unwind_signature(&w, frame->code, &after))
		return -EFAULT;
	return before == frame->signature && after == frame->signature ? 0 : -ESTALE;
}
