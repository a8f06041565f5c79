/* SPDX-License-Identifier: BSD-2-Clause */
#include "python/older.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "python/getter.h"
#include "symbol/image.h"
#include "wire.h"

#define LOAD_RAX   "\x48\x8b\x05" /* mov DISP32(%rip),%rax */
#define LOAD_EDI   "\x8b\x3d"     /* mov DISP32(%rip),%edi */
#define LEA_RDI    "\x48\x8d\x3d" /* lea DISP32(%rip),%rdi */
#define CALL       "\xe8"

#define COND_BYTES 48  /* sizeof(pthread_cond_t); a mutex is smaller */
#define GIL_BYTES  512 /* two of both, and what the linker may have put between them */
#define GIL_PARTS  4
#define KEY_BYTES  4

static int read_function(const struct image *image, const char *name, struct getter *ret)
{
	struct image_symbol symbol;
	int err = image_find_exported(image, name, &symbol);

	return err ? err : getter_read(image, symbol.address, symbol.size, ret);
}

/* The variable that a getter begins with, if it is one; else 0. */
static uint64_t find_variable(const struct image *image, const char *function, const char *opcode,
			      uint64_t size)
{
	struct getter getter;
	uint64_t address;

	if (read_function(image, function, &getter) ||
	    !getter_find_reference(&getter, 0, opcode, &address) ||
	    !image_is_data(image, address, size))
		return 0;
	return address;
}

/* The GIL from the first to the last of its parts. */
static void set_gil(struct adder_binary *binary, const uint64_t parts[GIL_PARTS])
{
	uint64_t first = parts[0], last = parts[0];

	for (int i = 1; i < GIL_PARTS; i++) {
		first = parts[i] < first ? parts[i] : first;
		last = parts[i] > last ? parts[i] : last;
	}
	if (!first || last - first > GIL_BYTES)
		return;
	binary->gil = first;
	binary->gil_end = last + COND_BYTES;
}

/* create_gil() hands the address of each part to pthread_mutex_init() or pthread_cond_init(). */
static bool find_gil_in(const struct image *image, const struct getter *getter,
			struct adder_binary *binary)
{
	uint64_t parts[GIL_PARTS], address;
	size_t at = 0;
	int count = 0;

	while (count < GIL_PARTS && (at = getter_find_reference(getter, at, LEA_RDI, &address))) {
		if (image_is_data(image, address, COND_BYTES))
			parts[count++] = address;
	}
	if (count < GIL_PARTS)
		return false;
	set_gil(binary, parts);
	return true;
}

/* PyEval_InitThreads() calls create_gil(), or has it inlined. */
static void find_gil(const struct image *image, struct adder_binary *binary)
{
	struct getter caller, callee;
	uint64_t address;

	if (read_function(image, "PyEval_InitThreads", &caller) ||
	    find_gil_in(image, &caller, binary))
		return;
	if (getter_find_reference(&caller, 0, CALL, &address) &&
	    !getter_read(image, address, 0, &callee))
		find_gil_in(image, &callee, binary);
}

static bool find_by_name(const struct image *image, struct adder_binary *binary)
{
	static const char *const names[] = { "interp_head", "autoTLSkey",  "gil_cond",
					     "gil_mutex",   "switch_cond", "switch_mutex" };
	struct image_symbol symbols[ARRAY_SIZE(names)];
	uint64_t parts[GIL_PARTS];

	if (image_find_static(image, names, ARRAY_SIZE(names), symbols))
		return false;
	for (int i = 0; i < GIL_PARTS; i++)
		parts[i] = symbols[2 + i].address;
	binary->runtime = symbols[0].address;
	binary->tss_key = symbols[1].address;
	set_gil(binary, parts);
	return binary->runtime && binary->tss_key;
}

int older_find(const struct image *image, struct adder_binary *ret)
{
	struct image_symbol current;

	ret->tstate_via = ADDER_VIA_TSD_GLOBAL;
	if (!image_find_exported(image, "_PyThreadState_Current", &current))
		ret->tstate_current = current.address;
	if (!find_by_name(image, ret)) {
		ret->runtime = find_variable(image, "PyInterpreterState_Head", LOAD_RAX, 8);
		ret->tss_key =
			find_variable(image, "PyGILState_GetThisThreadState", LOAD_EDI, KEY_BYTES);
		find_gil(image, ret);
	}
	return ret->runtime || ret->tss_key ? 0 : -ENOENT;
}
