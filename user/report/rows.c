/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/tally.h"
#include "profile/profile.h"
#include "report/measures.h"

/* What tells a row from others: ids, as the view has them. */
struct key {
	uint32_t ids[4];
};

/* A row and what finds it. */
struct entry {
	struct row row; /* first: callers hold this */
	size_t stamp;   /* the last sample, plus one, that counted in its total */
	size_t processes, threads;
	int64_t sums[];
};

/* A process or thread, known to its row. */
struct member {
	const struct entry *entry;
	int64_t pid, tid;
};

struct rows {
	const struct profile *p;
	const struct measures *m;
	enum rows_by by;
	const bool *matches;
	struct tally entries;  /* struct entry * by what finds it */
	struct intern members; /* struct member */
	struct entry **known;  /* of a location or label set, by its id: spares the hashing */
};

void rows_free(struct rows *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < tally_count(&r->entries); i++)
		free(*(struct entry **)tally_value(&r->entries, i));
	tally_done(&r->entries);
	intern_done(&r->members);
	free(r->known);
	free(r);
}

/* The row of @key, made at first sight as @id, @other; NULL without memory. */
static struct entry *get_by_key(struct rows *r, const struct key *key, uint32_t id, uint32_t other)
{
	struct entry **place = tally_get(&r->entries, key, sizeof(*key)), *entry;

	if (!place || *place)
		return place ? *place : NULL;
	*place = entry = calloc(1, sizeof(*entry) + 2 * r->m->count * sizeof(int64_t));
	if (!entry)
		return NULL;
	entry->row = (struct row){
		.id = id, .other = other, .self = entry->sums, .total = entry->sums + r->m->count
	};
	return entry;
}

static struct entry *get(struct rows *r, uint32_t first, uint32_t second, uint32_t id,
			 uint32_t other)
{
	const struct key key = { { first, second } };

	return get_by_key(r, &key, id, other);
}

static uint32_t text_id(const struct profile *p, uint32_t labels, const char *key)
{
	size_t count;
	const struct profile_label *label = profile_labels_at(p, labels, &count);

	for (size_t i = 0; i < count; i++) {
		if (label[i].text && !strcmp(profile_text(p, label[i].key), key))
			return label[i].text;
	}
	return 0;
}

enum { ANY_THREAD = -2 }; /* as a member's tid: the process itself */

/* Count thread @tid of @pid in *@members of @entry, the first time it is met. */
static int note_member(struct rows *r, struct entry *entry, int64_t pid, int64_t tid,
		       size_t *members)
{
	struct member member = { entry, pid, tid };
	size_t before = r->members.count;

	if (intern_add(&r->members, &member, sizeof(member)) == INTERN_NONE)
		return -ENOMEM;
	*members += r->members.count - before;
	return 0;
}

static int note_members(struct rows *r, struct entry *entry, uint32_t labels)
{
	int64_t pid = profile_label_number(r->p, labels, "pid", -1);
	int64_t tid = profile_label_number(r->p, labels, "tid", -1);
	int err = note_member(r, entry, pid, ANY_THREAD, &entry->processes);

	return err ? err : note_member(r, entry, pid, tid, &entry->threads);
}

/* Tasks of one name in programs of one name are one row; all time outside of tasks is, too. */
static struct entry *of_task(struct rows *r, uint32_t labels)
{
	struct key key = { { text_id(r->p, labels, "task") } };

	if (key.ids[0]) {
		key.ids[1] = text_id(r->p, labels, "coroutine");
		key.ids[2] = text_id(r->p, labels, "awaited_by");
		key.ids[3] = text_id(r->p, labels, "process");
	}
	return get_by_key(r, &key, labels, 0);
}

static struct entry *of_labels(struct rows *r, uint32_t labels)
{
	const struct profile *p = r->p;
	uint32_t pid = profile_label_number(p, labels, "pid", -1);
	uint32_t tid = profile_label_number(p, labels, "tid", -1);

	switch (r->by) {
	case ROWS_PROCESS:
		return get(r, pid, text_id(p, labels, "process"), labels, 0);
	case ROWS_THREAD:
		return get(r, pid, tid, labels, 0);
	case ROWS_CONTAINER:
		return get(r, 0, text_id(p, labels, "container"), labels, 0);
	default:
		return of_task(r, labels);
	}
}

static int add_by_labels(struct rows *r, struct profile_sample sample, const int64_t *values)
{
	struct entry *entry = r->known[sample.labels];

	if (!entry) {
		entry = of_labels(r, sample.labels);
		if (!entry || note_members(r, entry, sample.labels))
			return -ENOMEM;
		r->known[sample.labels] = entry;
	}
	measures_add(r->m, entry->row.self, values);
	measures_add(r->m, entry->row.total, values);
	return 0;
}

static uint32_t function_of(const struct rows *r, uint32_t location)
{
	return profile_location_at(r->p, location).function;
}

/* A frame's row; @labels are those of its sample. */
static struct entry *of_location(struct rows *r, uint32_t location, uint32_t labels)
{
	uint32_t id = r->by == ROWS_LINE ? location : function_of(r, location);

	if (r->by == ROWS_FUNCTION_OF_PROCESS) {
		const struct key key = { { 0, id, profile_label_number(r->p, labels, "pid", -1),
					   text_id(r->p, labels, "process") } };

		return get_by_key(r, &key, id, labels);
	}
	if (!r->known[location])
		r->known[location] = get(r, 0, id, id, 0);
	return r->known[location];
}

/* Count in the total of @entry, unless this sample was already. */
static void add_once(struct rows *r, struct entry *entry, size_t sample, const int64_t *values)
{
	if (entry->stamp == sample + 1)
		return;
	entry->stamp = sample + 1;
	measures_add(r->m, entry->row.total, values);
}

/* Time is never dropped: a sample without any frame has a row of its own. */
static int add_stackless(struct rows *r, const int64_t *values)
{
	struct entry *entry = get(r, 1, 0, ROWS_NONE, 0);

	if (!entry)
		return -ENOMEM;
	measures_add(r->m, entry->row.self, values);
	measures_add(r->m, entry->row.total, values);
	return 0;
}

static int add_by_frames(struct rows *r, size_t index, struct profile_sample sample,
			 const int64_t *values)
{
	size_t depth;
	const uint32_t *stack = profile_stack_at(r->p, sample.stack, &depth);

	if (depth == 0)
		return add_stackless(r, values);
	for (size_t i = 0; i < depth; i++) {
		struct entry *entry = of_location(r, stack[i], sample.labels);

		if (!entry)
			return -ENOMEM;
		add_once(r, entry, index, values);
		if (i == 0)
			measures_add(r->m, entry->row.self, values);
	}
	return 0;
}

/* The frame next to a matching one, on the side asked for. */
static int add_neighbours(struct rows *r, size_t index, struct profile_sample sample,
			  const int64_t *values)
{
	size_t depth;
	const uint32_t *stack = profile_stack_at(r->p, sample.stack, &depth);

	for (size_t i = 0; i < depth; i++) {
		bool is_end = r->by == ROWS_CALLERS ? i + 1 == depth : i == 0;
		uint32_t id = ROWS_NONE;
		struct entry *entry;

		if (!r->matches[function_of(r, stack[i])])
			continue;
		if (!is_end)
			id = function_of(r, stack[r->by == ROWS_CALLERS ? i + 1 : i - 1]);
		entry = get(r, is_end, id, id, 0);
		if (!entry)
			return -ENOMEM;
		add_once(r, entry, index, values);
	}
	return 0;
}

static int add_by_on(struct rows *r, struct profile_sample sample, const int64_t *values)
{
	size_t depth;
	const uint32_t *stack = profile_stack_at(r->p, sample.stack, &depth);
	uint32_t waiter = depth ? function_of(r, stack[0]) : ROWS_NONE;
	struct entry *entry =
		get(r, waiter, text_id(r->p, sample.labels, "on"), waiter, sample.labels);

	if (!entry)
		return -ENOMEM;
	measures_add(r->m, entry->row.self, values);
	measures_add(r->m, entry->row.total, values);
	return 0;
}

static int add_sample(struct rows *r, size_t index, struct profile_sample sample,
		      const int64_t *values)
{
	switch (r->by) {
	case ROWS_FUNCTION:
	case ROWS_FUNCTION_OF_PROCESS:
	case ROWS_LINE:
		return add_by_frames(r, index, sample, values);
	case ROWS_CALLERS:
	case ROWS_CALLEES:
		return add_neighbours(r, index, sample, values);
	case ROWS_ON:
		return add_by_on(r, sample, values);
	default:
		return add_by_labels(r, sample, values);
	}
}

static bool counts(const struct measures *m, const int64_t *values)
{
	for (size_t i = 0; i < m->count; i++) {
		if (m->list[i].is_shown && values[i])
			return true;
	}
	return false;
}

int rows_collect(const struct profile *p, const struct measures *m, enum rows_by by,
		 const bool *matches, struct rows **ret)
{
	CLEANUP(rows_free) struct rows *r = calloc(1, sizeof(*r));
	size_t ids = profile_location_count(p) + profile_labels_count(p) + 1;
	int err = 0;

	if (!r)
		return -ENOMEM;
	r->entries.size = sizeof(struct entry *);
	r->p = p;
	r->m = m;
	r->by = by;
	r->matches = matches;
	r->known = calloc(ids, sizeof(*r->known));
	if (!r->known)
		return -ENOMEM;
	for (size_t i = 0; i < profile_sample_count(p) && !err; i++) {
		struct profile_sample sample = profile_sample_at(p, i);
		int64_t values[MEASURES_MAX];

		measures_of(m, sample.values, values);
		if (counts(m, values))
			err = add_sample(r, i, sample, values);
	}
	if (!err)
		*ret = TAKE_PTR(r);
	return err;
}

size_t rows_count(const struct rows *r)
{
	return tally_count(&r->entries);
}

const struct row *rows_at(const struct rows *r, size_t index)
{
	return *(const struct row **)tally_value(&r->entries, index);
}

size_t rows_threads(const struct row *row)
{
	return ((const struct entry *)row)->threads;
}

size_t rows_processes(const struct row *row)
{
	return ((const struct entry *)row)->processes;
}
