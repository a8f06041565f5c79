/* SPDX-License-Identifier: BSD-2-Clause */
#include "resolve/accounts.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "profile/profile.h"

#define TICK    UINT64_C(10000000)
#define PENDING (1ULL << 63 | 0x77) /* a hash that is told only later */

struct fixture {
	struct profile *p;
	struct accounts *a;
	uint32_t leaf, other; /* stacks */
	uint32_t later;       /* the stack of PENDING; 0: never told */
	uint32_t skipped;     /* thread that was dropped */
};

static uint32_t stack_of(struct profile *p, const char *name)
{
	uint32_t location = profile_pseudo(p, name);

	return profile_stack(p, &location, 1);
}

static int make(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	f.p = profile_new();
	f.a = accounts_new(0, 0);
	profile_add_adder_types(f.p);
	stack_of(f.p, "unused"); /* so that no stack has id 0 */
	f.leaf = stack_of(f.p, "leaf");
	f.other = stack_of(f.p, "other");
	f.skipped = UINT32_MAX;
	*state = &f;
	return 0;
}

static int unmake(void **state)
{
	struct fixture *f = *state;

	accounts_free(f->a);
	profile_free(f->p);
	return 0;
}

static bool skip_thread(void *arg, uint32_t thread)
{
	return ((struct fixture *)arg)->skipped == thread;
}

static int find_stack(void *arg, uint32_t thread, uint64_t hash, uint32_t *ret)
{
	struct fixture *f = arg;

	(void)thread;
	if (hash != PENDING || !f->later)
		return -ENOENT;
	*ret = f->later;
	return 0;
}

static uint32_t make_labels(void *arg, uint32_t thread, const struct account_labels *what)
{
	struct fixture *f = arg;
	struct profile_label labels[5] = {
		{ .key = profile_string(f->p, "tid"), .number = thread },
		{ .key = profile_string(f->p, "detail"), .text = what->detail },
		{ .key = profile_string(f->p, "on"), .text = what->on },
		{ .key = profile_string(f->p, "task"), .number = what->task },
		{ .key = profile_string(f->p, "on_task"), .number = what->on_task },
	};

	return profile_labels(f->p, labels, 5);
}

static uint64_t settle(struct fixture *f)
{
	const struct accounts_hooks hooks = { TICK, skip_thread, find_stack, make_labels, f };

	return accounts_settle(f->a, f->p, 4, &hooks);
}

static void add_wait(struct fixture *f, uint32_t thread, uint64_t stack, enum adder_state state,
		     struct adder_ledger_value value)
{
	struct account_key key = { .stack = stack,
				   .thread = thread,
				   .syscall = ADDER_NO_SYSCALL,
				   .state = state,
				   .how = ADDER_HOW_UNKNOWN };

	value.count = 1;
	assert_int_equal(accounts_add(f->a, &key, &value), 0);
}

static void add_ticks(struct fixture *f, uint32_t thread, uint64_t stack, uint64_t after,
		      uint32_t count, uint32_t in_kernel)
{
	struct account_key key = { .stack = stack,
				   .on = after,
				   .thread = thread,
				   .syscall = ADDER_NO_SYSCALL,
				   .state = ADDER_STATE_CPU,
				   .how = ADDER_HOW_TICK };
	struct adder_ledger_value value = { .count = count, .sys_count = in_kernel };

	assert_int_equal(accounts_add(f->a, &key, &value), 0);
}

/* Of all samples, those of @thread on @stack; -1: of any. */
static int64_t sum_of(const struct fixture *f, const char *type, int64_t thread, int64_t stack)
{
	int index = profile_type_find(f->p, type);
	int64_t sum = 0;

	for (size_t i = 0; i < profile_sample_count(f->p); i++) {
		struct profile_sample s = profile_sample_at(f->p, i);

		if ((thread < 0 || profile_label_number(f->p, s.labels, "tid", -1) == thread) &&
		    (stack < 0 || s.stack == stack))
			sum += s.values[index];
	}
	return sum;
}

/* The law: in each sample the states sum to the wall time. */
static void assert_law(const struct fixture *f)
{
#define STATE_NAME(id, name, text) name,
	static const char *const names[] = { ADDER_STATE_LIST(STATE_NAME) };

	for (size_t i = 0; i < profile_sample_count(f->p); i++) {
		struct profile_sample s = profile_sample_at(f->p, i);
		int64_t sum = 0;

		for (size_t state = 0; state < ADDER_STATE_NR; state++)
			sum += s.values[profile_type_find(f->p, names[state])];
		assert_int_equal(sum, s.values[profile_type_find(f->p, "wall")]);
	}
}

static void keeps_waits_where_they_were(void **state)
{
	struct fixture *f = *state;

	add_wait(f, 0, f->leaf, ADDER_STATE_NET,
		 (struct adder_ledger_value){ .wait_ns = 1000, .runq_ns = 30 });
	add_wait(f, 0, f->leaf, ADDER_STATE_NET,
		 (struct adder_ledger_value){ .wait_ns = 500, .runq_ns = 5 });
	add_wait(f, 1, f->other, ADDER_STATE_GIL, (struct adder_ledger_value){ .wait_ns = 70 });
	assert_int_equal(settle(f), 0);
	assert_law(f);
	assert_int_equal(sum_of(f, "net", 0, f->leaf), 1500);
	assert_int_equal(sum_of(f, "runq", 0, f->leaf), 35);
	assert_int_equal(sum_of(f, "gil", 1, f->other), 70);
	assert_int_equal(sum_of(f, "wall", -1, -1), 1605);
}

static void counts_preemption_as_waiting_for_a_cpu(void **state)
{
	struct fixture *f = *state;

	add_wait(f, 0, f->leaf, ADDER_STATE_RUNQ,
		 (struct adder_ledger_value){ .wait_ns = 900, .throttled_ns = 400 });
	settle(f);
	assert_law(f);
	assert_int_equal(sum_of(f, "runq", 0, f->leaf), 900);
	assert_int_equal(sum_of(f, "throttled", 0, f->leaf), 400);
	assert_int_equal(sum_of(f, "wall", 0, -1), 900);
}

static void gives_cpu_time_to_the_ticks_after_the_wait(void **state)
{
	struct fixture *f = *state;
	uint32_t hot = stack_of(f->p, "hot");

	add_wait(f, 0, f->leaf, ADDER_STATE_NET,
		 (struct adder_ledger_value){ .wait_ns = 5, .burst_ns = 100 * TICK });
	add_ticks(f, 0, hot, f->leaf, 75, 15);
	add_ticks(f, 0, f->other, f->leaf, 25, 0);
	settle(f);
	assert_law(f);
	assert_int_equal(sum_of(f, "cpu", 0, hot), 75 * TICK);
	assert_int_equal(sum_of(f, "sys", 0, hot), 15 * TICK);
	assert_int_equal(sum_of(f, "samples", 0, hot), 75);
	assert_int_equal(sum_of(f, "cpu", 0, f->other), 25 * TICK);
	assert_int_equal(sum_of(f, "cpu", 0, f->leaf), 0);
	assert_int_equal(sum_of(f, "wall", 0, -1), 100 * TICK + 5);
}

static void leaves_cpu_time_without_ticks_with_its_wait(void **state)
{
	struct fixture *f = *state;

	add_wait(f, 0, f->leaf, ADDER_STATE_NET, (struct adder_ledger_value){ .burst_ns = 300 });
	add_wait(f, 0, f->other, ADDER_STATE_CPU, (struct adder_ledger_value){ .burst_ns = 40 });
	add_ticks(f, 1, f->other, f->other, 9, 9); /* another thread's */
	settle(f);
	assert_law(f);
	assert_int_equal(sum_of(f, "cpu", 0, f->leaf), 300);
	assert_int_equal(sum_of(f, "cpu", 0, f->other), 40);
	assert_int_equal(sum_of(f, "cpu", 1, -1), 0);
	assert_int_equal(sum_of(f, "samples", 1, -1), 9);
}

/* The kernel charges a wake-up to who is woken: it was counted as waiting for the CPU as well. */
static void counts_a_wake_ups_cost_once(void **state)
{
	struct fixture *f = *state;

	add_wait(f, 0, f->leaf, ADDER_STATE_GIL,
		 (struct adder_ledger_value){
			 .wait_ns = 1000, .runq_ns = 100, .burst_ns = 600, .stolen_ns = -80 });
	settle(f);
	assert_law(f);
	assert_int_equal(sum_of(f, "gil", 0, -1), 1000);
	assert_int_equal(sum_of(f, "cpu", 0, -1), 600);
	assert_int_equal(sum_of(f, "runq", 0, -1), 20);
	assert_int_equal(sum_of(f, "wall", 0, -1), 1620);
}

/* What can't come off the wait's own time for the CPU comes off the thread's others. */
static void takes_a_wake_ups_cost_off_other_waits_too(void **state)
{
	struct fixture *f = *state;

	add_wait(f, 0, f->leaf, ADDER_STATE_GIL,
		 (struct adder_ledger_value){
			 .wait_ns = 10, .runq_ns = 30, .burst_ns = 600, .stolen_ns = -80 });
	add_wait(f, 0, f->other, ADDER_STATE_NET,
		 (struct adder_ledger_value){ .wait_ns = 10, .runq_ns = 70 });
	settle(f);
	assert_law(f);
	assert_int_equal(sum_of(f, "runq", 0, -1), 20);
	assert_int_equal(sum_of(f, "wall", 0, -1), 640);
}

static void believes_no_wake_up_that_cost_more_than_the_burst(void **state)
{
	struct fixture *f = *state;

	add_wait(f, 0, f->leaf, ADDER_STATE_GIL,
		 (struct adder_ledger_value){ .runq_ns = 500, .burst_ns = 60, .stolen_ns = -400 });
	settle(f);
	assert_law(f);
	assert_int_equal(sum_of(f, "cpu", 0, -1), 60);
	assert_int_equal(sum_of(f, "runq", 0, -1), 440);
}

static void says_what_was_taken_from_the_cpu(void **state)
{
	struct fixture *f = *state;

	add_wait(f, 2, f->leaf, ADDER_STATE_NET,
		 (struct adder_ledger_value){ .wait_ns = 5, .burst_ns = 50, .stolen_ns = 7 });
	settle(f);
	assert_law(f);
	assert_int_equal(sum_of(f, "runq", 2, f->leaf), 7);
	assert_int_equal(sum_of(f, "wall", 2, -1), 62);
}

/* Of the functions that ran; less what the kernel has charged twice. */
static void splits_what_was_taken_as_the_cpu_time(void **state)
{
	struct fixture *f = *state;

	add_wait(f, 0, f->leaf, ADDER_STATE_NET,
		 (struct adder_ledger_value){
			 .wait_ns = 5, .burst_ns = 20 * TICK, .stolen_ns = 100 });
	add_wait(f, 0, f->other, ADDER_STATE_DISK,
		 (struct adder_ledger_value){ .wait_ns = 5, .burst_ns = 60, .stolen_ns = -20 });
	add_ticks(f, 0, f->other, f->leaf, 15, 0);
	add_ticks(f, 0, f->leaf, f->leaf, 5, 0);
	settle(f);
	assert_law(f);
	assert_int_equal(sum_of(f, "runq", 0, f->other), 60);
	assert_int_equal(sum_of(f, "runq", 0, f->leaf), 20);
}

static void finds_stacks_that_were_told_too_late(void **state)
{
	struct fixture *f = *state;

	f->later = stack_of(f->p, "later");
	add_wait(f, 0, PENDING, ADDER_STATE_DISK,
		 (struct adder_ledger_value){ .wait_ns = 20, .burst_ns = 10 * TICK });
	add_wait(f, 0, f->later, ADDER_STATE_DISK, (struct adder_ledger_value){ .wait_ns = 3 });
	add_ticks(f, 0, PENDING, PENDING, 10, 0);
	assert_int_equal(settle(f), 0);
	assert_law(f);
	assert_int_equal(sum_of(f, "disk", 0, f->later), 23);
	assert_int_equal(sum_of(f, "cpu", 0, f->later), 10 * TICK);
}

static void counts_stacks_that_were_never_told(void **state)
{
	struct fixture *f = *state;

	add_wait(f, 0, PENDING, ADDER_STATE_DISK, (struct adder_ledger_value){ .wait_ns = 20 });
	add_wait(f, 1, PENDING + 1, ADDER_STATE_NET, (struct adder_ledger_value){ .wait_ns = 30 });
	assert_int_equal(settle(f), 2);
	assert_law(f);
	assert_int_equal(sum_of(f, "wall", -1, stack_of(f->p, "[stack lost]")), 50);
}

static void leaves_out_who_was_not_asked_for(void **state)
{
	struct fixture *f = *state;

	f->skipped = 1;
	add_wait(f, 0, f->leaf, ADDER_STATE_NET, (struct adder_ledger_value){ .wait_ns = 5 });
	add_wait(f, 1, f->leaf, ADDER_STATE_NET,
		 (struct adder_ledger_value){ .wait_ns = 9, .burst_ns = 9, .stolen_ns = 9 });
	add_ticks(f, 1, f->leaf, f->leaf, 1, 1);
	settle(f);
	assert_int_equal(sum_of(f, "wall", -1, -1), 5);
}

static void says_how_it_waited(void **state)
{
	static const struct {
		uint16_t syscall;
		uint8_t how;
		const char *detail;
	} cases[] = {
		{ SYS_recvfrom, ADDER_HOW_SYSCALL, "recvfrom" },
		{ ADDER_NO_SYSCALL, ADDER_HOW_SYSCALL, NULL },
		{ 60000, ADDER_HOW_SYSCALL, NULL },
		{ SYS_read, ADDER_HOW_SWITCH, "switch" },
		{ SYS_read, ADDER_HOW_PAGE_IN, "page-in" },
		{ SYS_read, ADDER_HOW_FAULT, "page-fault" },
		{ SYS_read, ADDER_HOW_THROTTLED, "quota" },
		{ SYS_read, ADDER_HOW_UNKNOWN, NULL },
	};
	struct fixture *f = *state;

	for (uint32_t i = 0; i < 8; i++) {
		struct account_key key = { .stack = f->leaf,
					   .on = profile_string(f->p, "10.0.0.5:80"),
					   .thread = i % 4,
					   .syscall = cases[i].syscall,
					   .state = i < 4 ? ADDER_STATE_NET : ADDER_STATE_DISK,
					   .how = cases[i].how };
		struct adder_ledger_value value = { .wait_ns = 1 << i };

		accounts_add(f->a, &key, &value);
	}
	settle(f);
	assert_int_equal(sum_of(f, "wall", -1, -1), 255);
	for (size_t i = 0; i < profile_sample_count(f->p); i++) {
		struct profile_sample s = profile_sample_at(f->p, i);
		const char *detail = profile_label_text(f->p, s.labels, "detail");
		int which = __builtin_ctzll(s.values[0]);

		if (cases[which].detail)
			assert_string_equal(detail, cases[which].detail);
		else
			assert_true(!detail || !*detail);
		assert_string_equal(profile_label_text(f->p, s.labels, "on"), "10.0.0.5:80");
	}
}

static void lumps_together_what_there_is_no_room_for(void **state)
{
	enum { MAX = 10, ALL = 50 };
	struct fixture *f = *state;

	accounts_free(f->a);
	f->a = accounts_new(MAX, f->other);
	for (uint32_t i = 0; i < ALL; i++) {
		char name[] = { 'a' + i % 25, '\0' };
		uint32_t stack = stack_of(f->p, name);

		add_wait(f, i % 2, stack, ADDER_STATE_NET,
			 (struct adder_ledger_value){ .wait_ns = 1 + i, .burst_ns = TICK });
		add_ticks(f, i % 2, stack, stack, 1, 0);
	}
	settle(f);
	assert_true(accounts_refused(f->a) >= ALL - MAX);
	assert_true(profile_sample_count(f->p) <= 2 * MAX + 4);
	assert_int_equal(sum_of(f, "net", -1, -1), ALL * (ALL + 1) / 2);
	assert_int_equal(sum_of(f, "cpu", -1, -1), ALL * TICK);
	assert_int_equal(sum_of(f, "samples", -1, -1), ALL);
}

/* What tasks waited while another had their loop: by its stack, beside the sum. */
static void keeps_waits_of_tasks_out_of_the_sum(void **state)
{
	struct fixture *f = *state;
	struct account_key ready = { .stack = f->leaf,
				     .on = 7,
				     .task = 9,
				     .state = ADDER_STATE_CPU,
				     .how = ADDER_HOW_READY };
	struct adder_ledger_value waited = { .wait_ns = 40 }, ticks = { .count = 3 };
	struct profile_sample sample;

	accounts_add(f->a, &ready, &waited);
	ready.how = ADDER_HOW_READY_TICK;
	accounts_add(f->a, &ready, &ticks);
	settle(f);
	assert_int_equal(sum_of(f, "loop", 0, f->leaf), 40 + 3 * TICK);
	assert_int_equal(sum_of(f, "wall", -1, -1), 0);
	assert_int_equal(sum_of(f, "samples", -1, -1), 0);
	assert_int_equal(profile_sample_count(f->p), 1);
	sample = profile_sample_at(f->p, 0);
	assert_int_equal(profile_label_number(f->p, sample.labels, "task", 0), 9);
	assert_int_equal(profile_label_number(f->p, sample.labels, "on_task", 0), 7);
}

static void bounds_what_a_target_says_that_its_tasks_waited(void **state)
{
	struct fixture *f = *state;

	for (uint32_t task = 1; task < 9; task++) {
		struct account_key ready = { .stack = f->leaf,
					     .task = task,
					     .how = ADDER_HOW_READY };
		struct adder_ledger_value absurd = { .wait_ns = UINT64_MAX / 8 * (task % 4) };

		accounts_add(f->a, &ready, &absurd);
	}
	settle(f);
	assert_int_equal(sum_of(f, "loop", -1, -1), INT64_C(1) << 60);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)
	const struct CMUnitTest tests[] = {
		TEST(keeps_waits_where_they_were),
		TEST(counts_preemption_as_waiting_for_a_cpu),
		TEST(gives_cpu_time_to_the_ticks_after_the_wait),
		TEST(leaves_cpu_time_without_ticks_with_its_wait),
		TEST(counts_a_wake_ups_cost_once),
		TEST(takes_a_wake_ups_cost_off_other_waits_too),
		TEST(believes_no_wake_up_that_cost_more_than_the_burst),
		TEST(says_what_was_taken_from_the_cpu),
		TEST(splits_what_was_taken_as_the_cpu_time),
		TEST(finds_stacks_that_were_told_too_late),
		TEST(counts_stacks_that_were_never_told),
		TEST(leaves_out_who_was_not_asked_for),
		TEST(says_how_it_waited),
		TEST(lumps_together_what_there_is_no_room_for),
		TEST(keeps_waits_of_tasks_out_of_the_sum),
		TEST(bounds_what_a_target_says_that_its_tasks_waited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
