/* SPDX-License-Identifier: BSD-2-Clause */
#include "resolve/resolve.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "profile/profile.h"
#include "resolve/call_table.h"

#define TICK   UINT64_C(10000000)
#define SERIAL 3
#define TID    41
#define HASH   (1ULL << 63 | 5)
#define HELD   (1ULL << 63 | 1ULL << 62) /* a stack that a thread waits on all the time */
#define LATE   (HELD | 1)                /* one that is told after its time */
#define MEMORY 8000000

/* A resolver, and what its process would answer. */
struct fixture {
	struct profile *p;
	struct resolver *r;
	int codes_read, bytes_read;
	bool is_gone;
	uint64_t untold;
	bool held_is_untold;
};

static void set_text(char *dst, uint32_t *bytes, uint32_t *state, const char *text)
{
	*bytes = strlen(text);
	*state = 1 | 8 | 16;
	memcpy(dst, text, *bytes);
}

static struct adder_event_code *code(uint64_t address, const char *name)
{
	static struct adder_event_code e;

	memset(&e, 0, sizeof(e));
	e.kind = ADDER_EVENT_CODE;
	e.serial = SERIAL;
	e.code = address;
	e.signature = 1;
	e.first_line = 10;
	set_text(e.name, &e.name_bytes, &e.name_state, name);
	set_text(e.file, &e.file_bytes, &e.file_state, "app.py");
	return &e;
}

static int read_code(void *arg, uint32_t serial, const struct adder_frame *frame,
		     struct adder_event_code *ret)
{
	struct fixture *f = arg;

	if (serial != SERIAL || f->is_gone)
		return -ESRCH;
	f->codes_read++;
	*ret = *code(frame->code, "read_later");
	return 0;
}

/* The thread sleeps on: behind the frames that there were is one of 0x300. */
static int complete_stack(void *arg, const struct adder_event_stack *torn,
			  const struct adder_event_stack **ret)
{
	static struct adder_event_stack whole;
	struct fixture *f = arg;

	if (f->is_gone)
		return -ESRCH;
	whole = *torn;
	whole.torn = 0;
	whole.frames[whole.depth++] = (struct adder_frame){ .code = 0x300, .signature = 1 };
	*ret = &whole;
	return 0;
}

static int read_memory(void *arg, uint32_t serial, uint64_t address, void *dst, size_t size)
{
	struct fixture *f = arg;

	(void)address;
	if (serial != SERIAL || f->is_gone)
		return -ESRCH;
	f->bytes_read += size;
	memset(dst, 0, size);
	return 0;
}

static void untell(void *arg, uint64_t id)
{
	struct fixture *f = arg;

	f->untold++;
	f->held_is_untold |= id == HELD;
}

static void untell_code(void *arg, const struct adder_code_key *key)
{
	struct fixture *f = arg;

	assert_int_equal(key->serial, SERIAL);
	f->untold++;
}

static int make(void **state)
{
	static struct fixture f;
	const struct resolver_hooks hooks = { read_code, complete_stack, read_memory,
					      untell,    untell_code,    &f };

	memset(&f, 0, sizeof(f));
	f.p = profile_new();
	profile_add_adder_types(f.p);
	f.r = resolver_new(f.p, &hooks, MEMORY);
	*state = &f;
	return f.r ? 0 : -1;
}

static int unmake(void **state)
{
	struct fixture *f = *state;

	resolver_free(f->r);
	profile_free(f->p);
	return 0;
}

static void add_process(struct fixture *f, uint32_t serial)
{
	const struct resolver_process process = { .serial = serial,
						  .pid = 1000 + serial,
						  .name = "app.py",
						  .container = "web",
						  .version = 0x030b };

	resolver_process(f->r, &process);
}

static void add_code(struct fixture *f, uint64_t address, const char *name)
{
	const struct adder_event_code *e = code(address, name);

	resolver_code(f->r, e, offsetof(struct adder_event_code, table_data) + e->table_bytes);
}

/* A stack of the one code object at @address, of which the rest was paged out if it is @torn. */
static void add_torn_stack(struct fixture *f, uint64_t hash, uint64_t address, bool torn)
{
	static struct adder_event_stack e;

	memset(&e, 0, sizeof(e));
	e.torn = torn;
	e.kind = ADDER_EVENT_STACK;
	e.serial = SERIAL;
	e.hash = hash;
	e.depth = 1;
	e.frames[0] = (struct adder_frame){ .code = address, .signature = 1 };
	resolver_stack(f->r, &e, offsetof(struct adder_event_stack, frames) + sizeof(e.frames[0]));
}

static void add_stack(struct fixture *f, uint64_t hash, uint64_t address)
{
	add_torn_stack(f, hash, address, false);
}

static void add_wait(struct fixture *f, uint32_t serial, uint64_t stack, uint8_t state, uint64_t ns)
{
	const struct adder_ledger_key key = { .stack = stack,
					      .process = serial,
					      .tid = TID,
					      .syscall = ADDER_NO_SYSCALL,
					      .state = state,
					      .how = ADDER_HOW_UNKNOWN };
	const struct adder_ledger_value value = { .wait_ns = ns, .count = 1 };

	resolver_add(f->r, &key, &value);
}

static void add_tick(struct fixture *f, uint32_t serial, uint64_t stack)
{
	const struct adder_ledger_key key = { .stack = stack,
					      .on = ADDER_STACK_NONE,
					      .process = serial,
					      .tid = TID,
					      .syscall = ADDER_NO_SYSCALL,
					      .state = ADDER_STATE_CPU,
					      .how = ADDER_HOW_TICK };
	const struct adder_ledger_value value = { .count = 1 };

	resolver_add(f->r, &key, &value);
}

/* Wall time of samples whose innermost function, or with @outermost that, is @name. */
static int64_t wall_at(const struct fixture *f, const char *name, bool outermost)
{
	int64_t sum = 0;

	for (size_t i = 0; i < profile_sample_count(f->p); i++) {
		struct profile_sample s = profile_sample_at(f->p, i);
		size_t count;
		const uint32_t *locations = profile_stack_at(f->p, s.stack, &count);
		uint32_t location = locations[outermost ? count - 1 : 0];
		uint32_t function = profile_location_at(f->p, location).function;

		if (!strcmp(profile_text(f->p, profile_function_at(f->p, function).name), name))
			sum += s.values[0];
	}
	return sum;
}

static int64_t wall_of(const struct fixture *f, const char *name)
{
	return wall_at(f, name, false);
}

static void labels_samples_with_who_it_was(void **state)
{
	struct fixture *f = *state;
	struct resolver_totals totals;
	struct profile_sample s;

	add_process(f, SERIAL);
	resolver_thread(f->r, SERIAL, TID, "first");
	resolver_thread(f->r, SERIAL, TID, "worker-1");
	resolver_life(f->r, SERIAL, 70);
	resolver_life(f->r, SERIAL, 7);
	add_code(f, 0x100, "Shop.serve");
	add_stack(f, HASH, 0x100);
	add_wait(f, SERIAL, HASH, ADDER_STATE_NET, 77);
	resolver_finish(f->r, TICK, &totals);
	assert_int_equal(profile_sample_count(f->p), 1);
	s = profile_sample_at(f->p, 0);
	assert_int_equal(profile_label_number(f->p, s.labels, "pid", 0), 1000 + SERIAL);
	assert_int_equal(profile_label_number(f->p, s.labels, "tid", 0), TID);
	assert_string_equal(profile_label_text(f->p, s.labels, "process"), "app.py");
	assert_string_equal(profile_label_text(f->p, s.labels, "thread"), "worker-1");
	assert_string_equal(profile_label_text(f->p, s.labels, "container"), "web");
	assert_string_equal(profile_label_text(f->p, s.labels, "python"), "3.11");
	assert_int_equal(wall_of(f, "Shop.serve"), 77);
	assert_int_equal(totals.processes, 1);
	assert_int_equal(totals.threads, 1);
	assert_int_equal(totals.stacks, 1);
	assert_int_equal(totals.life_ns, 77);
	assert_int_equal(totals.unknown_stacks, 0);
}

static void keeps_time_without_a_stack_under_its_reason(void **state)
{
#define PSEUDO(id, text) { ADDER_STACK_##id, text },
	static const struct {
		uint64_t stack;
		const char *name;
	} pseudo[] = { ADDER_STACK_LIST(PSEUDO) };
	struct fixture *f = *state;
	struct resolver_totals totals;

	add_process(f, SERIAL);
	for (size_t i = 0; i < sizeof(pseudo) / sizeof(pseudo[0]); i++)
		add_wait(f, SERIAL, pseudo[i].stack, ADDER_STATE_IPC, 1 << i);
	resolver_finish(f->r, TICK, &totals);
	for (size_t i = 0; i < sizeof(pseudo) / sizeof(pseudo[0]); i++)
		assert_int_equal(wall_of(f, pseudo[i].name), 1 << i);
}

static void finds_stacks_that_come_after_their_time(void **state)
{
	struct fixture *f = *state;
	struct resolver_totals totals;

	add_wait(f, SERIAL, HASH, ADDER_STATE_NET, 20);
	add_wait(f, SERIAL, HASH + 1, ADDER_STATE_NET, 30);
	add_process(f, SERIAL);
	add_code(f, 0x100, "late");
	add_stack(f, HASH, 0x100);
	resolver_finish(f->r, TICK, &totals);
	assert_int_equal(wall_of(f, "late"), 20);
	assert_int_equal(wall_of(f, "[stack lost]"), 30);
	assert_int_equal(totals.unknown_stacks, 1);
}

static void reads_names_that_were_not_sent(void **state)
{
	struct fixture *f = *state;
	struct resolver_totals totals;

	add_process(f, SERIAL);
	add_stack(f, HASH, 0x100);
	assert_int_equal(f->codes_read, 1);
	f->is_gone = true;
	add_stack(f, HASH + 1, 0x200);
	add_wait(f, SERIAL, HASH, ADDER_STATE_NET, 20);
	add_wait(f, SERIAL, HASH + 1, ADDER_STATE_NET, 30);
	resolver_finish(f->r, TICK, &totals);
	assert_int_equal(wall_of(f, "read_later"), 20);
	assert_int_equal(wall_of(f, "[name not read]"), 30);
}

static void reads_the_name_of_a_function_that_is_waited_for(void **state)
{
	struct adder_event_awaited e = { .kind = ADDER_EVENT_AWAITED,
					 .serial = SERIAL,
					 .id = 5,
					 .awaited = ADDER_AWAITED_CODE,
					 .code = 0x100,
					 .signature = 1 };
	struct fixture *f = *state;
	uint32_t told, gone;

	add_process(f, SERIAL);
	resolver_awaited(f->r, &e, sizeof(e));
	told = resolver_find_awaited(f->r, SERIAL, 5, ADDER_STATE_GIL);
	assert_string_equal(profile_text(f->p, told), "read_later");
	f->is_gone = true;
	e.id = 7;
	e.code = 0x200;
	resolver_awaited(f->r, &e, sizeof(e));
	gone = resolver_find_awaited(f->r, SERIAL, 7, ADDER_STATE_GIL);
	assert_int_equal(gone, 0);
}

static void reads_the_rest_of_a_stack_that_was_paged_out(void **state)
{
	struct fixture *f = *state;
	struct resolver_totals totals;

	add_process(f, SERIAL);
	add_code(f, 0x300, "outer");
	add_torn_stack(f, HASH, 0x100, true);
	assert_int_equal(f->codes_read, 1);
	f->is_gone = true;
	add_torn_stack(f, HASH + 1, 0x100, true);
	add_wait(f, SERIAL, HASH, ADDER_STATE_NET, 20);
	add_wait(f, SERIAL, HASH + 1, ADDER_STATE_NET, 30);
	resolver_finish(f->r, TICK, &totals);
	assert_int_equal(wall_at(f, "outer", true), 20);
	assert_int_equal(wall_at(f, "[rest of the stack not read]", true), 30);
}

static void reads_the_rest_of_a_long_line_table(void **state)
{
	struct fixture *f = *state;
	struct adder_event_code *e = code(0x100, "long");

	add_process(f, SERIAL);
	e->table_bytes = ADDER_TABLE_BYTES;
	e->table_size = ADDER_TABLE_BYTES + 500;
	resolver_code(f->r, e, sizeof(*e));
	assert_int_equal(f->bytes_read, 500);
	e = code(0x200, "hostile"); /* no function is so long */
	e->table_bytes = ADDER_TABLE_BYTES;
	e->table_size = ~0U;
	resolver_code(f->r, e, sizeof(*e));
	assert_int_equal(f->bytes_read, 500);
}

static void ignores_events_that_are_cut_short(void **state)
{
	static struct adder_event_stack s;
	struct adder_event_code *c = code(0x100, "f");
	struct fixture *f = *state;

	add_process(f, SERIAL);
	for (size_t size = 4; size < offsetof(struct adder_event_code, table_data); size += 64)
		resolver_code(f->r, c, size);
	c->table_bytes = ADDER_TABLE_BYTES + 1;
	resolver_code(f->r, c, sizeof(*c));
	c->table_bytes = 100;
	resolver_code(f->r, c, offsetof(struct adder_event_code, table_data) + 99);
	s.kind = ADDER_EVENT_STACK;
	s.serial = SERIAL;
	s.hash = HASH;
	s.depth = 3;
	resolver_stack(f->r, &s, 8);
	resolver_stack(f->r, &s,
		       offsetof(struct adder_event_stack, frames) + 2 * sizeof(s.frames[0]));
	s.depth = ~0U;
	resolver_stack(f->r, &s, sizeof(s) - 1);
	assert_int_equal(resolver_stack_count(f->r), 0);
	add_stack(f, HASH, 0x100);
	assert_int_equal(f->codes_read, 1); /* none of the codes was taken */
}

/* Task @id is called @name. */
static void add_task(struct fixture *f, uint64_t id, const char *name)
{
	struct adder_event_task e = {
		.kind = ADDER_EVENT_TASK, .serial = SERIAL, .id = id, .depth = 1
	};

	set_text(e.chain[0].name, &e.chain[0].name_bytes, &e.chain[0].name_state, name);
	resolver_task(f->r, &e, sizeof(e));
}

/* A label of the sample whose leaf is @function. */
static const char *label_of(struct fixture *f, const char *function, const char *key)
{
	for (size_t i = 0; i < profile_sample_count(f->p); i++) {
		struct profile_sample s = profile_sample_at(f->p, i);
		size_t depth;
		uint32_t leaf = profile_stack_at(f->p, s.stack, &depth)[0];
		uint32_t id = profile_location_at(f->p, leaf).function;

		if (!strcmp(profile_text(f->p, profile_function_at(f->p, id).name), function))
			return profile_label_text(f->p, s.labels, key);
	}
	return NULL;
}

static void keeps_time_and_ticks_apart_by_task(void **state)
{
	struct adder_ledger_key tick = { .stack = HASH,
					 .task = 8,
					 .process = SERIAL,
					 .tid = TID,
					 .state = ADDER_STATE_CPU,
					 .how = ADDER_HOW_TICK };
	struct adder_ledger_key wait = { .stack = HASH + 1,
					 .task = 9,
					 .process = SERIAL,
					 .tid = TID,
					 .state = ADDER_STATE_NET };
	const struct adder_ledger_value ticks = { .count = 5 },
					waited = { .wait_ns = 30, .burst_ns = 5 * TICK };
	struct fixture *f = *state;
	struct resolver_totals totals;

	add_process(f, SERIAL);
	add_code(f, 0x100, "computes");
	add_code(f, 0x200, "waits");
	add_stack(f, HASH, 0x100);
	add_stack(f, HASH + 1, 0x200);
	resolver_add(f->r, &tick, &ticks);
	resolver_add(f->r, &wait, &waited);
	add_task(f, 8, "late to be told"); /* time may come before its task */
	resolver_finish(f->r, TICK, &totals);
	assert_string_equal(label_of(f, "computes", "task"), "late to be told");
	assert_int_equal(wall_of(f, "computes"), 5 * TICK);
	assert_string_equal(label_of(f, "waits", "task"), "[name lost]");
	assert_int_equal(wall_of(f, "waits"), 30);
}

static void learns_where_tasks_are_run(void **state)
{
	struct adder_process process = { .serial = SERIAL };
	struct adder_event_code *e = code(0x300, "Handle._run");
	struct fixture *f = *state;

	add_process(f, SERIAL);
	assert_false(resolver_learn(f->r, &process));
	e->role = ADDER_CODE_RUN;
	resolver_code(f->r, e, offsetof(struct adder_event_code, table_data));
	assert_true(resolver_learn(f->r, &process));
	assert_int_equal(process.asyncio.run_code, 0x300);
	assert_false(resolver_learn(f->r, &process));
}

static void shows_where_a_thread_was_from_the_beginning(void **state)
{
	const struct adder_ledger_key before = {
		.process = SERIAL, .tid = TID, .stack = HASH, .task = 7, .state = ADDER_STATE_CHILD
	};
	struct fixture *f = *state;
	struct resolver_totals totals;

	add_process(f, SERIAL);
	add_task(f, 7, "long");
	add_code(f, 0x100, "waits_long");
	add_stack(f, HASH, 0x100);
	resolver_before(f->r, &before);
	add_wait(f, SERIAL, ADDER_STACK_BEFORE, ADDER_STATE_CHILD, 44);
	resolver_finish(f->r, TICK, &totals);
	assert_int_equal(wall_of(f, "waits_long"), 44);
	assert_string_equal(label_of(f, "waits_long", "task"), "long");
}

static void knows_a_thread_that_had_no_stack_from_the_beginning(void **state)
{
	const struct adder_ledger_key before = {
		.process = SERIAL, .tid = TID, .stack = ADDER_STACK_NONE, .state = ADDER_STATE_LOCK
	};
	struct fixture *f = *state;
	struct resolver_totals totals;

	add_process(f, SERIAL);
	resolver_before(f->r, &before);
	add_wait(f, SERIAL, ADDER_STACK_BEFORE, ADDER_STATE_LOCK, 44);
	resolver_finish(f->r, TICK, &totals);
	assert_int_equal(wall_of(f, "[no Python stack]"), 44);
}

static void leaves_out_a_dropped_process(void **state)
{
	struct fixture *f = *state;
	struct resolver_totals totals;

	add_process(f, SERIAL);
	add_process(f, SERIAL + 1);
	add_wait(f, SERIAL, ADDER_STACK_NONE, ADDER_STATE_NET, 20);
	add_wait(f, SERIAL + 1, ADDER_STACK_NONE, ADDER_STATE_NET, 30);
	add_tick(f, SERIAL, ADDER_STACK_NONE);
	add_tick(f, SERIAL + 1, ADDER_STACK_NONE);
	resolver_life(f->r, SERIAL, 20);
	resolver_life(f->r, SERIAL + 1, 30);
	resolver_drop(f->r, SERIAL);
	add_wait(f, SERIAL, ADDER_STACK_NONE, ADDER_STATE_NET, 20);
	resolver_finish(f->r, TICK, &totals);
	assert_int_equal(wall_of(f, "[no Python stack]"), 30);
	assert_int_equal(totals.processes, 1);
	assert_int_equal(totals.life_ns, 30);
	assert_int_equal(totals.threads, 1);
	assert_int_equal(totals.ticks, 1);
}

static void keeps_what_a_gone_process_has_told_until_it_is_drained(void **state)
{
	struct fixture *f = *state;
	struct resolver_totals totals;

	add_process(f, SERIAL);
	add_code(f, 0x100, "last");
	add_stack(f, HASH, 0x100);
	add_wait(f, SERIAL, HASH, ADDER_STATE_NET, 1);
	resolver_process_gone(f->r, SERIAL);
	for (int i = 0; i < 4; i++) /* its last thread waits for a CPU to die on */
		resolver_drained(f->r);
	resolver_life(f->r, SERIAL, 7);
	resolver_drained(f->r);
	add_wait(f, SERIAL, HASH, ADDER_STATE_NET, 2);
	for (int i = 0; i < 4; i++)
		resolver_drained(f->r);
	add_wait(f, SERIAL, HASH, ADDER_STATE_NET, 4);
	add_code(f, 0x100, "last");
	add_stack(f, HASH + 1, 0x100);
	resolver_finish(f->r, TICK, &totals);
	assert_int_equal(wall_of(f, "last"), 3);
	assert_int_equal(wall_of(f, "[stack lost]"), 4);
}

static void knows_who_called_when_that_has_ended(void **state)
{
	struct fixture *f = *state;
	const struct adder_call_key key = { .code = 0x100, .serial = SERIAL, .signature = 1 };
	const struct adder_call_key unknown = { .code = 0x200, .serial = SERIAL, .signature = 1 };
	const struct adder_call_sums sums = { .calls = 1 };
	struct call_table_function called;
	uint32_t function;

	add_process(f, SERIAL);
	add_code(f, 0x100, "called");
	assert_int_equal(call_table_add(resolver_calls(f->r), &key, &sums, &function), 1);
	f->is_gone = true;
	assert_int_equal(call_table_add(resolver_calls(f->r), &unknown, &sums, &function), 0);
	resolver_process_gone(f->r, SERIAL);
	resolver_life(f->r, SERIAL, 7);
	for (int i = 0; i < 4; i++)
		resolver_drained(f->r);
	assert_int_equal(call_table_find(resolver_calls(f->r), &key, &called), 0);
	assert_int_equal(called.function, function);
	assert_int_equal(called.pid, 1000 + SERIAL);
	assert_string_equal(called.process, "app.py");
	assert_int_equal(call_table_find(resolver_calls(f->r), &unknown, &called), -ENOENT);
	call_table_hide(resolver_calls(f->r), &key);
	assert_int_equal(call_table_find(resolver_calls(f->r), &key, &called), -ENOENT);
}

static void adds_no_call_when_it_is_asked_for_one(void **state)
{
	const struct adder_call_key never = { .code = 0x100, .serial = SERIAL, .signature = 1 };
	const struct adder_call_key nobody = { .code = 0x100, .serial = 99, .signature = 1 };
	struct fixture *f = *state;
	struct call_table_function called;
	struct resolver_totals totals;

	profile_add_call_types(f->p);
	add_process(f, SERIAL);
	add_code(f, 0x100, "never_called");
	assert_int_equal(call_table_find(resolver_calls(f->r), &never, &called), -ENOENT);
	assert_int_equal(call_table_find(resolver_calls(f->r), &nobody, &called), -ENOENT);
	call_table_hide(resolver_calls(f->r), &nobody);
	resolver_finish(f->r, TICK, &totals);
	assert_int_equal(profile_sample_count(f->p), 0);
	assert_int_equal(totals.processes, 1);
}

static int64_t calls_of(const struct fixture *f, const char *name)
{
	int64_t sum = 0;

	for (size_t i = 0; i < profile_sample_count(f->p); i++) {
		struct profile_sample s = profile_sample_at(f->p, i);
		size_t count;
		uint32_t location = *profile_stack_at(f->p, s.stack, &count);
		uint32_t function = profile_location_at(f->p, location).function;

		if (!strcmp(profile_text(f->p, profile_function_at(f->p, function).name), name))
			sum += s.values[profile_type_find(f->p, "calls")];
	}
	return sum;
}

static void keeps_calls_of_what_has_ended(void **state)
{
	enum { PROCESSES = 3 * MEMORY / 768 };
	struct fixture *f = *state;
	const struct adder_call_sums sums = { .calls = 2 };
	struct resolver_totals totals;
	uint32_t function;

	profile_add_call_types(f->p);
	for (uint32_t i = 0; i < PROCESSES; i++) {
		/* as many processes as there is room for, each with other functions of one name */
		struct adder_call_key key = { 0x100 + i, SERIAL + i % 1000, 1 };
		struct adder_call_key hidden = { 1, SERIAL + i % 1000, 1 };
		struct adder_event_code *e = code(key.code, "called");

		add_process(f, key.serial);
		e->serial = key.serial;
		resolver_code(f->r, e, sizeof(*e));
		e = code(1, "hidden");
		e->serial = key.serial;
		resolver_code(f->r, e, sizeof(*e));
		assert_int_equal(call_table_add(resolver_calls(f->r), &key, &sums, &function), 1);
		call_table_add(resolver_calls(f->r), &hidden, &sums, &function);
		call_table_hide(resolver_calls(f->r), &hidden);
		call_table_end(resolver_calls(f->r), &hidden);
		call_table_add_open(resolver_calls(f->r), &hidden, 1, 1);
		call_table_end(resolver_calls(f->r), &key);
	}
	resolver_finish(f->r, TICK, &totals);
	assert_int_equal(calls_of(f, "called"), 2 * PROCESSES);
	assert_int_equal(calls_of(f, "hidden"), 0);
	assert_int_equal(calls_of(f, "[name not read]"), 0);
	assert_int_equal(totals.refused, PROCESSES - MEMORY / 768);
}

static void says_once_of_what_is_lumped_that_its_jit_is_on(void **state)
{
	enum { PROCESSES = MEMORY / 2048 };
	struct fixture *f = *state;
	const struct adder_call_sums sums = { .calls = 1 };
	struct resolver_totals totals;
	uint32_t function;
	size_t notes = 0;

	profile_add_call_types(f->p);
	for (uint32_t i = 0; i < PROCESSES; i++)
		add_process(f, SERIAL + i);
	for (uint32_t i = 0; i < 5; i++) {
		const struct adder_call_key jit = { .serial = SERIAL + PROCESSES + i };

		call_table_add(resolver_calls(f->r), &jit, &sums, &function);
	}
	resolver_finish(f->r, TICK, &totals);
	for (size_t i = 0; i < profile_comment_count(f->p); i++)
		notes += strstr(profile_comment_at(f->p, i), "the JIT is on") != NULL;
	assert_int_equal(notes, 1);
}

static void adds_up_lives_that_the_ledger_tells(void **state)
{
	struct fixture *f = *state;
	const struct adder_ledger_key key = { .process = SERIAL,
					      .tid = TID,
					      .how = ADDER_HOW_LIFE };
	const struct adder_ledger_value value = { .wait_ns = 5 };
	struct resolver_totals totals;

	add_process(f, SERIAL);
	resolver_life(f->r, SERIAL, 70);
	resolver_add(f->r, &key, &value);
	resolver_finish(f->r, TICK, &totals);
	assert_int_equal(totals.life_ns, 75);
	assert_int_equal(profile_sample_count(f->p), 0);
}

static void takes_a_state_that_it_does_not_know_for_other(void **state)
{
	struct fixture *f = *state;
	struct resolver_totals totals;

	add_process(f, SERIAL);
	add_wait(f, SERIAL, ADDER_STACK_NONE, 200, 9);
	resolver_finish(f->r, TICK, &totals);
	assert_int_equal(profile_sample_at(f->p, 0).values[profile_type_find(f->p, "other")], 9);
}

/* A drain of what threads have done since the last one, with the stack HELD still in one's record.
 */
static void drain(struct fixture *f)
{
	if (resolver_is_crowded(f->r))
		resolver_hold(f->r, SERIAL, HELD);
	resolver_drained(f->r);
}

static void lets_go_of_what_is_not_in_use(void **state)
{
	enum { DRAINS = 20, EACH = 3000 };
	struct fixture *f = *state;
	struct resolver_totals totals;
	uint64_t told = 0;

	add_process(f, SERIAL);
	add_code(f, 0x100, "held");
	add_stack(f, HELD, 0x100);
	add_wait(f, SERIAL, LATE, ADDER_STATE_NET, 500); /* its stack did not get through */
	for (uint64_t i = 0; i < DRAINS; i++) {
		for (uint64_t j = 1; j <= EACH; j++) {
			add_code(f, j << 32 | i << 8, "many");
			add_stack(f, HASH + (i * EACH + j) * 16, j << 32 | i << 8);
			add_wait(f, SERIAL, HASH + (i * EACH + j) * 16, ADDER_STATE_NET, 1);
			told += 2;
		}
		drain(f);
		if (i == 5) {
			add_code(f, 0x200, "late");
			add_stack(f, LATE, 0x200);
		}
	}
	/* those of three drains, and what it takes to be crowded */
	assert_true(told - f->untold <= 4 * 2 * EACH + MEMORY / 8 * 2 / 512);
	assert_true(f->untold > told / 2);
	assert_false(f->held_is_untold);
	add_wait(f, SERIAL, HELD, ADDER_STATE_NET, 700);
	resolver_finish(f->r, TICK, &totals);
	assert_int_equal(wall_of(f, "held"), 700);
	assert_int_equal(wall_of(f, "late"), 500);
	assert_int_equal(wall_of(f, "many"), DRAINS * EACH);
	assert_int_equal(totals.unknown_stacks, 0);
}

static void knows_again_what_is_told_again(void **state)
{
	struct fixture *f = *state;
	struct resolver_totals totals;

	add_process(f, SERIAL);
	for (uint64_t i = 1; i <= MEMORY / 8 * 2 / 512; i++)
		add_code(f, i << 16, "other");
	for (int round = 0; round < 3; round++) {
		add_code(f, 0x100, "rare");
		add_stack(f, HASH, 0x100);
		add_wait(f, SERIAL, HASH, ADDER_STATE_NET, 1);
		for (int i = 0; i < 5; i++)
			resolver_drained(f->r);
	}
	assert_true(f->untold > 0);
	resolver_finish(f->r, TICK, &totals);
	assert_int_equal(wall_of(f, "rare"), 3);
}

static void lumps_threads_together_that_are_too_many(void **state)
{
	enum { MAX = MEMORY / 2048, MORE = 100 };
	struct fixture *f = *state;
	struct adder_ledger_key key = { .stack = ADDER_STACK_NONE, .state = ADDER_STATE_NET };
	struct adder_ledger_value value = { .wait_ns = 1 };
	struct resolver_totals totals;
	int64_t lumped = 0;

	add_process(f, SERIAL);
	key.process = SERIAL;
	for (key.tid = 1; key.tid <= MAX + MORE; key.tid++)
		resolver_add(f->r, &key, &value);
	resolver_finish(f->r, TICK, &totals);
	assert_int_equal(totals.threads, MAX + 1);
	assert_int_equal(totals.refused, MORE);
	assert_int_equal(wall_of(f, "[no Python stack]"), MAX + MORE);
	for (size_t i = 0; i < profile_sample_count(f->p); i++) {
		struct profile_sample s = profile_sample_at(f->p, i);

		lumped += profile_label_number(f->p, s.labels, "tid", -1) == 0 ? s.values[0] : 0;
		assert_string_equal(profile_label_text(f->p, s.labels, "process"), "app.py");
	}
	assert_int_equal(lumped, MORE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)
	const struct CMUnitTest tests[] = {
		TEST(labels_samples_with_who_it_was),
		TEST(keeps_time_without_a_stack_under_its_reason),
		TEST(finds_stacks_that_come_after_their_time),
		TEST(reads_names_that_were_not_sent),
		TEST(reads_the_name_of_a_function_that_is_waited_for),
		TEST(reads_the_rest_of_a_stack_that_was_paged_out),
		TEST(reads_the_rest_of_a_long_line_table),
		TEST(ignores_events_that_are_cut_short),
		TEST(keeps_time_and_ticks_apart_by_task),
		TEST(learns_where_tasks_are_run),
		TEST(shows_where_a_thread_was_from_the_beginning),
		TEST(knows_a_thread_that_had_no_stack_from_the_beginning),
		TEST(leaves_out_a_dropped_process),
		TEST(keeps_what_a_gone_process_has_told_until_it_is_drained),
		TEST(knows_who_called_when_that_has_ended),
		TEST(adds_no_call_when_it_is_asked_for_one),
		TEST(keeps_calls_of_what_has_ended),
		TEST(says_once_of_what_is_lumped_that_its_jit_is_on),
		TEST(adds_up_lives_that_the_ledger_tells),
		TEST(takes_a_state_that_it_does_not_know_for_other),
		TEST(lets_go_of_what_is_not_in_use),
		TEST(knows_again_what_is_told_again),
		TEST(lumps_threads_together_that_are_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
