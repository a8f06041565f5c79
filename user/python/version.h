/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which CPython is in an ELF file, as told by the strings that every one carries.
 */
#ifndef PYTHON_VERSION_H
#define PYTHON_VERSION_H

#include <stdint.h>

struct image;

/**
 * Find the version in the file's constants: sys.implementation.cache_tag ("cpython-39") has the
 * minor version, a text like "3.9.18" the micro.  For what neither exports Py_Version (3.11 on) nor
 * has debug offsets (3.13 on).
 *
 * @ret is PY_VERSION_HEX; the micro is 0xff if it is not found.
 * 0; -ENOENT if there is no such text; -ENOMEM; -EBADMSG.
 */
int version_find(const struct image *image, uint32_t *ret);

/** The minor version in a name like "libpython3.8.so.1.0" or "python3.9"; 0 if there is none. */
uint32_t version_of_name(const char *name);

#endif
