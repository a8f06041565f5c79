/* SPDX-License-Identifier: BSD-2-Clause */
#include "pprof/pprof.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "pprof/decode.h"
#include "pprof/gzip.h"
#include "profile.pb-c.h"

/*
 * A message of two bytes unpacks to a hundred.  An honest file of 2 million samples stays below
 * this; a bomb of empty messages does not.
 */
#define MAX_MESSAGE_BYTES ((size_t)2 << 30)

#define READ_BYTES        ((size_t)65536)

/* The memory of one file's messages: given back at once, and no more than there may be. */
struct messages {
	struct arena arena;
	size_t left;
	bool refused, exhausted; /* the limit was met; the machine's memory was */
};

static void *messages_alloc(void *data, size_t size)
{
	struct messages *m = data;
	void *piece;

	if (size > m->left) {
		m->refused = true;
		return NULL;
	}
	m->left -= size;
	piece = arena_alloc(&m->arena, size);
	m->exhausted |= !piece;
	return piece;
}

static void messages_free(void *data, void *piece)
{
	(void)data;
	(void)piece;
}

static void messages_done(struct messages *m)
{
	arena_done(&m->arena);
}

int pprof_parse(const uint8_t *bytes, size_t size, struct profile **ret)
{
	__attribute__((cleanup(messages_done))) struct messages m = { .left = MAX_MESSAGE_BYTES };
	ProtobufCAllocator allocator = { messages_alloc, messages_free, &m };
	const Perftools__Profiles__Profile *file;

	if (size == 0)
		return -ENODATA;
	if (size > PPROF_MAX_BYTES)
		return -EFBIG;
	file = perftools__profiles__profile__unpack(&allocator, size, bytes);
	if (file)
		return decode_profile(file, ret);
	return m.exhausted ? -ENOMEM : m.refused ? -EFBIG : -EBADMSG;
}

/* All that is left in @fd, at most PPROF_MAX_BYTES.  *@ret is the caller's to free. */
static int read_all(int fd, uint8_t **ret, size_t *ret_size)
{
	cleanup_free uint8_t *bytes = NULL;
	size_t size = 0, capacity = 0;
	ssize_t n;

	do {
		uint8_t *moved = array_reserve(bytes, &capacity, size + READ_BYTES, 1);

		if (!moved)
			return -ENOMEM;
		bytes = moved;
		n = read(fd, bytes + size, capacity - size);
		if (n < 0 && errno != EINTR)
			return -errno;
		size += n > 0 ? n : 0;
		if (size > PPROF_MAX_BYTES)
			return -EFBIG;
	} while (n != 0);
	*ret = TAKE_PTR(bytes);
	*ret_size = size;
	return 0;
}

static int read_unpacked(int fd, uint8_t **ret, size_t *ret_size)
{
	cleanup_free uint8_t *packed = NULL;
	size_t size = 0;
	int err = read_all(fd, &packed, &size);

	if (err)
		return err;
	if (gzip_is(packed, size))
		return gzip_unpack(packed, size, PPROF_MAX_BYTES, ret, ret_size);
	*ret = TAKE_PTR(packed);
	*ret_size = size;
	return 0;
}

int pprof_read(int fd, struct profile **ret)
{
	cleanup_free uint8_t *bytes = NULL;
	size_t size = 0;
	int err = read_unpacked(fd, &bytes, &size);

	return err ? err : pprof_parse(bytes, size, ret);
}
