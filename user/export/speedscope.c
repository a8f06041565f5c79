/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * speedscope's own format (https://www.speedscope.app/file-format-schema.json): sampled profiles
 * with weights.  The chosen type comes first, for all processes together and then for each one;
 * then every other type of time that is not zero, for all together.
 *
 * It is written piece by piece, never held in memory: recordings of a whole host are large.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "export/export.h"
#include "export/formats.h"
#include "export/values.h"
#include "json/json.h"
#include "profile/describe.h"
#include "profile/profile.h"

enum { ALL_PROCESSES = -1, NAME_BYTES = 1024 };

struct scope {
	const struct profile *p;
	bool has_processes;
	size_t process_count;
	uint32_t *processes;  /* one label set that names each, in order of first appearance */
	uint32_t *process_of; /* a label set: its process, as an index into the above */
	size_t written;       /* profiles so far */
	FILE *out;
};

static void scope_done(struct scope *s)
{
	free(s->processes);
	free(s->process_of);
}

/* A label set's process among those known; named alike means being the same. */
static size_t find_process(const struct scope *s, uint32_t labels)
{
	int64_t pid = profile_label_number(s->p, labels, "pid", -1);
	const char *name = profile_label_text(s->p, labels, "process");

	for (size_t i = 0; i < s->process_count; i++) {
		const char *other = profile_label_text(s->p, s->processes[i], "process");

		if (pid == profile_label_number(s->p, s->processes[i], "pid", -1) &&
		    !strcmp(name ? name : "", other ? other : ""))
			return i;
	}
	return s->process_count;
}

static int find_processes(struct scope *s)
{
	size_t count = profile_labels_count(s->p);

	s->has_processes = describe_has_processes(s->p);
	s->processes = calloc(count + 1, sizeof(*s->processes));
	s->process_of = calloc(count + 1, sizeof(*s->process_of));
	if (!s->processes || !s->process_of)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		size_t process = find_process(s, i);

		if (process == s->process_count)
			s->processes[s->process_count++] = i;
		s->process_of[i] = process;
	}
	return 0;
}

static void write_key(const struct scope *s, const char *key, const char *text)
{
	char valid[NAME_BYTES];

	snprintf(valid, sizeof(valid), "%s", text);
	text_make_utf8(valid);
	fprintf(s->out, "\"%s\":", key);
	json_write_text(valid, s->out);
}

/* Frames: the functions by their ids, then the processes. */
static void write_frames(const struct scope *s)
{
	size_t functions = profile_function_count(s->p);
	char name[NAME_BYTES];

	fputs("\"shared\":{\"frames\":[\n", s->out);
	for (size_t i = 0; i < functions; i++) {
		struct profile_function f = profile_function_at(s->p, i);

		fputs(i ? ",\n{" : "{", s->out);
		write_key(s, "name", profile_text(s->p, f.name));
		if (f.filename) {
			fputc(',', s->out);
			write_key(s, "file", profile_text(s->p, f.filename));
		}
		if (f.start_line > 0)
			fprintf(s->out, ",\"line\":%" PRId64, f.start_line);
		fputc('}', s->out);
	}
	for (size_t i = 0; s->has_processes && i < s->process_count; i++) {
		describe_process(name, sizeof(name), s->p, s->processes[i]);
		fputs(functions + i ? ",\n{" : "{", s->out);
		write_key(s, "name", name);
		fputc('}', s->out);
	}
	fputs("\n]},\n", s->out);
}

/* One of what a profile of @process (or ALL_PROCESSES) in @v consists of; 0 if it does not. */
static int64_t weight_of(const struct scope *s, const struct values *v, int64_t process, size_t i)
{
	struct profile_sample sample = profile_sample_at(s->p, i);

	if (process != ALL_PROCESSES && s->process_of[sample.labels] != process)
		return 0;
	return values_of(v, sample.values);
}

static void write_stack(const struct scope *s, struct profile_sample sample, bool with_process)
{
	size_t depth;
	const uint32_t *stack = profile_stack_at(s->p, sample.stack, &depth);
	const char *before = "";

	fputc('[', s->out);
	if (with_process) {
		fprintf(s->out, "%zu", profile_function_count(s->p) + s->process_of[sample.labels]);
		before = ",";
	}
	while (depth-- > 0) {
		fprintf(s->out, "%s%u", before, profile_location_at(s->p, stack[depth]).function);
		before = ",";
	}
	fputc(']', s->out);
}

static int64_t sum_of(const struct scope *s, const struct values *v, int64_t process)
{
	int64_t sum = 0;

	for (size_t i = 0; i < profile_sample_count(s->p); i++) {
		if (__builtin_add_overflow(sum, weight_of(s, v, process, i), &sum))
			return INT64_MAX;
	}
	return sum;
}

static const char *unit_of(const struct values *v)
{
	if (v->is_time)
		return "nanoseconds";
	return strcmp(v->unit, "bytes") ? "none" : "bytes";
}

static void write_name(const struct scope *s, const struct values *v, int64_t process)
{
	char name[NAME_BYTES / 2], title[NAME_BYTES];

	if (process == ALL_PROCESSES)
		snprintf(title, sizeof(title), "%s", v->name);
	if (process != ALL_PROCESSES) {
		describe_process(name, sizeof(name), s->p, s->processes[process]);
		snprintf(title, sizeof(title), "%s: %s", v->name, name);
	}
	write_key(s, "name", title);
}

/* One profile; none where there is nothing in it, as speedscope refuses those. */
static void write_profile(struct scope *s, const struct values *v, int64_t process)
{
	bool with_process = s->has_processes && process == ALL_PROCESSES;
	int64_t sum = sum_of(s, v, process);
	const char *before = "";

	if (sum == 0)
		return;
	fprintf(s->out, "%s{\"type\":\"sampled\",", s->written++ ? ",\n" : "");
	write_name(s, v, process);
	fprintf(s->out,
		",\"unit\":\"%s\",\"startValue\":0,\"endValue\":%" PRId64 ",\n\"samples\":[",
		unit_of(v), sum);
	for (size_t i = 0; i < profile_sample_count(s->p); i++) {
		if (!weight_of(s, v, process, i))
			continue;
		fputs(before, s->out);
		write_stack(s, profile_sample_at(s->p, i), with_process);
		before = ",";
	}
	fputs("],\n\"weights\":[", s->out);
	before = "";
	for (size_t i = 0; i < profile_sample_count(s->p); i++) {
		int64_t weight = weight_of(s, v, process, i);

		if (!weight)
			continue;
		fprintf(s->out, "%s%" PRId64, before, weight);
		before = ",";
	}
	fputs("]}", s->out);
}

static void write_profiles(struct scope *s, int chosen)
{
	struct values v;

	values_init(&v, s->p, chosen);
	write_profile(s, &v, ALL_PROCESSES);
	for (size_t i = 0; s->has_processes && s->process_count > 1 && i < s->process_count; i++)
		write_profile(s, &v, i);
	for (int type = 0; type < (int)profile_type_count(s->p); type++) {
		values_init(&v, s->p, type);
		if (type != chosen && v.is_time)
			write_profile(s, &v, ALL_PROCESSES);
	}
}

static int write_speedscope(const struct profile *p, const struct export_view *view, FILE *out)
{
	struct scope s = { .p = p, .out = out };
	int err = find_processes(&s);

	if (!err) {
		fputs("{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\",\n",
		      out);
		fputs("\"exporter\":\"adder " ADDER_VERSION "\",\n", out);
		write_key(&s, "name", view->title);
		fputs(",\n\"activeProfileIndex\":0,\n", out);
		write_frames(&s);
		fputs("\"profiles\":[\n", out);
		write_profiles(&s, view->type);
		fputs("\n]}\n", out);
	}
	scope_done(&s);
	return err;
}

const struct exporter export_speedscope = {
	.name = "speedscope",
	.aliases = "",
	.suffix = ".speedscope.json",
	.summary = "for https://www.speedscope.app: every state and process as a profile",
	.write = write_speedscope,
};
