/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE /* memmem */
#include "python/version.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "symbol/image.h"

#define TAG               "cpython-3"
#define CONSTANTS_MAX     (32 << 20)  /* bytes looked at of one segment; libpython has 4 MB */
#define READ_MAX          (128 << 20) /* and of all, twice through */
#define MICRO_UNKNOWN     0xff
#define HEX(minor, micro) (3u << 24 | (minor) << 16 | (micro) << 8 | 0xf0)

/* A segment's bytes, with a NUL behind them. */
struct constants {
	char *bytes;
	size_t size;
};

/* The number that the digits at @text make, at most three of them; -1 if there are none. */
static int number_at(const char *text, const char **ret_end)
{
	int value = 0, digits = 0;

	for (; digits < 3 && isdigit((unsigned char)*text); digits++)
		value = value * 10 + *text++ - '0';
	*ret_end = text;
	return digits ? value : -1;
}

static const char *find(const struct constants *in, const char *from, const char *needle)
{
	return memmem(from, in->bytes + in->size - from, needle, strlen(needle));
}

/* "cpython-39", or the same in ".cpython-36m-x86_64-linux-gnu.so". */
static int find_minor(const struct constants *in)
{
	const char *at = in->bytes, *end;

	while ((at = find(in, at, TAG))) {
		int minor = number_at(at + strlen(TAG), &end);

		while (islower((unsigned char)*end))
			end++;
		if (minor >= 0 && (*end == '\0' || *end == '-'))
			return minor;
		at += strlen(TAG);
	}
	return -1;
}

/* "3.9.18", "3.9.18+" or "3.9.0rc1", perhaps as the end of a longer text, but of no longer number.
 */
static int find_micro(const struct constants *in, int minor)
{
	char prefix[16];
	const char *at = in->bytes, *end;

	snprintf(prefix, sizeof(prefix), "3.%d.", minor);
	while ((at = find(in, at, prefix))) {
		bool begins = at == in->bytes || (!isdigit((unsigned char)at[-1]) && at[-1] != '.');
		int micro = number_at(at + strlen(prefix), &end);

		if (begins && micro >= 0 && micro < MICRO_UNKNOWN && strchr("+abr", *end))
			return micro;
		at += strlen(prefix);
	}
	return MICRO_UNKNOWN;
}

static int read_constants(const struct image *image, const Elf64_Phdr *segment,
			  struct constants *ret)
{
	size_t size = segment->p_filesz < CONSTANTS_MAX ? segment->p_filesz : CONSTANTS_MAX;
	cleanup_free char *bytes = malloc(size + 1);
	int err = bytes ? image_read_file(image, segment->p_offset, bytes, size) : -ENOMEM;

	if (err)
		return err;
	bytes[size] = '\0';
	*ret = (struct constants){ TAKE_PTR(bytes), size };
	return 0;
}

int version_find(const struct image *image, uint32_t *ret)
{
	int minor = -1, micro = MICRO_UNKNOWN;
	size_t done = 0;

	/* The two texts may lie in different segments, but are both in ones that can't be written.
	 */
	for (int i = 0; i < 2 * image->segment_count && micro == MICRO_UNKNOWN && done < READ_MAX;
	     i++) {
		const Elf64_Phdr *segment = &image->segments[i % image->segment_count];
		struct constants constants;
		int err;

		if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W))
			continue;
		err = read_constants(image, segment, &constants);
		if (err)
			return err;
		if (minor < 0)
			minor = find_minor(&constants);
		if (minor >= 0)
			micro = find_micro(&constants, minor);
		done += constants.size;
		free(constants.bytes);
	}
	if (minor < 0)
		return -ENOENT;
	*ret = HEX(minor, micro);
	return 0;
}

uint32_t version_of_name(const char *name)
{
	const char *at = strstr(name, "python3."), *end;
	int minor = at ? number_at(at + strlen("python3."), &end) : -1;

	return minor < 0 ? 0 : HEX(minor, MICRO_UNKNOWN);
}
