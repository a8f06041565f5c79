/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines of source files, as a process finds them: below its own root, or its working directory.
 *
 * The process chooses the names: only regular files are opened, nothing outside of its root is,
 * and no more than SOURCE_MAX_BYTES of one are read.
 */
#ifndef PROC_SOURCE_H
#define PROC_SOURCE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"

#define SOURCE_MAX_BYTES (4 << 20) /* a larger file is no one's source */

struct source;

/** The source files of @pid; NULL without memory. */
struct source *source_open(pid_t pid);
void source_close(struct source *s);
DEFINE_CLEANUP(struct source *, source_close);

/**
 * Find line @line (from 1) of the file @path, absolute or relative as the process would open it.
 *
 * Returns the text without its indentation and newline, untrusted, valid while @s lives; NULL if
 * there is no such file or line, or it can't be read.
 */
const char *source_line(struct source *s, const char *path, int64_t line);

#endif
