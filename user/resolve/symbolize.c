/* SPDX-License-Identifier: BSD-2-Clause */
#include "resolve/symbolize.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "python/qualname.h"
#include "resolve/hooks.h"
#include "resolve/names.h"
#include "resolve/process_table.h"

#define MAX_TABLE      (1 << 18) /* bytes of a line table: of a function of 30,000 lines */
#define PROCESS_TABLES (8 << 20) /* of a process: then long ones are not read on */

/*
 * The whole line table of a code object: a long one is read on from the process.  The caller's to
 * free; NULL without memory.  *@size is how much of it is there.
 */
static uint8_t *whole_table(const struct symbolizer *s, struct process *process,
			    const struct adder_event_code *e, uint32_t *size)
{
	uint32_t rest = e->table_size > e->table_bytes ? e->table_size - e->table_bytes : 0;
	uint8_t *table;

	if (rest > MAX_TABLE || names_table_bytes(process->names) + rest > PROCESS_TABLES)
		rest = 0; /* lines from there on are the function's first */
	table = malloc(e->table_bytes + rest + 1);
	if (!table)
		return NULL;
	memcpy(table, e->table_data, e->table_bytes);
	*size = e->table_bytes;
	if (rest && !s->hooks->read_memory(s->hooks->arg, e->serial, e->table + e->table_bytes,
					   table + e->table_bytes, rest))
		*size += rest;
	return table;
}

/* With its class, before 3.11: the process has to be asked.  Valid until the next call. */
static const struct adder_event_code *with_class(const struct symbolizer *s,
						 const struct process *process,
						 const struct adder_event_code *e)
{
	const struct qualname_memory memory = { s->hooks->read_memory, s->hooks->arg };
	static struct adder_event_code named;

	if (!e->first_type)
		return e;
	memcpy(&named, e, offsetof(struct adder_event_code, table_data));
	qualname_find(&memory, process->version, &named);
	return &named;
}

void symbolizer_add_code(const struct symbolizer *s, struct process *process,
			 const struct adder_event_code *e)
{
	uint32_t size = 0;
	cleanup_free uint8_t *table = whole_table(s, process, e, &size);

	if (table)
		names_add_code(process->names, s->p, process->version, with_class(s, process, e),
			       table, size);
	if (e->role == ADDER_CODE_RUN)
		process->run_code = e->code;
}

void symbolizer_need_code(const struct symbolizer *s, struct process *process,
			  const struct adder_frame *frame)
{
	static struct adder_event_code code;

	if (!names_has_code(process->names, frame) &&
	    !s->hooks->read_code(s->hooks->arg, process->serial, frame, &code))
		symbolizer_add_code(s, process, &code);
}

void symbolizer_add_stack(const struct symbolizer *s, struct process *process,
			  const struct adder_event_stack *e)
{
	uint32_t frames;

	if (e->torn)
		s->hooks->complete_stack(s->hooks->arg, e, &e);
	frames = e->depth < ADDER_MAX_FRAMES ? e->depth : ADDER_MAX_FRAMES;
	for (uint32_t i = 0; i < frames; i++)
		symbolizer_need_code(s, process, &e->frames[i]);
	names_add_stack(process->names, s->p, e);
}
