/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The arguments of a call, as a person would write them: name='text', n=3, items=list(12).
 *
 * Numbers, texts and bytes were copied as the call began.  Names, and what other objects are, are
 * read from the process now: code objects and types last.
 */
#ifndef PYTHON_ARGUMENTS_H
#define PYTHON_ARGUMENTS_H

#include <stddef.h>
#include <stdint.h>

#include "wire.h"

struct arguments_memory {
	/** Read all of @size bytes at @address of the process.  0 or -errno. */
	int (*read)(void *arg, uint64_t address, void *dst, size_t size);
	void *arg;
};

/**
 * Write the arguments in @mark, of a call of the code object at @code, to @dst (UTF-8, cut at
 * @size; untrusted).  All but what was copied is "..."; 0, or -errno if the code object is not what
 * it should be: then @dst is empty.
 */
int arguments_format(const struct arguments_memory *memory, const struct adder_layout *layout,
		     uint64_t code, const struct adder_call_mark *mark, char *dst, size_t size);

#endif
