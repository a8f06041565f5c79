/* SPDX-License-Identifier: BSD-2-Clause */
#include "pprof/gzip.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "base/array.h"

#define WINDOW_GZIP  (MAX_WBITS + 16) /* zlib's way to ask for gzip and nothing else */
#define LEVEL        4                /* ids and varints: more effort gains little for its time */
#define MEMORY_LEVEL 8                /* zlib's default */
#define BUFFER_BYTES 65536

struct gzip {
	z_stream z;
	int fd;
	bool begun;
	uint8_t out[BUFFER_BYTES];
};

int gzip_new(int fd, struct gzip **ret)
{
	CLEANUP(gzip_free) struct gzip *g = calloc(1, sizeof(*g));

	if (!g)
		return -ENOMEM;
	if (deflateInit2(&g->z, LEVEL, Z_DEFLATED, WINDOW_GZIP, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) !=
	    Z_OK)
		return -ENOMEM;
	g->begun = true;
	g->fd = fd;
	g->z.next_out = g->out;
	g->z.avail_out = sizeof(g->out);
	*ret = TAKE_PTR(g);
	return 0;
}

void gzip_free(struct gzip *g)
{
	if (!g)
		return;
	if (g->begun)
		deflateEnd(&g->z);
	free(g);
}

static int write_all(int fd, const uint8_t *bytes, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, bytes, size);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			bytes += n;
			size -= n;
		}
	}
	return 0;
}

static int flush(struct gzip *g)
{
	int err = write_all(g->fd, g->out, sizeof(g->out) - g->z.avail_out);

	g->z.next_out = g->out;
	g->z.avail_out = sizeof(g->out);
	return err;
}

int gzip_add(struct gzip *g, const void *bytes, size_t size)
{
	const uint8_t *next = bytes;

	while (size > 0) {
		uInt piece = size < UINT_MAX ? size : UINT_MAX;
		int err;

		g->z.next_in = (Bytef *)next;
		g->z.avail_in = piece;
		deflate(&g->z, Z_NO_FLUSH);
		next += piece - g->z.avail_in;
		size -= piece - g->z.avail_in;
		err = g->z.avail_out == 0 ? flush(g) : 0;
		if (err)
			return err;
	}
	return 0;
}

int gzip_finish(struct gzip *g)
{
	int status, err;

	g->z.avail_in = 0;
	do {
		status = deflate(&g->z, Z_FINISH);
		err = flush(g);
	} while (!err && status != Z_STREAM_END);
	return err;
}

bool gzip_is(const uint8_t *bytes, size_t size)
{
	return size >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

struct unpacker {
	z_stream z;
	size_t max;
	uint8_t *out;
	size_t used, capacity;
};

/* Unpack as far as the room goes that there is, or is made.  0 with *@ret_status, or -errno. */
static int unpack_some(struct unpacker *u, int *ret_status)
{
	uint8_t *out = array_reserve(u->out, &u->capacity, u->used + BUFFER_BYTES, 1);
	size_t room;

	if (!out)
		return -ENOMEM;
	u->out = out;
	room = u->capacity - u->used;
	u->z.next_out = out + u->used;
	u->z.avail_out = room < UINT_MAX ? room : UINT_MAX;
	*ret_status = inflate(&u->z, Z_NO_FLUSH);
	u->used = u->z.next_out - out;
	if (u->used > u->max)
		return -EFBIG;
	if (*ret_status == Z_MEM_ERROR)
		return -ENOMEM;
	return *ret_status == Z_OK || *ret_status == Z_STREAM_END ? 0 : -EBADMSG;
}

static int unpack(struct unpacker *u)
{
	int status = Z_OK, err;

	do {
		if (status == Z_STREAM_END)
			inflateReset(&u->z); /* another member follows */
		err = unpack_some(u, &status);
	} while (!err && (status != Z_STREAM_END || u->z.avail_in > 0));
	return err;
}

int gzip_unpack(const uint8_t *bytes, size_t size, size_t max, uint8_t **ret, size_t *ret_size)
{
	struct unpacker u = { .max = max };
	int err;

	if (size > UINT_MAX)
		return -EFBIG;
	u.z.next_in = (Bytef *)bytes;
	u.z.avail_in = size;
	if (inflateInit2(&u.z, WINDOW_GZIP) != Z_OK)
		return -ENOMEM;
	err = unpack(&u);
	inflateEnd(&u.z);
	if (err) {
		free(u.out);
		return err;
	}
	*ret = u.out;
	*ret_size = u.used;
	return 0;
}
