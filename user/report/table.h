/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A table: cells are put in row by row, then sorted by any column and laid out for a width.
 *
 * What the layout decides, it decides here alone: decimals, which columns are left out because
 * they are zero everywhere or because the terminal is narrow, and where names are cut.  Text is
 * escaped here too, so that no name from a profile reaches a terminal as it is.
 */
#ifndef REPORT_TABLE_H
#define REPORT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/cleanup.h"

enum table_kind {
	TABLE_TEXT,    /* to the left */
	TABLE_SECONDS, /* nanoseconds, shown as seconds; '·' for zero */
	TABLE_NUMBER,  /* '·' for zero */
	TABLE_ID,      /* a number that is not an amount, or -1 for none */
	TABLE_PERCENT, /* of @whole, see table_set_whole() */
};

enum table_cut { TABLE_UNCUT, TABLE_CUT_RIGHT, TABLE_CUT_LEFT };

struct table_column {
	const char *head;  /* copied, in upper case, escaped */
	const char *group; /* headline over neighbours of the same group, borrowed; or NULL */
	enum table_kind kind;
	enum table_cut cut;
	bool is_kept;   /* though zero everywhere, or the terminal narrow */
	bool is_hidden; /* only to sort by */
	bool is_right;  /* TABLE_TEXT to the right, for it is a number made up by the view */
	int64_t whole;  /* of TABLE_PERCENT: 100 % */
};

struct table;

/** A table of no columns and no rows, or NULL. */
struct table *table_new(void);
void table_free(struct table *t);
DEFINE_CLEANUP(struct table *, table_free);

/** Add a column, before the first row.  Returns its index, or -ENOMEM. */
int table_column(struct table *t, const struct table_column *column);

/** Index of the column whose head is @head in any case, in @group or (NULL) the first; or -1. */
int table_find(const struct table *t, const char *head, const char *group);

/** Head of @column, escaped and in upper case, or NULL past the last. */
const char *table_head(const struct table *t, size_t column);

/** Begin a row; @tag is the caller's, see table_tag(). */
void table_row(struct table *t, const void *tag);

/** The next cell of the row, of a text column: copied. */
void table_text(struct table *t, const char *text);

/** The next cell of the row, of any other column. */
void table_number(struct table *t, int64_t value);

/** 0, or -ENOMEM if anything was left out. */
int table_error(const struct table *t);

/**
 * Sort rows by @column: numbers largest first, ids and text ascending.  Equal rows are sorted by
 * @second (-1: none), then by all ids and texts.
 */
void table_sort(struct table *t, int column, int second);

size_t table_rows(const struct table *t);
const void *table_tag(const struct table *t, size_t row);

/** Sum of a numeric @column from row @first to the end. */
int64_t table_sum(const struct table *t, int column, size_t first);

/**
 * Print the first @limit rows (0: all) for a terminal of @width columns (0: unlimited), and a last
 * line that names the columns for which that was too narrow.
 */
void table_print(const struct table *t, size_t limit, int width, FILE *out);

#endif
