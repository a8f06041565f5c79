/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What resolving asks for: read from the members' processes, as long as those are what they were.
 */
#ifndef RECORDER_READER_H
#define RECORDER_READER_H

#include "resolve/hooks.h"

struct members;
struct session;

/** Both borrowed, and to be there before anything is asked for. */
struct reader {
	struct session *session;
	struct members *members;
};

/** The hooks by which @reader, which has to outlive them, is asked. */
struct resolver_hooks reader_hooks(struct reader *reader);

#endif
