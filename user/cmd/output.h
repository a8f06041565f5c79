/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a verb writes: a file of the invoking user's, or standard output.  What goes wrong is said
 * here, once.
 */
#ifndef CMD_OUTPUT_H
#define CMD_OUTPUT_H

#include <stdio.h>

/**
 * Open @path for writing, "-" being standard output.  A new file is readable by its owner alone,
 * who is the user that called sudo, if one did; an existing regular file is replaced only if it
 * belongs to that user or to us.  Returns the descriptor, or -errno after one line on standard
 * error.
 */
int output_open(const char *path);

/**
 * Close @fd, which output_open(@path) gave, when writing ended with @err (0 or -errno).  0, or
 * -errno after one line on standard error; what could be written is kept.  A reader of standard
 * output that went away (-EPIPE) is not worth a line.
 */
int output_close(int fd, const char *path, int err);

/** A stream over such a descriptor, which remembers why writing failed. */
struct output {
	const char *path;
	FILE *stream; /* to print to; errors are told by output_end() */
	int fd, err;
};

/** Begin to write to @path, as output_open().  @path must outlive @o. */
int output_begin(struct output *o, const char *path);

/** End it when making the content ended with @err, as output_close(). */
int output_end(struct output *o, int err);

/** Columns of the terminal that standard output is; without one, those of $COLUMNS; else 0. */
int output_width(void);

#endif
