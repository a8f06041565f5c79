/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The letters of a str object as UTF-8.
 */
#ifndef PYTHON_UNICODE_H
#define PYTHON_UNICODE_H

#include <stddef.h>
#include <stdint.h>

/**
 * Decode @size bytes of a compact str's data into @dst of @dst_size bytes, NUL-ended and cut there.
 *
 * @state  PyASCIIObject.state from its `kind` on: bits 0 to 2 are the bytes of a letter (1, 2, 4).
 *
 * Surrogates (undecodable bytes of a file name) and NULs become '?'.  Returns the bytes written.
 */
size_t unicode_to_utf8(const void *data, size_t size, uint32_t state, char *dst, size_t dst_size);

#endif
