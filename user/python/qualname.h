/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The qualified name of a method, before 3.11, whose code objects have none.
 *
 * The classes of the function's first argument are looked through for the function that has this
 * very code object: that one knows its qualified name.  So no name is guessed: where none has,
 * because it is no method, or its class is unknown by now, the plain name stays.
 */
#ifndef PYTHON_QUALNAME_H
#define PYTHON_QUALNAME_H

#include <stddef.h>
#include <stdint.h>

#include "wire.h"

/** How the process's memory is read; as in struct resolver_hooks. */
struct qualname_memory {
	int (*read)(void *arg, uint32_t serial, uint64_t address, void *dst, size_t size);
	void *arg;
};

/**
 * Put the qualified name into @e, of a CPython of @version (0x0309), in place of the plain one.
 * 0; -ENOENT if it is not found: then @e stays as it is.  The memory is untrusted, and what @e
 * tells of it may be out of date.
 */
int qualname_find(const struct qualname_memory *memory, uint16_t version,
		  struct adder_event_code *e);

#endif
