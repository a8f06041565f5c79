/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Single calls as they end, and how long a function's calls took: on standard output.
 */
#ifndef CMD_CALL_LINES_H
#define CMD_CALL_LINES_H

#include <stdbool.h>
#include <stdio.h>

struct call_histogram;
struct profile;
struct slow_call;

/** The heads of the columns of call_lines_slow(). */
void call_lines_head(FILE *out);

/** A line, of text or JSON. */
void call_lines_slow(const struct slow_call *call, bool json, FILE *out);

/** A line for each power of two, with 50th and 99th percentile and the longest; or one of JSON. */
void call_lines_histogram(const struct call_histogram *histogram, bool json, FILE *out);

/**
 * Say on standard error which calls have no line, of all that were recorded into @p; or, if none
 * was shown and none was lost, that there was none.
 */
void call_lines_say_missing(const struct profile *p, bool none_shown, bool of_histograms);

#endif
