/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who is in a profile, and what its comments say of the recording.
 */
#ifndef REPORT_CENSUS_H
#define REPORT_CENSUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct profile;

struct census {
	size_t processes, threads, containers;
	char pythons[256]; /* "3.9, 3.11", ascending; not escaped */
};

/** Count the distinct processes, threads, containers and Pythons that samples are of.  0, -ENOMEM.
 */
int census_take(const struct profile *p, struct census *ret);

/** Number in the comment "KEY: number"; false if there is none. */
bool census_number(const struct profile *p, const char *key, int64_t *ret);

/**
 * What follows "KEY: " in comment @index, or NULL if that has another key.  A @key that ends in '_'
 * is the beginning of one: of "lost_", comment "lost_ring_full: 3" gives "ring_full: 3".
 */
const char *census_comment(const struct profile *p, size_t index, const char *key);

#endif
