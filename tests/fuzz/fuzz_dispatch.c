/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The search for opcode handlers in files of any bytes, and instructions of any bytes.
 */
#define _GNU_SOURCE /* memfd_create */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "python/dispatch.h"
#include "symbol/image.h"
#include "symbol/jumptable.h"
#include "symbol/x86.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode(const uint8_t *data, size_t size)
{
	for (size_t at = 0; at < size;) {
		struct x86_insn insn;

		if (x86_decode(data + at, size - at, &insn))
			return;
		assert(insn.length && insn.length <= 15 && insn.length <= size - at);
		at += insn.length;
	}
}

static int see_table(void *arg, uint64_t address, const uint64_t *targets, size_t count)
{
	(void)address;
	assert(count && count <= JUMPTABLE_MAX);
	for (size_t i = 0; i < count; i++)
		assert(image_is_code(arg, targets[i]));
	return 0;
}

/* A file may have anything: also a table that fits, with handlers anywhere. */
static void search(const uint8_t *data, size_t size)
{
	cleanup_close int fd = memfd_create("elf", MFD_CLOEXEC);
	struct image image;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size || image_open(fd, &image))
		return;
	jumptables_each(&image, 1, see_table, &image);
	for (uint16_t version = 0x030b; version <= 0x030f; version++) {
		const struct opcodes *opcodes = opcodes_find(version);
		struct dispatch_probe probes[DISPATCH_PROBES_MAX];
		struct dispatch dispatch;
		const char *why;
		int count;

		if (dispatch_find(&image, opcodes, &dispatch)) {
			for (int i = 0; i < 256; i++)
				dispatch.handlers[i] = data[i % size] << 4;
			dispatch.table = data[0];
			dispatch.instr_offset = 56;
			dispatch.frame_offset = 72;
		}
		count = dispatch_probes(&image, opcodes, &dispatch, size % 3, probes, &why);
		assert(count <= DISPATCH_PROBES_MAX && why);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	decode(data, size);
	if (size)
		search(data, size);
	return 0;
}
