/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The messages that make up a file may be written in any number of pieces: repeated fields of the
 * pieces append.  So one sample at a time is packed and compressed, and memory stays small however
 * many there are.
 */
#include "pprof/pprof.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "pprof/gzip.h"
#include "profile.pb-c.h"
#include "profile/profile.h"

#define ONLY_MAPPING 1 /* Python code lies in no mapping, but pprof asks each location for one */

struct writer {
	const struct profile *p;
	struct gzip *gz;
	uint8_t *bytes; /* one packed part */
	size_t capacity;

	/* By the profile's ids: the file's, or 0 for what no sample uses.  String 0 is 0 in both.
	 */
	uint32_t *strings, *functions, *locations;
	bool *stacks, *labels; /* by the profile's ids: used by a sample */

	/* Room for the largest sample. */
	uint64_t *sample_locations;
	Perftools__Profiles__Label *sample_labels, **sample_label_pointers;
	size_t max_depth, max_labels;
};

static void writer_free(struct writer *w)
{
	if (!w)
		return;
	gzip_free(w->gz);
	free(w->bytes);
	free(w->strings);
	free(w->functions);
	free(w->locations);
	free(w->stacks);
	free(w->labels);
	free(w->sample_locations);
	free(w->sample_labels);
	free(w->sample_label_pointers);
	free(w);
}
DEFINE_CLEANUP(struct writer *, writer_free);

/* ---- what is used, and its number in the file ---- */

static void use_location(struct writer *w, uint32_t id)
{
	struct profile_location l = profile_location_at(w->p, id);
	struct profile_function f = profile_function_at(w->p, l.function);

	w->locations[id] = 1;
	w->functions[l.function] = 1;
	w->strings[f.name] = 1;
	w->strings[f.filename] = 1;
}

static void use_stack(struct writer *w, uint32_t id)
{
	size_t count;
	const uint32_t *locations = profile_stack_at(w->p, id, &count);

	if (w->stacks[id])
		return;
	w->stacks[id] = true;
	for (size_t i = 0; i < count; i++)
		if (!w->locations[locations[i]])
			use_location(w, locations[i]);
	if (count > w->max_depth)
		w->max_depth = count;
}

static void use_labels(struct writer *w, uint32_t id)
{
	size_t count;
	const struct profile_label *labels = profile_labels_at(w->p, id, &count);

	if (w->labels[id])
		return;
	w->labels[id] = true;
	for (size_t i = 0; i < count; i++) {
		w->strings[labels[i].key] = 1;
		w->strings[labels[i].text] = 1;
	}
	if (count > w->max_labels)
		w->max_labels = count;
}

/* The strings of what describes the whole profile. */
static void use_head(struct writer *w)
{
	const struct profile_meta *meta = profile_meta_get(w->p);

	for (size_t i = 0; i < profile_type_count(w->p); i++) {
		w->strings[profile_type_at(w->p, i).name] = 1;
		w->strings[profile_type_at(w->p, i).unit] = 1;
	}
	w->strings[meta->period_type.name] = 1;
	w->strings[meta->period_type.unit] = 1;
	w->strings[meta->default_type] = 1;
}

/* Turn marks into numbers from @next on, in order. */
static void number(uint32_t *marks, size_t count, uint32_t next)
{
	for (size_t i = 0; i < count; i++)
		if (marks[i])
			marks[i] = next++;
}

/* ---- writing ---- */

static int write_part(struct writer *w, const Perftools__Profiles__Profile *part)
{
	size_t size = perftools__profiles__profile__get_packed_size(part);
	uint8_t *bytes = array_reserve(w->bytes, &w->capacity, size + 1, 1);

	if (!bytes)
		return -ENOMEM;
	w->bytes = bytes;
	perftools__profiles__profile__pack(part, bytes);
	return gzip_add(w->gz, bytes, size);
}

static int write_type(struct writer *w, struct profile_type t)
{
	Perftools__Profiles__ValueType type = PERFTOOLS__PROFILES__VALUE_TYPE__INIT;
	Perftools__Profiles__Profile part = PERFTOOLS__PROFILES__PROFILE__INIT;

	type.type = w->strings[t.name];
	type.unit = w->strings[t.unit];
	part.n_sample_type = 1;
	part.sample_type = (Perftools__Profiles__ValueType *[]){ &type };
	return write_part(w, &part);
}

static size_t fill_locations(struct writer *w, uint32_t stack)
{
	size_t count;
	const uint32_t *locations = profile_stack_at(w->p, stack, &count);

	for (size_t i = 0; i < count; i++)
		w->sample_locations[i] = w->locations[locations[i]];
	return count;
}

static size_t fill_labels(struct writer *w, uint32_t set)
{
	size_t count;
	const struct profile_label *labels = profile_labels_at(w->p, set, &count);

	for (size_t i = 0; i < count; i++) {
		Perftools__Profiles__Label *label = &w->sample_labels[i];

		perftools__profiles__label__init(label);
		label->key = w->strings[labels[i].key];
		label->str = w->strings[labels[i].text];
		label->num = labels[i].number;
		w->sample_label_pointers[i] = label;
	}
	return count;
}

static int write_sample(struct writer *w, struct profile_sample s)
{
	Perftools__Profiles__Sample sample = PERFTOOLS__PROFILES__SAMPLE__INIT;
	Perftools__Profiles__Profile part = PERFTOOLS__PROFILES__PROFILE__INIT;

	sample.n_location_id = fill_locations(w, s.stack);
	sample.location_id = w->sample_locations;
	sample.n_value = profile_type_count(w->p);
	sample.value = (int64_t *)s.values;
	sample.n_label = fill_labels(w, s.labels);
	sample.label = w->sample_label_pointers;
	part.n_sample = 1;
	part.sample = (Perftools__Profiles__Sample *[]){ &sample };
	return write_part(w, &part);
}

static int write_mapping(struct writer *w)
{
	Perftools__Profiles__Mapping mapping = PERFTOOLS__PROFILES__MAPPING__INIT;
	Perftools__Profiles__Profile part = PERFTOOLS__PROFILES__PROFILE__INIT;

	mapping.id = ONLY_MAPPING;
	mapping.has_functions = mapping.has_filenames = mapping.has_line_numbers = true;
	part.n_mapping = 1;
	part.mapping = (Perftools__Profiles__Mapping *[]){ &mapping };
	return write_part(w, &part);
}

static int write_location(struct writer *w, uint32_t id)
{
	Perftools__Profiles__Location location = PERFTOOLS__PROFILES__LOCATION__INIT;
	Perftools__Profiles__Line line = PERFTOOLS__PROFILES__LINE__INIT;
	Perftools__Profiles__Profile part = PERFTOOLS__PROFILES__PROFILE__INIT;
	struct profile_location l = profile_location_at(w->p, id);

	line.function_id = w->functions[l.function];
	line.line = l.line;
	location.id = w->locations[id];
	location.mapping_id = ONLY_MAPPING;
	location.n_line = 1;
	location.line = (Perftools__Profiles__Line *[]){ &line };
	part.n_location = 1;
	part.location = (Perftools__Profiles__Location *[]){ &location };
	return write_part(w, &part);
}

static int write_function(struct writer *w, uint32_t id)
{
	Perftools__Profiles__Function function = PERFTOOLS__PROFILES__FUNCTION__INIT;
	Perftools__Profiles__Profile part = PERFTOOLS__PROFILES__PROFILE__INIT;
	struct profile_function f = profile_function_at(w->p, id);

	function.id = w->functions[id];
	function.name = w->strings[f.name];
	function.filename = w->strings[f.filename];
	function.start_line = f.start_line;
	part.n_function = 1;
	part.function = (Perftools__Profiles__Function *[]){ &function };
	return write_part(w, &part);
}

static int write_string(struct writer *w, const char *text)
{
	Perftools__Profiles__Profile part = PERFTOOLS__PROFILES__PROFILE__INIT;

	part.n_string_table = 1;
	part.string_table = (char *[]){ (char *)text };
	return write_part(w, &part);
}

/* The comments' texts come behind the strings that have a number already. */
static int write_comments(struct writer *w, size_t first)
{
	size_t count = profile_comment_count(w->p);
	int err = 0;

	for (size_t i = 0; i < count && !err; i++)
		err = write_string(w, profile_comment_at(w->p, i));
	for (size_t i = 0; i < count && !err; i++) {
		Perftools__Profiles__Profile part = PERFTOOLS__PROFILES__PROFILE__INIT;

		part.n_comment = 1;
		part.comment = &(int64_t){ first + i };
		err = write_part(w, &part);
	}
	return err;
}

static int write_strings(struct writer *w)
{
	size_t count = 1;
	int err = write_string(w, "");

	for (size_t i = 1; i < profile_string_count(w->p) && !err; i++) {
		if (!w->strings[i])
			continue;
		err = write_string(w, profile_text(w->p, i));
		count++;
	}
	return err ? err : write_comments(w, count);
}

static int write_meta(struct writer *w)
{
	const struct profile_meta *meta = profile_meta_get(w->p);
	Perftools__Profiles__ValueType period_type = PERFTOOLS__PROFILES__VALUE_TYPE__INIT;
	Perftools__Profiles__Profile part = PERFTOOLS__PROFILES__PROFILE__INIT;

	period_type.type = w->strings[meta->period_type.name];
	period_type.unit = w->strings[meta->period_type.unit];
	part.time_nanos = meta->time_ns;
	part.duration_nanos = meta->duration_ns;
	part.period_type = meta->period_type.name ? &period_type : NULL;
	part.period = meta->period;
	part.default_sample_type = w->strings[meta->default_type];
	return write_part(w, &part);
}

static int write_samples(struct writer *w)
{
	int err = 0;

	for (size_t i = 0; i < profile_type_count(w->p) && !err; i++)
		err = write_type(w, profile_type_at(w->p, i));
	for (size_t i = 0; i < profile_sample_count(w->p) && !err; i++)
		err = write_sample(w, profile_sample_at(w->p, i));
	return err;
}

static int write_tables(struct writer *w)
{
	int err = write_mapping(w);

	for (size_t i = 0; i < profile_location_count(w->p) && !err; i++)
		if (w->locations[i])
			err = write_location(w, i);
	for (size_t i = 0; i < profile_function_count(w->p) && !err; i++)
		if (w->functions[i])
			err = write_function(w, i);
	return err ? err : write_strings(w);
}

/* ---- before that ---- */

static int mark_used(struct writer *w)
{
	const struct profile *p = w->p;

	w->strings = calloc(profile_string_count(p), sizeof(*w->strings));
	w->functions = calloc(profile_function_count(p) + 1, sizeof(*w->functions));
	w->locations = calloc(profile_location_count(p) + 1, sizeof(*w->locations));
	w->stacks = calloc(profile_stack_count(p) + 1, sizeof(*w->stacks));
	w->labels = calloc(profile_labels_count(p) + 1, sizeof(*w->labels));
	if (!w->strings || !w->functions || !w->locations || !w->stacks || !w->labels)
		return -ENOMEM;
	use_head(w);
	for (size_t i = 0; i < profile_sample_count(p); i++) {
		struct profile_sample s = profile_sample_at(p, i);

		use_stack(w, s.stack);
		use_labels(w, s.labels);
	}
	w->strings[0] = 0;
	number(w->strings, profile_string_count(p), 1);
	number(w->functions, profile_function_count(p), 1);
	number(w->locations, profile_location_count(p), 1);
	return 0;
}

static int make_room(struct writer *w)
{
	w->sample_locations = calloc(w->max_depth + 1, sizeof(*w->sample_locations));
	w->sample_labels = calloc(w->max_labels + 1, sizeof(*w->sample_labels));
	w->sample_label_pointers = calloc(w->max_labels + 1, sizeof(Perftools__Profiles__Label *));
	return w->sample_locations && w->sample_labels && w->sample_label_pointers ? 0 : -ENOMEM;
}

int pprof_write(const struct profile *p, int fd)
{
	CLEANUP(writer_free) struct writer *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return -ENOMEM;
	w->p = p;
	err = mark_used(w);
	if (!err)
		err = make_room(w);
	if (!err)
		err = gzip_new(fd, &w->gz);
	if (!err)
		err = write_samples(w);
	if (!err)
		err = write_tables(w);
	if (!err)
		err = write_meta(w);
	return err ? err : gzip_finish(w->gz);
}
