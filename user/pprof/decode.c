/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Everything in the file is hostile.  Each id and index is checked where it is followed; what may
 * be named many times but lies in the file once (lines of a location, texts of comments) is paid
 * for from a budget; the values together fit into 63 bits, so that no sum of them overflows later.
 */
#include "pprof/decode.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "pprof/index.h"
#include "pprof/pprof.h"
#include "profile.pb-c.h"
#include "profile/profile.h"

#define MAX_TOTAL_VALUE (INT64_MAX / 2) /* so that two profiles can also be subtracted */

struct reader {
	const Perftools__Profiles__Profile *file;
	struct profile *p;
	uint32_t *strings;   /* by index: id in the profile + 1, or 0 if not met yet */
	uint32_t *functions; /* by position: id in the profile */
	struct index function_index, mapping_index, location_index;
	uint32_t *frames;    /* the locations' lines, one location behind the other */
	size_t *first_frame; /* by position; one more, for the end of the last */
	uint32_t *stack;     /* of one sample */
	size_t stack_capacity;
	struct profile_label *labels; /* of one sample */
	size_t label_capacity;
	size_t budget;  /* bytes that may still come from naming things again */
	uint64_t total; /* of all values, without their signs */
};

static void reader_free(struct reader *r)
{
	if (!r)
		return;
	profile_free(r->p);
	free(r->strings);
	free(r->functions);
	index_done(&r->function_index);
	index_done(&r->mapping_index);
	index_done(&r->location_index);
	free(r->frames);
	free(r->first_frame);
	free(r->stack);
	free(r->labels);
	free(r);
}
DEFINE_CLEANUP(struct reader *, reader_free);

static int spend(struct reader *r, size_t bytes)
{
	if (bytes > r->budget)
		return -EFBIG;
	r->budget -= bytes;
	return 0;
}

/* The profile's id of the string of @index in the file. */
static int get_string(struct reader *r, int64_t index, uint32_t *ret)
{
	if (index < 0 || (uint64_t)index >= r->file->n_string_table)
		return -EBADMSG;
	if (!r->strings[index])
		r->strings[index] = profile_string(r->p, r->file->string_table[index]) + 1;
	*ret = r->strings[index] - 1;
	return 0;
}

/* What is not known may be left out, but not be negative. */
static int64_t not_negative(int64_t n)
{
	return n < 0 ? 0 : n;
}

static int read_strings(struct reader *r)
{
	if (r->file->n_string_table == 0 || r->file->string_table[0][0])
		return -EBADMSG;
	r->strings = calloc(r->file->n_string_table, sizeof(*r->strings));
	return r->strings ? 0 : -ENOMEM;
}

static int read_type(struct reader *r, const Perftools__Profiles__ValueType *type,
		     struct profile_type *ret)
{
	struct profile_type t;
	int err = get_string(r, type->type, &t.name);

	if (!err)
		err = get_string(r, type->unit, &t.unit);
	if (!err)
		*ret = t;
	return err;
}

static int read_types(struct reader *r)
{
	if (r->file->n_sample > 0 && r->file->n_sample_type == 0)
		return -EBADMSG;
	for (size_t i = 0; i < r->file->n_sample_type; i++) {
		struct profile_type t;
		const char *name, *unit;
		int err = read_type(r, r->file->sample_type[i], &t);

		if (err)
			return err;
		name = profile_text(r->p, t.name);
		unit = profile_text(r->p, t.unit);
		err = spend(r, strlen(name) + strlen(unit));
		if (err)
			return err;
		profile_add_type(r->p, name, unit);
	}
	return 0;
}

static int read_function(struct reader *r, const Perftools__Profiles__Function *f, uint32_t *ret)
{
	uint32_t name, filename;
	int err = get_string(r, f->name ? f->name : f->system_name, &name);

	if (!err)
		err = get_string(r, f->filename, &filename);
	if (!err)
		*ret = profile_function(r->p, name, filename, not_negative(f->start_line));
	return err;
}

static int read_functions(struct reader *r)
{
	size_t count = r->file->n_function;
	int err = index_init(&r->function_index, count);

	r->functions = calloc(count + 1, sizeof(*r->functions));
	if (err || !r->functions)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const Perftools__Profiles__Function *f = r->file->function[i];

		r->function_index.entries[i] = (struct index_entry){ f->id, i };
		err = read_function(r, f, &r->functions[i]);
		if (err)
			return err;
	}
	return index_sort(&r->function_index);
}

static int read_mappings(struct reader *r)
{
	size_t count = r->file->n_mapping;
	int err = index_init(&r->mapping_index, count);

	if (err)
		return err;
	for (size_t i = 0; i < count; i++)
		r->mapping_index.entries[i] = (struct index_entry){ r->file->mapping[i]->id, i };
	return index_sort(&r->mapping_index);
}

/* A location that nobody symbolized is called by its address, in the file that is mapped there. */
static int read_address(struct reader *r, const Perftools__Profiles__Location *l, uint32_t *ret)
{
	char name[32];
	uint32_t filename = 0;
	size_t mapping = index_find(&r->mapping_index, l->mapping_id);
	int err = 0;

	if (l->mapping_id && mapping == INDEX_NONE)
		return -EBADMSG;
	if (l->mapping_id)
		err = get_string(r, r->file->mapping[mapping]->filename, &filename);
	if (err)
		return err;
	snprintf(name, sizeof(name), "[0x%" PRIx64 "]", l->address);
	*ret = profile_location(r->p,
				profile_function(r->p, profile_string(r->p, name), filename, 0), 0);
	return 0;
}

static int read_line(struct reader *r, const Perftools__Profiles__Location *location,
		     const Perftools__Profiles__Line *line, uint32_t *ret)
{
	size_t function = index_find(&r->function_index, line->function_id);

	if (!line->function_id)
		return read_address(r, location, ret);
	if (function == INDEX_NONE)
		return -EBADMSG;
	*ret = profile_location(r->p, r->functions[function], not_negative(line->line));
	return 0;
}

/* Append what @l stands for to the frames: a function and, behind it, those it is inlined into. */
static int read_location(struct reader *r, const Perftools__Profiles__Location *l,
			 size_t *frame_count)
{
	int err = 0;

	if (l->mapping_id && index_find(&r->mapping_index, l->mapping_id) == INDEX_NONE)
		return -EBADMSG;
	if (l->n_line == 0)
		return read_address(r, l, &r->frames[(*frame_count)++]);
	for (size_t i = 0; i < l->n_line && !err; i++)
		err = read_line(r, l, l->line[i], &r->frames[(*frame_count)++]);
	return err;
}

static int alloc_locations(struct reader *r)
{
	size_t frame_count = 0;

	for (size_t i = 0; i < r->file->n_location; i++)
		frame_count += r->file->location[i]->n_line + 1;
	r->frames = calloc(frame_count + 1, sizeof(*r->frames));
	r->first_frame = calloc(r->file->n_location + 1, sizeof(*r->first_frame));
	if (!r->frames || !r->first_frame)
		return -ENOMEM;
	return index_init(&r->location_index, r->file->n_location);
}

static int read_locations(struct reader *r)
{
	size_t frame_count = 0;
	int err = alloc_locations(r);

	if (err)
		return err;
	for (size_t i = 0; i < r->file->n_location; i++) {
		const Perftools__Profiles__Location *l = r->file->location[i];

		r->location_index.entries[i] = (struct index_entry){ l->id, i };
		err = read_location(r, l, &frame_count);
		if (err)
			return err;
		r->first_frame[i + 1] = frame_count;
	}
	return index_sort(&r->location_index);
}

static int append_frames(struct reader *r, uint64_t location, size_t *depth)
{
	size_t position = index_find(&r->location_index, location);
	size_t first, count;
	uint32_t *stack;
	int err;

	if (position == INDEX_NONE)
		return -EBADMSG;
	first = r->first_frame[position];
	count = r->first_frame[position + 1] - first;
	err = spend(r, count * sizeof(*stack));
	if (err)
		return err;
	stack = array_reserve(r->stack, &r->stack_capacity, *depth + count, sizeof(*stack));
	if (!stack)
		return -ENOMEM;
	r->stack = stack;
	memcpy(stack + *depth, r->frames + first, count * sizeof(*stack));
	*depth += count;
	return 0;
}

static int read_stack(struct reader *r, const Perftools__Profiles__Sample *s, uint32_t *ret)
{
	size_t depth = 0;
	int err = 0;

	for (size_t i = 0; i < s->n_location_id && !err; i++)
		err = append_frames(r, s->location_id[i], &depth);
	if (!err)
		*ret = profile_stack(r->p, r->stack, depth);
	return err;
}

static int read_labels(struct reader *r, const Perftools__Profiles__Sample *s, uint32_t *ret)
{
	struct profile_label *labels =
		array_reserve(r->labels, &r->label_capacity, s->n_label + 1, sizeof(*labels));

	if (!labels)
		return -ENOMEM;
	r->labels = labels;
	for (size_t i = 0; i < s->n_label; i++) {
		int err = get_string(r, s->label[i]->key, &labels[i].key);

		if (!err)
			err = get_string(r, s->label[i]->str, &labels[i].text);
		if (err)
			return err;
		labels[i].number = s->label[i]->num;
	}
	*ret = profile_labels(r->p, labels, s->n_label);
	return 0;
}

/* Add @value to the total of all; -EBADMSG if no real measurement could sum up to it. */
static int add_total(struct reader *r, int64_t value)
{
	uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;

	if (magnitude > MAX_TOTAL_VALUE - r->total)
		return -EBADMSG;
	r->total += magnitude;
	return 0;
}

static int read_sample(struct reader *r, const Perftools__Profiles__Sample *s)
{
	uint32_t stack, labels;
	int64_t *values;
	int err = read_stack(r, s, &stack);

	if (!err)
		err = read_labels(r, s, &labels);
	if (!err && s->n_value != r->file->n_sample_type)
		err = -EBADMSG;
	if (err)
		return err;
	values = profile_sample_values(r->p, stack, labels);
	if (!values)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_value && !err; i++) {
		err = add_total(r, s->value[i]);
		if (!err)
			values[i] += s->value[i];
	}
	return err;
}

static int read_samples(struct reader *r)
{
	int err = 0;

	for (size_t i = 0; i < r->file->n_sample && !err; i++)
		err = read_sample(r, r->file->sample[i]);
	return err;
}

static int read_comments(struct reader *r)
{
	for (size_t i = 0; i < r->file->n_comment; i++) {
		uint32_t id;
		int err = get_string(r, r->file->comment[i], &id);

		if (!err)
			err = spend(r, strlen(profile_text(r->p, id)));
		if (err)
			return err;
		profile_comment(r->p, "%s", profile_text(r->p, id));
	}
	return 0;
}

static int read_meta(struct reader *r)
{
	struct profile_meta *meta = profile_meta(r->p);
	int err = get_string(r, r->file->default_sample_type, &meta->default_type);

	if (!err && r->file->period_type)
		err = read_type(r, r->file->period_type, &meta->period_type);
	if (err)
		return err;
	meta->time_ns = not_negative(r->file->time_nanos);
	meta->duration_ns = not_negative(r->file->duration_nanos);
	meta->period = not_negative(r->file->period);
	return read_comments(r);
}

int decode_profile(const Perftools__Profiles__Profile *file, struct profile **ret)
{
	static int (*const steps[])(struct reader *) = {
		read_strings,   read_types,   read_functions, read_mappings,
		read_locations, read_samples, read_meta,
	};
	CLEANUP(reader_free) struct reader *r = calloc(1, sizeof(*r));
	int err = 0;

	if (!r)
		return -ENOMEM;
	r->file = file;
	r->budget = PPROF_MAX_BYTES;
	r->p = profile_new();
	if (!r->p)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(steps) && !err; i++)
		err = steps[i](r);
	if (profile_error(r->p))
		return profile_error(r->p);
	if (!err)
		*ret = TAKE_PTR(r->p);
	return err;
}
