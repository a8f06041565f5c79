/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ownership in the declaration: a local that owns something says so, and lets go of it on every
 * way out.  A function that uses these has no goto.
 */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/** Call @destructor(the variable's value) when the variable goes out of scope; it must take NULL.
 */
#define CLEANUP(destructor) __attribute__((cleanup(destructor##_cleanup)))

/** Define what CLEANUP(destructor) needs, beside the destructor's prototype. */
#define DEFINE_CLEANUP(type, destructor)                                                           \
	static inline void destructor##_cleanup(type *p)                                           \
	{                                                                                          \
		destructor(*p);                                                                    \
	}                                                                                          \
	struct cleanup_needs_a_semicolon

static inline void cleanup_free_fn(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close_fn(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_fclose_fn(FILE **f)
{
	if (*f)
		fclose(*f);
}

#define cleanup_free   __attribute__((cleanup(cleanup_free_fn)))
#define cleanup_close  __attribute__((cleanup(cleanup_close_fn)))
#define cleanup_fclose __attribute__((cleanup(cleanup_fclose_fn)))

/** Hand @p over to someone else: its value, and nothing is left to clean up. */
#define TAKE_PTR(p)                                                                                \
	({                                                                                         \
		__typeof__(p) taken_ = (p);                                                        \
		(p) = NULL;                                                                        \
		taken_;                                                                            \
	})

/** The same for a file descriptor. */
#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int taken_ = (fd);                                                                 \
		(fd) = -1;                                                                         \
		taken_;                                                                            \
	})

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
