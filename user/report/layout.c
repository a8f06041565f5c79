/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/layout.h"

#include <string.h>

#include "base/text.h"

enum {
	MARGIN = 2,     /* left of the table */
	GAP = 2,        /* between columns */
	LEAST_CUT = 18, /* a name shorter than this is no name: columns go first */
};

static int width_of(const struct layout_column *columns, size_t count)
{
	int width = MARGIN - GAP;

	for (size_t c = 0; c < count; c++) {
		if (!columns[c].is_out)
			width += GAP + columns[c].width;
	}
	return width;
}

/* How many columns names can give away without becoming useless. */
static int can_give(const struct layout_column *columns, size_t count)
{
	int give = 0;

	for (size_t c = 0; c < count; c++) {
		if (!columns[c].is_out && columns[c].cut && columns[c].width > LEAST_CUT)
			give += columns[c].width - LEAST_CUT;
	}
	return give;
}

static struct layout_column *least_worth(struct layout_column *columns, size_t count)
{
	struct layout_column *least = NULL;

	for (size_t c = 0; c < count; c++) {
		if (columns[c].is_out || columns[c].is_kept || columns[c].is_text)
			continue;
		if (!least || columns[c].worth < least->worth)
			least = &columns[c];
	}
	return least;
}

/* The widest name gives first, so that short ones stay whole. */
static struct layout_column *widest_name(struct layout_column *columns, size_t count)
{
	struct layout_column *widest = NULL;

	for (size_t c = 0; c < count; c++) {
		if (columns[c].is_out || !columns[c].cut || columns[c].width <= 8)
			continue;
		if (!widest || columns[c].width > widest->width)
			widest = &columns[c];
	}
	return widest;
}

/* Width of the neighbours from @first on that are of one group; *@next is who follows them. */
static int group_width(const struct layout_column *columns, size_t count, size_t first,
		       size_t *next)
{
	int width = -GAP;
	size_t c = first;

	for (; c < count && columns[c].group == columns[first].group; c++) {
		if (!columns[c].is_out)
			width += GAP + columns[c].width;
	}
	*next = c;
	return width;
}

/* A group of one narrow column is made as wide as its name. */
static void widen_groups(struct layout_column *columns, size_t count)
{
	size_t next;

	for (size_t c = 0; c < count; c = next) {
		int width = group_width(columns, count, c, &next);
		int name = columns[c].group ? text_width(columns[c].group) : 0;

		for (size_t i = c; i < next && width > 0 && width < name; i++) {
			if (columns[i].is_out)
				continue;
			columns[i].width += name - width;
			break;
		}
	}
}

void layout_fit(struct layout_column *columns, size_t count, int width)
{
	struct layout_column *least, *widest;

	widen_groups(columns, count);
	if (width <= 0)
		return;
	while (width_of(columns, count) - can_give(columns, count) > width) {
		least = least_worth(columns, count);
		if (!least)
			break;
		least->is_out = least->is_crowded_out = true;
	}
	while (width_of(columns, count) > width) {
		widest = widest_name(columns, count);
		if (!widest)
			break;
		widest->width--;
	}
}

static void pad(int columns, FILE *out)
{
	if (columns > 0)
		fprintf(out, "%*s", columns, "");
}

/* The end of @text that fits in @columns, of the @whole it has. */
static const char *fitting_tail(const char *text, int whole, int columns)
{
	text += text_fit(text, whole - columns);
	while (text_width(text) > columns) {
		do
			text++;
		while ((*text & 0xc0) == 0x80);
	}
	return text;
}

int layout_print_cut(const char *text, int width, enum table_cut cut, FILE *out)
{
	int whole = text_width(text);

	if (width <= 0 || whole <= width || cut == TABLE_UNCUT) {
		fputs(text, out);
		return whole;
	}
	if (cut == TABLE_CUT_LEFT) {
		text = fitting_tail(text, whole, width - 1);
		fprintf(out, "…%s", text);
		return 1 + text_width(text);
	}
	whole = text_fit(text, width - 1);
	fprintf(out, "%.*s…", whole, text);
	return width;
}

static void dashes(int count, FILE *out)
{
	while (count-- > 0)
		fputc('-', out);
}

/* "---- self ----" over the columns that are of one group; blanks over those of none. */
static size_t print_group(const struct layout_column *columns, size_t count, size_t first,
			  int *pending, FILE *out)
{
	const char *group = columns[first].group;
	size_t next;
	int width = group_width(columns, count, first, &next), name, left;

	if (width < 0)
		return next;
	if (!group) {
		*pending += width + GAP;
		return next;
	}
	pad(*pending, out);
	*pending = GAP;
	name = text_width(group);
	if (width < name + 4) {
		pad(width - name, out);
		fputs(group, out);
		return next;
	}
	left = (width - name - 2) / 2;
	dashes(left, out);
	fprintf(out, " %s ", group);
	dashes(width - name - 2 - left, out);
	return next;
}

static void print_groups(const struct layout_column *columns, size_t count, FILE *out)
{
	int pending = MARGIN;
	bool any = false;

	for (size_t c = 0; c < count; c++)
		any |= columns[c].group && !columns[c].is_out;
	if (!any)
		return;
	for (size_t c = 0; c < count;)
		c = print_group(columns, count, c, &pending, out);
	fputc('\n', out);
}

void layout_print_row(const struct layout_column *columns, size_t count, const char *const *texts,
		      FILE *out)
{
	int blanks = MARGIN; /* owed: a row does not end in them */

	for (size_t c = 0; c < count; c++) {
		int width;

		if (columns[c].is_out)
			continue;
		if (!columns[c].is_text)
			blanks += columns[c].width - text_width(texts[c]);
		if (*texts[c]) {
			pad(blanks, out);
			width = layout_print_cut(texts[c], columns[c].width, columns[c].cut, out);
			blanks = 0;
		} else {
			width = 0;
		}
		blanks += GAP;
		if (columns[c].is_text)
			blanks += columns[c].width - width;
	}
	fputc('\n', out);
}

void layout_print_heads(const struct layout_column *columns, size_t count, FILE *out)
{
	const char *heads[count + 1];

	for (size_t c = 0; c < count; c++)
		heads[c] = columns[c].head;
	print_groups(columns, count, out);
	layout_print_row(columns, count, heads, out);
}
