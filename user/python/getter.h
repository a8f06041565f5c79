/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the machine code of CPython's small exported functions gives away.
 *
 * A stripped interpreter keeps no names for its static and thread-local variables, but exports
 * functions of a few instructions that return them.  Not a disassembler: the few encodings that
 * compilers use for such an access are looked for, and the caller checks what comes out.
 */
#ifndef PYTHON_GETTER_H
#define PYTHON_GETTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GETTER_BYTES_MAX 192 /* of code looked at; what is looked for is in the first 60 */

struct image;

/** The first bytes of a function. */
struct getter {
	uint16_t machine; /* EM_X86_64 or EM_AARCH64: what the code is for */
	uint64_t address;
	size_t size;
	uint8_t code[GETTER_BYTES_MAX];
};

/** Where a thread-local variable is. */
struct getter_tls {
	bool in_library; /* else at a distance from the thread pointer that is the same in each
			    process */
	int64_t offset;  /* the distance; of a library, the address of its GOT's {module, offset} */
	int64_t delta;   /* of a library: to be added to the offset in the GOT */
};

/** Read the code at @address, @size bytes long (0: not known).  0 or -EBADMSG. */
int getter_read(const struct image *image, uint64_t address, uint64_t size, struct getter *ret);

/**
 * Find the first instruction from @at on that begins with @opcode and goes on with a 32-bit
 * distance from its own end, and return its end within the code; 0 if there is none.
 * @ret_address is where the distance leads.  x86_64 alone: in other code there is none.
 */
size_t getter_find_reference(const struct getter *getter, size_t at, const char *opcode,
			     uint64_t *ret_address);

/** Find the thread-local variable that the function returns.  0; -ENOENT if no known way is seen.
 */
int getter_find_tls(const struct getter *getter, struct getter_tls *ret);

/** The same of aarch64's code, where that of a library is not seen. */
int getter_find_tls_arm64(const struct getter *getter, struct getter_tls *ret);

#endif
