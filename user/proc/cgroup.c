/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "proc/container.h"

/* Is @controller in the list, separated by commas, of @length letters? */
static bool has_controller(const char *list, size_t length, const char *controller)
{
	size_t wanted = strlen(controller);

	for (const char *end = list + length; list < end;) {
		const char *comma = memchr(list, ',', end - list);
		size_t one = (comma ? comma : end) - list;

		if (one == wanted && !memcmp(list, controller, one))
			return true;
		list += one + 1;
	}
	return false;
}

void container_cgroup_from_text(const char *text, char *ret, size_t size)
{
	snprintf(ret, size, "/");
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *end = line + strcspn(line, "\n");
		const char *list = memchr(line, ':', end - line);
		const char *path = list ? memchr(list + 1, ':', end - list - 1) : NULL;
		bool is_v2 = path && path == list + 1;

		if (!path || (is_v2 && end - path == 2)) /* the root */
			continue;
		if (is_v2 || has_controller(list + 1, path - list - 1, "pids"))
			snprintf(ret, size, "%.*s", (int)(end - path - 1), path + 1);
		if (is_v2)
			return;
	}
}
