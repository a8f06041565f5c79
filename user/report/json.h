/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The report as JSON: doc/REPORT.md lists the names.
 */
#ifndef REPORT_JSON_H
#define REPORT_JSON_H

#include <stdio.h>

#include "json/json.h"
#include "report/measures.h"

struct report_options;

/** As report_print(). */
int report_json(const struct profile *p, const struct report_options *o, FILE *out);

/** {"wall": ..., "cpu": ...}: the sample types among @values, one a measure.  A new reference. */
json_t *report_json_values(const struct measures *m, const int64_t *values);

#endif
