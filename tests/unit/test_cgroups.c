/* SPDX-License-Identifier: BSD-2-Clause */
#include "recorder/cgroups.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct cgroups cgroups;

static int make(void **state)
{
	(void)state;
	cgroups_init(&cgroups);
	return 0;
}

static int unmake(void **state)
{
	(void)state;
	cgroups_done(&cgroups);
	return 0;
}

static void joins_what_the_kernel_half_tells(void **state)
{
	char components[128] = ID "\0docker";
	struct cgroups_place place;

	(void)state;
	cgroups_from_components(&cgroups, components, sizeof(components), &place);
	assert_string_equal(place.path, "/docker/" ID);
	assert_int_equal(place.container.kind, CONTAINER_DOCKER);
	assert_string_equal(place.container.id, ID);
	components[0] = '\0'; /* the root */
	cgroups_from_components(&cgroups, components, sizeof(components), &place);
	assert_string_equal(place.path, "");
	assert_int_equal(place.container.kind, CONTAINER_NONE);
}

static void cuts_what_does_not_end(void **state)
{
	char components[64];
	struct cgroups_place place;

	(void)state;
	for (size_t i = 0; i < sizeof(components); i++)
		components[i] = i % 2 ? '\0' : 'a';
	cgroups_from_components(&cgroups, components, sizeof(components), &place);
	assert_int_equal(strlen(place.path), 2 * 16);
}

static void puts_who_is_gone_at_the_root(void **state)
{
	struct cgroups_place place;

	(void)state;
	cgroups_read(&cgroups, getpid(), &place);
	assert_int_equal(place.path[0], '/');
	cgroups_read(&cgroups, -1, &place);
	assert_string_equal(place.path, "/");
	assert_int_equal(place.container.kind, CONTAINER_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(joins_what_the_kernel_half_tells, make, unmake),
		cmocka_unit_test_setup_teardown(cuts_what_does_not_end, make, unmake),
		cmocka_unit_test_setup_teardown(puts_who_is_gone_at_the_root, make, unmake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
