/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A flame graph as one self-contained SVG: root on top, a rectangle a frame, as wide as its time.
 * It works as a picture by itself; flamegraph.js, which is in it, adds zoom and search.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "export/export.h"
#include "export/formats.h"
#include "export/values.h"
#include "export/xml.h"
#include "profile/calltree.h"
#include "profile/describe.h"
#include "profile/profile.h"

enum {
	WIDTH = 1200, /* pixels */
	MARGIN = 10,  /* left and right of the frames */
	TOP = 58,     /* title and buttons */
	BOTTOM = 34,  /* the line of details */
	ROW = 17,     /* height of a frame with its gap */
	FONT = 12,
	PARTS_PER_PIXEL = 5, /* a frame thinner than a fifth of a pixel cannot be seen */
	NAME_BYTES = 1024,
};

/* Mean width of a character in the font sizes; names are cut by it until the script measures. */
static const double CHARACTER = 0.6 * FONT;

__asm__(".section .rodata\n"
	"flamegraph_script:\n"
	".incbin \"user/export/flamegraph.js\"\n"
	".byte 0\n"
	".previous\n");
extern const char flamegraph_script[];

struct graph {
	const struct profile *p;
	struct calltree *calls;
	struct values values;
	int64_t whole;
	FILE *out;
};

static int64_t total_of(const struct graph *g, uint32_t node)
{
	return *calltree_total(g->calls, node);
}

static bool is_seen(const struct graph *g, uint32_t node)
{
	return total_of(g, node) > g->whole / (PARTS_PER_PIXEL * (WIDTH - 2 * MARGIN));
}

static size_t depth_of(const struct graph *g, uint32_t node)
{
	size_t deepest = 0;

	for (uint32_t c = calltree_node(g->calls, node)->child; c;
	     c = calltree_node(g->calls, c)->next) {
		size_t depth = is_seen(g, c) ? 1 + depth_of(g, c) : 0;

		if (depth > deepest)
			deepest = depth;
	}
	return deepest;
}

/* The same name is the same colour in every graph: a hash chooses the shade, the kind the hue. */
static void print_colour(const struct graph *g, const char *name, bool is_process)
{
	uint32_t hash = 2166136261;

	for (const char *c = name; *c && *c != ' '; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619;
	hash ^= hash >> 15;
	if (is_process)
		fprintf(g->out, "hsl(%u,35%%,%u%%)", 205 + hash % 20, 72 + hash / 32 % 8);
	else if (*name == '[')
		fprintf(g->out, "hsl(0,0%%,%u%%)", 76 + hash % 8);
	else
		fprintf(g->out, "hsl(%u,%u%%,%u%%)", 12 + hash % 40, 72 + hash / 64 % 14,
			60 + hash / 1024 % 12);
}

static void format_value(const struct graph *g, int64_t value, char *dst, size_t size)
{
	if (g->values.is_time)
		snprintf(dst, size, "%.3f s", value / 1e9);
	else
		snprintf(dst, size, "%" PRId64 " %s", value, g->values.unit);
}

/* The start of @name that fits in @width pixels, or nothing. */
static void print_label(const struct graph *g, const char *name, double width)
{
	int columns = (int)((width - 6) / CHARACTER);
	char cut[NAME_BYTES];

	if (columns < 3)
		return;
	if (text_width(name) <= columns) {
		xml_print(name, g->out);
		return;
	}
	snprintf(cut, sizeof(cut), "%.*s", (int)text_fit(name, columns - 1), name);
	xml_print(cut, g->out);
	fputs("…", g->out);
}

static void name_node(const struct graph *g, uint32_t index, char *dst, size_t size)
{
	const struct calltree_node *node = calltree_node(g->calls, index);

	if (index == 0)
		snprintf(dst, size, "all");
	else if (node->is_process)
		describe_process(dst, size, g->p, node->id);
	else
		describe_function(dst, size, g->p, node->id);
	text_make_utf8(dst);
}

static void print_frame(const struct graph *g, uint32_t index, size_t depth, int64_t start)
{
	double scale = (double)(WIDTH - 2 * MARGIN) / g->whole;
	double x = MARGIN + start * scale, width = total_of(g, index) * scale;
	size_t y = TOP + depth * ROW;
	char name[NAME_BYTES], value[128];

	name_node(g, index, name, sizeof(name));
	format_value(g, total_of(g, index), value, sizeof(value));
	fputs("<g class=\"f\"><title>", g->out);
	xml_print(name, g->out);
	fputs(": ", g->out);
	xml_print(value, g->out);
	fprintf(g->out,
		", %.2f %%</title><rect x=\"%.2f\" y=\"%zu\" width=\"%.2f\" height=\"%d\" fill=\"",
		100.0 * total_of(g, index) / g->whole, x, y, width, ROW - 1);
	print_colour(g, name, calltree_node(g->calls, index)->is_process || index == 0);
	fprintf(g->out, "\"/><text x=\"%.2f\" y=\"%zu\">", x + 3, y + ROW - 5);
	print_label(g, name, width);
	fputs("</text></g>\n", g->out);
}

static void print_frames(const struct graph *g, uint32_t index, size_t depth, int64_t start)
{
	print_frame(g, index, depth, start);
	for (uint32_t c = calltree_node(g->calls, index)->child; c;
	     c = calltree_node(g->calls, c)->next) {
		if (is_seen(g, c))
			print_frames(g, c, depth + 1, start);
		start += total_of(g, c);
	}
}

static void print_head(const struct graph *g, const char *title, size_t height)
{
	char whole[128];

	format_value(g, g->whole, whole, sizeof(whole));
	fprintf(g->out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" version=\"1.1\" width=\"%d\" "
		"height=\"%zu\" "
		"viewBox=\"0 0 %d %zu\">\n"
		"<style>\n"
		"text { font: %dpx ui-monospace, Menlo, Consolas, monospace; fill: #222; }\n"
		"#title { font-size: 17px; text-anchor: middle; }\n"
		".f { cursor: pointer; }\n"
		".f text { pointer-events: none; }\n"
		".f:hover rect { stroke: #222; stroke-width: 0.6; }\n"
		".f.above { opacity: 0.55; }\n"
		".f.found rect { fill: rgb(200, 60, 220); }\n"
		".button { cursor: pointer; fill: #555; }\n"
		".button:hover { fill: #000; text-decoration: underline; }\n"
		"</style>\n"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"#fbfaf6\"/>\n",
		WIDTH, height, WIDTH, height, FONT);
	fprintf(g->out, "<text id=\"title\" x=\"%d\" y=\"24\">", WIDTH / 2);
	xml_print(title, g->out);
	fputs(" · ", g->out);
	xml_print(g->values.name, g->out);
	fputs(" ", g->out);
	xml_print(whole, g->out);
	fputs("</text>\n", g->out);
	fprintf(g->out,
		"<text id=\"reset\" class=\"button\" x=\"%d\" y=\"46\" visibility=\"hidden\">"
		"reset zoom</text>\n"
		"<text id=\"search\" class=\"button\" x=\"%d\" y=\"46\" text-anchor=\"end\">"
		"search (Ctrl-F)</text>\n"
		"<text id=\"details\" x=\"%d\" y=\"%zu\"> </text>\n"
		"<text id=\"matched\" x=\"%d\" y=\"%zu\" text-anchor=\"end\"> </text>\n",
		MARGIN, WIDTH - MARGIN, MARGIN, height - 12, WIDTH - MARGIN, height - 12);
}

static int write_flamegraph(const struct profile *p, const struct export_view *view, FILE *out)
{
	struct graph g = { .p = p, .out = out };
	struct calltree_measure measure = { 1, values_measure, &g.values };
	int err;

	values_init(&g.values, p, view->type);
	err = calltree_new(p, CALLTREE_PROCESSES, &measure, &g.calls);
	if (err)
		return err;
	calltree_sort(g.calls, 0);
	g.whole = total_of(&g, 0);
	print_head(&g, view->title, TOP + BOTTOM + (1 + (g.whole ? depth_of(&g, 0) : 0)) * ROW);
	fputs("<g id=\"frames\">\n", out);
	if (g.whole)
		print_frames(&g, 0, 0, 0);
	fprintf(out, "</g>\n<script><![CDATA[\n%s]]></script>\n</svg>\n", flamegraph_script);
	calltree_free(g.calls);
	return 0;
}

const struct exporter export_flamegraph = {
	.name = "flamegraph",
	.aliases = "svg",
	.suffix = ".svg",
	.summary = "a flame graph for the browser, with zoom and search (SVG)",
	.write = write_flamegraph,
};
