/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines of what happens, as it ends: columns of a fixed width, as bcc's tools have them.
 */
#ifndef CMD_LINE_H
#define CMD_LINE_H

#include <stdint.h>
#include <stdio.h>

#define LINE_CELL_BYTES 2048 /* of a cell's text, escaped; a longer one is cut */

/** The time of day of @time_ns, nanoseconds since the epoch: "10:02:58.526746". */
void line_time(char *dst, size_t size, int64_t time_ns);

/** " (file:line)", short; nothing without @file (may be NULL) or a name worth showing. */
void line_place(char *dst, size_t size, const char *file, int64_t line);

/**
 * Print a cell behind @gap.  @text has room for LINE_CELL_BYTES, is untrusted, and is made UTF-8;
 * @width is negative for a cell to the left.
 */
void line_cell(FILE *out, const char *gap, int width, char *text);

#endif
