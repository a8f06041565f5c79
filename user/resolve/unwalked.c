/* SPDX-License-Identifier: BSD-2-Clause */
#include "resolve/unwalked.h"

#include <stdlib.h>

#include "base/tally.h"

struct group_key {
	uint32_t thread, state;
};

struct group {
	uint64_t weight_ns, given_weight_ns;
	struct unwalked_time time, given;
};

struct unwalked {
	struct tally groups; /* struct group by struct group_key */
};

struct unwalked *unwalked_new(void)
{
	struct unwalked *u = calloc(1, sizeof(*u));

	if (u)
		u->groups.size = sizeof(struct group);
	return u;
}

void unwalked_free(struct unwalked *u)
{
	if (!u)
		return;
	tally_done(&u->groups);
	free(u);
}

static struct group *find(const struct unwalked *u, uint32_t thread, uint32_t state)
{
	struct group_key key = { thread, state };

	return tally_find(&u->groups, &key, sizeof(key));
}

static struct group *get(struct unwalked *u, uint32_t thread, uint32_t state)
{
	struct group_key key = { thread, state };

	return tally_get(&u->groups, &key, sizeof(key));
}

void unwalked_add(struct unwalked *u, uint32_t thread, uint32_t state,
		  const struct unwalked_time *time)
{
	struct group *group = get(u, thread, state);

	if (!group)
		return;
	group->time.wait_ns += time->wait_ns;
	group->time.runq_ns += time->runq_ns;
	group->time.throttled_ns += time->throttled_ns;
	group->time.cpu_ns += time->cpu_ns;
}

void unwalked_add_weight(struct unwalked *u, uint32_t thread, uint32_t state, uint64_t ns)
{
	struct group *group = ns ? get(u, thread, state) : NULL;

	if (group)
		group->weight_ns += ns;
}

int unwalked_is_alone(const struct unwalked *u, uint32_t thread, uint32_t state)
{
	const struct group *group = find(u, thread, state);

	return !group || !group->weight_ns;
}

/* The part of @total up to where the weights have been given, less what was given before. */
static uint64_t next_part(const struct group *group, uint64_t total, uint64_t *given)
{
	uint64_t part =
		(uint64_t)((__uint128_t)total * group->given_weight_ns / group->weight_ns) - *given;

	*given += part;
	return part;
}

void unwalked_take(struct unwalked *u, uint32_t thread, uint32_t state, uint64_t ns,
		   struct unwalked_time *ret)
{
	struct group *group = ns ? find(u, thread, state) : NULL;

	*ret = (struct unwalked_time){};
	if (!group || !group->weight_ns)
		return;
	group->given_weight_ns += ns;
	ret->wait_ns = next_part(group, group->time.wait_ns, &group->given.wait_ns);
	ret->runq_ns = next_part(group, group->time.runq_ns, &group->given.runq_ns);
	ret->throttled_ns = next_part(group, group->time.throttled_ns, &group->given.throttled_ns);
	ret->cpu_ns = next_part(group, group->time.cpu_ns, &group->given.cpu_ns);
}
