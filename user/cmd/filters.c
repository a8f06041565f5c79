/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "cmd/filters.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"

enum { OPTION_CONTAINER = 0x100, OPTION_CGROUP, OPTION_COMM, OPTION_USER };

static const struct argp_option options[] = {
	{ "pid", 'p', "N[,N...]", 0, "only these processes", 1 },
	{ "container", OPTION_CONTAINER, "ID|NAME|GLOB", 0, "only processes in this container", 1 },
	{ "cgroup", OPTION_CGROUP, "PATH", 0, "only processes in this cgroup and below", 1 },
	{ "comm", OPTION_COMM, "GLOB", 0, "only processes whose short name matches", 1 },
	{ "user", OPTION_USER, "NAME", 0, "only processes of this user (name or id)", 1 },
	{ 0 },
};

static void add_value(struct argp_state *state, struct filter_list *list, const char *value)
{
	if (list->count == FILTER_MAX)
		argp_error(state, "more than %d values of one filter", FILTER_MAX);
	else
		list->values[list->count++] = value;
}

void filters_add_pids(struct argp_state *state, struct filter *f, char *list)
{
	char *item;

	while ((item = strsep(&list, ","))) {
		uint64_t pid;

		if (text_to_u64(item, 1, 1 << 22, &pid))
			argp_error(state, "'%s' is no process id", item);
		else if (f->pid_count == FILTER_MAX)
			argp_error(state, "more than %d process ids", FILTER_MAX);
		else
			f->pids[f->pid_count++] = pid;
	}
}

static void add_user(struct argp_state *state, struct filter *f, const char *name)
{
	const struct passwd *user = getpwnam(name);
	uint64_t uid;

	if (f->uid_count == FILTER_MAX)
		argp_error(state, "more than %d users", FILTER_MAX);
	else if (user)
		f->uids[f->uid_count++] = user->pw_uid;
	else if (!text_to_u64(name, 0, UINT32_MAX - 1, &uid))
		f->uids[f->uid_count++] = uid;
	else
		argp_error(state, "there is no user '%s'", name);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct filter *f = state->input;

	switch (key) {
	case 'p':
		filters_add_pids(state, f, arg);
		return 0;
	case OPTION_CONTAINER:
		add_value(state, &f->containers, arg);
		return 0;
	case OPTION_CGROUP:
		add_value(state, &f->cgroups, arg);
		return 0;
	case OPTION_COMM:
		add_value(state, &f->comms, arg);
		return 0;
	case OPTION_USER:
		add_user(state, f, arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp filters_argp = { .options = options, .parser = parse };

void filters_say_waiting(const struct filter *f)
{
	if (f->pid_count == 1)
		log_info("process %d is no Python that runs now: waiting for it", f->pids[0]);
	else
		log_info("no Python process that runs now matches the filters: waiting for one");
}
