/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Line tables of any bytes: the first five choose the version and the instruction.
 */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "python/linetable.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free uint8_t *table = NULL;
	int32_t instr;
	int line;

	if (size < 6)
		return 0;
	/* Of its exact size, so that the sanitizer sees each read behind it. */
	table = malloc(size - 5);
	if (!table)
		return 0;
	memcpy(table, data + 5, size - 5);
	memcpy(&instr, data + 1, sizeof(instr));
	line = linetable_line(0x0306 + data[0] % 10, table, size - 5, (int8_t)data[0], instr);
	assert(line >= 1 || line == -EBADMSG || line == -ERANGE);
	return 0;
}
