/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "profile/calltree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/tally.h"
#include "profile/describe.h"
#include "profile/profile.h"

/* Finds a child by its parent and what it is. */
struct edge {
	uint32_t parent, id;
};

struct calltree {
	const struct profile *p;
	struct calltree_measure measure;
	size_t count, room;
	struct calltree_node *nodes;
	int64_t *sums;       /* a node: self, then total */
	struct tally edges;  /* a uint32_t, the child, by struct edge */
	uint32_t *processes; /* a label set: the one that stands for its process */
};

void calltree_free(struct calltree *t)
{
	if (!t)
		return;
	tally_done(&t->edges);
	free(t->nodes);
	free(t->sums);
	free(t->processes);
	free(t);
}

static int64_t *sums_at(const struct calltree *t, uint32_t node)
{
	return t->sums + (size_t)node * 2 * t->measure.count;
}

static int make_room(struct calltree *t)
{
	size_t room = t->room ? t->room * 2 : 256, width = 2 * t->measure.count;
	struct calltree_node *nodes;
	int64_t *sums;

	if (t->count < t->room)
		return 0;
	nodes = reallocarray(t->nodes, room, sizeof(*nodes));
	if (!nodes)
		return -ENOMEM;
	t->nodes = nodes;
	sums = reallocarray(t->sums, room, width * sizeof(*sums));
	if (!sums)
		return -ENOMEM;
	memset(sums + t->room * width, 0, (room - t->room) * width * sizeof(*sums));
	t->sums = sums;
	t->room = room;
	return 0;
}

/* A new last node below @parent, or 0 without memory. */
static uint32_t add_node(struct calltree *t, uint32_t parent, uint32_t id, bool is_process)
{
	if (make_room(t))
		return 0;
	t->nodes[t->count] =
		(struct calltree_node){ .parent = parent, .id = id, .is_process = is_process };
	if (t->count > 0) {
		t->nodes[t->count].next = t->nodes[parent].child;
		t->nodes[parent].child = t->count;
	}
	return t->count++;
}

/* The child of @parent that is @id, made at first sight; 0 without memory. */
static uint32_t child_of(struct calltree *t, uint32_t parent, uint32_t id, bool is_process)
{
	struct edge edge = { parent, id };
	uint32_t *child = tally_get(&t->edges, &edge, sizeof(edge));

	if (!child)
		return 0;
	if (!*child) /* the root is no one's child */
		*child = add_node(t, parent, id, is_process);
	return *child;
}

/* Sums of a hostile file may overflow: they stay at the end of the scale. */
static void add_to(int64_t *sums, const int64_t *values, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (__builtin_add_overflow(sums[i], values[i], &sums[i]))
			sums[i] = values[i] < 0 ? INT64_MIN : INT64_MAX;
	}
}

static bool all_zero(const int64_t *values, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (values[i])
			return false;
	}
	return true;
}

static int add_sample(struct calltree *t, struct profile_sample sample, const int64_t *values)
{
	size_t depth, width = t->measure.count;
	const uint32_t *stack = profile_stack_at(t->p, sample.stack, &depth);
	size_t least = depth > CALLTREE_DEPTH_MAX ? depth - CALLTREE_DEPTH_MAX : 0;
	uint32_t node = 0;

	add_to(sums_at(t, 0) + width, values, width);
	if (t->processes) {
		node = child_of(t, 0, t->processes[sample.labels], true);
		if (!node)
			return -ENOMEM;
		add_to(sums_at(t, node) + width, values, width);
	}
	for (size_t i = depth; i-- > least;) {
		node = child_of(t, node, profile_location_at(t->p, stack[i]).function, false);
		if (!node)
			return -ENOMEM;
		add_to(sums_at(t, node) + width, values, width);
	}
	add_to(sums_at(t, node), values, width);
	return 0;
}

/* One label set for each process or program: the first that names it. */
struct named {
	char *name;
	uint32_t labels;
	UT_hash_handle hh;
};

static int name_process(struct calltree *t, enum calltree_roots roots, struct named **known,
			uint32_t labels)
{
	const char *process = profile_label_text(t->p, labels, "process");
	struct named *found;
	char name[512];

	if (roots == CALLTREE_PROGRAMS && process)
		snprintf(name, sizeof(name), "%s", process);
	else
		describe_process(name, sizeof(name), t->p, labels);
	HASH_FIND_STR(*known, name, found);
	if (!found) {
		found = calloc(1, sizeof(*found));
		if (!found)
			return -ENOMEM;
		found->name = strdup(name);
		if (!found->name) {
			free(found);
			return -ENOMEM;
		}
		found->labels = labels;
		HASH_ADD_KEYPTR(hh, *known, found->name, strlen(found->name), found);
	}
	t->processes[labels] = found->labels;
	return 0;
}

static int name_processes(struct calltree *t, enum calltree_roots roots)
{
	struct named *known = NULL, *one, *next;
	size_t count = profile_labels_count(t->p);
	int err = 0;

	t->processes = calloc(count + 1, sizeof(*t->processes));
	if (!t->processes)
		return -ENOMEM;
	for (size_t i = 0; i < count && !err; i++)
		err = name_process(t, roots, &known, i);
	HASH_ITER (hh, known, one, next) {
		HASH_DEL(known, one);
		free(one->name);
		free(one);
	}
	return err;
}

static int add_samples(struct calltree *t)
{
	cleanup_free int64_t *values = calloc(t->measure.count, sizeof(*values));
	int err = values ? 0 : -ENOMEM;

	for (size_t i = 0; i < profile_sample_count(t->p) && !err; i++) {
		struct profile_sample sample = profile_sample_at(t->p, i);

		t->measure.measure(t->measure.context, sample.values, values);
		if (!all_zero(values, t->measure.count))
			err = add_sample(t, sample, values);
	}
	return err;
}

int calltree_new(const struct profile *p, enum calltree_roots roots,
		 const struct calltree_measure *measure, struct calltree **ret)
{
	CLEANUP(calltree_free) struct calltree *t = calloc(1, sizeof(*t));
	int err;

	if (!t)
		return -ENOMEM;
	t->p = p;
	t->measure = *measure;
	t->edges.size = sizeof(uint32_t);
	add_node(t, 0, 0, false);
	if (t->count == 0)
		return -ENOMEM;
	if (roots != CALLTREE_FUNCTIONS && describe_has_processes(p)) {
		err = name_processes(t, roots);
		if (err)
			return err;
	}
	err = add_samples(t);
	if (!err)
		*ret = TAKE_PTR(t);
	return err;
}

struct order {
	const struct calltree *t;
	size_t by;
};

static const char *name_of(const struct calltree *t, const struct calltree_node *node)
{
	const char *process;

	if (!node->is_process)
		return profile_text(t->p, profile_function_at(t->p, node->id).name);
	process = profile_label_text(t->p, node->id, "process");
	return process ? process : "";
}

static int compare(const void *a, const void *b, void *context)
{
	const struct order *order = context;
	const struct calltree *t = order->t;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	const struct calltree_node *nx = &t->nodes[x], *ny = &t->nodes[y];
	int64_t tx = calltree_total(t, x)[order->by], ty = calltree_total(t, y)[order->by];
	int names;

	if (nx->parent != ny->parent)
		return nx->parent < ny->parent ? -1 : 1;
	if (tx != ty)
		return tx > ty ? -1 : 1;
	names = strcmp(name_of(t, nx), name_of(t, ny));
	return names ? names : (x > y) - (x < y);
}

void calltree_sort(struct calltree *t, size_t by)
{
	struct order order = { t, by };
	cleanup_free uint32_t *nodes = calloc(t->count, sizeof(*nodes));

	if (!nodes)
		return;
	for (size_t i = 1; i < t->count; i++)
		nodes[i - 1] = i;
	qsort_r(nodes, t->count - 1, sizeof(*nodes), compare, &order);
	for (size_t i = 0; i < t->count; i++)
		t->nodes[i].child = t->nodes[i].next = 0;
	for (size_t i = t->count - 1; i-- > 0;) {
		struct calltree_node *parent = &t->nodes[t->nodes[nodes[i]].parent];

		t->nodes[nodes[i]].next = parent->child;
		parent->child = nodes[i];
	}
}

const struct calltree_node *calltree_node(const struct calltree *t, uint32_t node)
{
	return &t->nodes[node];
}

const int64_t *calltree_self(const struct calltree *t, uint32_t node)
{
	return sums_at(t, node);
}

const int64_t *calltree_total(const struct calltree *t, uint32_t node)
{
	return sums_at(t, node) + t->measure.count;
}

size_t calltree_count(const struct calltree *t)
{
	return t->count;
}
