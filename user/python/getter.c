/* SPDX-License-Identifier: BSD-2-Clause */
#include "python/getter.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#include "symbol/image.h"

/* None of the encodings holds a zero byte before its operand, so that strings can stand for them.
 */
#define LOAD_FS      "\x64\x48\x8b\x04\x25" /* mov %fs:DISP32,%rax */
#define LOAD_FS_RAX  "\x64\x48\x8b"         /* mov %fs:(%rax),%rax, with a zero byte behind */
#define MOVE_TO_RAX  "\x48\xc7\xc0"         /* mov $IMM32,%rax */
#define LEA_RAX      "\x48\x8d\x80"         /* lea DISP32(%rax),%rax */
#define LEA_RDI      "\x48\x8d\x3d"         /* lea DISP32(%rip),%rdi */
#define LOAD_RAX_32  "\x48\x8b\x80"         /* mov DISP32(%rax),%rax */
#define LOAD_RAX_8   "\x48\x8b\x40"         /* mov DISP8(%rax),%rax */
#define LOAD_RAX     "\x48\x8b"             /* mov (%rax),%rax, with a zero byte behind */
#define CALL         "\xe8"                 /* call DISP32 */
#define CALL_THROUGH "\xff\x15"             /* call *DISP32(%rip) */
#define LONGEST_GAP  8                      /* bytes of prefixes between a lea and its call */

int getter_read(const struct image *image, uint64_t address, uint64_t size, struct getter *ret)
{
	struct getter getter = { .machine = image->header.e_machine,
				 .address = address,
				 .size = sizeof(getter.code) };
	uint64_t there = image_bytes_at(image, address);
	int err;

	if (size && size < getter.size)
		getter.size = size;
	if (there < getter.size)
		getter.size = there;
	err = getter.size ? image_read(image, address, getter.code, getter.size) : -EBADMSG;
	if (!err)
		*ret = getter;
	return err;
}

static bool is_at(const struct getter *getter, size_t at, const char *opcode, size_t operand)
{
	size_t size = strlen(opcode);

	return at + size + operand <= getter->size && !memcmp(getter->code + at, opcode, size);
}

static int32_t operand32(const struct getter *getter, size_t at)
{
	int32_t value;

	memcpy(&value, getter->code + at, sizeof(value));
	return value;
}

size_t getter_find_reference(const struct getter *getter, size_t at, const char *opcode,
			     uint64_t *ret_address)
{
	for (; getter->machine == EM_X86_64 && at < getter->size; at++) {
		size_t end = at + strlen(opcode) + 4;

		if (!is_at(getter, at, opcode, 4))
			continue;
		*ret_address = getter->address + end + operand32(getter, end - 4);
		return end;
	}
	return 0;
}

/* The displacement of the first load of %rax from where %rax points to, if there is one. */
static bool find_load(const struct getter *getter, size_t at, int64_t *ret)
{
	for (; at < getter->size; at++) {
		if (is_at(getter, at, LOAD_RAX_32, 4)) {
			*ret = operand32(getter, at + strlen(LOAD_RAX_32));
			return true;
		}
		if (is_at(getter, at, LOAD_RAX_8, 1)) {
			*ret = (int8_t)getter->code[at + strlen(LOAD_RAX_8)];
			return true;
		}
		if (is_at(getter, at, LOAD_RAX, 1) && !getter->code[at + strlen(LOAD_RAX)]) {
			*ret = 0;
			return true;
		}
	}
	return false;
}

/* What follows once %rax is the thread pointer: the linker's relaxed forms of a library's access.
 */
static bool find_relaxed(const struct getter *getter, size_t at, int64_t *ret)
{
	int64_t lea = 0, load;

	if (is_at(getter, at, LEA_RAX, 4)) {
		lea = operand32(getter, at + strlen(LEA_RAX));
		at += strlen(LEA_RAX) + 4;
	}
	if (!find_load(getter, at, &load))
		return false;
	*ret = lea + load;
	return true;
}

/* The distance from the thread pointer that an access at @at is made with; 0: it is no access. */
static int64_t distance_at(const struct getter *getter, size_t at)
{
	size_t end = at + strlen(MOVE_TO_RAX) + 4;
	int64_t distance = 0;

	if (is_at(getter, at, LOAD_FS, 4)) {
		distance = operand32(getter, at + strlen(LOAD_FS));
		if (!distance)
			find_relaxed(getter, at + strlen(LOAD_FS) + 4, &distance);
	} else if (is_at(getter, at, MOVE_TO_RAX, 4) && is_at(getter, end, LOAD_FS_RAX, 1) &&
		   !getter->code[end + strlen(LOAD_FS_RAX)]) {
		distance = operand32(getter, end - 4);
	}
	return distance;
}

/* lea GOT(%rip),%rdi; call __tls_get_addr; mov DELTA(%rax),%rax */
static int find_in_library(const struct getter *getter, struct getter_tls *ret)
{
	uint64_t got;
	size_t at = getter_find_reference(getter, 0, LEA_RDI, &got);

	for (size_t end = at + LONGEST_GAP; at && at < end; at++) {
		size_t call = is_at(getter, at, CALL, 4)           ? strlen(CALL) + 4
			      : is_at(getter, at, CALL_THROUGH, 4) ? strlen(CALL_THROUGH) + 4
								   : 0;
		if (!call)
			continue;
		ret->in_library = true;
		ret->offset = got;
		return find_load(getter, at + call, &ret->delta) ? 0 : -ENOENT;
	}
	return -ENOENT;
}

int getter_find_tls(const struct getter *getter, struct getter_tls *ret)
{
	struct getter_tls tls = { 0 };
	int err;

	if (getter->machine == EM_AARCH64)
		return getter_find_tls_arm64(getter, ret);
	for (size_t at = 0; at < getter->size; at++) {
		/* Programs' variables lie below the thread pointer; above is the stack protector's.
		 */
		tls.offset = distance_at(getter, at);
		if (tls.offset < 0) {
			*ret = tls;
			return 0;
		}
	}
	err = find_in_library(getter, &tls);
	if (!err)
		*ret = tls;
	return err;
}
