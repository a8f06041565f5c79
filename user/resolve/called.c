/* SPDX-License-Identifier: BSD-2-Clause */
#include "resolve/called.h"

#include <stdlib.h>
#include <uthash.h>

#include "base/cleanup.h"
#include "profile/profile.h"

struct called {
	struct called_function function;
	UT_hash_handle hh;
};

struct called_function *called_find(struct called *all, const struct adder_call_key *key)
{
	struct called *c;

	HASH_FIND(hh, all, key, sizeof(*key), c);
	return c ? &c->function : NULL;
}

struct called_function *called_get(struct called **all, const struct adder_call_key *key)
{
	struct called_function *known = called_find(*all, key);
	struct called *c;

	if (known)
		return known;
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->function.key = *key;
	HASH_ADD(hh, *all, function.key, sizeof(*key), c);
	return &c->function;
}

void called_drop(struct called **all, struct called_function *function)
{
	struct called *c = (struct called *)function; /* its first member */

	HASH_DEL(*all, c);
	free(c);
}

void called_free(struct called **all)
{
	struct called *c, *next;

	HASH_ITER (hh, *all, c, next) {
		HASH_DEL(*all, c);
		free(c);
	}
}

static void add_sums(const struct profile *p, const struct adder_call_sums *sums, int64_t *values)
{
	const struct {
		const char *type;
		int64_t value;
	} list[] = {
		{ "calls", sums->calls },         { "resumes", sums->resumes },
		{ "recursive", sums->recursive }, { "recursive_resumes", sums->recursive_resumes },
		{ "call_self", sums->self_ns },   { "call_total", sums->total_ns },
	};

	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		int type = profile_type_find(p, list[i].type);

		if (type >= 0)
			values[type] += list[i].value;
	}
}

void called_add(const struct called *all, struct profile *p, uint32_t labels, pid_t pid,
		const char *name)
{
	uint32_t unnamed = profile_pseudo(p, "[name not read]");
	bool has_jit = false;

	for (; all; all = all->hh.next) {
		const struct called_function *f = &all->function;
		uint32_t stack = f->is_known ? f->stack : profile_stack(p, &unnamed, 1);
		int64_t *values;

		if (f->is_hidden)
			continue;
		if (!f->key.code) {
			has_jit = true;
			continue;
		}
		values = profile_sample_values(p, stack, labels);
		if (values)
			add_sums(p, &f->sums, values);
	}
	if (has_jit) /* once: where there was no room for processes, many are in one table */
		profile_comment(p,
				"note: %d %s: the JIT is on, calls in its code are not seen: "
				"counts are lower bounds",
				pid, name);
}
