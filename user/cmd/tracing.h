/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `adder calls --gc --imports`: a line for each collection and import, as it ends, and a sum.
 */
#ifndef CMD_TRACING_H
#define CMD_TRACING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct filter;

struct tracing {
	bool collections, imports; /* at least one */
	bool json;                 /* an object a line */
	uint64_t duration_ns;      /* 0: until a signal, or the command's end */
	size_t memory_bytes;
	const char *output; /* file to write the lines to; "-": standard output */
	const struct filter *filter;
	char **command; /* NULL, or its arguments ended by NULL */
};

/** Trace until it is over.  Returns the exit status; what failed has been said. */
int tracing_run(const struct tracing *options);

#endif
