/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where code leads.
 */
#ifndef SYMBOL_FLOW_H
#define SYMBOL_FLOW_H

#include <stdbool.h>
#include <stdint.h>

struct image;

enum flow {
	FLOW_NEVER,     /* no way that was followed leads there */
	FLOW_SOMETIMES, /* some do */
	FLOW_ALWAYS,    /* all do, whichever is taken */
};

/**
 * Do the ways of the code at @from lead to one of [@first, @last]?  A way ends there, at a jump or
 * return to what is not in the code, and where it is not understood; those that are long are not
 * followed to their end.  Of the ways behind a switch nothing is known: without @switches_end they
 * are taken to lead where the others do.
 */
enum flow flow_between(const struct image *image, uint64_t from, uint64_t first, uint64_t last,
		       bool switches_end);

#endif
