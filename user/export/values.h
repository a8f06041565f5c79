/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one value a stack that a format holds: which type, and in which unit.
 */
#ifndef EXPORT_VALUES_H
#define EXPORT_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct profile;

struct values {
	int plus, minus;  /* types; minus is -1 where nothing is subtracted */
	bool is_time;     /* values are in nanoseconds */
	int64_t scale;    /* nanoseconds in the type's unit, or 1 */
	char name[64];    /* "cpu"; not escaped */
	const char *unit; /* "count" and the like; of times "nanoseconds" */
};

/** What @type, as of export_type_find(), means for @p; borrows @p's strings. */
void values_init(struct values *v, const struct profile *p, int type);

/** The value among those of a sample; negative ones count as 0: no format can show them. */
int64_t values_of(const struct values *v, const int64_t *sample);

/** For calltree_new(): @context is a struct values. */
void values_measure(const void *context, const int64_t *sample, int64_t *ret);

#endif
