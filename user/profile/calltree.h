/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The samples of a profile merged into one tree of calls, root first: what trees, folded stacks
 * and flame graphs show.  Frames are merged by function, not by line.
 *
 * Nodes are numbers; node 0 is the root, and stands for "none" as a child or sibling.
 */
#ifndef PROFILE_CALLTREE_H
#define PROFILE_CALLTREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct profile;
struct calltree;

/* Whoever walks the tree may recurse: what is deeper is charged to the last frame kept. */
enum { CALLTREE_DEPTH_MAX = 2048 };

/** What the children of the root are. */
enum calltree_roots {
	CALLTREE_FUNCTIONS, /* the stacks' outermost frames */
	CALLTREE_PROGRAMS,  /* processes of one name together */
	CALLTREE_PROCESSES, /* each process for itself */
};

/** What is summed: @count numbers made by @measure of a sample's @values. */
struct calltree_measure {
	size_t count;
	void (*measure)(const void *context, const int64_t *values, int64_t *ret);
	const void *context;
};

struct calltree_node {
	uint32_t parent, child, next;
	uint32_t id; /* function; of a process: a label set that names it */
	bool is_process;
};

/**
 * Build the tree of @p's samples.  Processes and programs are merged into functions if @p's
 * samples do not say which process they are of.  0 or -ENOMEM.  @p must outlive the tree.
 */
int calltree_new(const struct profile *p, enum calltree_roots roots,
		 const struct calltree_measure *measure, struct calltree **ret);
void calltree_free(struct calltree *t);
DEFINE_CLEANUP(struct calltree *, calltree_free);

/** Order all siblings by total of measure @by, largest first, then by name. */
void calltree_sort(struct calltree *t, size_t by);

const struct calltree_node *calltree_node(const struct calltree *t, uint32_t node);

/** Time of samples whose leaf is @node: one number a measure. */
const int64_t *calltree_self(const struct calltree *t, uint32_t node);

/** Time of samples that go through @node: one number a measure. */
const int64_t *calltree_total(const struct calltree *t, uint32_t node);

/** Number of nodes, the root included. */
size_t calltree_count(const struct calltree *t);

#endif
