/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is asked of a recording's kernel half before it is loaded.
 */
#ifndef PROBE_OPTIONS_H
#define PROBE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "wire.h"

/* Tables of the kernel half, by the names that users know them by. */
#define SESSION_TABLE_LIST(X)                                                                      \
	X(PROCESSES, "processes")                                                                  \
	X(THREADS, "threads")                                                                      \
	X(LEDGER, "ledger")                                                                        \
	X(STACKS, "stacks") /* that need not be sent again */                                      \
	X(CODES, "codes")   /* likewise */                                                         \
	X(RING, "ring")     /* its size is in bytes */
#define SESSION_TABLE_ENUM(id, name) SESSION_TABLE_##id,
enum session_table { SESSION_TABLE_LIST(SESSION_TABLE_ENUM) SESSION_TABLE_NR };

/** What is done about calls of functions. */
struct session_calls {
	bool count;                  /* those that call_probes_add() probes, ... */
	enum adder_call_clock clock; /* ... timed by this */
	bool select;                 /* as call_probes_want() says; else of all functions */
	bool histograms;             /* of how long they took, likewise */
	uint64_t slow_ns;            /* send those that took so long; 0: none */
};

struct session_options {
	uint32_t rate_hz; /* of the sampling clock, per CPU */
	enum adder_select select;
	uint32_t budget_ppm;    /* of each CPU, for walks at switches; 0: no limit */
	bool look_only;         /* for session_look() alone: no ledger, ready in a moment */
	const uint32_t *tables; /* sizes by enum session_table, 0: as is; NULL: all as they are */
	struct session_calls calls;
	unsigned int trace; /* of enum usdt_what, and nothing else: there is no ledger */
};

#endif
