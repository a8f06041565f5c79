/* SPDX-License-Identifier: BSD-2-Clause */
#include "python/qualname.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"
#include "python/layout.h"

/* Objects as 3.6 to 3.10 have them (x86_64), checked against running interpreters of each. */
enum {
	TUPLE_SIZE = 16,
	TUPLE_ITEMS = 24,
	TYPE_FLAGS = 168,
	TYPE_DICT = 264,
	TYPE_MRO = 344,
	TYPE_IS_TYPE = 31, /* bit of the flags: Py_TPFLAGS_TYPE_SUBCLASS */
	DICT_KEYS = 32,
	KEYS_ENTRIES = 40, /* behind one index of 1, 2 or 4 bytes for each slot */
	CELL_VALUE = 16,
};

#define MAX_CLASSES 64
#define MAX_ENTRIES 4096 /* of a class's dictionary */
#define MAX_READS   2000 /* for one name */
#define CHUNK       64   /* entries read at once */
#define MAX_DEPTH   3    /* of decorators around a function */
#define MAX_CELLS   8

struct keys {
	uint64_t references, size, lookup, usable, count;
};

struct entry {
	uint64_t hash, key, value;
};

struct search {
	const struct qualname_memory *memory;
	uint32_t serial;
	int reads;
	uint64_t code, name;
	bool any_name; /* a name that is mangled with its class's */
	uint16_t function_code, function_qualname, function_closure;
	uint64_t found; /* address of the str */
};

static int read_bytes(struct search *s, uint64_t address, void *dst, size_t size)
{
	if (++s->reads > MAX_READS)
		return -E2BIG;
	return s->memory->read(s->memory->arg, s->serial, address, dst, size);
}

/* The word at @address, 0 if it can't be read. */
static uint64_t read_word(struct search *s, uint64_t address)
{
	uint64_t word;

	return read_bytes(s, address, &word, sizeof(word)) ? 0 : word;
}

static bool try_value(struct search *s, uint64_t value, int depth);

/* A decorator's function has the one it calls in its closure. */
static bool try_closure(struct search *s, uint64_t function, int depth)
{
	uint64_t closure = read_word(s, function + s->function_closure);
	uint64_t count = closure ? read_word(s, closure + TUPLE_SIZE) : 0;

	for (uint64_t i = 0; count <= MAX_CELLS && i < count; i++) {
		uint64_t cell = read_word(s, closure + TUPLE_ITEMS + 8 * i);
		uint64_t value = cell ? read_word(s, cell + CELL_VALUE) : 0;

		if (value && try_value(s, value, depth + 1))
			return true;
	}
	return false;
}

/* Is @value the function, or does it lead to it?  No type is asked for: who points to the code
 * object from where functions do is a function. */
static bool try_value(struct search *s, uint64_t value, int depth)
{
	uint64_t wrapped[3]; /* of a classmethod or staticmethod the first; of a property all */

	if (read_word(s, value + s->function_code) == s->code) {
		s->found = read_word(s, value + s->function_qualname);
		return s->found;
	}
	if (depth >= MAX_DEPTH || read_bytes(s, value + 16, wrapped, sizeof(wrapped)))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(wrapped); i++) {
		if (wrapped[i] && try_value(s, wrapped[i], depth + 1))
			return true;
	}
	return try_closure(s, value, depth);
}

static bool try_entries(struct search *s, uint64_t entries, uint64_t count)
{
	struct entry chunk[CHUNK];

	for (uint64_t done = 0; done < count; done += CHUNK) {
		size_t here = count - done < CHUNK ? count - done : CHUNK;

		if (read_bytes(s, entries + done * sizeof(chunk[0]), chunk,
			       here * sizeof(chunk[0])))
			return false;
		for (size_t i = 0; i < here; i++) {
			if (chunk[i].value && (s->any_name || chunk[i].key == s->name) &&
			    try_value(s, chunk[i].value, 0))
				return true;
		}
	}
	return false;
}

static bool try_class(struct search *s, uint64_t class)
{
	uint64_t dict = read_word(s, class + TYPE_DICT);
	uint64_t keys = dict ? read_word(s, dict + DICT_KEYS) : 0, width;
	struct keys head;

	if (!keys || read_bytes(s, keys, &head, sizeof(head)) || head.count > MAX_ENTRIES ||
	    head.size > 4 * MAX_ENTRIES)
		return false;
	width = head.size <= 0xff ? 1 : head.size <= 0xffff ? 2 : 4;
	return try_entries(s, keys + KEYS_ENTRIES + head.size * width, head.count);
}

/* Names are interned: a method's in its class is the very str that its code object has. */
static bool try_classes(struct search *s, uint64_t class)
{
	uint64_t mro = read_word(s, class + TYPE_MRO), classes[MAX_CLASSES];
	uint64_t count = mro ? read_word(s, mro + TUPLE_SIZE) : 0;

	if (!count || count > MAX_CLASSES ||
	    read_bytes(s, mro + TUPLE_ITEMS, classes, count * sizeof(classes[0])))
		return false;
	for (uint64_t i = 0; i < count; i++) {
		if (try_class(s, classes[i]))
			return true;
	}
	return false;
}

/* __name, which its class's dictionary has as _Class__name. */
static bool is_private(const struct adder_event_code *e)
{
	return e->name_bytes > 4 && !memcmp(e->name, "__", 2) &&
	       memcmp(e->name + e->name_bytes - 2, "__", 2) != 0;
}

/* Take the str that was found for the name, if it ends in it, as is right. */
static int take_name(struct search *s, const struct adder_layout *l, struct adder_event_code *e)
{
	uint64_t length = 0, bytes;
	char text[ADDER_NAME_BYTES];
	uint32_t state = 0;

	if (read_bytes(s, s->found + l->str_length, &length, sizeof(length)) ||
	    read_bytes(s, s->found + l->str_state, &state, sizeof(state)))
		return -ENOENT;
	state >>= l->str_kind_shift;
	if (length >= sizeof(text) / 4 || (state & 7) != (e->name_state & 7) || !(state & 8))
		return -ENOENT;
	bytes = length * (state & 7);
	if (bytes > sizeof(text) || bytes < e->name_bytes ||
	    read_bytes(s, s->found + (state & 16 ? l->str_ascii_data : l->str_compact_data), text,
		       bytes) ||
	    memcmp(text + bytes - e->name_bytes, e->name, e->name_bytes) != 0)
		return -ENOENT;
	memcpy(e->name, text, bytes);
	e->name_bytes = bytes;
	e->name_state = state;
	return 0;
}

int qualname_find(const struct qualname_memory *memory, uint16_t version,
		  struct adder_event_code *e)
{
	const struct adder_layout *l = layout_find((uint32_t)version << 16 | 0xfff0, false);
	bool is_3_10 = version == 0x030a;
	struct search s = { .memory = memory,
			    .serial = e->serial,
			    .code = e->code,
			    .any_name = is_private(e),
			    .function_code = is_3_10 ? 48 : 16,
			    .function_qualname = is_3_10 ? 40 : 104,
			    .function_closure = is_3_10 ? 72 : 48 };
	uint64_t flags;
	uint32_t line;

	if (!l || l->co_qualname || !e->first_type || e->name_bytes > sizeof(e->name))
		return -ENOENT;
	s.name = read_word(&s, e->code + l->co_name);
	flags = read_word(&s, e->first_type + TYPE_FLAGS);
	if (!try_classes(&s, flags >> TYPE_IS_TYPE & 1 ? e->first : e->first_type))
		return -ENOENT;
	if (read_bytes(&s, e->code + l->co_firstlineno, &line, sizeof(line)) ||
	    (int32_t)line != e->first_line)
		return -ENOENT; /* by now another code object is there */
	return take_name(&s, l, e);
}
