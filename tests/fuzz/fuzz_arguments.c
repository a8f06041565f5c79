/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arguments of calls in a process whose memory is anything.
 */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "python/arguments.h"
#include "python/layout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *data;
	size_t size;
};

/* All of memory repeats the input. */
static int read_input(void *arg, uint64_t address, void *dst, size_t size)
{
	const struct input *input = arg;

	if (!input->size || address % 7 == 6)
		return -EFAULT;
	for (size_t i = 0; i < size; i++)
		((uint8_t *)dst)[i] = input->data[(address + i) % input->size];
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct adder_call_mark mark;
	struct input input = { data, size };
	const struct arguments_memory memory = { read_input, &input };

	memset(&mark, 0, sizeof(mark));
	memcpy(&mark, data, size < sizeof(mark) ? size : sizeof(mark));
	for (uint32_t version = 0x030b; version <= 0x030f; version++) {
		char text[200] = "x";

		arguments_format(&memory, layout_find(version << 16 | 0xf0, false), size, &mark,
				 text, sizeof(text));
		assert(strlen(text) < sizeof(text));
	}
	return 0;
}
