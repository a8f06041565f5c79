/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Folded stacks: one line a stack, root first, frames separated by ';', then a blank and a number.
 * What flamegraph.pl, inferno and speedscope read, and what people grep.
 *
 *   app.py (1234);main (app.py:10);Renderer.render (shop/render.py:42) 8210000
 *
 * Times are whole microseconds, as bcc's offcputime writes them; rounding is carried from line to
 * line, so that the lines sum to what the profile sums to.  A stack without time has no line.
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
#include "profile/calltree.h"
#include "profile/describe.h"
#include "profile/profile.h"

enum { NS_PER_US = 1000, NAME_BYTES = 1024 };

struct folded {
	const struct profile *p;
	const struct calltree *calls;
	struct values values;
	int64_t carry; /* nanoseconds that lines so far said too little */
	FILE *out;
};

static void print_name(const struct folded *f, uint32_t index)
{
	const struct calltree_node *node = calltree_node(f->calls, index);
	char name[NAME_BYTES], safe[4 * NAME_BYTES];

	if (node->is_process)
		describe_process(name, sizeof(name), f->p, node->id);
	else
		describe_function(name, sizeof(name), f->p, node->id);
	text_make_utf8(name);
	text_escape(safe, sizeof(safe), name);
	for (char *c = safe; *c; c++) {
		if (*c == ';')
			*c = ':';
	}
	fputs(safe, f->out);
}

/* The value as written; 0 if there is nothing to write yet. */
static int64_t next_value(struct folded *f, int64_t value)
{
	int64_t written;

	if (!f->values.is_time)
		return value;
	if (__builtin_add_overflow(value, f->carry, &value))
		value = INT64_MAX;
	written = value / NS_PER_US + (value % NS_PER_US >= NS_PER_US / 2);
	f->carry = value - (written > INT64_MAX / NS_PER_US ? value : written * NS_PER_US);
	return written;
}

static void print_stack(const struct folded *f, uint32_t node, int64_t value)
{
	uint32_t path[CALLTREE_DEPTH_MAX + 2];
	size_t depth = 0;

	if (!node)
		fputs("[no stack] ", f->out);
	for (; node; node = calltree_node(f->calls, node)->parent)
		path[depth++] = node;
	while (depth-- > 0) {
		print_name(f, path[depth]);
		fputc(depth ? ';' : ' ', f->out);
	}
	fprintf(f->out, "%" PRId64 "\n", value);
}

/* Depth first, parents before children: related stacks are neighbours. */
static void print_below(struct folded *f, uint32_t node)
{
	int64_t self = *calltree_self(f->calls, node);
	int64_t value = self ? next_value(f, self) : 0;

	if (value > 0)
		print_stack(f, node, value);
	for (uint32_t c = calltree_node(f->calls, node)->child; c;
	     c = calltree_node(f->calls, c)->next)
		print_below(f, c);
}

static int write_folded(const struct profile *p, const struct export_view *view, FILE *out)
{
	CLEANUP(calltree_free) struct calltree *calls = NULL;
	struct folded f = { .p = p, .out = out };
	struct calltree_measure measure = { 1, values_measure, &f.values };
	int err;

	values_init(&f.values, p, view->type);
	err = calltree_new(p, CALLTREE_PROCESSES, &measure, &calls);
	if (err)
		return err;
	calltree_sort(calls, 0);
	f.calls = calls;
	print_below(&f, 0);
	return 0;
}

const struct exporter export_folded = {
	.name = "folded",
	.aliases = "raw collapsed",
	.suffix = ".folded",
	.summary = "one line a stack, in microseconds: for flamegraph.pl, inferno, grep",
	.write = write_folded,
};
