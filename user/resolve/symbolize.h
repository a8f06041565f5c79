/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Code objects and stacks as the kernel half tells them, made whole: what it could not send is read
 * from the process, if that still lives.
 */
#ifndef RESOLVE_SYMBOLIZE_H
#define RESOLVE_SYMBOLIZE_H

#include "wire.h"

struct process;
struct profile;
struct resolver_hooks;

/** What it works with; borrowed. */
struct symbolizer {
	struct profile *p;
	const struct resolver_hooks *hooks;
};

/*
 * In all of these, @process must have names (process_table.h); they get what was found out.  What
 * can't be read, or has no room in memory, they lack.
 */

/** A code object was told; @e->table_bytes, checked, are there of its line table. */
void symbolizer_add_code(const struct symbolizer *s, struct process *process,
			 const struct adder_event_code *e);

/** Read the code object of @frame, unless that was told. */
void symbolizer_need_code(const struct symbolizer *s, struct process *process,
			  const struct adder_frame *frame);

/** A stack was told, with as many frames as its depth says, ADDER_MAX_FRAMES at the most. */
void symbolizer_add_stack(const struct symbolizer *s, struct process *process,
			  const struct adder_event_stack *e);

#endif
