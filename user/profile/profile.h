/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The profile: what was measured, as plain data.
 *
 * It is pprof's model (sample types, samples with a stack, labels and one value a type) without
 * pprof's encoding.  It comes from the kernel or from a file alike: no addresses, no processes, no
 * I/O here.  All strings are valid UTF-8, but may hold any character: whoever shows one escapes it.
 *
 * Everything is interned: equal strings, functions, locations, stacks and label sets have equal
 * ids, ids count from 0 without gaps and stay valid for the profile's life.  String 0 is "".
 * Equal (stack, labels) are one sample.
 *
 * Running out of memory is sticky: the adding functions then return id 0 (or NULL), and
 * profile_error() says -ENOMEM; ask it once, at the end.  Not thread-safe.
 */
#ifndef PROFILE_PROFILE_H
#define PROFILE_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct profile;

/** A type of value that samples have, such as {"cpu", "nanoseconds"}. */
struct profile_type {
	uint32_t name, unit; /* string ids */
};

struct profile_function {
	uint32_t name, filename; /* string ids; the name is qualified as CPython has it */
	int64_t start_line;      /* co_firstlineno; 0 if unknown */
};

struct profile_location {
	uint32_t function;
	int64_t line; /* 0 if unknown */
};

/** key -> text, or key -> number. */
struct profile_label {
	uint32_t key;   /* string id */
	uint32_t text;  /* string id; 0 if the label is a number */
	int64_t number; /* with text == 0 */
};

/** One sample.  Borrowed from the profile; valid until the profile is changed or freed. */
struct profile_sample {
	uint32_t stack, labels;
	const int64_t *values; /* profile_type_count() of them */
};

/** A profile with no types and no samples, or NULL without memory. */
struct profile *profile_new(void);
void profile_free(struct profile *p);
DEFINE_CLEANUP(struct profile *, profile_free);

/** 0, or -ENOMEM if anything was left out since profile_new(). */
int profile_error(const struct profile *p);

/* ---- adding ---- */

/**
 * From now on take up to about @bytes for texts, functions, locations and stacks; 0: no limit.
 * Beyond, what is not there yet is not added, and the id of "[memory full]" of its kind is
 * returned.  Half of it is kept for stacks: of functions that are known, or lumped together so.
 */
void profile_limit(struct profile *p, size_t bytes);

/** How often "[memory full]" was returned for something else. */
uint64_t profile_refused(const struct profile *p);

/** Intern @text (copied; broken UTF-8 becomes '?'). */
uint32_t profile_string(struct profile *p, const char *text);

/** Intern the first @size bytes of @text; a NUL in there ends it. */
uint32_t profile_string_n(struct profile *p, const char *text, size_t size);

/** Add a value type; its index in every sample's values.  Only before the first sample. */
int profile_add_type(struct profile *p, const char *name, const char *unit);

/**
 * Add the types of counted calls behind adder's own: calls, resumes (of generators), how many of
 * both, and of resumes alone, were recursive; and of those that were timed, the time in themselves
 * and in all.
 */
void profile_add_call_types(struct profile *p);

/** Add adder's own types, in the order of the file: wall, the states, sys, throttled, samples,
 * loop. */
void profile_add_adder_types(struct profile *p);

uint32_t profile_function(struct profile *p, uint32_t name, uint32_t filename, int64_t start_line);
uint32_t profile_location(struct profile *p, uint32_t function, int64_t line);

/** A location of a bracketed pseudo-function, such as "[no Python stack]", without file or line. */
uint32_t profile_pseudo(struct profile *p, const char *name);

/** Intern a stack: @count location ids, leaf first. */
uint32_t profile_stack(struct profile *p, const uint32_t *locations, size_t count);

/** Intern a set of labels, in any order (kept sorted by key id). */
uint32_t profile_labels(struct profile *p, const struct profile_label *labels, size_t count);

/**
 * The values of the sample of @stack and @labels, to be added to; all 0 if it is new.
 * Valid until the next call.  NULL without memory.
 */
int64_t *profile_sample_values(struct profile *p, uint32_t stack, uint32_t labels);

/** Append a comment, "key: value". */
void profile_comment(struct profile *p, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/** When and how: all in nanoseconds; start is wall-clock time since the epoch. */
struct profile_meta {
	int64_t time_ns, duration_ns;
	struct profile_type period_type;
	int64_t period;
	uint32_t default_type; /* string id of a type's name; 0 if none is named */
};
struct profile_meta *profile_meta(struct profile *p);

/* ---- reading ---- */

const struct profile_meta *profile_meta_get(const struct profile *p);

/** The text of string @id; never NULL. */
const char *profile_text(const struct profile *p, uint32_t id);

size_t profile_string_count(const struct profile *p);
size_t profile_type_count(const struct profile *p);
struct profile_type profile_type_at(const struct profile *p, size_t index);

/** Index of the type called @name, or -1. */
int profile_type_find(const struct profile *p, const char *name);

size_t profile_function_count(const struct profile *p);
struct profile_function profile_function_at(const struct profile *p, uint32_t id);
size_t profile_location_count(const struct profile *p);
struct profile_location profile_location_at(const struct profile *p, uint32_t id);

/** The locations of stack @id, leaf first; *@count of them.  Valid until a stack is added. */
const uint32_t *profile_stack_at(const struct profile *p, uint32_t id, size_t *count);
size_t profile_stack_count(const struct profile *p);

/** The labels of set @id, *@count of them. */
const struct profile_label *profile_labels_at(const struct profile *p, uint32_t id, size_t *count);
size_t profile_labels_count(const struct profile *p);

/** Text of label @key in set @id, or NULL if absent or a number. */
const char *profile_label_text(const struct profile *p, uint32_t id, const char *key);

/** Number of label @key in set @id, or @absent. */
int64_t profile_label_number(const struct profile *p, uint32_t id, const char *key, int64_t absent);

size_t profile_sample_count(const struct profile *p);
struct profile_sample profile_sample_at(const struct profile *p, size_t index);

size_t profile_comment_count(const struct profile *p);
const char *profile_comment_at(const struct profile *p, size_t index);

/** Value of the comment "KEY: value", or NULL; the first one if there are several. */
const char *profile_comment_find(const struct profile *p, const char *key);

#endif
