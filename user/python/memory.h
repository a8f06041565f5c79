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
		*event;  /* as the kernel half would send it; valid until the next call */
	uint64_t tstate; /* address of the thread's PyThreadState; 0: it has none */
	uint64_t interp; /* address of its interpreter, likewise */
	struct adder_event_task *task; /* the asyncio task that it runs, likewise; NULL: none */
};

/**
 * Walk the Python stack of a thread of @pid by the same walker as the kernel half's.
 * The thread should be blocked: of a running one the stack may be torn.  @process may be advanced
 * (runtime.h).  Not thread-safe.
 */
void memory_walk(pid_t pid, struct adder_process *process, uint64_t thread_pointer,
		 struct memory_stack *ret);

/**
 * Walk a stack again whose outer end could not be read, because its memory was paged out.
 * *@ret is the whole stack under the hash of @torn, valid until the next call.  @torn, which may be
 * what memory_walk() gave, is left as it is.
 * 0; -ENOENT if the thread is no longer there, or can't be walked to the end now, either.
 */
int memory_complete_stack(pid_t pid, struct adder_process *process,
			  const struct adder_event_stack *torn,
			  const struct adder_event_stack **ret);

/**
 * Find the GIL of @process's main interpreter where only the interpreter tells (3.12 on), so that a
 * wait for it is known from the futex word alone.  @process may be advanced; it stays as it is
 * where its memory does not tell.
 */
void memory_find_gil(pid_t pid, struct adder_process *process);

/**
 * Find who holds the GIL of the interpreter at @interp: *@ret is the address of a PyThreadState, or
 * 0 if no one does.  0; -ENOENT if there is no GIL, or it is not known where; -errno.
 */
int memory_gil_holder(pid_t pid, const struct adder_process *process, uint64_t interp,
		      uint64_t *ret);

/** The signature of the code object at @code, as it is now.  0 or -EFAULT. */
int memory_sign_code(pid_t pid, const struct adder_process *process, uint64_t code, uint32_t *ret);

/**
 * Read what names a code object, as the kernel half would send it, into @ret.
 * 0; -EFAULT if it can't be read; -ESTALE if the code object there has another signature.
 */
int memory_read_code(pid_t pid, const struct adder_process *process,
		     const struct adder_frame *frame, struct adder_event_code *ret);

#endif
