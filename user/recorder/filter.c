/* SPDX-License-Identifier: BSD-2-Clause */
#include "recorder/filter.h"

#include <fnmatch.h>
#include <string.h>

#include "base/text.h"
#include "proc/container.h"

bool filter_is_empty(const struct filter *f)
{
	return !f->pid_count && !f->uid_count && !f->containers.count && !f->cgroups.count &&
	       !f->comms.count;
}

enum adder_select filter_select(const struct filter *f)
{
	if (filter_is_empty(f))
		return ADDER_SELECT_ALL;
	if (f->uid_count || f->containers.count || f->cgroups.count || f->comms.count)
		return ADDER_SELECT_ASK;
	return ADDER_SELECT_PIDS;
}

static bool has_pid(const struct filter *f, pid_t pid)
{
	for (size_t i = 0; i < f->pid_count; i++) {
		if (f->pids[i] == pid)
			return true;
	}
	return f->pid_count == 0;
}

static bool has_uid(const struct filter *f, uid_t uid)
{
	for (size_t i = 0; i < f->uid_count; i++) {
		if (f->uids[i] == uid)
			return true;
	}
	return f->uid_count == 0;
}

static bool has_container(const struct filter *f, const struct container *container)
{
	for (size_t i = 0; i < f->containers.count; i++) {
		if (container_matches(container, f->containers.values[i]))
			return true;
	}
	return f->containers.count == 0;
}

/* The cgroup that is named, with or without the mount point before it, or one below it. */
static bool in_cgroup(const char *path, const char *wanted)
{
	size_t length;

	if (text_starts(wanted, "/sys/fs/cgroup/"))
		wanted += strlen("/sys/fs/cgroup");
	if (text_starts(wanted, "/unified/"))
		wanted += strlen("/unified");
	while (*wanted == '/')
		wanted++;
	while (*path == '/')
		path++;
	length = strlen(wanted);
	while (length && wanted[length - 1] == '/')
		length--;
	return !strncmp(path, wanted, length) && (!length || path[length] == '/' || !path[length]);
}

static bool has_cgroup(const struct filter *f, const char *path)
{
	for (size_t i = 0; i < f->cgroups.count; i++) {
		if (in_cgroup(path, f->cgroups.values[i]))
			return true;
	}
	return f->cgroups.count == 0;
}

static bool has_comm(const struct filter *f, const char *comm)
{
	for (size_t i = 0; i < f->comms.count; i++) {
		if (!fnmatch(f->comms.values[i], comm, 0))
			return true;
	}
	return f->comms.count == 0;
}

bool filter_matches(const struct filter *f, const struct filter_candidate *c)
{
	return has_pid(f, c->pid) && has_uid(f, c->uid) && has_comm(f, c->comm) &&
	       has_container(f, c->container) && has_cgroup(f, c->cgroup);
}
