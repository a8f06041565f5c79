/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing a profile in the formats of other tools.  One file a format, each defining one
 * struct exporter and nothing else that is visible outside; formats.c lists them.
 */
#ifndef EXPORT_EXPORT_H
#define EXPORT_EXPORT_H

#include <stdio.h>

struct profile;

/** In place of a type's index: wall without cpu. */
#define EXPORT_OFFCPU -2

/** What of a profile to write. */
struct export_view {
	int type;          /* index of the value type, for formats that hold one value a stack */
	const char *title; /* of a picture or document */
};

struct exporter {
	const char *name;    /* as in --format=NAME */
	const char *aliases; /* further names, separated by spaces; "" if none */
	const char *suffix;  /* of the default file name, with its dot */
	const char *summary; /* one line, for --help */

	/** Write @p to @out, which the caller opened, checks and closes.  0 or -errno. */
	int (*write)(const struct profile *p, const struct export_view *view, FILE *out);
};

/** The format called @name, or NULL. */
const struct exporter *exporter_find(const char *name);

/** All of them, ended by NULL. */
const struct exporter *const *exporter_list(void);

/**
 * The value type called @name: an index, EXPORT_OFFCPU for "offcpu", or -1 if there is none.
 * NULL is the profile's own default, else cpu, else the last type.
 */
int export_type_find(const struct profile *p, const char *name);

#endif
