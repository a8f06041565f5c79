/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The top of a report, whose time it is: one line of the host, one of the states, the processes.
 */
#ifndef REPORT_HEADER_H
#define REPORT_HEADER_H

#include <stdbool.h>
#include <stdio.h>

struct profile;
struct report_options;

/**
 * Print "10.0 s · 2 CPUs · 7 Python processes, ...", then "WALL 310.00 s = CPU 14.21  RUNQ 0.42
 * ..." (of foreign profiles the sum of each type), then with @processes the busiest of those, if
 * samples say which they are of.  0, or as report_print().
 */
int header_print(const struct profile *p, const struct report_options *o, bool processes,
		 FILE *out);

#endif
