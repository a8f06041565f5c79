/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Gzip, to a file descriptor and from memory.  The only file that knows zlib.
 */
#ifndef PPROF_GZIP_H
#define PPROF_GZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct gzip;

/** Begin one gzip member on @fd, which stays the caller's.  0 or -ENOMEM. */
int gzip_new(int fd, struct gzip **ret);

/** Add @size bytes.  0, or the error of write(2); nothing may be added after one. */
int gzip_add(struct gzip *g, const void *bytes, size_t size);

/** Write what is left and the checksum.  0, or the error of write(2). */
int gzip_finish(struct gzip *g);

/** Free @g; what was not finished is lost. */
void gzip_free(struct gzip *g);
DEFINE_CLEANUP(struct gzip *, gzip_free);

/** True if @bytes begin as gzip does. */
bool gzip_is(const uint8_t *bytes, size_t size);

/**
 * Unpack all the members in @size bytes (untrusted).  *@ret is the caller's to free(), and may be
 * NULL if *@ret_size is 0.
 *
 * 0; -EBADMSG if it is not gzip, cut short, or fails its checksum; -EFBIG if there is more than
 * @max bytes in it; -ENOMEM.
 */
int gzip_unpack(const uint8_t *bytes, size_t size, size_t max, uint8_t **ret, size_t *ret_size);

#endif
