/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What resolving asks for from outside: of the processes, and of the kernel half.
 */
#ifndef RESOLVE_HOOKS_H
#define RESOLVE_HOOKS_H

#include <stddef.h>
#include <stdint.h>

#include "wire.h"

/** What the kernel half could not send is read from the process, if it still lives. */
struct resolver_hooks {
	/** Read the code object of @frame in process @serial.  0 or -errno. */
	int (*read_code)(void *arg, uint32_t serial, const struct adder_frame *frame,
			 struct adder_event_code *ret);

	/** The whole of @torn, by its hash, if it is still there; until the next call.  0 or
	 * -errno. */
	int (*complete_stack)(void *arg, const struct adder_event_stack *torn,
			      const struct adder_event_stack **ret);

	/** Read @size bytes of its memory at @address.  0 or -errno. */
	int (*read_memory)(void *arg, uint32_t serial, uint64_t address, void *dst, size_t size);

	/** Have a stack, or what was awaited, told again when it comes again; and a code object. */
	void (*untell)(void *arg, uint64_t id);
	void (*untell_code)(void *arg, const struct adder_code_key *key);

	void *arg;
};

#endif
