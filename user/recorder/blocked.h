/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a blocked thread waits for, seen from outside.
 *
 * The iterator tells most of it, but runs in adder's memory, not in the thread's: the files that
 * poll and select were given are read here.
 */
#ifndef RECORDER_BLOCKED_H
#define RECORDER_BLOCKED_H

#include <stddef.h>

#include "wire.h"

#define BLOCKED_ON_BYTES 256

/**
 * Complete what the iterator says of @thread, which it found blocked: its state, if that is by the
 * files that it polls.
 *
 * @ret_on  Gets what it waits for, where that is a file with a path: the path as the thread's own
 *          root has it, cut to BLOCKED_ON_BYTES - 1 bytes, untrusted; else "".
 *
 * 0; -EAGAIN if it has moved on since; -errno if it can't be asked: then nothing is changed.
 */
int blocked_complete(struct adder_known_thread *thread, char *ret_on);

#endif
