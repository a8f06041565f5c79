/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ledger's sums of a whole recording, and the splitting of CPU time.
 */
#ifndef RESOLVE_ACCOUNTS_H
#define RESOLVE_ACCOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

struct profile;
struct accounts;

/** What time is added up under. */
struct account_key {
	uint64_t stack;  /* the profile's id; or a hash that is not known yet, with bit 63 set */
	uint64_t on;     /* the profile's string id of what is waited for; 0: unknown.  Of
			  * ADDER_HOW_READY: the id of the task that had the loop */
	uint64_t task;   /* id of the asyncio task that the thread was in; 0: none */
	uint32_t thread; /* number of the thread, from 0, as the caller counts them */
	uint16_t syscall;
	uint8_t state, how;
};

/** Look up what was not known when it was added: 0 or -ENOENT. */
typedef int (*accounts_stack_fn)(void *arg, uint32_t thread, uint64_t hash, uint32_t *ret);

/** What a sample's labels say beside whose it is; 0: nothing. */
struct account_labels {
	uint32_t detail, on; /* the profile's string ids */
	uint64_t task;       /* id, as in the key */
	uint64_t on_task;    /* in place of @on: id of a task */
};

/** The profile's set of labels of a thread with @what. */
typedef uint32_t (*accounts_labels_fn)(void *arg, uint32_t thread,
				       const struct account_labels *what);

/** At most about @max of them (0: any number): beyond, what is new goes under the stack @full. */
struct accounts *accounts_new(size_t max, uint32_t full);
void accounts_free(struct accounts *a);

/** Add @value under @key.  0, or -ENOMEM. */
int accounts_add(struct accounts *a, const struct account_key *key,
		 const struct adder_ledger_value *value);

/** How often something went under @full for want of room. */
uint64_t accounts_refused(const struct accounts *a);

/** Is @thread of a process that was left out after all? */
typedef bool (*accounts_skip_fn)(void *arg, uint32_t thread);

struct accounts_hooks {
	uint64_t tick_ns; /* period of the sampling clock */
	accounts_skip_fn skip;
	accounts_stack_fn stack;
	accounts_labels_fn labels;
	void *arg;
};

/**
 * Turn all into samples of @p, the CPU time of the @threads threads split by their ticks
 * (shares.h).  Returns the number of accounts whose stack was never told.
 */
uint64_t accounts_settle(struct accounts *a, struct profile *p, uint32_t threads,
			 const struct accounts_hooks *hooks);

#endif
