/* SPDX-License-Identifier: BSD-2-Clause */
#include "resolve/names.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "profile/profile.h"
#include "python/linetable.h"
#include "python/unicode.h"
#include "resolve/age.h"

struct code_key {
	uint64_t code;
	uint64_t signature;
};

struct code {
	struct code_key key;
	uint32_t function; /* the profile's id */
	int32_t first_line;
	uint32_t table_bytes;
	uint16_t version;
	uint8_t hidden; /* the interpreter's own trampoline, no function of the program */
	uint8_t age;
	UT_hash_handle hh;
	uint8_t table[];
};

struct stack {
	uint64_t hash;
	uint32_t id;
	bool told, expected;
	uint8_t age;
	UT_hash_handle hh;
};

struct names {
	struct code *codes;
	struct stack *stacks;
	size_t table_bytes;
};

struct names *names_new(void)
{
	return calloc(1, sizeof(struct names));
}

void names_free(struct names *n)
{
	struct code *code, *next_code;
	struct stack *stack, *next_stack;

	if (!n)
		return;
	HASH_ITER (hh, n->codes, code, next_code) {
		HASH_DEL(n->codes, code);
		free(code);
	}
	HASH_ITER (hh, n->stacks, stack, next_stack) {
		HASH_DEL(n->stacks, stack);
		free(stack);
	}
	free(n);
}

static struct code *find_code(const struct names *n, uint64_t address, uint32_t signature)
{
	struct code_key key = { .code = address, .signature = signature };
	struct code *code;

	HASH_FIND(hh, n->codes, &key, sizeof(key), code);
	if (code)
		code->age = 0;
	return code;
}

int names_has_code(struct names *n, const struct adder_frame *frame)
{
	return find_code(n, frame->code, frame->signature) != NULL;
}

/* Text that was cut because it was too long ends in an ellipsis. */
static uint32_t intern_text(struct profile *p, const char *data, uint32_t bytes, uint32_t state,
			    uint32_t limit)
{
	char text[ADDER_FILE_BYTES * 2 + 8]; /* Latin-1 grows to twice its size */
	size_t used = unicode_to_utf8(data, bytes, state, text, sizeof(text) - 4);

	if (bytes >= limit)
		memcpy(text + used, "…", sizeof("…"));
	return profile_string(p, text);
}

int names_add_code(struct names *n, struct profile *p, uint16_t version,
		   const struct adder_event_code *e, const uint8_t *table, uint32_t size)
{
	struct code *code;
	uint32_t name, file;

	if (e->name_bytes > ADDER_NAME_BYTES || e->file_bytes > ADDER_FILE_BYTES)
		return -EBADMSG;
	if (find_code(n, e->code, e->signature))
		return 0;
	code = calloc(1, sizeof(*code) + size);
	if (!code)
		return -ENOMEM;
	name = intern_text(p, e->name, e->name_bytes, e->name_state, ADDER_NAME_BYTES);
	file = intern_text(p, e->file, e->file_bytes, e->file_state, ADDER_FILE_BYTES);
	code->key = (struct code_key){ .code = e->code, .signature = e->signature };
	code->hidden = !strcmp(profile_text(p, file), "__init__") &&
		       !strcmp(profile_text(p, name), "__init__");
	code->function = profile_function(p, name, file, e->first_line);
	code->first_line = e->first_line;
	code->version = version;
	code->table_bytes = size;
	memcpy(code->table, table, size);
	HASH_ADD(hh, n->codes, key, sizeof(code->key), code);
	n->table_bytes += size;
	return 0;
}

static int64_t line_of(const struct code *code, int32_t instr)
{
	int line = linetable_line(code->version, code->table, code->table_bytes, code->first_line,
				  instr);

	return line > 0 ? line : code->first_line;
}

/* The location of @frame; 0 frames if it is hidden. */
static size_t add_location(const struct names *n, struct profile *p,
			   const struct adder_frame *frame, uint32_t *ret)
{
	const struct code *code = find_code(n, frame->code, frame->signature);

	if (code && code->hidden)
		return 0;
	*ret = code ? profile_location(p, code->function, line_of(code, frame->instr))
		    : profile_pseudo(p, "[name not read]");
	return 1;
}

int names_locate(const struct names *n, struct profile *p, const struct adder_frame *frame,
		 uint32_t *ret)
{
	const struct code *code = n ? find_code(n, frame->code, frame->signature) : NULL;

	if (!code)
		return -ENOENT;
	return add_location(n, p, frame, ret) ? 0 : -ESRCH;
}

int names_function_stack(const struct names *n, struct profile *p, uint64_t address,
			 uint32_t signature, uint32_t *ret)
{
	const struct code *code = n ? find_code(n, address, signature) : NULL;
	uint32_t location;

	if (!code)
		return -ENOENT;
	if (code->hidden)
		return -ESRCH;
	location = profile_location(p, code->function, code->first_line);
	*ret = profile_stack(p, &location, 1);
	return 0;
}

static size_t add_missing(struct profile *p, uint32_t count, uint32_t *ret)
{
	char text[64];

	snprintf(text, sizeof(text), "[%u frames left out]", count);
	*ret = profile_pseudo(p, text);
	return 1;
}

/* Leaf first; of a stack deeper than what is kept, the outer part is a ring (unwind_slot()). */
static size_t add_locations(const struct names *n, struct profile *p,
			    const struct adder_event_stack *e, uint32_t *ret)
{
	uint32_t inner = e->depth < ADDER_INNER_FRAMES ? e->depth : ADDER_INNER_FRAMES;
	uint32_t outer =
		e->depth - inner < ADDER_OUTER_FRAMES ? e->depth - inner : ADDER_OUTER_FRAMES;
	size_t count = 0;

	for (uint32_t i = 0; i < inner; i++)
		count += add_location(n, p, &e->frames[i], &ret[count]);
	if (inner + outer < e->depth)
		count += add_missing(p, e->depth - inner - outer, &ret[count]);
	for (uint32_t i = e->depth - outer; i < e->depth; i++) {
		uint32_t slot = inner + (i - ADDER_INNER_FRAMES) % ADDER_OUTER_FRAMES;

		count += add_location(n, p, &e->frames[slot], &ret[count]);
	}
	if (e->torn)
		ret[count++] = profile_pseudo(p, e->depth ? "[rest of the stack not read]"
							  : "[stack not read]");
	return count;
}

static struct stack *find_stack(const struct names *n, uint64_t hash)
{
	struct stack *stack;

	HASH_FIND(hh, n->stacks, &hash, sizeof(hash), stack);
	if (stack)
		stack->age = 0;
	return stack;
}

/* The stack with @hash, which may not have been told yet; NULL without memory. */
static struct stack *get_stack(struct names *n, uint64_t hash)
{
	struct stack *stack = find_stack(n, hash);

	if (stack)
		return stack;
	stack = calloc(1, sizeof(*stack));
	if (!stack)
		return NULL;
	stack->hash = hash;
	HASH_ADD(hh, n->stacks, hash, sizeof(stack->hash), stack);
	return stack;
}

int names_add_stack(struct names *n, struct profile *p, const struct adder_event_stack *e)
{
	uint32_t locations[ADDER_MAX_FRAMES + 2];
	struct stack *stack = get_stack(n, e->hash);
	size_t count;

	if (!stack)
		return -ENOMEM;
	if (stack->told)
		return 0;
	count = add_locations(n, p, e, locations);
	if (!count) /* only trampolines */
		locations[count++] = profile_pseudo(p, "[no Python stack]");
	stack->id = profile_stack(p, locations, count);
	stack->told = true;
	return 0;
}

int names_find_stack(const struct names *n, uint64_t hash, uint32_t *ret)
{
	const struct stack *stack = n ? find_stack(n, hash) : NULL;

	if (!stack || !stack->told)
		return -ENOENT;
	*ret = stack->id;
	return 0;
}

int names_expect_stack(struct names *n, uint64_t hash)
{
	struct stack *stack = get_stack(n, hash);

	if (!stack)
		return -ENOMEM;
	stack->expected = true;
	return 0;
}

size_t names_table_bytes(const struct names *n)
{
	return n->table_bytes;
}

size_t names_count(const struct names *n)
{
	return n ? HASH_COUNT(n->codes) + HASH_COUNT(n->stacks) : 0;
}

static void sweep_stacks(struct names *n, const struct names_sweeper *sweeper)
{
	struct stack *stack, *next;

	HASH_ITER (hh, n->stacks, stack, next) {
		enum age_step step = stack->expected ? AGE_KEEP : age_on(&stack->age);

		if (step == AGE_UNTELL) {
			sweeper->untell_stack(sweeper->arg, stack->hash);
		} else if (step == AGE_FREE) {
			HASH_DEL(n->stacks, stack);
			free(stack);
		}
	}
}

static void sweep_codes(struct names *n, const struct names_sweeper *sweeper)
{
	struct code *code, *next;

	HASH_ITER (hh, n->codes, code, next) {
		enum age_step step = age_on(&code->age);

		if (step == AGE_UNTELL) {
			sweeper->untell_code(sweeper->arg, code->key.code, code->key.signature);
		} else if (step == AGE_FREE) {
			n->table_bytes -= code->table_bytes;
			HASH_DEL(n->codes, code);
			free(code);
		}
	}
}

void names_sweep(struct names *n, const struct names_sweeper *sweeper)
{
	sweep_stacks(n, sweeper);
	sweep_codes(n, sweeper);
}

uint32_t names_code_name(const struct names *n, const struct profile *p, uint64_t code,
			 uint32_t signature)
{
	const struct code *found = find_code(n, code, signature);

	return found ? profile_function_at(p, found->function).name : 0;
}

static bool wraps_locks(const char *filename)
{
	return text_ends(filename, "/threading.py") || text_ends(filename, "/queue.py");
}

uint32_t names_releaser(const struct profile *p, uint32_t id)
{
	size_t count;
	const uint32_t *locations = profile_stack_at(p, id, &count);

	for (size_t i = 0; i < count; i++) {
		struct profile_location location = profile_location_at(p, locations[i]);
		struct profile_function f = profile_function_at(p, location.function);

		if (!wraps_locks(profile_text(p, f.filename)))
			return f.name;
	}
	return 0;
}
