/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The functions of a process that were called, with the sums of their calls, and how those become
 * samples.
 */
#ifndef RESOLVE_CALLED_H
#define RESOLVE_CALLED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "wire.h"

struct profile;

/** A table of them; NULL is an empty one. */
struct called;

struct called_function {
	struct adder_call_key key;
	uint32_t stack; /* the profile's id; 0 with @is_known false */
	bool is_known;  /* its name has been read */
	bool is_hidden; /* it is not to be shown: no function, or nobody asked for it */
	bool is_told;   /* whoever asks what was called knows of it */
	struct adder_call_sums sums;
};

/** That of @key, made if there is none; NULL without memory.  The table's. */
struct called_function *called_get(struct called **all, const struct adder_call_key *key);

/** The same if there is one, else NULL. */
struct called_function *called_find(struct called *all, const struct adder_call_key *key);

void called_drop(struct called **all, struct called_function *function);
void called_free(struct called **all);

/**
 * Add them to @p's samples, under @labels, an id of @p's.  @pid and @name are for what is said of
 * calls that can't be seen.
 */
void called_add(const struct called *all, struct profile *p, uint32_t labels, pid_t pid,
		const char *name);

#endif
