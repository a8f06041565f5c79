/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Columns side by side on a terminal: which ones, how wide, and where a name is cut.
 */
#ifndef REPORT_LAYOUT_H
#define REPORT_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "report/table.h"

struct layout_column {
	const char *head, *group; /* borrowed; group may be NULL */
	enum table_cut cut;
	bool is_text, is_kept;
	bool is_out;         /* not printed; layout_fit() adds to these */
	bool is_crowded_out; /* by layout_fit(): also is_out */
	int width;           /* wanted; after layout_fit(), given */
	int64_t worth;       /* the least worth goes first when the terminal is narrow */
};

/** Make @columns fit @width (0: unlimited): columns of little worth go, then names are cut. */
void layout_fit(struct layout_column *columns, size_t count, int width);

/** Print the groups' headline, if there are groups, and the heads. */
void layout_print_heads(const struct layout_column *columns, size_t count, FILE *out);

/** Print one row of @texts, which are escaped already. */
void layout_print_row(const struct layout_column *columns, size_t count, const char *const *texts,
		      FILE *out);

/** Print @text cut to @width columns, with '…' where it is cut; 0: whole.  Returns its width. */
int layout_print_cut(const char *text, int width, enum table_cut cut, FILE *out);

#endif
