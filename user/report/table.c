/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "report/table.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "report/layout.h"
#include "report/number.h"

enum { COLUMNS_MAX = 80 };

struct cell {
	char *text; /* escaped */
	int64_t number;
};

struct row {
	const void *tag;
	struct cell *cells;
};

struct column {
	struct table_column is;
	char head[48];
};

struct table {
	size_t column_count, row_count, row_room, filled; /* filled: cells of the last row */
	struct column columns[COLUMNS_MAX];
	struct row *rows;
	bool is_broken; /* without memory */
};

struct table *table_new(void)
{
	return calloc(1, sizeof(struct table));
}

void table_free(struct table *t)
{
	if (!t)
		return;
	for (size_t r = 0; r < t->row_count; r++) {
		for (size_t c = 0; c < t->column_count; c++)
			free(t->rows[r].cells[c].text);
		free(t->rows[r].cells);
	}
	free(t->rows);
	free(t);
}

int table_column(struct table *t, const struct table_column *column)
{
	struct column *new = &t->columns[t->column_count];

	if (t->column_count == COLUMNS_MAX)
		return -ENOMEM;
	new->is = *column;
	text_escape(new->head, sizeof(new->head), column->head);
	for (char *c = new->head; *c; c++)
		*c = toupper((unsigned char)*c);
	return t->column_count++;
}

int table_find(const struct table *t, const char *head, const char *group)
{
	for (size_t i = 0; i < t->column_count; i++) {
		const struct column *c = &t->columns[i];

		if (strcasecmp(c->head, head) != 0)
			continue;
		if (!group || (c->is.group && !strcmp(c->is.group, group)))
			return i;
	}
	return -1;
}

const char *table_head(const struct table *t, size_t column)
{
	return column < t->column_count ? t->columns[column].head : NULL;
}

void table_row(struct table *t, const void *tag)
{
	struct cell *cells;

	if (t->row_count == t->row_room) {
		size_t room = t->row_room ? 2 * t->row_room : 64;
		struct row *rows = reallocarray(t->rows, room, sizeof(*rows));

		if (!rows) {
			t->is_broken = true;
			return;
		}
		t->rows = rows;
		t->row_room = room;
	}
	t->filled = 0;
	cells = calloc(t->column_count + 1, sizeof(*cells));
	if (cells)
		t->rows[t->row_count++] = (struct row){ .tag = tag, .cells = cells };
	else
		t->is_broken = true;
}

static struct cell *next_cell(struct table *t)
{
	if (t->is_broken || t->row_count == 0 || t->filled == t->column_count)
		return NULL;
	return &t->rows[t->row_count - 1].cells[t->filled++];
}

void table_text(struct table *t, const char *text)
{
	struct cell *cell = next_cell(t);
	size_t size = 4 * strlen(text) + 1; /* '\xHH' for each byte, at worst; \u{HHHH} for three */

	if (!cell)
		return;
	cell->text = malloc(size);
	if (cell->text)
		text_escape(cell->text, size, text);
	else
		t->is_broken = true;
}

void table_number(struct table *t, int64_t value)
{
	struct cell *cell = next_cell(t);

	if (cell)
		cell->number = value;
}

int table_error(const struct table *t)
{
	return t->is_broken ? -ENOMEM : 0;
}

struct order {
	const struct table *t;
	int column, second;
};

static int compare_cells(enum table_kind kind, const struct cell *a, const struct cell *b)
{
	if (kind == TABLE_TEXT)
		return strcmp(a->text ? a->text : "", b->text ? b->text : "");
	if (kind == TABLE_ID)
		return (a->number > b->number) - (a->number < b->number);
	return (a->number < b->number) - (a->number > b->number);
}

static int compare_rows(const void *a, const void *b, void *context)
{
	const struct order *order = context;
	const struct row *x = a, *y = b;
	const struct table *t = order->t;
	int result = compare_cells(t->columns[order->column].is.kind, &x->cells[order->column],
				   &y->cells[order->column]);

	if (!result && order->second >= 0)
		result = compare_cells(t->columns[order->second].is.kind, &x->cells[order->second],
				       &y->cells[order->second]);
	for (size_t c = 0; c < t->column_count && !result; c++) {
		enum table_kind kind = t->columns[c].is.kind;

		if (kind == TABLE_TEXT || kind == TABLE_ID)
			result = compare_cells(kind, &x->cells[c], &y->cells[c]);
	}
	return result;
}

void table_sort(struct table *t, int column, int second)
{
	struct order order = { t, column, second };

	if (column >= 0 && (size_t)column < t->column_count && t->row_count > 1)
		qsort_r(t->rows, t->row_count, sizeof(*t->rows), compare_rows, &order);
}

size_t table_rows(const struct table *t)
{
	return t->row_count;
}

const void *table_tag(const struct table *t, size_t row)
{
	return t->rows[row].tag;
}

int64_t table_sum(const struct table *t, int column, size_t first)
{
	int64_t sum = 0;

	for (size_t r = first; r < t->row_count; r++) {
		int64_t value = t->rows[r].cells[column].number;

		if (__builtin_add_overflow(sum, value, &sum))
			return value < 0 ? INT64_MIN : INT64_MAX;
	}
	return sum;
}

/* Decimals for the first @rows: what is not shown need not fit. */
static int decimals_of(const struct table *t, size_t rows)
{
	int64_t largest = 0;

	for (size_t c = 0; c < t->column_count; c++) {
		if (t->columns[c].is.kind != TABLE_SECONDS || t->columns[c].is.is_hidden)
			continue;
		for (size_t r = 0; r < rows; r++) {
			if (t->rows[r].cells[c].number > largest)
				largest = t->rows[r].cells[c].number;
		}
	}
	return seconds_decimals(largest);
}

/* The cell as shown, in @buffer if it must be made. */
static const char *shown(const struct column *column, const struct cell *cell, int decimals,
			 char *buffer, size_t size)
{
	switch (column->is.kind) {
	case TABLE_TEXT:
		return cell->text ? cell->text : "";
	case TABLE_SECONDS:
		seconds_format(buffer, size, cell->number, decimals);
		break;
	case TABLE_NUMBER:
		snprintf(buffer, size, cell->number ? "%" PRId64 : "·", cell->number);
		break;
	case TABLE_ID:
		snprintf(buffer, size, cell->number < 0 ? "-" : "%" PRId64, cell->number);
		break;
	case TABLE_PERCENT:
		snprintf(buffer, size, "%.1f", percent_of(cell->number, column->is.whole));
		break;
	}
	return buffer;
}

/* What of a column does not depend on the others: how wide it would like to be, and its worth. */
static struct layout_column measure_column(const struct table *t, size_t c, size_t rows,
					   int decimals)
{
	const struct column *column = &t->columns[c];
	struct layout_column measured = {
		.head = column->head,
		.group = column->is.group,
		.cut = column->is.cut,
		.is_text = column->is.kind == TABLE_TEXT && !column->is.is_right,
		.is_kept = column->is.is_kept || column->is.kind == TABLE_ID,
		.width = text_width(column->head),
	};
	bool is_empty = true;

	for (size_t r = 0; r < t->row_count; r++) {
		const struct cell *cell = &t->rows[r].cells[c];
		char buffer[64];
		int width;

		if (measured.worth < INT64_MAX / 2 && cell->number > 0)
			measured.worth += cell->number / 2;
		if (r >= rows)
			continue;
		is_empty &= cell->number == 0 && (!cell->text || !*cell->text);
		width = text_width(shown(column, cell, decimals, buffer, sizeof(buffer)));
		if (width > measured.width)
			measured.width = width;
	}
	measured.is_out = column->is.is_hidden || (is_empty && !measured.is_kept);
	return measured;
}

/* Say what the terminal is too narrow for: a column that is not there is easily taken for zero. */
static void print_left_out(const struct layout_column *columns, size_t count, FILE *out)
{
	const char *before = "  no room for ";

	for (size_t c = 0; c < count; c++) {
		if (!columns[c].is_crowded_out)
			continue;
		fprintf(out, "%s%s", before, columns[c].head);
		before = ", ";
	}
	if (*before == ',')
		fputs(": the terminal is too narrow\n", out);
}

void table_print(const struct table *t, size_t limit, int width, FILE *out)
{
	size_t rows = limit && limit < t->row_count ? limit : t->row_count;
	struct layout_column columns[COLUMNS_MAX];
	int decimals = decimals_of(t, rows);

	for (size_t c = 0; c < t->column_count; c++)
		columns[c] = measure_column(t, c, rows, decimals);
	layout_fit(columns, t->column_count, width);
	layout_print_heads(columns, t->column_count, out);
	for (size_t r = 0; r < rows; r++) {
		const char *texts[COLUMNS_MAX];
		char buffers[COLUMNS_MAX][32];

		for (size_t c = 0; c < t->column_count; c++)
			texts[c] = shown(&t->columns[c], &t->rows[r].cells[c], decimals, buffers[c],
					 sizeof(buffers[c]));
		layout_print_row(columns, t->column_count, texts, out);
	}
	print_left_out(columns, t->column_count, out);
}
