/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * --by state: where the time went, and who spent most of it there.
 */
#ifndef REPORT_BY_STATE_H
#define REPORT_BY_STATE_H

#include <stdio.h>

#include "json/json.h"

struct profile;
struct report_options;

/** Print a row a state.  As report_print(); -EOPNOTSUPP if @p has no states. */
int by_state_print(const struct profile *p, const struct report_options *o, FILE *out);

/** The same as a list of {state, seconds' nanoseconds, function, ...}; the caller's to release. */
int by_state_json(const struct profile *p, const struct report_options *o, json_t **ret);

#endif
