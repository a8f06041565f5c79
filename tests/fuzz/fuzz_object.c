/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ELF files of any bytes.
 */
#define _GNU_SOURCE /* memfd_create */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "python/object.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct python_object object = { 0 };
	cleanup_close int fd = memfd_create("elf", MFD_CLOEXEC);
	int err;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		return 0;
	err = python_object_read(fd, "python3.8", &object);
	assert(err <= 0);
	assert(memchr(object.reason, '\0', sizeof(object.reason)));
	return 0;
}
