/* SPDX-License-Identifier: BSD-2-Clause */
#include "resolve/task_names.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "profile/profile.h"
#include "python/unicode.h"

/* Latin-1 grows to twice its size in UTF-8; an ellipsis and a NUL may follow. */
#define TEXT_BYTES  (2 * ADDER_TASK_CORO_BYTES + 8)
#define LABEL_BYTES (2 * TEXT_BYTES)
#define OTHER_TASKS "[other tasks]"

struct task {
	uint64_t number;
	uint32_t named;      /* enum adder_task_name */
	uint32_t name, coro; /* the profile's string ids; 0: none */
};

struct known {
	uint64_t id;
	uint32_t depth; /* of @chain */
	bool goes_on;   /* more tasks await the last */
	UT_hash_handle hh;
	struct task chain[];
};

struct task_names {
	struct known *all;
	bool summed; /* default names are told apart no more */
};

struct task_names *task_names_new(void)
{
	return calloc(1, sizeof(struct task_names));
}

void task_names_free(struct task_names *t)
{
	struct known *known, *next;

	if (!t)
		return;
	HASH_ITER (hh, t->all, known, next) {
		HASH_DEL(t->all, known);
		free(known);
	}
	free(t);
}

static uint32_t intern(struct profile *p, const char *data, uint32_t bytes, uint32_t state,
		       uint32_t limit)
{
	char text[TEXT_BYTES];
	size_t used;

	if (!bytes || bytes > limit)
		return 0;
	used = unicode_to_utf8(data, bytes, state, text, sizeof(text) - 4);
	if (bytes == limit)
		memcpy(text + used, "…", sizeof("…"));
	return profile_string(p, text);
}

int task_names_add(struct task_names *t, struct profile *p, const struct adder_event_task *e,
		   size_t size)
{
	struct known *known;
	uint32_t depth;

	if (size < offsetof(struct adder_event_task, chain))
		return -EBADMSG;
	depth = e->depth < ADDER_TASK_LEVELS ? e->depth : ADDER_TASK_LEVELS;
	if (!depth || size < offsetof(struct adder_event_task, chain) + depth * sizeof(e->chain[0]))
		return -EBADMSG;
	HASH_FIND(hh, t->all, &e->id, sizeof(e->id), known);
	if (known)
		return 0;
	known = calloc(1, sizeof(*known) + depth * sizeof(known->chain[0]));
	if (!known)
		return -ENOMEM;
	known->id = e->id;
	known->depth = depth;
	known->goes_on = e->depth > depth;
	for (uint32_t i = 0; i < depth; i++) {
		const struct adder_task *from = &e->chain[i];

		known->chain[i] = (struct task){
			.number = from->number,
			.named = from->named,
			.name = intern(p, from->name, from->name_bytes, from->name_state,
				       ADDER_TASK_NAME_BYTES),
			.coro = intern(p, from->coro, from->coro_bytes, from->coro_state,
				       ADDER_TASK_CORO_BYTES),
		};
		t->summed |= from->named == ADDER_TASK_SUMMED;
	}
	HASH_ADD(hh, t->all, id, sizeof(known->id), known);
	return 0;
}

static void write_name(const struct task_names *t, const struct profile *p, const struct task *task,
		       char *dst, size_t size)
{
	bool numbered = task->named == ADDER_TASK_NUMBERED || task->named == ADDER_TASK_SUMMED;

	if (numbered && t->summed)
		snprintf(dst, size, "Task-* (%s)", task->coro ? profile_text(p, task->coro) : "?");
	else if (numbered)
		snprintf(dst, size, "Task-%" PRIu64, task->number);
	else if (task->named == ADDER_TASK_OTHER)
		snprintf(dst, size, OTHER_TASKS);
	else
		snprintf(dst, size, "%s",
			 task->name ? profile_text(p, task->name) : "[name not read]");
}

/* "page-1 < Task-1" */
static uint32_t awaiters(const struct task_names *t, struct profile *p, const struct known *known)
{
	char text[ADDER_TASK_LEVELS * LABEL_BYTES] = "";
	size_t used = 0;

	for (uint32_t i = 1; i < known->depth; i++) {
		if (i > 1)
			used += snprintf(text + used, sizeof(text) - used, " < ");
		write_name(t, p, &known->chain[i], text + used, LABEL_BYTES - 8);
		used += strlen(text + used);
	}
	if (known->goes_on)
		snprintf(text + used, sizeof(text) - used, " < …");
	return text[0] ? profile_string(p, text) : 0;
}

struct task_text task_names_find(const struct task_names *t, struct profile *p, uint64_t id)
{
	struct task_text ret = { 0 };
	char text[LABEL_BYTES];
	struct known *known;

	if (!id)
		return ret;
	HASH_FIND(hh, t->all, &id, sizeof(id), known);
	if (!known) {
		ret.task = profile_string(p, id == ADDER_TASK_MORE ? OTHER_TASKS : "[name lost]");
		return ret;
	}
	write_name(t, p, &known->chain[0], text, sizeof(text));
	ret.task = profile_string(p, text);
	ret.coroutine = known->chain[0].coro;
	ret.awaited_by = awaiters(t, p, known);
	return ret;
}
