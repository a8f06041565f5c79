/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "report/census.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "profile/profile.h"

struct member {
	int64_t pid, tid;
	const char *process; /* of one pid there may be several: exec, or a pid that came again */
};

static int compare_processes(const struct member *x, const struct member *y)
{
	if (x->pid != y->pid)
		return (x->pid > y->pid) - (x->pid < y->pid);
	return strcmp(x->process, y->process);
}

static int compare_members(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	if (compare_processes(x, y))
		return compare_processes(x, y);
	return (x->tid > y->tid) - (x->tid < y->tid);
}

static int compare_versions(const void *a, const void *b)
{
	return strverscmp(*(const char *const *)a, *(const char *const *)b);
}

static int count_members(const struct profile *p, struct census *c)
{
	size_t labels = profile_labels_count(p), count = 0;
	cleanup_free struct member *all = calloc(labels + 1, sizeof(*all));

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < labels; i++) {
		int64_t pid = profile_label_number(p, i, "pid", -1);
		const char *process = profile_label_text(p, i, "process");

		if (pid >= 0)
			all[count++] = (struct member){ pid, profile_label_number(p, i, "tid", -1),
							process ? process : "" };
	}
	qsort(all, count, sizeof(*all), compare_members);
	for (size_t i = 0; i < count; i++) {
		c->processes += i == 0 || compare_processes(&all[i], &all[i - 1]) != 0;
		/* what is of no thread, but of a process, comes before its threads */
		c->threads += (i + 1 == count || compare_members(&all[i], &all[i + 1]) != 0) &&
			      (all[i].tid >= 0 || i + 1 == count ||
			       compare_processes(&all[i], &all[i + 1]) != 0);
	}
	return 0;
}

/* The distinct texts of label @key, ascending as versions; *@count of them. */
static const char **distinct(const struct profile *p, const char *key, size_t *count)
{
	size_t labels = profile_labels_count(p), found = 0;
	const char **texts = calloc(labels + 1, sizeof(*texts));

	*count = 0;
	if (!texts)
		return NULL;
	for (size_t i = 0; i < labels; i++) {
		const char *text = profile_label_text(p, i, key);

		if (text)
			texts[found++] = text;
	}
	qsort(texts, found, sizeof(*texts), compare_versions);
	for (size_t i = 0; i < found; i++) {
		if (i == 0 || strcmp(texts[i], texts[i - 1]) != 0)
			texts[(*count)++] = texts[i];
	}
	return texts;
}

static void join(char *dst, size_t size, const char *const *texts, size_t count)
{
	size_t used = 0;

	*dst = '\0';
	for (size_t i = 0; i < count && used < size; i++)
		used += snprintf(dst + used, size - used, "%s%s", i ? ", " : "", texts[i]);
}

int census_take(const struct profile *p, struct census *ret)
{
	struct census c = { 0 };
	size_t pythons;
	cleanup_free const char **containers = distinct(p, "container", &c.containers);
	cleanup_free const char **versions = distinct(p, "python", &pythons);
	int err = containers && versions ? count_members(p, &c) : -ENOMEM;

	if (err)
		return err;
	join(c.pythons, sizeof(c.pythons), versions, pythons);
	text_make_utf8(c.pythons); /* it may have been cut within a character */
	*ret = c;
	return 0;
}

const char *census_comment(const struct profile *p, size_t index, const char *key)
{
	const char *comment = profile_comment_at(p, index);
	size_t length = strlen(key);

	if (strncmp(comment, key, length) != 0)
		return NULL;
	comment += length;
	if (length && key[length - 1] == '_')
		return comment;
	return text_starts(comment, ": ") ? comment + 2 : NULL;
}

bool census_number(const struct profile *p, const char *key, int64_t *ret)
{
	const char *text = profile_comment_find(p, key);
	uint64_t value;

	if (!text || text_to_u64(text, 0, INT64_MAX, &value))
		return false;
	*ret = value;
	return true;
}
