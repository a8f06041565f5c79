/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Another process's memory, read from outside: never stopped, never written.
 */
#ifndef PYTHON_MEMORY_H
#define PYTHON_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "wire.h"

/** Read all of @size bytes at @address of @pid.  0, -EFAULT, -ESRCH or -EPERM. */
int memory_read(pid_t pid, uint64_t address, void *dst, size_t size);

/** What walking a thread's stack from outside gave. */
struct memory_stack {
	uint64_t id;     /* hash, or enum adder_stack_id */
	uint32_t status; /* enum unwind_status */
	struct adder_event_stack
		*event; /* as the kernel half would send it; valid until the next call */
};

/**
 * Walk the Python stack of a thread of @pid by the same walker as the kernel half's.
 * The thread should be blocked: of a running one the stack may be torn.  @process may be advanced
 * (runtime.h).  Not thread-safe.
 */
void memory_walk(pid_t pid, struct adder_process *process, uint64_t thread_pointer,
		 struct memory_stack *ret);

/**
 * Read what names a code object, as the kernel half would send it, into @ret.
 * 0; -EFAULT if it can't be read; -ESTALE if the code object there has another signature.
 */
int memory_read_code(pid_t pid, const struct adder_process *process,
		     const struct adder_frame *frame, struct adder_event_code *ret);

#endif
