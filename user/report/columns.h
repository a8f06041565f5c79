/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which columns a view has, and what goes into them.
 */
#ifndef REPORT_COLUMNS_H
#define REPORT_COLUMNS_H

#include "report/report.h"

struct profile;
struct view;

/* The groups of measures, where rows have two. */
#define COLUMNS_SELF  "self"
#define COLUMNS_TOTAL "total"

/** Add the columns of @o->view to the empty table of @v; sets @v->rank and @v->name. */
void columns_add(struct view *v, const struct report_options *o);

/** Add a row to the table of @v for each of @v->rows. */
void columns_fill(struct view *v, const struct profile *p, const struct report_options *o);

#endif
