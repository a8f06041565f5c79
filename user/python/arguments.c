/* SPDX-License-Identifier: BSD-2-Clause */
#include "python/arguments.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "python/unicode.h"

#define TEXT_BYTES     160  /* of a text, as it is shown */
#define NAME_BYTES     64   /* of a type or an argument */
#define MAX_COUNTED    1024 /* arguments that a code object may have, or it is none */
#define CO_VARARGS     0x04
#define CO_VARKEYWORDS 0x08

/* Where objects of a version have what; all but the first from the layout's own. */
struct places {
	uint32_t argcount, kwonly, flags, names; /* PyCodeObject */
	uint32_t size;                           /* PyVarObject.ob_size, and what stands there */
	uint32_t digits;                         /* of an int */
	uint32_t items;                          /* of a tuple: from 3.14 on behind its hash */
	uint32_t type_name;
};

struct formatter {
	const struct arguments_memory *memory;
	const struct adder_layout *layout;
	struct places at;
	uint32_t bytes; /* that are there of the object that is put */
	char *dst;
	size_t size, used;
};

static struct places places_of(const struct adder_layout *l)
{
	uint32_t head = l->object_type + 8; /* of an object: behind its type */
	uint32_t extra = head - 16;         /* that a free-threaded one has more */

	if (l->version < 0x030b)
		return (struct places){
			.argcount = l->co_argcount,
			.kwonly = l->version < 0x0308 ? 20 : 24, /* behind those by position only */
			.flags = l->version < 0x0308 ? 32 : 36,
			.names = l->co_varnames,
			.size = head,
			.digits = head + 8,
			.items = head + 8,
			.type_name = head + 8,
		};
	return (struct places){
		.argcount = (l->version == 0x030b ? 56 : 52) + extra,
		.kwonly = (l->version == 0x030b ? 64 : 60) + extra,
		.flags = 48 + extra,
		.names = 96 + extra,
		.size = head,
		.digits = head + 8,
		.items = head + (l->version >= 0x030e ? 16 : 8),
		.type_name = head + 8,
	};
}

__attribute__((format(printf, 2, 3))) static void put(struct formatter *f, const char *format, ...)
{
	size_t room = f->size - f->used;
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(f->dst + f->used, room, format, args);
	va_end(args);
	if (length > 0)
		f->used += (size_t)length < room ? (size_t)length : room - 1;
}

static int read_at(const struct formatter *f, uint64_t address, void *dst, size_t size)
{
	return f->memory->read(f->memory->arg, address, dst, size);
}

static uint64_t word(const uint8_t *object, uint32_t at)
{
	uint64_t value = 0;

	if (at <= ADDER_ARGUMENT_BYTES - sizeof(value))
		memcpy(&value, object + at, sizeof(value));
	return value;
}

/* The name of the type at @address; "?" if it can't be read. */
static void read_type(const struct formatter *f, uint64_t address, char *ret)
{
	uint64_t name;

	snprintf(ret, NAME_BYTES, "?");
	if (read_at(f, address + f->at.type_name, &name, sizeof(name)) ||
	    read_at(f, name, ret, NAME_BYTES - 1))
		return;
	ret[NAME_BYTES - 1] = '\0';
}

/* ---- values ---- */

/* What is there of a text of @length letters or bytes, in quotes. */
static void put_quoted(struct formatter *f, const char *prefix, const char *text, bool is_cut,
		       uint64_t length)
{
	put(f, "%s'%s%s'", prefix, text, is_cut ? "..." : "");
	if (is_cut)
		put(f, "(%" PRIu64 ")", length);
}

static void put_str(struct formatter *f, const uint8_t *object)
{
	const struct adder_layout *l = f->layout;
	uint64_t length = word(object, l->str_length);
	uint32_t state = word(object, l->str_state);
	uint32_t kind = state >> l->str_kind_shift & 7;
	uint32_t at = state >> l->str_kind_shift & 16 ? l->str_ascii_data : l->str_compact_data;
	uint64_t bytes = length * (kind ? kind : 1);
	uint64_t there = at < f->bytes ? f->bytes - at : 0;
	char text[TEXT_BYTES];

	if (length > UINT32_MAX || !kind) {
		put(f, "str");
		return;
	}
	if (there > bytes)
		there = bytes;
	unicode_to_utf8(object + at, there - there % kind, state >> l->str_kind_shift, text,
			sizeof(text));
	put_quoted(f, "", text, there < bytes, length);
}

static void put_bytes(struct formatter *f, const uint8_t *object)
{
	uint64_t length = word(object, f->at.size);
	uint32_t at = f->layout->bytes_data;
	uint64_t there = at < f->bytes ? f->bytes - at : 0;
	char text[TEXT_BYTES] = "", *end = text;

	if (there > length)
		there = length;
	for (uint64_t i = 0; i < there && end + 5 < text + sizeof(text); i++)
		end += sprintf(end,
			       object[at + i] >= ' ' && object[at + i] < 127 ? "%c" : "\\x%02x",
			       object[at + i]);
	put_quoted(f, "b", text, there < length, length);
}

/* A whole number in decimal; @dst has room for it. */
static void print_u128(unsigned __int128 value, char *dst)
{
	char digits[40];
	int count = 0;

	do {
		digits[count++] = '0' + (int)(value % 10);
		value /= 10;
	} while (value);
	while (count)
		*dst++ = digits[--count];
	*dst = '\0';
}

#define DIGIT_BITS 30 /* of an int's digit; of 120 bits, four */

/* The number of its digits, and the sign, are told in two ways. */
static void put_int(struct formatter *f, const uint8_t *object)
{
	bool is_tagged = f->layout->version >= 0x030c;
	int64_t size = word(object, f->at.size);
	uint64_t count = is_tagged ? (uint64_t)size >> 3 : (uint64_t)(size < 0 ? -size : size);
	bool is_negative = is_tagged ? (size & 3) == 2 : size < 0;
	unsigned __int128 value = 0;
	char text[40];

	if (count > 4 || f->at.digits + 4 * count > f->bytes) {
		put(f, "int of about %.0f digits", (count - 0.5) * DIGIT_BITS * log10(2));
		return;
	}
	for (uint64_t i = count; i--;)
		value = value << DIGIT_BITS | (word(object, f->at.digits + 4 * i) & 0x3fffffff);
	print_u128(value, text);
	put(f, "%s%s", is_negative ? "-" : "", text);
}

static void put_float(struct formatter *f, const uint8_t *object)
{
	uint64_t bits = word(object, f->at.size);
	double value;

	memcpy(&value, &bits, sizeof(value));
	put(f, "%.12g", value);
}

static void put_object(struct formatter *f, const uint8_t *object, bool is_inner);

/* A variable that a closure shares: what was in it, as far as that was sent. */
static void put_cell(struct formatter *f, const uint8_t *object, bool is_inner)
{
	uint8_t inner[ADDER_ARGUMENT_BYTES] = { 0 };
	uint32_t head =
		f->at.size == ADDER_HEAD_BYTES ? ADDER_HEAD_BYTES : ADDER_HEAD_FREE_THREADED;

	memcpy(inner, object + ADDER_CELL_BYTES(head), ADDER_INNER_BYTES(head));
	if (is_inner || !word(object, f->at.size) || !word(inner, f->layout->object_type)) {
		put(f, "...");
		return;
	}
	f->bytes = ADDER_INNER_BYTES(head);
	put_object(f, inner, true);
	f->bytes = ADDER_ARGUMENT_BYTES;
}

static void put_object(struct formatter *f, const uint8_t *object, bool is_inner)
{
	char type[NAME_BYTES];

	read_type(f, word(object, f->layout->object_type), type);
	if (!strcmp(type, "str"))
		put_str(f, object);
	else if (!strcmp(type, "bytes"))
		put_bytes(f, object);
	else if (!strcmp(type, "int"))
		put_int(f, object);
	else if (!strcmp(type, "float"))
		put_float(f, object);
	else if (!strcmp(type, "bool"))
		put(f, word(object, f->at.digits) & 1 ? "True" : "False");
	else if (!strcmp(type, "NoneType"))
		put(f, "None");
	else if (!strcmp(type, "list") || !strcmp(type, "tuple") || !strcmp(type, "dict"))
		put(f, "%s(%" PRIu64 ")", type, word(object, f->at.size));
	else if (!strcmp(type, "set") || !strcmp(type, "frozenset"))
		put(f, "%s(%" PRIu64 ")", type, word(object, f->at.size + 8));
	else if (!strcmp(type, "cell"))
		put_cell(f, object, is_inner);
	else
		put(f, "<%s>", type);
}

/* ---- names ---- */

/* The name of argument @index, from the tuple of names at @names. */
static void put_name(struct formatter *f, uint64_t names, uint32_t index)
{
	const struct adder_layout *l = f->layout;
	uint8_t object[ADDER_ARGUMENT_BYTES];
	uint64_t address, length;
	char text[NAME_BYTES];
	uint32_t state;

	if (read_at(f, names + f->at.items + 8ULL * index, &address, sizeof(address)) ||
	    read_at(f, address, object, sizeof(object))) {
		put(f, "?");
		return;
	}
	length = word(object, l->str_length);
	state = word(object, l->str_state);
	if (!(state >> l->str_kind_shift & 16) || length > NAME_BYTES ||
	    l->str_ascii_data + length > ADDER_ARGUMENT_BYTES)
		length = 0; /* a long one, or one with letters beyond ASCII */
	unicode_to_utf8(object + (length ? l->str_ascii_data : 0), length,
			state >> l->str_kind_shift, text, sizeof(text));
	put(f, "%s", length ? text : "?");
}

static void put_argument(struct formatter *f, const struct adder_call_mark *mark, uint32_t index)
{
	if (index >= ADDER_ARGUMENTS || !mark->arguments[index])
		put(f, "...");
	else
		put_object(f, mark->objects[index], false);
}

int arguments_format(const struct arguments_memory *memory, const struct adder_layout *layout,
		     uint64_t code, const struct adder_call_mark *mark, char *dst, size_t size)
{
	struct formatter f = { .memory = memory,
			       .layout = layout,
			       .at = places_of(layout),
			       .bytes = ADDER_ARGUMENT_BYTES,
			       .dst = dst,
			       .size = size };
	uint32_t plain, kwonly, flags, count;
	uint64_t names;

	*dst = '\0';
	if (read_at(&f, code + f.at.argcount, &plain, sizeof(plain)) ||
	    read_at(&f, code + f.at.kwonly, &kwonly, sizeof(kwonly)) ||
	    read_at(&f, code + f.at.flags, &flags, sizeof(flags)) ||
	    read_at(&f, code + f.at.names, &names, sizeof(names)))
		return -EFAULT;
	if (plain > MAX_COUNTED || kwonly > MAX_COUNTED)
		return -EBADMSG;
	count = plain + kwonly + !!(flags & CO_VARARGS) + !!(flags & CO_VARKEYWORDS);
	for (uint32_t i = 0; i < count && i < ADDER_ARGUMENTS; i++) {
		bool is_rest = i >= plain + kwonly;
		bool is_tuple = is_rest && flags & CO_VARARGS && i == plain + kwonly;

		put(&f, "%s%s", i ? ", " : "", !is_rest ? "" : is_tuple ? "*" : "**");
		put_name(&f, names, i);
		put(&f, "=");
		put_argument(&f, mark, i);
	}
	if (count > ADDER_ARGUMENTS)
		put(&f, ", and %" PRIu32 " more", count - ADDER_ARGUMENTS);
	return 0;
}
