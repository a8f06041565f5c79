/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "pprof/pprof.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "pprof/gzip.h"
#include "profile.pb-c.h"
#include "profile/profile.h"

/* ---- profiles, as text and as files ---- */

static uint32_t location(struct profile *p, const char *name, const char *file, int start, int line)
{
	uint32_t f = profile_function(p, profile_string(p, name), profile_string(p, file), start);

	return profile_location(p, f, line);
}

static struct profile *small_profile(void)
{
	struct profile *p = profile_new();
	uint32_t leaf, root, labels, host, none;
	int64_t *values;

	profile_string(p, "used by no sample");
	location(p, "unused", "unused.py", 1, 1);
	profile_add_adder_types(p);
	leaf = location(p, "Renderer.render", "shop/render.py", 42, 57);
	root = location(p, "<module>", "shop/main.py", 1, 9);
	labels = profile_labels(
		p,
		(struct profile_label[]){
			{ profile_string(p, "pid"), 0, 4711 },
			{ profile_string(p, "thread"), profile_string(p, "Mäin"), 0 },
		},
		2);
	host = profile_labels(p, (struct profile_label[]){ { profile_string(p, "pid"), 0, 1 } }, 1);
	values = profile_sample_values(p, profile_stack(p, (uint32_t[]){ leaf, root }, 2), labels);
	values[0] = 30;
	values[1] = INT64_C(12345678901);
	none = profile_pseudo(p, "[no Python stack]");
	profile_sample_values(p, profile_stack(p, &none, 1), host)[3] = -5;
	profile_sample_values(p, profile_stack(p, NULL, 0), host)[2] = 8;
	profile_comment(p, "adder: %s", "0.1.0");
	profile_comment(p, "command: adder record -d 1");
	*profile_meta(p) = (struct profile_meta){
		.time_ns = INT64_C(1700000000123456789),
		.duration_ns = INT64_C(10000000000),
		.period_type = { profile_string(p, "cpu"), profile_string(p, "nanoseconds") },
		.period = 10101010,
		.default_type = profile_string(p, "cpu"),
	};
	assert_int_equal(profile_error(p), 0);
	return p;
}

static void print_stack(FILE *out, const struct profile *p, uint32_t id)
{
	size_t count;
	const uint32_t *locations = profile_stack_at(p, id, &count);

	for (size_t i = 0; i < count; i++) {
		struct profile_location l = profile_location_at(p, locations[i]);
		struct profile_function f = profile_function_at(p, l.function);

		fprintf(out, " %s@%s:%" PRId64 ":%" PRId64, profile_text(p, f.name),
			profile_text(p, f.filename), f.start_line, l.line);
	}
}

static void print_labels(FILE *out, const struct profile *p, uint32_t id)
{
	size_t count;
	const struct profile_label *labels = profile_labels_at(p, id, &count);

	for (size_t i = 0; i < count; i++)
		fprintf(out, " %s=%s/%" PRId64, profile_text(p, labels[i].key),
			profile_text(p, labels[i].text), labels[i].number);
}

/* All that a profile says, one thing a line; the caller's to free. */
static char *describe(const struct profile *p)
{
	const struct profile_meta *meta = profile_meta_get(p);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	for (size_t i = 0; i < profile_type_count(p); i++)
		fprintf(out, "type %s %s\n", profile_text(p, profile_type_at(p, i).name),
			profile_text(p, profile_type_at(p, i).unit));
	for (size_t i = 0; i < profile_sample_count(p); i++) {
		struct profile_sample s = profile_sample_at(p, i);

		fprintf(out, "sample");
		print_stack(out, p, s.stack);
		print_labels(out, p, s.labels);
		for (size_t j = 0; j < profile_type_count(p); j++)
			fprintf(out, " %" PRId64, s.values[j]);
		fprintf(out, "\n");
	}
	for (size_t i = 0; i < profile_comment_count(p); i++)
		fprintf(out, "comment %s\n", profile_comment_at(p, i));
	fprintf(out, "meta %" PRId64 " %" PRId64 " %s %s %" PRId64 " %s\n", meta->time_ns,
		meta->duration_ns, profile_text(p, meta->period_type.name),
		profile_text(p, meta->period_type.unit), meta->period,
		profile_text(p, meta->default_type));
	fclose(out);
	return text;
}

static int file_of(const void *bytes, size_t size)
{
	int fd = memfd_create("profile", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static int read_bytes(const void *bytes, size_t size, struct profile **ret)
{
	cleanup_close int fd = file_of(bytes, size);

	return pprof_read(fd, ret);
}

/* The file of @p; the caller's to free. */
static uint8_t *write_bytes(const struct profile *p, size_t *size)
{
	cleanup_close int fd = memfd_create("profile", MFD_CLOEXEC);
	uint8_t *bytes;

	assert_int_equal(pprof_write(p, fd), 0);
	*size = lseek(fd, 0, SEEK_END);
	bytes = malloc(*size);
	assert_int_equal(pread(fd, bytes, *size, 0), *size);
	return bytes;
}

static uint8_t *unpacked_bytes(const struct profile *p, size_t *size)
{
	size_t packed_size;
	cleanup_free uint8_t *packed = write_bytes(p, &packed_size);
	uint8_t *bytes;

	assert_int_equal(gzip_unpack(packed, packed_size, 1 << 30, &bytes, size), 0);
	return bytes;
}

/* ---- what adder writes ---- */

static void reads_back_what_it_wrote(void **state)
{
	CLEANUP(profile_free) struct profile *p = small_profile(), *q = NULL;
	size_t size;
	cleanup_free uint8_t *bytes = write_bytes(p, &size);
	cleanup_free char *before = describe(p), *after = NULL;

	(void)state;
	assert_int_equal(read_bytes(bytes, size, &q), 0);
	after = describe(q);
	assert_string_equal(before, after);
}

static void writes_the_same_profile_the_same_way(void **state)
{
	CLEANUP(profile_free) struct profile *p = small_profile(), *q = small_profile();
	size_t first_size, second_size;
	cleanup_free uint8_t *first = write_bytes(p, &first_size);
	cleanup_free uint8_t *second = write_bytes(q, &second_size);

	(void)state;
	assert_int_equal(first_size, second_size);
	assert_memory_equal(first, second, first_size);
}

static void writes_and_reads_a_profile_of_nothing(void **state)
{
	CLEANUP(profile_free) struct profile *p = profile_new(), *q = NULL;
	size_t size;
	cleanup_free uint8_t *bytes = write_bytes(p, &size);

	(void)state;
	assert_int_equal(read_bytes(bytes, size, &q), 0);
	assert_int_equal(profile_sample_count(q), 0);
}

static void counts_ids_from_1_and_leaves_out_what_no_sample_uses(void **state)
{
	CLEANUP(profile_free) struct profile *p = small_profile();
	size_t size;
	cleanup_free uint8_t *bytes = unpacked_bytes(p, &size);
	Perftools__Profiles__Profile *file =
		perftools__profiles__profile__unpack(NULL, size, bytes);

	(void)state;
	assert_non_null(file);
	assert_int_equal(file->n_location, 3);
	assert_int_equal(file->n_function, 3);
	assert_int_equal(file->n_mapping, 1);
	assert_true(file->mapping[0]->has_functions);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(file->location[i]->id, i + 1);
		assert_int_equal(file->location[i]->mapping_id, file->mapping[0]->id);
		assert_int_equal(file->function[i]->id, i + 1);
		assert_int_equal(file->function[i]->system_name, 0);
	}
	assert_string_equal(file->string_table[0], "");
	for (size_t i = 0; i < file->n_string_table; i++)
		assert_null(strstr(file->string_table[i], "unused"));
	perftools__profiles__profile__free_unpacked(file, NULL);
}

static void says_why_it_could_not_write(void **state)
{
	CLEANUP(profile_free) struct profile *p = small_profile();
	cleanup_close int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	int ends[2];

	(void)state;
	assert_int_equal(pprof_write(p, full), -ENOSPC);
	assert_int_equal(pipe(ends), 0);
	close(ends[0]);
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pprof_write(p, ends[1]), -EPIPE);
	close(ends[1]);
	assert_int_equal(pprof_write(p, -1), -EBADF);
}

/* Apart from the test: skip() leaves without the cleanups. */
static void check_by_protoc(void)
{
	CLEANUP(profile_free) struct profile *p = small_profile();
	char path[] = "/tmp/test_pprof.XXXXXX", command[256], text[65536];
	size_t size;
	cleanup_free uint8_t *bytes = unpacked_bytes(p, &size);
	FILE *decoded;
	int fd = mkstemp(path);

	assert_int_equal(write(fd, bytes, size), size);
	close(fd);
	snprintf(command, sizeof(command),
		 "protoc --proto_path=user/pprof --decode=perftools.profiles.Profile "
		 "profile.proto <%s",
		 path);
	decoded = popen(command, "r");
	text[fread(text, 1, sizeof(text) - 1, decoded)] = '\0';
	assert_int_equal(pclose(decoded), 0);
	unlink(path);
	assert_non_null(strstr(text, "string_table: \"Renderer.render\""));
	assert_non_null(strstr(text, "value: 12345678901"));
	assert_non_null(strstr(text, "duration_nanos: 10000000000"));
	assert_non_null(strstr(text, "start_line: 42"));
}

static void is_understood_by_protoc(void **state)
{
	(void)state;
	if (system("command -v protoc >/dev/null") || access("user/pprof/profile.proto", R_OK)) {
		print_message("skipped: needs protoc, run from the top of the source\n");
		skip();
	}
	check_by_protoc();
}

static void writes_many_samples_quickly(void **state)
{
	CLEANUP(profile_free) struct profile *p = profile_new(), *q = NULL;
	cleanup_close int fd = memfd_create("profile", MFD_CLOEXEC);
	uint32_t frames[20], locations[5000], random = 1;
	uint32_t labels = profile_labels(p, (struct profile_label[]){ { 0, 0, 1 } }, 1);
	struct timespec a, b, c;

	(void)state;
	profile_add_adder_types(p);
	for (int i = 0; i < 5000; i++) {
		char name[64];

		snprintf(name, sizeof(name), "Class%d.method%d", i / 10, i);
		locations[i] = location(p, name, "package/module.py", i, i + 1);
	}
	for (int i = 0; i < 200000; i++) {
		int64_t *values;

		for (int j = 0; j < 20; j++)
			frames[j] = locations[(random = random * 1664525 + 1013904223) % 5000];
		values = profile_sample_values(p, profile_stack(p, frames, 20), labels);
		values[0] = values[1] = random;
	}
	clock_gettime(CLOCK_MONOTONIC, &a);
	assert_int_equal(pprof_write(p, fd), 0);
	clock_gettime(CLOCK_MONOTONIC, &b);
	print_message("%zu samples of 20 frames: %.1f MB written in %.0f ms",
		      profile_sample_count(p), lseek(fd, 0, SEEK_END) / 1e6,
		      (b.tv_sec - a.tv_sec) * 1e3 + (b.tv_nsec - a.tv_nsec) / 1e6);
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(pprof_read(fd, &q), 0);
	clock_gettime(CLOCK_MONOTONIC, &c);
	print_message(", read in %.0f ms\n",
		      (c.tv_sec - b.tv_sec) * 1e3 + (c.tv_nsec - b.tv_nsec) / 1e6);
	assert_int_equal(profile_sample_count(q), profile_sample_count(p));
}

/* ---- what others write ---- */

/* A valid file to be spoilt: main() calling f(), one sample of 7 ns. */
struct foreign {
	Perftools__Profiles__Profile file;
	Perftools__Profiles__ValueType type;
	Perftools__Profiles__Sample sample;
	Perftools__Profiles__Label label;
	Perftools__Profiles__Mapping mapping;
	Perftools__Profiles__Location location[2];
	Perftools__Profiles__Line line[3];
	Perftools__Profiles__Function function[2];
	Perftools__Profiles__ValueType *types[1];
	Perftools__Profiles__Sample *samples[2];
	Perftools__Profiles__Label *labels[1];
	Perftools__Profiles__Mapping *mappings[2];
	Perftools__Profiles__Location *locations[2];
	Perftools__Profiles__Line *lines[3];
	Perftools__Profiles__Function *functions[2];
	char *strings[9];
	uint64_t stack[2];
	int64_t values[2], comments[2];
};

static void link_up(struct foreign *f)
{
	f->types[0] = &f->type;
	f->samples[0] = f->samples[1] = &f->sample;
	f->labels[0] = &f->label;
	f->mappings[0] = f->mappings[1] = &f->mapping;
	for (int i = 0; i < 2; i++) {
		f->locations[i] = &f->location[i];
		f->functions[i] = &f->function[i];
	}
	for (int i = 0; i < 3; i++)
		f->lines[i] = &f->line[i];
	f->file.sample_type = f->types;
	f->file.sample = f->samples;
	f->file.mapping = f->mappings;
	f->file.location = f->locations;
	f->file.function = f->functions;
	f->file.string_table = f->strings;
	f->file.comment = f->comments;
	f->sample.location_id = f->stack;
	f->sample.value = f->values;
	f->sample.label = f->labels;
	f->location[0].line = f->lines;
	f->location[1].line = f->lines + 1;
}

static void fill_in(struct foreign *f)
{
	static char *const strings[] = { "",    "cpu", "nanoseconds", "f",   "main",
					 "a.c", "key", "/bin/prog",   "note" };

	memcpy(f->strings, strings, sizeof(strings));
	f->type.type = 1;
	f->type.unit = 2;
	f->sample.n_location_id = 2;
	f->stack[0] = 0x7f0000000010;
	f->stack[1] = 5;
	f->sample.n_value = 1;
	f->values[0] = 7;
	f->sample.n_label = 1;
	f->label.key = 6;
	f->label.num = 99;
	f->mapping.id = 8;
	f->mapping.filename = 7;
	f->location[0].id = f->stack[0];
	f->location[1].id = f->stack[1];
	f->location[0].mapping_id = 8;
	f->location[0].n_line = f->location[1].n_line = 1;
	f->line[0] = f->line[1] = f->line[2];
	f->line[0].function_id = 30;
	f->line[0].line = 11;
	f->line[1].function_id = f->line[2].function_id = 10;
	f->line[1].line = 22;
	f->function[0].id = 30;
	f->function[0].name = 3;
	f->function[0].filename = 5;
	f->function[1].id = 10;
	f->function[1].name = 4;
}

static void make_foreign(struct foreign *f)
{
	memset(f, 0, sizeof(*f));
	perftools__profiles__profile__init(&f->file);
	perftools__profiles__value_type__init(&f->type);
	perftools__profiles__sample__init(&f->sample);
	perftools__profiles__label__init(&f->label);
	perftools__profiles__mapping__init(&f->mapping);
	for (int i = 0; i < 2; i++) {
		perftools__profiles__location__init(&f->location[i]);
		perftools__profiles__function__init(&f->function[i]);
	}
	perftools__profiles__line__init(&f->line[2]);
	link_up(f);
	fill_in(f);
	f->file.n_sample_type = f->file.n_sample = f->file.n_mapping = f->file.n_comment = 1;
	f->file.n_location = f->file.n_function = 2;
	f->file.n_string_table = 9;
	f->comments[0] = 8;
}

static int parse_foreign(const struct foreign *f, struct profile **ret)
{
	size_t size = perftools__profiles__profile__get_packed_size(&f->file);
	cleanup_free uint8_t *bytes = malloc(size);

	perftools__profiles__profile__pack(&f->file, bytes);
	return pprof_parse(bytes, size, ret);
}

static void assert_reads_as(const struct foreign *f, const char *expected)
{
	CLEANUP(profile_free) struct profile *p = NULL;
	cleanup_free char *text = NULL;

	assert_int_equal(parse_foreign(f, &p), 0);
	text = describe(p);
	assert_string_equal(text, expected);
}

static void reads_ids_in_any_order_and_of_any_size(void **state)
{
	struct foreign f;

	(void)state;
	make_foreign(&f);
	assert_reads_as(&f, "type cpu nanoseconds\n"
			    "sample f@a.c:0:11 main@:0:22 key=/99 7\n"
			    "comment note\n"
			    "meta 0 0   0 \n");
}

static void expands_inlined_functions_leaf_first(void **state)
{
	struct foreign f;

	(void)state;
	make_foreign(&f);
	f.location[0].n_line = 2;
	f.file.n_comment = 0;
	f.sample.n_location_id = 1;
	assert_reads_as(&f, "type cpu nanoseconds\n"
			    "sample f@a.c:0:11 main@:0:22 key=/99 7\n"
			    "meta 0 0   0 \n");
}

static void names_what_has_no_function_by_its_address(void **state)
{
	struct foreign f;

	(void)state;
	make_foreign(&f);
	f.location[0].n_line = 0;
	f.location[0].address = 0x401234;
	f.line[1].function_id = 0;
	f.file.n_comment = 0;
	assert_reads_as(&f, "type cpu nanoseconds\n"
			    "sample [0x401234]@/bin/prog:0:0 [0x0]@:0:0 key=/99 7\n"
			    "meta 0 0   0 \n");
}

static void prefers_a_labels_text_to_its_number(void **state)
{
	struct foreign f;

	(void)state;
	make_foreign(&f);
	f.label.str = 4;
	f.file.n_comment = 0;
	f.sample.n_location_id = 0;
	assert_reads_as(&f, "type cpu nanoseconds\n"
			    "sample key=main/0 7\n"
			    "meta 0 0   0 \n");
}

static void replaces_broken_utf8_and_takes_the_system_name_for_want_of_one(void **state)
{
	struct foreign f;

	(void)state;
	make_foreign(&f);
	f.strings[3] = "\xff"
		       "f\xc3";
	f.function[1].name = 0;
	f.function[1].system_name = 4;
	f.file.n_comment = f.sample.n_label = 0;
	assert_reads_as(&f, "type cpu nanoseconds\n"
			    "sample ?f?@a.c:0:11 main@:0:22 7\n"
			    "meta 0 0   0 \n");
}

static void adds_up_samples_that_are_equal(void **state)
{
	struct foreign f;

	(void)state;
	make_foreign(&f);
	f.file.n_sample = 2;
	f.file.n_comment = f.sample.n_label = 0;
	assert_reads_as(&f, "type cpu nanoseconds\n"
			    "sample f@a.c:0:11 main@:0:22 14\n"
			    "meta 0 0   0 \n");
}

static void takes_what_is_negative_for_unknown_except_values(void **state)
{
	struct foreign f;

	(void)state;
	make_foreign(&f);
	f.line[0].line = f.function[0].start_line = INT64_MIN;
	f.file.period = f.file.duration_nanos = f.file.time_nanos = -1;
	f.values[0] = -7;
	f.file.n_comment = f.sample.n_label = 0;
	assert_reads_as(&f, "type cpu nanoseconds\n"
			    "sample f@a.c:0:0 main@:0:22 -7\n"
			    "meta 0 0   0 \n");
}

/* Each way of contradicting itself, by the one number that is wrong. */
static void refuses_a_file_that_contradicts_itself(void **state)
{
	static struct foreign f;
	const struct {
		void *field;
		int64_t wrong;
	} cases[] = {
		{ &f.file.n_string_table, 0 },
		{ &f.strings[0], (intptr_t) "x" },
		{ &f.file.n_sample_type, 0 },
		{ &f.sample.n_value, 0 },
		{ &f.sample.n_value, 2 },
		{ &f.type.type, 9 },
		{ &f.type.type, -1 },
		{ &f.type.unit, INT64_MAX },
		{ &f.stack[0], 0 },
		{ &f.stack[1], 6 },
		{ &f.location[0].id, 0 },
		{ &f.location[0].id, 5 },
		{ &f.location[0].mapping_id, 1 },
		{ &f.line[0].function_id, 31 },
		{ &f.function[0].id, 0 },
		{ &f.function[0].id, 10 },
		{ &f.function[0].name, 9 },
		{ &f.function[0].filename, INT64_MIN },
		{ &f.mapping.id, 0 },
		{ &f.file.n_mapping, 2 },
		{ &f.label.key, 9 },
		{ &f.label.str, -4 },
		{ &f.comments[0], 9 },
		{ &f.file.default_sample_type, 9 },
		{ &f.values[0], INT64_MAX },
		{ &f.values[0], INT64_MIN },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct profile *untouched = NULL;

		make_foreign(&f);
		memcpy(cases[i].field, &cases[i].wrong, sizeof(cases[i].wrong));
		if (parse_foreign(&f, &untouched) != -EBADMSG)
			fail_msg("case %zu was not refused", i);
		assert_null(untouched);
	}
}

static void refuses_a_file_that_expands_without_end(void **state)
{
	static Perftools__Profiles__Line *lines[70000];
	static Perftools__Profiles__Sample *samples[4000];
	struct profile *untouched = NULL;
	struct foreign f;

	(void)state;
	make_foreign(&f);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		lines[i] = &f.line[0];
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++)
		samples[i] = &f.sample;
	f.location[0].line = lines;
	f.location[0].n_line = ARRAY_SIZE(lines);
	f.file.sample = samples;
	f.file.n_sample = ARRAY_SIZE(samples);
	assert_int_equal(parse_foreign(&f, &untouched), -EFBIG);
	assert_null(untouched);
}

/* ---- broken files ---- */

static void tells_an_empty_file_from_a_broken_one(void **state)
{
	struct profile *p = NULL;

	(void)state;
	assert_int_equal(read_bytes("", 0, &p), -ENODATA);
	assert_int_equal(read_bytes("\x1f", 1, &p), -EBADMSG);
	assert_int_equal(read_bytes("hello, world", 12, &p), -EBADMSG);
	assert_int_equal(pprof_read(-1, &p), -EBADF);
	assert_null(p);
}

static void refuses_a_file_cut_at_any_length(void **state)
{
	CLEANUP(profile_free) struct profile *p = small_profile();
	size_t size;
	cleanup_free uint8_t *bytes = write_bytes(p, &size);

	(void)state;
	for (size_t length = 0; length < size; length++) {
		struct profile *q = NULL;

		assert_int_equal(read_bytes(bytes, length, &q), length ? -EBADMSG : -ENODATA);
		assert_null(q);
	}
}

static void notices_any_flipped_bit_that_matters(void **state)
{
	CLEANUP(profile_free) struct profile *p = small_profile();
	cleanup_free char *text = describe(p);
	size_t size;
	cleanup_free uint8_t *bytes = write_bytes(p, &size);

	(void)state;
	for (size_t bit = 0; bit < size * 8; bit++) {
		CLEANUP(profile_free) struct profile *q = NULL;
		int err;

		bytes[bit / 8] ^= 1 << bit % 8;
		err = read_bytes(bytes, size, &q);
		bytes[bit / 8] ^= 1 << bit % 8;
		if (!err) { /* in the header's time, system and flags, or in padding */
			cleanup_free char *same = describe(q);

			assert_string_equal(same, text);
		}
	}
}

static void survives_unpacked_bytes_that_are_cut_or_flipped(void **state)
{
	CLEANUP(profile_free) struct profile *p = small_profile();
	size_t size;
	cleanup_free uint8_t *bytes = unpacked_bytes(p, &size);

	(void)state;
	for (size_t length = 0; length < size; length++) {
		CLEANUP(profile_free) struct profile *q = NULL;

		pprof_parse(bytes, length, &q);
	}
	for (size_t bit = 0; bit < size * 8; bit++) {
		CLEANUP(profile_free) struct profile *q = NULL;

		bytes[bit / 8] ^= 1 << bit % 8;
		if (pprof_parse(bytes, size, &q) == 0)
			free(describe(q));
		bytes[bit / 8] ^= 1 << bit % 8;
	}
}

static void reads_gzip_of_several_members_and_nothing_else_behind(void **state)
{
	CLEANUP(profile_free) struct profile *p = small_profile(), *q = NULL;
	size_t size, plain_size;
	cleanup_free uint8_t *bytes = write_bytes(p, &size), *twice = malloc(2 * size),
			     *plain = NULL;

	(void)state;
	memcpy(twice, bytes, size);
	memcpy(twice + size, bytes, size);
	assert_int_equal(gzip_unpack(twice, 2 * size, 1 << 30, &plain, &plain_size), 0);
	assert_int_equal(pprof_parse(plain, plain_size, &q), -EBADMSG); /* each id is there twice */
	assert_int_equal(read_bytes(twice, size + 1, &q), -EBADMSG);
	memset(twice + size, 0, size);
	assert_int_equal(read_bytes(twice, 2 * size, &q), -EBADMSG);
}

static void stops_unpacking_at_the_limit(void **state)
{
	static const uint8_t zeroes[1 << 20];
	cleanup_close int fd = memfd_create("zeroes", MFD_CLOEXEC);
	CLEANUP(gzip_free) struct gzip *g = NULL;
	uint8_t packed[8192], *bytes = NULL;
	size_t size, packed_size;

	(void)state;
	assert_int_equal(gzip_new(fd, &g), 0);
	assert_int_equal(gzip_add(g, zeroes, sizeof(zeroes)), 0);
	assert_int_equal(gzip_finish(g), 0);
	packed_size = pread(fd, packed, sizeof(packed), 0);
	assert_int_equal(gzip_unpack(packed, packed_size, sizeof(zeroes) - 1, &bytes, &size),
			 -EFBIG);
	assert_null(bytes);
	assert_int_equal(gzip_unpack(packed, packed_size, sizeof(zeroes), &bytes, &size), 0);
	assert_int_equal(size, sizeof(zeroes));
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_back_what_it_wrote),
		cmocka_unit_test(writes_the_same_profile_the_same_way),
		cmocka_unit_test(writes_and_reads_a_profile_of_nothing),
		cmocka_unit_test(counts_ids_from_1_and_leaves_out_what_no_sample_uses),
		cmocka_unit_test(says_why_it_could_not_write),
		cmocka_unit_test(is_understood_by_protoc),
		cmocka_unit_test(writes_many_samples_quickly),
		cmocka_unit_test(reads_ids_in_any_order_and_of_any_size),
		cmocka_unit_test(expands_inlined_functions_leaf_first),
		cmocka_unit_test(names_what_has_no_function_by_its_address),
		cmocka_unit_test(prefers_a_labels_text_to_its_number),
		cmocka_unit_test(replaces_broken_utf8_and_takes_the_system_name_for_want_of_one),
		cmocka_unit_test(adds_up_samples_that_are_equal),
		cmocka_unit_test(takes_what_is_negative_for_unknown_except_values),
		cmocka_unit_test(refuses_a_file_that_contradicts_itself),
		cmocka_unit_test(refuses_a_file_that_expands_without_end),
		cmocka_unit_test(tells_an_empty_file_from_a_broken_one),
		cmocka_unit_test(refuses_a_file_cut_at_any_length),
		cmocka_unit_test(notices_any_flipped_bit_that_matters),
		cmocka_unit_test(survives_unpacked_bytes_that_are_cut_or_flipped),
		cmocka_unit_test(reads_gzip_of_several_members_and_nothing_else_behind),
		cmocka_unit_test(stops_unpacking_at_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
