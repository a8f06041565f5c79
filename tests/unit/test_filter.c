/* SPDX-License-Identifier: BSD-2-Clause */
#include "recorder/filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proc/container.h"

static const struct container web = {
	.kind = CONTAINER_DOCKER,
	.id = "4f0c2b6c81ea3e3f3c2d1f4b5a697887f0e1d2c3b4a5968778695a4b3c2d1e0f",
	.short_id = "4f0c2b6c81ea",
	.name = "shop-web",
};
static const struct container host;

static const struct filter_candidate worker = { 1201, 33, "gunicorn",
						"/system.slice/docker-4f0c.scope", &web },
				     script = { 77, 0, "python3", "/user.slice", &host };

static struct filter_list list(const char *first, const char *second)
{
	return (struct filter_list){ { first, second }, second ? 2 : 1 };
}

static void takes_everything_where_nothing_is_asked_for(void **state)
{
	struct filter f = { 0 };

	(void)state;
	assert_true(filter_is_empty(&f));
	assert_int_equal(filter_select(&f), ADDER_SELECT_ALL);
	assert_true(filter_matches(&f, &worker));
	assert_true(filter_matches(&f, &script));
}

static void takes_any_of_several_values(void **state)
{
	struct filter f = { .pids = { 5, 77 }, .pid_count = 2 };

	(void)state;
	assert_int_equal(filter_select(&f), ADDER_SELECT_PIDS);
	assert_true(filter_matches(&f, &script));
	assert_false(filter_matches(&f, &worker));
	f = (struct filter){ .uids = { 1, 33 }, .uid_count = 2 };
	assert_true(filter_matches(&f, &worker));
	assert_false(filter_matches(&f, &script));
	f = (struct filter){ .comms = list("uwsgi", "guni*") };
	assert_true(filter_matches(&f, &worker));
	assert_false(filter_matches(&f, &script));
	f = (struct filter){ .containers = list("jobs", "shop-*") };
	assert_true(filter_matches(&f, &worker));
	assert_false(filter_matches(&f, &script));
}

/* Every subset of five kinds, each matching or not: all that are given must match. */
static void wants_every_kind_that_is_given(void **state)
{
	(void)state;
	for (int given = 0; given < 32; given++) {
		for (int right = given;; right = (right - 1) & given) {
			struct filter f = { 0 };
			struct filter_list *lists[] = { &f.containers, &f.cgroups, &f.comms };
			static const char *const good[] = { "shop-web", "/system.slice", "g*" };
			static const char *const bad[] = { "jobs", "/user.slice", "python*" };

			for (int i = 0; i < 3; i++) {
				if (given & 1 << i)
					*lists[i] = list(right & 1 << i ? good[i] : bad[i], NULL);
			}
			f.pid_count = given >> 3 & 1;
			f.pids[0] = right & 8 ? worker.pid : 1;
			f.uid_count = given >> 4 & 1;
			f.uids[0] = right & 16 ? worker.uid : 1;
			assert_int_equal(filter_matches(&f, &worker), right == given);
			assert_int_equal(filter_is_empty(&f), given == 0);
			assert_int_equal(filter_select(&f), given == 0   ? ADDER_SELECT_ALL
							    : given == 8 ? ADDER_SELECT_PIDS
									 : ADDER_SELECT_ASK);
			if (!right)
				break;
		}
	}
}

static void knows_a_cgroup_by_its_path_and_what_is_below(void **state)
{
	static const struct {
		const char *wanted, *path;
		bool is_in;
	} cases[] = {
		{ "/a/b", "/a/b", true },
		{ "/a/b", "/a/b/c", true },
		{ "/a/b", "/a", false },
		{ "/a/b", "/a/bc", false },
		{ "/a/b/", "/a/b", true },
		{ "a/b", "/a/b", true },
		{ "/sys/fs/cgroup/a", "/a/b", true },
		{ "/sys/fs/cgroup/unified/a", "/a", true },
		{ "/sys/fs/cgroup/", "/a", true },
		{ "/", "/a", true },
		{ "/", "/", true },
		{ "/a", "/", false },
		{ "/a", "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct filter f = { .cgroups = list(cases[i].wanted, NULL) };
		struct filter_candidate c = worker;

		c.cgroup = cases[i].path;
		assert_int_equal(filter_matches(&f, &c), cases[i].is_in);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_everything_where_nothing_is_asked_for),
		cmocka_unit_test(takes_any_of_several_values),
		cmocka_unit_test(wants_every_kind_that_is_given),
		cmocka_unit_test(knows_a_cgroup_by_its_path_and_what_is_below),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
