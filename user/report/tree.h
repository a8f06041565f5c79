/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * --tree: the calls from the root, with how long each branch took.
 */
#ifndef REPORT_TREE_H
#define REPORT_TREE_H

#include <stdio.h>

#include "json/json.h"

struct profile;
struct report_options;

/** Print the tree; branches below 0.5 % are counted, not shown.  As report_print(). */
int tree_print(const struct profile *p, const struct report_options *o, FILE *out);

/** The whole tree as nested objects; the caller's to release. */
int tree_json(const struct profile *p, const struct report_options *o, json_t **ret);

#endif
