/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is there a CPython in this ELF file, and what is needed to walk it?
 *
 * Judged by what the file defines, never by its name: CPython's exported symbols, its .PyRuntime
 * section, the cookie of its debug offsets.  The file is hostile.
 */
#ifndef PYTHON_OBJECT_H
#define PYTHON_OBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "wire.h"

enum python_verdict {
	PYTHON_NONE,        /* no CPython in here, and none linked */
	PYTHON_HERE,        /* the file defines the interpreter */
	PYTHON_LINKED,      /* a program that names a libpython3 among its needed libraries */
	PYTHON_UNSUPPORTED, /* a Python, but not one that can be profiled: @reason says why */
};

/** What one ELF file says.  Addresses are those of the file (before load bias). */
struct python_object {
	enum python_verdict verdict;
	char reason[120]; /* with UNSUPPORTED: "PyPy is not supported", ... */
	uint32_t version; /* PY_VERSION_HEX as far as known: 0x030b02f0; micro may be unknown (0xff)
			   */
	struct adder_binary binary; /* kind, addresses and layout as far as this file knows them */
	bool moves;                 /* ET_DYN */
	uint64_t dynamic;           /* address of its dynamic section; 0: none */
};

/**
 * Judge the ELF file open at @fd (not closed, its position not used).
 * @name is its base name: a hint for the version before 3.11 and for PyPy, no more.
 * 0; -ENOEXEC if it is no ELF file for this machine (no Python, then); -EBADMSG if it is broken.
 */
int python_object_read(int fd, const char *name, struct python_object *ret);

/**
 * Put together what the kernel half needs for a program that is linked with, or has loaded,
 * @lib (NULL if @program holds the interpreter itself).
 */
void python_object_join(const struct python_object *program, const struct python_object *lib,
			struct adder_binary *ret);

#endif
