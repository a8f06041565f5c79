/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * --by calls: cProfile's table.  Counts are exact; times are the ledger's, waiting included.
 */
#ifndef REPORT_BY_CALLS_H
#define REPORT_BY_CALLS_H

#include <stdbool.h>
#include <stdio.h>

#include "json/json.h"

struct profile;
struct report_options;

/**
 * Print a row for each function that was called.  As report_print(); -EOPNOTSUPP if no calls were
 * counted in @p.
 */
int by_calls_print(const struct profile *p, const struct report_options *o, FILE *out);

/** The same as a list of {function, file, line, ncalls, ...}, all unless @o says how many; the
 * caller's to release. */
int by_calls_json(const struct profile *p, const struct report_options *o, json_t **ret);

/** Is @key a word that rows can be sorted by? */
bool by_calls_sorts(const char *key);

/** Is it one that only rows of a process each have? */
bool by_calls_sorts_processes(const char *key);

#endif
