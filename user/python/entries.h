/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the calls of Python functions pass in an interpreter's file: the places to probe.
 */
#ifndef PYTHON_ENTRIES_H
#define PYTHON_ENTRIES_H

#include <stdbool.h>
#include <stdint.h>

#include "python/dispatch.h"

struct adder_layout;

/** A place, for the kernel half's on_call program. */
struct entry {
	uint64_t offset; /* of the instruction, in the file */
	uint64_t cookie; /* enum adder_call_probe */
};

struct entries {
	struct entry list[3 * DISPATCH_PROBES_MAX]; /* leaves first: no entry is timed without */
	int count;
	const char *how;     /* what is probed; or why nothing can be */
	const char *untimed; /* why the calls' ends are not known; NULL: they are */
	bool late_yields;    /* only those of turns of generators and coroutines are not */
};

/** Can calls be counted on this processor?  Of its code, the places have to be known. */
bool entries_are_known(void);

/**
 * Find the places in the interpreter of @version (PY_VERSION_HEX), with @layout, in the file open
 * at
 * @fd.  0, or -errno with the reason in @ret->how: then calls can't be counted, for counts could be
 * wrong.
 */
int entries_find(int fd, uint32_t version, const struct adder_layout *layout, struct entries *ret);

#endif
