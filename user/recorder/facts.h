/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is written into a profile beside its samples: when, where, by what, and what was lost.
 */
#ifndef RECORDER_FACTS_H
#define RECORDER_FACTS_H

#include <stdint.h>

#include "proc/stolen.h"
#include "resolve/resolve.h"
#include "wire.h"

struct members;
struct profile;

struct recording_facts {
	uint32_t rate_hz;
	int64_t start_time_ns; /* since the epoch */
	uint64_t duration_ns;
	double budget;             /* as in struct recorder_options */
	uint64_t walked, unwalked; /* switches */
	uint64_t bpf_ns;           /* that the kernel half ran; 0: not counted */
	uint64_t lost[ADDER_LOST_NR];
	struct resolver_totals totals;
	const struct stolen *stolen; /* as the recording began */
};

/** Add the profile's meta data and comments (doc/FORMAT.md lists their keys). */
void facts_add(struct profile *p, const struct recording_facts *facts,
	       const struct members *members);

#endif
