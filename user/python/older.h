/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPython 3.6: no _PyRuntime yet, its parts are static variables.
 */
#ifndef PYTHON_OLDER_H
#define PYTHON_OLDER_H

struct adder_binary;
struct image;

/**
 * Find the addresses of 3.6's statics, by their names or, in a stripped file, from the code of the
 * exported functions that use them: tstate_via, runtime (interp_head), tss_key, tstate_current,
 * gil, gil_end of @ret.  What can't be found is 0.
 *
 * 0; -ENOENT if no way to a thread's state is found: neither its key nor the interpreters.
 */
int older_find(const struct image *image, struct adder_binary *ret);

#endif
