/* SPDX-License-Identifier: BSD-2-Clause */
#include "profile/describe.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "profile/profile.h"

static const char *last_two_parts(const char *path)
{
	const char *slash = strrchr(path, '/');

	while (slash && slash > path && slash[-1] != '/')
		slash--;
	return slash ? slash : path;
}

void describe_place(char *dst, size_t size, const char *filename, int64_t line, bool full)
{
	const char *path = full ? filename : last_two_parts(filename);

	if (!*filename)
		snprintf(dst, size, "%s", "");
	else if (line > 0)
		snprintf(dst, size, "%s:%" PRId64, path, line);
	else
		snprintf(dst, size, "%s", path);
}

void describe_function(char *dst, size_t size, const struct profile *p, uint32_t id)
{
	struct profile_function function = profile_function_at(p, id);
	char place[512];

	describe_place(place, sizeof(place), profile_text(p, function.filename),
		       function.start_line, false);
	if (*place)
		snprintf(dst, size, "%s (%s)", profile_text(p, function.name), place);
	else
		snprintf(dst, size, "%s", profile_text(p, function.name));
}

void describe_process(char *dst, size_t size, const struct profile *p, uint32_t labels)
{
	int64_t pid = profile_label_number(p, labels, "pid", -1);
	const char *name = profile_label_text(p, labels, "process");

	if (name && pid >= 0)
		snprintf(dst, size, "%s (%" PRId64 ")", name, pid);
	else if (name)
		snprintf(dst, size, "%s", name);
	else if (pid >= 0)
		snprintf(dst, size, "process %" PRId64, pid);
	else
		snprintf(dst, size, "[no process]");
}

bool describe_has_processes(const struct profile *p)
{
	for (size_t i = 0; i < profile_labels_count(p); i++) {
		if (profile_label_number(p, i, "pid", -1) >= 0 ||
		    profile_label_text(p, i, "process"))
			return true;
	}
	return false;
}

int64_t describe_unit_ns(const char *unit)
{
	static const struct {
		const char *name;
		int64_t ns;
	} units[] = {
		{ "nanoseconds", 1 }, { "nanosecond", 1 },
		{ "ns", 1 },          { "microseconds", 1000 },
		{ "us", 1000 },       { "milliseconds", 1000000 },
		{ "ms", 1000000 },    { "seconds", 1000000000 },
		{ "s", 1000000000 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (!strcmp(unit, units[i].name))
			return units[i].ns;
	}
	return 0;
}
