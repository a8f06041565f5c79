/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ELF files of any bytes; the same bytes as the code of a getter, of either processor.
 */
#define _GNU_SOURCE /* memfd_create */
#include <assert.h>
#include <elf.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "python/getter.h"
#include "python/object.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_getter(const uint8_t *data, size_t size, uint16_t machine)
{
	struct getter getter = { .machine = machine, .size = size };
	struct getter_tls tls = { 0 };

	if (getter.size > sizeof(getter.code))
		getter.size = sizeof(getter.code);
	memcpy(getter.code, data, getter.size);
	if (!getter_find_tls(&getter, &tls) && !tls.in_library)
		assert(machine == EM_AARCH64 ? tls.offset > 0 : tls.offset < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct python_object object = { 0 };
	cleanup_close int fd = memfd_create("elf", MFD_CLOEXEC);
	int err;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		return 0;
	err = python_object_read(fd, "python3.8", &object);
	assert(err <= 0);
	read_getter(data, size, EM_X86_64);
	read_getter(data, size, EM_AARCH64);
	assert(memchr(object.reason, '\0', sizeof(object.reason)));
	return 0;
}
