/* SPDX-License-Identifier: BSD-2-Clause */
#include "recorder/nesting.h"

#include <stdlib.h>
#include <uthash.h>

#define DEPTHS 64 /* that are told apart; imports rarely go beyond thirty */

struct key {
	uint32_t serial, tid;
};

/* A thread that is in an interval, as far as one within it has ended. */
struct thread {
	struct key key;
	uint64_t within[DEPTHS + 1]; /* at each depth, those that no outer one has counted yet */
	UT_hash_handle hh;
};

struct nesting {
	struct thread *threads;
};

struct nesting *nesting_new(void)
{
	return calloc(1, sizeof(struct nesting));
}

static void drop(struct nesting *n, struct thread *thread)
{
	HASH_DEL(n->threads, thread);
	free(thread);
}

void nesting_free(struct nesting *n)
{
	struct thread *thread, *next;

	if (!n)
		return;
	HASH_ITER (hh, n->threads, thread, next)
		drop(n, thread);
	free(n);
}

static struct thread *find(struct nesting *n, const struct key *key)
{
	struct thread *thread;

	HASH_FIND(hh, n->threads, key, sizeof(*key), thread);
	return thread;
}

static struct thread *add(struct nesting *n, const struct key *key)
{
	struct thread *thread = calloc(1, sizeof(*thread));

	if (!thread)
		return NULL;
	thread->key = *key;
	HASH_ADD(hh, n->threads, key, sizeof(thread->key), thread);
	return thread;
}

uint64_t nesting_end(struct nesting *n, uint32_t serial, uint32_t tid, uint32_t depth, uint64_t ns)
{
	const struct key key = { serial, tid };
	struct thread *thread = find(n, &key);
	uint64_t within;

	if (!thread && depth)
		thread = add(n, &key);
	if (!thread || depth >= DEPTHS)
		return ns;
	within = thread->within[depth + 1];
	if (depth) {
		thread->within[depth + 1] = 0;
		thread->within[depth] += ns;
	} else {
		drop(n, thread);
	}
	return within < ns ? ns - within : 0;
}

void nesting_forget(struct nesting *n, uint32_t serial)
{
	struct thread *thread, *next;

	HASH_ITER (hh, n->threads, thread, next) {
		if (thread->key.serial == serial)
			drop(n, thread);
	}
}
