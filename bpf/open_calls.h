/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long calls take: a thread's open calls, each with its caller and the callee it waits for.
 *
 * They are found by their frame, not by their place on a stack: so greenlets, whose stacks take
 * turns in a thread, don't disturb one another.  A call that an exception ended passes no probe.
 * It is noticed when its caller is seen to run: a frame that runs has no callee.  Whatever happens
 * in a thread (a call, a return, a switch, a tick) says which frame runs.
 *
 * A frame that began before the recording, or that is none of a function, gets an entry without
 * code as long as it has a callee: so a return to it is known for one of that callee.
 *
 * Functions are global: the verifier follows each once.  Before 5.12 they can't take pointers, so
 * that programs for old kernels do without.
 */
#ifndef BPF_OPEN_CALLS_H
#define BPF_OPEN_CALLS_H

#include "maps.h"

#define OPEN_NONE ADDER_OPEN_CALLS

/* A call begins @now. */
struct open_begin {
	__u64 frame, caller, code, now;
	__u32 signature;
	__u32 wants;     /* enum adder_call_wants */
	__u32 recursive; /* what comes of it: is another call of the function open? */
};

#ifndef ADDER_OLD_KERNEL
/* The slot of @frame; OPEN_NONE if it has none. */
extern __u32 open_find(struct adder_open_calls *o, __u64 frame);

/* A call begins.  Its slot, or OPEN_NONE. */
extern __u32 open_call(struct adder_open_calls *o, struct adder_process *p, struct open_begin *b);

/* The call in @slot has ended @now, and whatever it has called. */
extern int open_end(struct adder_open_calls *o, __u32 slot, __u64 now);

/* The frame of @slot runs: if there still is an open call from it, an exception has ended that. */
extern int open_runs(struct adder_open_calls *o, __u32 slot, __u64 now);

/* The current thread, of @p, runs what it runs: exceptions may have ended calls. */
extern int open_settle(struct adder_process *p, __u64 thread_pointer, __u64 now);

/* The current thread, which until now was called @tid, ends or enters another program: so have its
 * calls ended. */
extern int open_bury(__u32 tid, __u64 now);

/* The current thread is about to be switched out (where slow calls are told). */
extern int open_stint(__u64 now);

/* Note what a call begins with: the code object of its caller, and at @argument the address of its
 * first local variable.  An object's value begins behind @head bytes. */
extern int open_mark(struct adder_open_calls *o, const struct open_begin *b, __u64 caller,
		     __u64 argument, __u32 head);
#else
static __always_inline __u32 open_find(struct adder_open_calls *o, __u64 frame)
{
	return OPEN_NONE;
}

static __always_inline __u32 open_call(struct adder_open_calls *o, struct adder_process *p,
				       struct open_begin *b)
{
	return OPEN_NONE;
}

static __always_inline int open_end(struct adder_open_calls *o, __u32 slot, __u64 now)
{
	return 0;
}

static __always_inline int open_runs(struct adder_open_calls *o, __u32 slot, __u64 now)
{
	return 0;
}

static __always_inline int open_settle(struct adder_process *p, __u64 thread_pointer, __u64 now)
{
	return 0;
}

static __always_inline int open_bury(__u32 tid, __u64 now)
{
	return 0;
}

static __always_inline int open_stint(__u64 now)
{
	return 0;
}

static __always_inline int open_mark(struct adder_open_calls *o, const struct open_begin *b,
				     __u64 caller, __u64 argument, __u32 head)
{
	return 0;
}
#endif

static __always_inline struct adder_open_call *open_at(struct adder_open_calls *o, __u32 slot)
{
	slot &= ADDER_OPEN_CALLS - 1;
	barrier_var(slot);
	return &o->calls[slot];
}

#endif
