/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From what the kernel half sent to named samples: addresses and serials end here.
 *
 * Time comes in by stack, as exact waits and bursts of CPU time; ticks come in as counts.  At the
 * end each thread's exact CPU time is split over its stacks in proportion to their ticks.
 */
#ifndef RESOLVE_RESOLVE_H
#define RESOLVE_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "resolve/hooks.h"
#include "resolve/task_names.h"
#include "wire.h"

struct call_table;
struct profile;
struct resolver;

/** A process as the profile will show it; texts are copied. */
struct resolver_process {
	uint32_t serial;
	pid_t pid;
	const char *name;      /* what a person would call it */
	const char *container; /* label, or NULL for the host */
	uint16_t version;      /* 0x030b; 0 while unknown */
	const char *counted;   /* where its calls are counted, or NULL ... */
	const char *uncounted; /* ... with why they are not; or NULL */
};

/**
 * A resolver that adds to @p, which must have adder's types and outlive it.  It and @p take about
 * @memory_bytes at the most (0: no limit).  NULL without memory.
 */
struct resolver *resolver_new(struct profile *p, const struct resolver_hooks *hooks,
			      size_t memory_bytes);
void resolver_free(struct resolver *r);
DEFINE_CLEANUP(struct resolver *, resolver_free);

/** Name a process, or name it again.  Without this it is shown by its pid alone. */
void resolver_process(struct resolver *r, const struct resolver_process *process);

/** The process is gone.  Its threads may be long in going: their lives are told after that, and the
 * names are not asked for two drains after the last one. */
void resolver_process_gone(struct resolver *r, uint32_t serial);

/** Leave the process out: it was not asked for after all. */
void resolver_drop(struct resolver *r, uint32_t serial);

/** Name a thread; the last name counts. */
void resolver_thread(struct resolver *r, uint32_t serial, uint32_t tid, const char *name);

/** A thread of @serial was in the recording for @ns more: what its states must sum to. */
void resolver_life(struct resolver *r, uint32_t serial, uint64_t ns);

/** A code object; @size bytes of event, untrusted. */
void resolver_code(struct resolver *r, const struct adder_event_code *event, size_t size);

/** A stack; @size bytes of event, untrusted. */
void resolver_stack(struct resolver *r, const struct adder_event_stack *event, size_t size);

/** For whom or what threads wait: what an id in later keys means; untrusted. */
void resolver_awaited(struct resolver *r, const struct adder_event_awaited *event, size_t size);

/** An asyncio task: what an id in later keys means; untrusted. */
void resolver_task(struct resolver *r, const struct adder_event_task *event, size_t size);

/**
 * Complete @process by what its code objects told so far, for walks of it from outside: where tasks
 * are run.  True if that is news.
 */
bool resolver_learn(const struct resolver *r, struct adder_process *process);

/** Time and ticks. */
void resolver_add(struct resolver *r, const struct adder_ledger_key *key,
		  const struct adder_ledger_value *value);

/** What has been counted of calls: the resolver's. */
struct call_table *resolver_calls(struct resolver *r);

/**
 * Stack, task and state of @key are those in which its thread was blocked at the beginning: its
 * ADDER_STACK_BEFORE.
 */
void resolver_before(struct resolver *r, const struct adder_ledger_key *key);

/**
 * The profile's id of the stack that process @serial has told under @stack: a hash, or enum
 * adder_stack_id.  0, or -ENOENT.
 */
int resolver_find_stack(const struct resolver *r, uint32_t serial, uint64_t stack, uint32_t *ret);

/**
 * The profile's id of the location of @frame of process @serial, whose code object is read from
 * there if it was not told.  0; -ENOENT if it can't be read; -ESRCH if it is no function of the
 * program.
 */
int resolver_locate(struct resolver *r, uint32_t serial, const struct adder_frame *frame,
		    uint32_t *ret);

/**
 * The text of what was told under @on, as it is named where @serial waits for it in @state: the
 * profile's string id, or 0 if it was not told.
 */
uint32_t resolver_find_awaited(const struct resolver *r, uint32_t serial, uint64_t on,
			       enum adder_state state);

/** What was told of @task of process @serial. */
struct task_text resolver_find_task(const struct resolver *r, uint32_t serial, uint64_t task);

/**
 * True if so much has been told that resolver_drained() will let go of what is not in use: by then
 * resolver_hold() must have been called for what the threads' records refer to.
 */
bool resolver_is_crowded(const struct resolver *r);

/** What was told under @id, a stack's or an awaited one's, is in use by process @serial. */
void resolver_hold(struct resolver *r, uint32_t serial, uint64_t id);

/** All of a drain has been added: what gone processes left can go. */
void resolver_drained(struct resolver *r);

/** Stacks told so far. */
uint64_t resolver_stack_count(const struct resolver *r);

struct resolver_totals {
	uint64_t processes, threads, stacks, ticks;
	uint64_t life_ns;        /* of all threads */
	uint64_t unknown_stacks; /* intervals and ticks whose stack never came */
	uint64_t refused;        /* functions, stacks, threads ... for which there was no room */
};

/** Split the CPU time by ticks of @tick_ns each, and add all samples to the profile. */
void resolver_finish(struct resolver *r, uint64_t tick_ns, struct resolver_totals *ret);

#endif
