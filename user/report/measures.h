/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The numbers of a report: what is made of a profile's sample types.
 *
 * adder's own profiles have states; theirs sum to the wall time, and idle time (poll and sleep:
 * waiting for work) is kept apart.  Of anyone else's profiles each sample type is one number.
 */
#ifndef REPORT_MEASURES_H
#define REPORT_MEASURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "states.h"

struct profile;

enum { MEASURES_MAX = 32, MEASURES_TYPES_MAX = 64, MEASURE_NONE = -1 };

/** The states in which a thread waits for work. */
#define MEASURES_IDLE (1u << ADDER_STATE_POLL | 1u << ADDER_STATE_SLEEP)
#define MEASURES_ALL  ((1u << ADDER_STATE_NR) - 1)

struct measure {
	char name[32]; /* of the sample type: "wall", "cpu"; from a file, not escaped */
	bool is_time;  /* in nanoseconds; else a plain number */
	bool is_shown; /* a column of tables, if not zero everywhere */
	int exported;  /* the sample type that it is in JSON, or MEASURE_NONE */
};

struct measures {
	bool is_ledger; /* of adder: wall, and states that sum to it */
	size_t count;
	size_t rank;               /* what rows are ordered by */
	int wall, cpu;             /* index, or MEASURE_NONE */
	int state[ADDER_STATE_NR]; /* index, or MEASURE_NONE */
	struct measure list[MEASURES_MAX];

	size_t type_count;
	uint32_t adds_to[MEASURES_TYPES_MAX]; /* a sample type: the measures it is part of */
	int64_t scale[MEASURES_TYPES_MAX];    /* its unit in nanoseconds, or 1 */
	char names[MEASURES_TYPES_MAX][32];   /* of the types */
};

/** What idle time is to a view. */
enum measures_idle {
	MEASURES_WITHOUT_IDLE, /* no column, and no part of wall */
	MEASURES_WITH_IDLE,    /* a column, part of wall and counted when ranking */
	MEASURES_IDLE_APART,   /* a column and part of wall, but not counted when ranking */
};

/**
 * Choose the measures of @p, of which only @states count (a mask of enum adder_state;
 * MEASURES_ALL). 0; -EOPNOTSUPP if @states asks for some but @p is not adder's; -ENODATA if @p has
 * no types.
 */
int measures_init(struct measures *m, const struct profile *p, uint32_t states,
		  enum measures_idle idle);

/** Make @ret[@m->count] of one sample's values. */
void measures_of(const struct measures *m, const int64_t *values, int64_t *ret);

/** Sum over all samples of @p: @ret[@m->count]. */
void measures_total(const struct measures *m, const struct profile *p, int64_t *ret);

/** @sums += @values, staying at the end of the scale where files with absurd numbers overflow. */
void measures_add(const struct measures *m, int64_t *sums, const int64_t *values);

/** Index of the measure called @name in any case, or MEASURE_NONE. */
int measures_find(const struct measures *m, const char *name);

/** Word of @state, as in the file: "gil". */
const char *measures_state_name(enum adder_state state);

/** What a thread does in @state: "waiting for the interpreter's lock". */
const char *measures_state_meaning(enum adder_state state);

#endif
