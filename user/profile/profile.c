/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "profile/profile.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"
#include "base/intern.h"
#include "base/tally.h"
#include "states.h"

#define RECORD_BYTES 32 /* that a record takes beside its own */

/* What makes a sample one sample. */
struct sample_key {
	uint32_t stack, labels;
};

struct profile {
	struct intern strings;   /* text */
	struct intern functions; /* struct profile_function */
	struct intern locations; /* struct profile_location */
	struct intern stacks;    /* uint32_t[] of locations */
	struct intern labels;    /* struct profile_label[] */
	struct tally samples;    /* struct sample_key: an int64_t a type */

	struct profile_type *types;
	size_t type_count, type_capacity;
	uint32_t *comments; /* string ids */
	size_t comment_count, comment_capacity;

	/* what is given out for what would go beyond the limit */
	struct {
		uint32_t string, function, location, stack;
	} full;
	size_t bytes, limit; /* 0: none */
	uint64_t refused;

	struct profile_meta meta;
	int error;
};

/* Records are compared as bytes: padding would make equals differ. */
_Static_assert(sizeof(struct profile_function) == 16, "padding in a record");
_Static_assert(sizeof(struct profile_label) == 16, "padding in a record");

struct profile *profile_new(void)
{
	CLEANUP(profile_free) struct profile *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	profile_string(p, "");
	return p->error ? NULL : TAKE_PTR(p);
}

void profile_free(struct profile *p)
{
	if (!p)
		return;
	intern_done(&p->strings);
	intern_done(&p->functions);
	intern_done(&p->locations);
	intern_done(&p->stacks);
	intern_done(&p->labels);
	tally_done(&p->samples);
	free(p->types);
	free(p->comments);
	free(p);
}

int profile_error(const struct profile *p)
{
	return p->error;
}

/* The record of @table that stands for those beyond the limit; NULL if it has none. */
static const uint32_t *stand_in(const struct profile *p, const struct intern *table)
{
	if (table == &p->strings)
		return &p->full.string;
	if (table == &p->functions)
		return &p->full.function;
	if (table == &p->locations)
		return &p->full.location;
	return table == &p->stacks ? &p->full.stack : NULL;
}

/* Is there no room for more in @table? */
static bool is_full(const struct profile *p, const struct intern *table)
{
	size_t limit = table == &p->stacks ? p->limit : p->limit / 2;

	return p->limit && p->bytes >= limit && stand_in(p, table);
}

/* Beyond the limit: the record if it is there already, else the one that stands for it. */
static uint32_t find_or_refuse(struct profile *p, const struct intern *table, const void *bytes,
			       size_t size)
{
	uint32_t id = intern_find(table, bytes, size);

	if (id != INTERN_NONE)
		return id;
	p->refused++;
	return *stand_in(p, table);
}

/* Every record comes in here: the one place where running out of memory becomes sticky. */
static uint32_t add(struct profile *p, struct intern *table, const void *bytes, size_t size)
{
	size_t before = table->count;
	uint32_t id;

	if (is_full(p, table))
		return find_or_refuse(p, table, bytes, size);
	id = p->error ? INTERN_NONE : intern_add(table, bytes, size);
	if (id == INTERN_NONE) {
		p->error = -ENOMEM;
		return 0;
	}
	if (table->count > before)
		p->bytes += size + RECORD_BYTES;
	return id;
}

/* True for an id that the caller may use: any it likes once ids are no longer given out. */
static bool is_id(const struct profile *p, const struct intern *table, uint32_t id)
{
	return p->error || id < table->count;
}

void profile_limit(struct profile *p, size_t bytes)
{
	uint32_t location = profile_pseudo(p, "[memory full]");

	p->full.location = location;
	p->full.function = profile_location_at(p, location).function;
	p->full.string = profile_function_at(p, p->full.function).name;
	p->full.stack = profile_stack(p, &location, 1);
	p->limit = bytes;
}

uint64_t profile_refused(const struct profile *p)
{
	return p->refused;
}

static bool is_ascii(const char *text, size_t size)
{
	unsigned char all = 0;

	for (size_t i = 0; i < size; i++)
		all |= text[i];
	return all < 0x80;
}

uint32_t profile_string(struct profile *p, const char *text)
{
	size_t size = strlen(text);

	if (!is_ascii(text, size))
		return profile_string_n(p, text, size);
	return add(p, &p->strings, text, size + 1);
}

uint32_t profile_string_n(struct profile *p, const char *text, size_t size)
{
	cleanup_free char *clean = strndup(text, size);

	if (!clean) {
		p->error = -ENOMEM;
		return 0;
	}
	text_make_utf8(clean);
	return add(p, &p->strings, clean, strlen(clean) + 1);
}

int profile_add_type(struct profile *p, const char *name, const char *unit)
{
	struct profile_type type = { profile_string(p, name), profile_string(p, unit) };
	struct profile_type *types;

	assert(tally_count(&p->samples) == 0);
	types = p->error ? NULL
			 : array_reserve(p->types, &p->type_capacity, p->type_count + 1,
					 sizeof(type));
	if (!types) {
		p->error = -ENOMEM;
		return 0;
	}
	p->types = types;
	p->types[p->type_count] = type;
	p->samples.size += sizeof(int64_t);
	return p->type_count++;
}

void profile_add_adder_types(struct profile *p)
{
#define ADD_STATE(id, name, text) profile_add_type(p, name, "nanoseconds");
	profile_add_type(p, "wall", "nanoseconds");
	ADDER_STATE_LIST(ADD_STATE)
	profile_add_type(p, "sys", "nanoseconds");
	profile_add_type(p, "throttled", "nanoseconds");
	profile_add_type(p, "samples", "count");
	profile_add_type(p, "loop", "nanoseconds");
#undef ADD_STATE
}

void profile_add_call_types(struct profile *p)
{
	profile_add_type(p, "calls", "count");
	profile_add_type(p, "resumes", "count");
	profile_add_type(p, "recursive", "count");
	profile_add_type(p, "recursive_resumes", "count");
	profile_add_type(p, "call_self", "nanoseconds");
	profile_add_type(p, "call_total", "nanoseconds");
}

uint32_t profile_function(struct profile *p, uint32_t name, uint32_t filename, int64_t start_line)
{
	struct profile_function f = { name, filename, start_line };

	assert(is_id(p, &p->strings, name) && is_id(p, &p->strings, filename));
	return add(p, &p->functions, &f, sizeof(f));
}

uint32_t profile_location(struct profile *p, uint32_t function, int64_t line)
{
	struct profile_location l;

	assert(is_id(p, &p->functions, function));
	memset(&l, 0, sizeof(l)); /* the padding, too */
	l.function = function;
	l.line = line;
	return add(p, &p->locations, &l, sizeof(l));
}

uint32_t profile_pseudo(struct profile *p, const char *name)
{
	return profile_location(p, profile_function(p, profile_string(p, name), 0, 0), 0);
}

uint32_t profile_stack(struct profile *p, const uint32_t *locations, size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert(is_id(p, &p->locations, locations[i]));
	return add(p, &p->stacks, count ? locations : &(uint32_t){ 0 }, count * sizeof(*locations));
}

static int compare_labels(const void *left, const void *right)
{
	const struct profile_label *a = left, *b = right;

	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	if (a->text != b->text)
		return a->text < b->text ? -1 : 1;
	return (a->number > b->number) - (a->number < b->number);
}

uint32_t profile_labels(struct profile *p, const struct profile_label *labels, size_t count)
{
	struct profile_label few[16], *sorted = few;
	cleanup_free struct profile_label *many = NULL;

	if (count > ARRAY_SIZE(few)) {
		sorted = many = calloc(count, sizeof(*many));
		if (!many) {
			p->error = -ENOMEM;
			return 0;
		}
	}
	for (size_t i = 0; i < count; i++) {
		assert(is_id(p, &p->strings, labels[i].key) &&
		       is_id(p, &p->strings, labels[i].text));
		sorted[i] = labels[i];
		if (sorted[i].text)
			sorted[i].number = 0;
	}
	qsort(sorted, count, sizeof(*sorted), compare_labels);
	return add(p, &p->labels, sorted, count * sizeof(*sorted));
}

int64_t *profile_sample_values(struct profile *p, uint32_t stack, uint32_t labels)
{
	struct sample_key key = { stack, labels };
	int64_t *values = NULL;

	assert(is_id(p, &p->stacks, stack) && is_id(p, &p->labels, labels));
	if (!p->error)
		values = tally_get(&p->samples, &key, sizeof(key));
	if (!values)
		p->error = -ENOMEM;
	return values;
}

void profile_comment(struct profile *p, const char *format, ...)
{
	cleanup_free char *text = NULL;
	uint32_t *comments = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	if (text)
		comments = array_reserve(p->comments, &p->comment_capacity, p->comment_count + 1,
					 sizeof(*comments));
	if (!comments) {
		p->error = -ENOMEM;
		return;
	}
	p->comments = comments;
	p->comments[p->comment_count] = profile_string(p, text);
	if (!p->error)
		p->comment_count++;
}

struct profile_meta *profile_meta(struct profile *p)
{
	return &p->meta;
}

const struct profile_meta *profile_meta_get(const struct profile *p)
{
	return &p->meta;
}

const char *profile_text(const struct profile *p, uint32_t id)
{
	return intern_at(&p->strings, id, NULL);
}

size_t profile_string_count(const struct profile *p)
{
	return p->strings.count;
}

size_t profile_type_count(const struct profile *p)
{
	return p->type_count;
}

struct profile_type profile_type_at(const struct profile *p, size_t index)
{
	assert(index < p->type_count);
	return p->types[index];
}

int profile_type_find(const struct profile *p, const char *name)
{
	for (size_t i = 0; i < p->type_count; i++)
		if (strcmp(profile_text(p, p->types[i].name), name) == 0)
			return i;
	return -1;
}

size_t profile_function_count(const struct profile *p)
{
	return p->functions.count;
}

struct profile_function profile_function_at(const struct profile *p, uint32_t id)
{
	return *(const struct profile_function *)intern_at(&p->functions, id, NULL);
}

size_t profile_location_count(const struct profile *p)
{
	return p->locations.count;
}

struct profile_location profile_location_at(const struct profile *p, uint32_t id)
{
	return *(const struct profile_location *)intern_at(&p->locations, id, NULL);
}

const uint32_t *profile_stack_at(const struct profile *p, uint32_t id, size_t *count)
{
	const uint32_t *locations = intern_at(&p->stacks, id, count);

	*count /= sizeof(*locations);
	return locations;
}

size_t profile_stack_count(const struct profile *p)
{
	return p->stacks.count;
}

const struct profile_label *profile_labels_at(const struct profile *p, uint32_t id, size_t *count)
{
	const struct profile_label *labels = intern_at(&p->labels, id, count);

	*count /= sizeof(*labels);
	return labels;
}

size_t profile_labels_count(const struct profile *p)
{
	return p->labels.count;
}

/* The first label of @id that is called @key and is a text, or a number. */
static const struct profile_label *find_label(const struct profile *p, uint32_t id, const char *key,
					      bool is_text)
{
	size_t count;
	const struct profile_label *labels = profile_labels_at(p, id, &count);

	for (size_t i = 0; i < count; i++)
		if ((labels[i].text != 0) == is_text &&
		    strcmp(profile_text(p, labels[i].key), key) == 0)
			return &labels[i];
	return NULL;
}

const char *profile_label_text(const struct profile *p, uint32_t id, const char *key)
{
	const struct profile_label *label = find_label(p, id, key, true);

	return label ? profile_text(p, label->text) : NULL;
}

int64_t profile_label_number(const struct profile *p, uint32_t id, const char *key, int64_t absent)
{
	const struct profile_label *label = find_label(p, id, key, false);

	return label ? label->number : absent;
}

size_t profile_sample_count(const struct profile *p)
{
	return tally_count(&p->samples);
}

struct profile_sample profile_sample_at(const struct profile *p, size_t index)
{
	const struct sample_key *key = tally_key(&p->samples, index);

	return (struct profile_sample){
		.stack = key->stack,
		.labels = key->labels,
		.values = tally_value(&p->samples, index),
	};
}

size_t profile_comment_count(const struct profile *p)
{
	return p->comment_count;
}

const char *profile_comment_at(const struct profile *p, size_t index)
{
	assert(index < p->comment_count);
	return profile_text(p, p->comments[index]);
}

const char *profile_comment_find(const struct profile *p, const char *key)
{
	size_t length = strlen(key);

	for (size_t i = 0; i < p->comment_count; i++) {
		const char *text = profile_comment_at(p, i);

		if (strncmp(text, key, length) == 0 && text_starts(text + length, ": "))
			return text + length + 2;
	}
	return NULL;
}
