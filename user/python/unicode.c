/* SPDX-License-Identifier: BSD-2-Clause */
#include "python/unicode.h"

#include <string.h>

static size_t encode(uint32_t c, char *dst)
{
	if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		c = '?';
	if (c < 0x80) {
		dst[0] = c;
		return 1;
	}
	if (c < 0x800) {
		dst[0] = 0xc0 | c >> 6;
		dst[1] = 0x80 | (c & 0x3f);
		return 2;
	}
	if (c < 0x10000) {
		dst[0] = 0xe0 | c >> 12;
		dst[1] = 0x80 | (c >> 6 & 0x3f);
		dst[2] = 0x80 | (c & 0x3f);
		return 3;
	}
	dst[0] = 0xf0 | c >> 18;
	dst[1] = 0x80 | (c >> 12 & 0x3f);
	dst[2] = 0x80 | (c >> 6 & 0x3f);
	dst[3] = 0x80 | (c & 0x3f);
	return 4;
}

size_t unicode_to_utf8(const void *data, size_t size, uint32_t state, char *dst, size_t dst_size)
{
	size_t step = state & 7, used = 0;

	if (step != 1 && step != 2 && step != 4)
		step = 1;
	for (size_t i = 0; i + step <= size; i += step) {
		uint32_t c = 0;
		char letter[4];
		size_t bytes;

		memcpy(&c, (const char *)data + i, step);
		bytes = encode(c, letter);
		if (used + bytes >= dst_size)
			break;
		memcpy(dst + used, letter, bytes);
		used += bytes;
	}
	if (dst_size)
		dst[used] = '\0';
	return used;
}
