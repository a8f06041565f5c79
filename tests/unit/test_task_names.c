/* SPDX-License-Identifier: BSD-2-Clause */
#include "resolve/task_names.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "profile/profile.h"

struct fixture {
	struct profile *p;
	struct task_names *t;
};

static int make(void **state)
{
	static struct fixture f;

	f.p = profile_new();
	f.t = task_names_new();
	*state = &f;
	return f.p && f.t ? 0 : -1;
}

static int unmake(void **state)
{
	struct fixture *f = *state;

	task_names_free(f->t);
	profile_free(f->p);
	return 0;
}

static void set_text(char *dst, uint32_t *bytes, uint32_t *state, const char *text)
{
	*bytes = strlen(text);
	*state = 1 | 8 | 16;
	memcpy(dst, text, *bytes);
}

static struct adder_task named(const char *name, const char *coro)
{
	struct adder_task task = { .named = ADDER_TASK_NAMED };

	set_text(task.name, &task.name_bytes, &task.name_state, name);
	set_text(task.coro, &task.coro_bytes, &task.coro_state, coro);
	return task;
}

static struct adder_task unnamed(enum adder_task_name kind, uint64_t number, const char *coro)
{
	struct adder_task task = named("", coro);

	task.named = kind;
	task.number = number;
	return task;
}

static void tell(struct fixture *f, uint64_t id, uint32_t depth, const struct adder_task *chain)
{
	struct adder_event_task e = { .id = id, .depth = depth };

	memcpy(e.chain, chain,
	       (depth < ADDER_TASK_LEVELS ? depth : ADDER_TASK_LEVELS) * sizeof(*chain));
	assert_int_equal(task_names_add(f->t, f->p, &e, sizeof(e)), 0);
}

static void assert_task(struct fixture *f, uint64_t id, const char *task, const char *coroutine,
			const char *awaited_by)
{
	struct task_text text = task_names_find(f->t, f->p, id);

	assert_string_equal(profile_text(f->p, text.task), task);
	assert_string_equal(profile_text(f->p, text.coroutine), coroutine);
	assert_string_equal(profile_text(f->p, text.awaited_by), awaited_by);
}

static void says_the_name_the_coroutine_and_who_awaits_it(void **state)
{
	struct adder_task chain[] = { named("fetch-3", "Client.fetch"), named("page-1", "page"),
				      unnamed(ADDER_TASK_NUMBERED, 12, "main") };
	struct fixture *f = *state;

	tell(f, 5, 3, chain);
	tell(f, 7, 1, chain + 2);
	assert_task(f, 5, "fetch-3", "Client.fetch", "page-1 < Task-12");
	assert_task(f, 7, "Task-12", "main", "");
}

static void sums_default_names_from_the_first_on(void **state)
{
	struct adder_task first[] = { unnamed(ADDER_TASK_NUMBERED, 1, "work") };
	struct adder_task last[] = { named("a", "a"), unnamed(ADDER_TASK_SUMMED, 0, "work") };
	struct adder_task empty[] = { unnamed(ADDER_TASK_SUMMED, 0, "") };
	struct fixture *f = *state;

	tell(f, 1, 1, first);
	assert_task(f, 1, "Task-1", "work", "");
	tell(f, 3, 2, last);
	assert_task(f, 1, "Task-* (work)", "work", "");
	assert_task(f, 3, "a", "a", "Task-* (work)");
	tell(f, 5, 1, empty);
	assert_task(f, 5, "Task-* (?)", "", "");
}

static void shows_what_it_could_not_keep_or_read(void **state)
{
	struct adder_task other[] = { unnamed(ADDER_TASK_OTHER, 0, "work") };
	struct adder_task unread[] = { named("", "") };
	struct fixture *f = *state;

	tell(f, 1, 1, other);
	tell(f, 3, 1, unread);
	assert_task(f, 1, "[other tasks]", "work", "");
	assert_task(f, 3, "[name not read]", "", "");
	assert_task(f, 9, "[name lost]", "", "");
	assert_task(f, 0, "", "", "");
}

static void marks_what_was_cut(void **state)
{
	struct adder_task chain[ADDER_TASK_LEVELS + 1];
	struct fixture *f = *state;
	char name[ADDER_TASK_NAME_BYTES + 1];

	memset(name, 'n', ADDER_TASK_NAME_BYTES);
	name[ADDER_TASK_NAME_BYTES] = '\0';
	for (int i = 0; i < ADDER_TASK_LEVELS; i++)
		chain[i] = named("t", "c");
	tell(f, 1, ADDER_TASK_LEVELS + 1, chain);
	assert_task(f, 1, "t", "c", "t < t < t < t < t < …");
	chain[0] = named(name, "c");
	tell(f, 3, 1, chain);
	assert_int_equal(strlen(profile_text(f->p, task_names_find(f->t, f->p, 3).task)),
			 ADDER_TASK_NAME_BYTES + strlen("…"));
}

/* Each of the longest texts there may be, that grow most in UTF-8. */
static void has_room_for_the_longest_chain(void **state)
{
	struct adder_task chain[ADDER_TASK_LEVELS];
	struct fixture *f = *state;

	for (int i = 0; i < ADDER_TASK_LEVELS; i++) {
		chain[i] = unnamed(ADDER_TASK_SUMMED, 0, "");
		memset(chain[i].coro, 0xe9, ADDER_TASK_CORO_BYTES);
		chain[i].coro_bytes = ADDER_TASK_CORO_BYTES;
		chain[i].coro_state = 1 | 8;
	}
	tell(f, 1, ADDER_TASK_LEVELS + 1, chain);
	assert_true(strlen(profile_text(f->p, task_names_find(f->t, f->p, 1).awaited_by)) >
		    5 * 2 * ADDER_TASK_CORO_BYTES);
}

static void refuses_what_is_cut_short(void **state)
{
	struct adder_event_task e = { .id = 1, .depth = 2 };
	struct fixture *f = *state;

	assert_int_equal(task_names_add(f->t, f->p, &e, 8), -EBADMSG);
	assert_int_equal(
		task_names_add(f->t, f->p, &e, offsetof(struct adder_event_task, chain[1])),
		-EBADMSG);
	e.depth = 0;
	assert_int_equal(task_names_add(f->t, f->p, &e, sizeof(e)), -EBADMSG);
	e.depth = 1;
	e.chain[0].name_bytes = ADDER_TASK_NAME_BYTES + 1;
	assert_int_equal(task_names_add(f->t, f->p, &e, sizeof(e)), 0);
	assert_task(f, 1, "[name not read]", "", "");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)
	const struct CMUnitTest tests[] = {
		TEST(says_the_name_the_coroutine_and_who_awaits_it),
		TEST(sums_default_names_from_the_first_on),
		TEST(shows_what_it_could_not_keep_or_read),
		TEST(marks_what_was_cut),
		TEST(has_room_for_the_longest_chain),
		TEST(refuses_what_is_cut_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
