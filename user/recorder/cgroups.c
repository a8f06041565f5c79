/* SPDX-License-Identifier: BSD-2-Clause */
#include "recorder/cgroups.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "proc/process.h"

#define MAX_NAMES      4096       /* of containers that are kept */
#define NAME_RETRY_NS  1000000000 /* between looks for the name of one that has none */
#define MAX_COMPONENTS 16

struct known_name {
	uint64_t asked_ns;
	char name[CONTAINER_NAME_BYTES]; /* "": not known */
};

void cgroups_init(struct cgroups *c)
{
	*c = (struct cgroups){ .names.size = sizeof(struct known_name) };
}

void cgroups_done(struct cgroups *c)
{
	tally_done(&c->names);
}

/* What its engine has noted as the container's name.  Who has none is asked for again later. */
static void find_name(struct cgroups *c, struct container *container)
{
	struct known_name *known;
	uint64_t now = clock_now_ns();

	if (tally_count(&c->names) > MAX_NAMES)
		tally_done(&c->names);
	known = container->id[0] ? tally_get(&c->names, container->id, strlen(container->id))
				 : NULL;
	if (!known || container->name[0])
		return;
	if (!known->name[0] && now - known->asked_ns > NAME_RETRY_NS) {
		container_find_name(container, "");
		if (!container->name[0]) /* should we be in a container ourselves */
			container_find_name(container, "/proc/1/root");
		known->asked_ns = now;
		memcpy(known->name, container->name, sizeof(known->name));
	}
	memcpy(container->name, known->name, sizeof(container->name));
}

void cgroups_read(struct cgroups *c, pid_t pid, struct cgroups_place *ret)
{
	char text[4096];
	ssize_t bytes = process_read_text(pid, "cgroup", text, sizeof(text) - 1);

	text[bytes > 0 ? bytes : 0] = '\0';
	container_from_text(text, &ret->container);
	container_cgroup_from_text(text, ret->path, sizeof(ret->path));
	find_name(c, &ret->container);
}

static void join_components(const char *components, size_t bytes, char *path, size_t size)
{
	const char *parts[MAX_COMPONENTS];
	size_t count = 0, used = 0;

	for (const char *p = components;
	     *p && p < components + bytes - 1 && count < ARRAY_SIZE(parts); p += strlen(p) + 1)
		parts[count++] = p;
	path[0] = '\0';
	while (count-- && used < size)
		used += snprintf(path + used, size - used, "/%s", parts[count]);
}

void cgroups_from_components(struct cgroups *c, const char *components, size_t size,
			     struct cgroups_place *ret)
{
	container_from_components(components, size, &ret->container);
	join_components(components, size, ret->path, sizeof(ret->path));
	find_name(c, &ret->container);
}
