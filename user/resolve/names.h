/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process's code objects and stacks, as far as they have been told: from addresses to the
 * profile's ids.
 */
#ifndef RESOLVE_NAMES_H
#define RESOLVE_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "wire.h"

struct profile;
struct names;

/** Names of one process; NULL without memory. */
struct names *names_new(void);
void names_free(struct names *n);

/**
 * Remember a code object of a CPython of @version (0x030b), with @size bytes of its line table,
 * which the event need not hold whole.  0, -EBADMSG or -ENOMEM.
 */
int names_add_code(struct names *n, struct profile *p, uint16_t version,
		   const struct adder_event_code *event, const uint8_t *table, uint32_t size);

/** True if the code object of @frame has been told. */
int names_has_code(struct names *n, const struct adder_frame *frame);

/**
 * The profile's id of a stack that is the beginning of a function alone.  0; -ENOENT if the code
 * object has not been told; -ESRCH if it is no function of the program.
 */
int names_function_stack(const struct names *n, struct profile *p, uint64_t code,
			 uint32_t signature, uint32_t *ret);

/**
 * The profile's id of where @frame is.  0; -ENOENT if its code object has not been told; -ESRCH if
 * it is no function of the program.
 */
int names_locate(const struct names *n, struct profile *p, const struct adder_frame *frame,
		 uint32_t *ret);

/** Remember a stack whose code objects have been told, under its hash.  0 or -ENOMEM. */
int names_add_stack(struct names *n, struct profile *p, const struct adder_event_stack *event);

/** The profile's id of the stack with @hash: 0, or -ENOENT; of @n that is NULL, too. */
int names_find_stack(const struct names *n, uint64_t hash, uint32_t *ret);

/** The stack with @hash will be asked for at the end: once it is told, it is kept.  0 or -ENOMEM.
 */
int names_expect_stack(struct names *n, uint64_t hash);

/** Bytes of the line tables of the code objects that are kept. */
size_t names_table_bytes(const struct names *n);

/** Stacks and code objects that are kept; 0 of NULL. */
size_t names_count(const struct names *n);

/** Who is to tell again what is let go of. */
struct names_sweeper {
	void (*untell_stack)(void *arg, uint64_t hash);
	void (*untell_code)(void *arg, uint64_t code, uint32_t signature);
	void *arg;
};

/** Let go of what was neither told nor asked for in the last sweeps (age.h). */
void names_sweep(struct names *n, const struct names_sweeper *sweeper);

/** The profile's string id of the name of a code object that has been told; 0 if it has not. */
uint32_t names_code_name(const struct names *n, const struct profile *p, uint64_t code,
			 uint32_t signature);

/**
 * Who is meant when the stack @id is said to have released a lock: its innermost function outside
 * the modules that wrap locks (threading, queue).  The profile's string id; 0: none.
 */
uint32_t names_releaser(const struct profile *p, uint32_t id);

#endif
