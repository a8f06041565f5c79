/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What cProfile writes: a dict in Python's marshal format, for pstats, SnakeViz and gprof2dot.
 *
 *   {(file, line, function): (primitive calls, calls, own seconds, seconds, {caller: the same})}
 *
 * Calls are those that 'adder calls' counted; as with cProfile, a generator that goes on is one
 * more.  Without them they are 0, and of callers they always are: how often who called whom is not
 * counted.  A function's seconds are those that its calls were timed for, or the ledger's; among
 * its callers they are split as the ledger says.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "export/export.h"
#include "export/formats.h"
#include "export/values.h"
#include "profile/profile.h"

#define NAME_BYTES 4096

/* A function, or (with @caller) a function called by another. */
struct edge_key {
	uint32_t function, caller;
};
#define NO_CALLER UINT32_MAX

struct edge {
	struct edge_key key;
	int64_t calls, recursive;
	int64_t timed_own, timed_whole; /* ns, call by call; 0: not timed */
	int64_t own, whole;             /* in the unit of struct values */
	size_t sample;                  /* number of the sample that was added last, from 1 */
	struct edge *callers;           /* list of a function's */
	UT_hash_handle hh;
};

struct stats {
	const struct profile *p;
	struct values values;
	struct edge *edges;
	int calls, resumes, recursive, call_self, call_total; /* types; -1: none */
	FILE *out;
	bool out_of_memory;
};

static struct edge *get_edge(struct stats *s, uint32_t function, uint32_t caller)
{
	struct edge_key key = { function, caller };
	struct edge *edge, *of;

	HASH_FIND(hh, s->edges, &key, sizeof(key), edge);
	if (edge)
		return edge;
	edge = calloc(1, sizeof(*edge));
	if (!edge) {
		s->out_of_memory = true;
		return NULL;
	}
	edge->key = key;
	HASH_ADD(hh, s->edges, key, sizeof(key), edge);
	if (caller == NO_CALLER)
		return edge;
	of = get_edge(s, function, NO_CALLER);
	if (of) {
		edge->callers = of->callers;
		of->callers = edge;
	}
	return edge;
}

/* A file may have absurd numbers. */
static int64_t saturated(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? (b < 0 ? INT64_MIN : INT64_MAX) : sum;
}

/* However often a function is in a stack, its time counts once. */
static void add_time(struct edge *edge, size_t sample, bool is_leaf, int64_t value)
{
	if (!edge)
		return;
	if (is_leaf)
		edge->own = saturated(edge->own, value);
	if (edge->sample != sample)
		edge->whole = saturated(edge->whole, value);
	edge->sample = sample;
}

/* What was counted of @edge, a function. */
static void add_calls(const struct stats *s, struct edge *edge, const int64_t *values)
{
	const struct {
		int type;
		int64_t *sum;
	} list[] = {
		{ s->calls, &edge->calls },
		{ s->resumes, &edge->calls },
		{ s->recursive, &edge->recursive },
		{ s->call_self, &edge->timed_own },
		{ s->call_total, &edge->timed_whole },
	};

	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		if (list[i].type >= 0)
			*list[i].sum = saturated(*list[i].sum, values[list[i].type]);
	}
}

static uint32_t function_at(const struct stats *s, uint32_t location)
{
	return profile_location_at(s->p, location).function;
}

static void take_sample(struct stats *s, size_t number)
{
	struct profile_sample sample = profile_sample_at(s->p, number - 1);
	int64_t value;
	size_t depth;
	const uint32_t *stack = profile_stack_at(s->p, sample.stack, &depth);

	values_measure(&s->values, sample.values, &value);
	for (size_t i = 0; i < depth; i++) {
		uint32_t function = function_at(s, stack[i]);
		struct edge *edge = get_edge(s, function, NO_CALLER);

		add_time(edge, number, i == 0, value);
		if (edge && i == 0)
			add_calls(s, edge, sample.values);
		if (i + 1 < depth && value)
			add_time(get_edge(s, function, function_at(s, stack[i + 1])), number,
				 i == 0, value);
	}
}

/* ---- marshal, in the forms that every version reads ---- */

static void put_i32(struct stats *s, int32_t value)
{
	uint8_t bytes[4] = { value, value >> 8, value >> 16, value >> 24 };

	fwrite(bytes, 1, sizeof(bytes), s->out);
}

/* An int: of 32 bits, or as digits of 15; the sign is that of their number. */
static void put_int(struct stats *s, int64_t value)
{
	uint64_t left = value < 0 ? -(uint64_t)value : (uint64_t)value;
	int digits = 0;

	if (value == (int32_t)value) {
		fputc('i', s->out);
		put_i32(s, value);
		return;
	}
	for (uint64_t rest = left; rest; rest >>= 15)
		digits++;
	fputc('l', s->out);
	put_i32(s, value < 0 ? -digits : digits);
	for (; digits; digits--, left >>= 15) {
		fputc(left & 0xff, s->out);
		fputc(left >> 8 & 0x7f, s->out);
	}
}

static void put_float(struct stats *s, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	fputc('g', s->out);
	put_i32(s, bits);
	put_i32(s, bits >> 32);
}

static void put_text(struct stats *s, const char *text)
{
	char safe[NAME_BYTES];

	snprintf(safe, sizeof(safe), "%s", text);
	text_make_utf8(safe);
	fputc('u', s->out);
	put_i32(s, strlen(safe));
	fputs(safe, s->out);
}

static void put_tuple(struct stats *s, int items)
{
	fputc('(', s->out);
	put_i32(s, items);
}

static void put_function(struct stats *s, uint32_t id)
{
	struct profile_function f = profile_function_at(s->p, id);

	put_tuple(s, 3);
	put_text(s, profile_text(s->p, f.filename));
	put_int(s, f.start_line);
	put_text(s, profile_text(s->p, f.name));
}

/* @part of @whole, of @ns; a file may have any numbers. */
static double share(double ns, int64_t part, int64_t whole)
{
	if (whole <= 0 || part <= 0)
		return 0;
	return part < whole ? ns * ((double)part / whole) : ns;
}

/* Of @edge, which is @of itself or one of its callers. */
static void put_numbers(struct stats *s, const struct edge *edge, const struct edge *of)
{
	double unit = s->values.is_time ? 1e-9 : 1;
	bool is_timed = s->values.is_time && (of->timed_own || of->timed_whole);
	double own = edge->own, whole = edge->whole;

	if (is_timed) {
		own = edge == of ? of->timed_own : share(of->timed_own, edge->own, of->own);
		whole = edge == of ? of->timed_whole
				   : share(of->timed_whole, edge->whole, of->whole);
	}
	put_int(s, edge->recursive < edge->calls ? edge->calls - edge->recursive : 0);
	put_int(s, edge->calls);
	put_float(s, own * unit);
	put_float(s, whole * unit);
}

static void put_edge(struct stats *s, const struct edge *edge)
{
	put_function(s, edge->key.function);
	put_tuple(s, 5);
	put_numbers(s, edge, edge);
	fputc('{', s->out);
	for (const struct edge *caller = edge->callers; caller; caller = caller->callers) {
		put_function(s, caller->key.caller);
		put_tuple(s, 4);
		put_numbers(s, caller, edge);
	}
	fputc('0', s->out);
}

static void free_edges(struct stats *s)
{
	struct edge *edge, *next;

	HASH_ITER (hh, s->edges, edge, next) {
		HASH_DEL(s->edges, edge);
		free(edge);
	}
}

static int write_pstats(const struct profile *p, const struct export_view *view, FILE *out)
{
	struct stats s = { .p = p,
			   .out = out,
			   .calls = profile_type_find(p, "calls"),
			   .resumes = profile_type_find(p, "resumes"),
			   .recursive = profile_type_find(p, "recursive"),
			   .call_self = profile_type_find(p, "call_self"),
			   .call_total = profile_type_find(p, "call_total") };

	values_init(&s.values, p, view->type);
	for (size_t i = 0; i < profile_sample_count(p); i++)
		take_sample(&s, i + 1);
	fputc('{', out);
	for (const struct edge *edge = s.edges; edge; edge = edge->hh.next) {
		if (edge->key.caller == NO_CALLER)
			put_edge(&s, edge);
	}
	fputc('0', out);
	free_edges(&s);
	return s.out_of_memory ? -ENOMEM : 0;
}

const struct exporter export_pstats = {
	.name = "pstats",
	.aliases = "cprofile",
	.suffix = ".pstats",
	.summary = "what cProfile writes: for pstats, SnakeViz, gprof2dot",
	.write = write_pstats,
};
