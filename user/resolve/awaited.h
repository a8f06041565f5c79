/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For whom or what threads wait: the ids that ledger keys have, as a person would write them.
 */
#ifndef RESOLVE_AWAITED_H
#define RESOLVE_AWAITED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

struct profile;
struct resolver_hooks;

/** A table of them; NULL is an empty one. */
struct awaited;

/**
 * Remember what @e, which is untrusted, says of an id that is not told yet.  Its texts go to @p; of
 * ADDER_AWAITED_CODE the text is @code_name, an id of @p's string (0: not known).  Without memory
 * it stays untold.
 */
void awaited_add(struct awaited **all, struct profile *p, const struct adder_event_awaited *e,
		 uint32_t code_name);

/** True if @id was told; it is in use then. */
bool awaited_is_told(struct awaited *all, uint64_t id);

/** The profile's string id of the text of @id, as of a child's or not; 0 if it is not known. */
uint32_t awaited_find(struct awaited *all, uint64_t id, bool is_child);

/** How many are kept. */
size_t awaited_count(const struct awaited *all);

/** Let go of what was neither told nor in use in the last sweeps (age.h), and have it untold. */
void awaited_sweep(struct awaited **all, const struct resolver_hooks *hooks);

void awaited_free(struct awaited **all);

#endif
