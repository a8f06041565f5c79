/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE /* memmem */
#include "python/object.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "python/getter.h"
#include "python/layout.h"
#include "python/older.h"
#include "python/version.h"
#include "symbol/image.h"

#define DEBUG_BYTES_MAX 1024       /* of the debug offsets; 3.15's take 888 */
#define SEARCH_BYTES    (1 << 20)  /* of data, read at once ... */
#define SEARCH_MAX      (64 << 20) /* ... and looked through, in a file without sections, in all */
#define MINOR_OLDEST    6
#define MINOR_NEWEST    15
#define MINOR_OFFSETS   13 /* first with debug offsets */
#define MINOR_TLS       15 /* first with its thread state in a thread-local variable */

__attribute__((format(printf, 2, 3))) static void refuse(struct python_object *object,
							 const char *format, ...)
{
	va_list args;

	object->verdict = PYTHON_UNSUPPORTED;
	va_start(args, format);
	vsnprintf(object->reason, sizeof(object->reason), format, args);
	va_end(args);
}

static int minor_of(uint32_t version)
{
	return version >> 16 & 0xff;
}

static bool exports(const struct image *image, const char *name)
{
	struct image_symbol symbol;

	return image_find_exported(image, name, &symbol) == 0;
}

/* Find a symbol, exported or not; 0 or -ENOENT. */
static int find_symbol(const struct image *image, const char *name, struct image_symbol *ret)
{
	struct image_symbol symbol;
	int err = image_find_exported(image, name, &symbol);

	if (err)
		err = image_find_static(image, &name, 1, &symbol);
	if (err || !symbol.address)
		return -ENOENT;
	*ret = symbol;
	return 0;
}

static uint64_t search_segment(const struct image *image, const Elf64_Phdr *segment, uint64_t bytes,
			       char *buffer)
{
	for (uint64_t done = 0; done < bytes; done += SEARCH_BYTES) {
		size_t size = bytes - done < SEARCH_BYTES ? bytes - done : SEARCH_BYTES;
		const char *found;

		if (image_read_file(image, segment->p_offset + done, buffer, size))
			return 0;
		/* The runtime is aligned, so no cookie lies across two reads. */
		found = memmem(buffer, size, LAYOUT_DEBUG_COOKIE, strlen(LAYOUT_DEBUG_COOKIE));
		if (found)
			return segment->p_vaddr + done + (found - buffer);
	}
	return 0;
}

/* The last resort, 3.13+: the cookie that debuggers look for, in data. */
static uint64_t search_cookie(const struct image *image)
{
	cleanup_free char *buffer = malloc(SEARCH_BYTES);
	uint64_t found = 0, left = SEARCH_MAX;

	for (int i = 0; buffer && !found && i < image->segment_count; i++) {
		const Elf64_Phdr *segment = &image->segments[i];
		uint64_t bytes = segment->p_filesz < left ? segment->p_filesz : left;

		if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_W))
			continue;
		found = search_segment(image, segment, bytes, buffer);
		left -= bytes;
	}
	return found;
}

/* The address of _PyRuntime (3.7+); 0 if the file has none. */
static uint64_t find_runtime(const struct image *image)
{
	struct image_symbol symbol;
	struct image_section section;

	if (!image_find_exported(image, "_PyRuntime", &symbol))
		return symbol.address;
	if (!image_find_section(image, ".PyRuntime", &section))
		return section.address;
	return image->header.e_shnum ? 0 : search_cookie(image);
}

static bool is_pypy(const struct image *image)
{
	char name[64];

	if (exports(image, "pypy_execute_source") || exports(image, "rpython_startup_code"))
		return true;
	for (int i = 0; !image_needed(image, i, name, sizeof(name)); i++) {
		if (text_starts(name, "libpypy"))
			return true;
	}
	return false;
}

/* A program without an interpreter: does it name one among its libraries? */
static void judge_needed(const struct image *image, struct python_object *object)
{
	char name[64];

	for (int i = 0; !image_needed(image, i, name, sizeof(name)); i++) {
		if (text_starts(name, "libpython3") && strstr(name, ".so")) {
			object->verdict = PYTHON_LINKED;
			object->version = version_of_name(name);
		} else if (text_starts(name, "libpython2")) {
			refuse(object, "Python 2 is not supported");
		}
	}
}

/* Read what there is of the debug offsets; their size, 0 if there are none. */
static size_t read_debug_offsets(const struct image *image, uint64_t runtime, uint8_t *debug)
{
	uint64_t size = image_bytes_at(image, runtime);

	if (size > DEBUG_BYTES_MAX)
		size = DEBUG_BYTES_MAX;
	if (size < LAYOUT_DEBUG_HEADER || image_read(image, runtime, debug, size) ||
	    memcmp(debug, LAYOUT_DEBUG_COOKIE, strlen(LAYOUT_DEBUG_COOKIE)) != 0)
		return 0;
	return size;
}

static int find_version(const struct image *image, const uint8_t *debug, size_t debug_size,
			uint32_t *ret)
{
	struct image_symbol symbol;
	uint32_t version;

	if (debug_size) {
		memcpy(ret, debug + LAYOUT_DEBUG_VERSION, sizeof(*ret));
		return 0;
	}
	if (!image_find_exported(image, "Py_Version", &symbol) &&
	    !image_read(image, symbol.address, &version, sizeof(version))) {
		*ret = version;
		return 0;
	}
	return version_find(image, ret);
}

/* Can this version be profiled at all?  Says why if not. */
static bool check_version(const struct image *image, struct python_object *object)
{
	uint32_t version = object->version;
	int minor = minor_of(version), stage = version >> 4 & 0xf;

	if (!version)
		refuse(object, "Python of a version that can't be found out");
	else if (image->header.e_machine != IMAGE_MACHINE)
		refuse(object, "Python 3.%d of another processor", minor);
	else if (version >> 24 != 3 || minor < MINOR_OLDEST)
		refuse(object, "Python %u.%d is older than 3.%d", version >> 24, minor,
		       MINOR_OLDEST);
	else if (stage == 0xa || stage == 0xb)
		refuse(object, "Python 3.%d before its release is not supported", minor);
	else if (minor < MINOR_OFFSETS && exports(image, "_Py_NegativeRefcount"))
		refuse(object, "debug build of Python 3.%d", minor);
	return object->verdict != PYTHON_UNSUPPORTED;
}

/* 3.15+: the getter of the GILState's thread state tells where that is. */
static void find_thread_local(const struct image *image, struct adder_binary *binary)
{
	struct image_symbol symbol;
	struct getter getter;
	struct getter_tls tls;

	/* Without it, tls_offset 0: the state that is read there is not the thread's own. */
	binary->tstate_via = ADDER_VIA_TLS_EXE;
	if (find_symbol(image, "PyGILState_GetThisThreadState", &symbol) ||
	    getter_read(image, symbol.address, symbol.size, &getter) ||
	    getter_find_tls(&getter, &tls))
		return;
	binary->tstate_via = tls.in_library ? ADDER_VIA_TLS_LIB : ADDER_VIA_TLS_EXE;
	binary->tls_offset = tls.offset;
	binary->tls_delta = tls.delta;
}

/*
 * Fill in the layout; the file's own debug offsets have the last word.  They are all there is to
 * read a version by that is newer than adder.
 */
static bool find_layout(struct python_object *object, const uint8_t *debug, size_t debug_size)
{
	bool free_threaded = debug_size && debug[LAYOUT_DEBUG_FREE_THREADED];
	bool newer = minor_of(object->version) > MINOR_NEWEST;
	const struct adder_layout *layout =
		layout_find(newer ? 3u << 24 | MINOR_NEWEST << 16 : object->version, free_threaded);
	int err = 0;

	if (!layout) {
		refuse(object, "Python 3.%d of an unknown build", minor_of(object->version));
		return false;
	}
	object->binary.layout = *layout;
	if (minor_of(object->version) >= MINOR_OFFSETS)
		err = layout_apply_debug_offsets(&object->binary.layout, debug, debug_size);
	if (err && newer)
		refuse(object, "Python 3.%d is newer than this adder", minor_of(object->version));
	else if (err)
		refuse(object, "Python 3.%d with debug offsets that make no sense",
		       minor_of(object->version));
	return !err;
}

static void judge_runtime(const struct image *image, const char *name, struct python_object *object)
{
	uint8_t debug[DEBUG_BYTES_MAX];
	size_t debug_size = read_debug_offsets(image, object->binary.runtime, debug);

	if (find_version(image, debug, debug_size, &object->version))
		object->version = version_of_name(name);
	if (!check_version(image, object) || !find_layout(object, debug, debug_size))
		return;
	object->binary.tstate_via = ADDER_VIA_TSD;
	if (minor_of(object->version) >= MINOR_TLS)
		find_thread_local(image, &object->binary);
	object->verdict = PYTHON_HERE;
}

/* No _PyRuntime, yet a Python: 3.6 or older. */
static void judge_older(const struct image *image, const char *name, struct python_object *object)
{
	if (exports(image, "PyString_Type")) {
		refuse(object, "Python 2 is not supported");
		return;
	}
	if (version_find(image, &object->version))
		object->version = version_of_name(name);
	if (!check_version(image, object) || !find_layout(object, NULL, 0))
		return;
	if (older_find(image, &object->binary))
		refuse(object, "Python 3.6 whose thread states can't be found");
	else
		object->verdict = PYTHON_HERE;
}

/* What the kernel half needs of any program, whoever brings the interpreter. */
static void describe(const struct image *image, struct python_object *object)
{
	const Elf64_Phdr *text = image_segment(image, PT_LOAD, PF_X);
	const Elf64_Phdr *dynamic = image_segment(image, PT_DYNAMIC, 0);
	const Elf64_Phdr *interpreter = image_segment(image, PT_INTERP, 0);
	char path[128] = "";

	if (interpreter && interpreter->p_filesz < sizeof(path))
		image_read_file(image, interpreter->p_offset, path, interpreter->p_filesz);
	object->moves = image->header.e_type == ET_DYN;
	object->dynamic = dynamic ? dynamic->p_vaddr : 0;
	object->binary.moves = object->moves;
	object->binary.musl = strstr(path, "ld-musl") != NULL;
	object->binary.text = text ? text->p_vaddr : 0;
	object->binary.debug = image->debug;
}

static void judge(const struct image *image, const char *name, struct python_object *object)
{
	object->binary.runtime = find_runtime(image);
	if (is_pypy(image))
		refuse(object, "PyPy is not supported");
	else if (object->binary.runtime)
		judge_runtime(image, name, object);
	else if (exports(image, "_PyThreadState_Current"))
		judge_older(image, name, object);
	else
		judge_needed(image, object);
}

int python_object_read(int fd, const char *name, struct python_object *ret)
{
	struct python_object object = { .verdict = PYTHON_NONE };
	struct image image;
	int err = image_open(fd, &image);

	if (err)
		return err;
	describe(&image, &object);
	judge(&image, name, &object);
	if (object.verdict == PYTHON_HERE)
		object.binary.kind = ADDER_BINARY_STATIC;
	*ret = object;
	return 0;
}

void python_object_join(const struct python_object *program, const struct python_object *lib,
			struct adder_binary *ret)
{
	struct adder_binary joined = lib ? lib->binary : program->binary;

	joined.kind = lib                               ? ADDER_BINARY_LIBPYTHON
		      : program->verdict == PYTHON_HERE ? ADDER_BINARY_STATIC
							: ADDER_BINARY_FOREIGN;
	joined.moves = program->moves;
	joined.musl = program->binary.musl;
	joined.text = program->binary.text;
	joined.debug = program->binary.debug;
	joined.lib_dynamic = lib ? lib->dynamic : 0;
	*ret = joined;
}
