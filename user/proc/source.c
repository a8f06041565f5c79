/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "proc/source.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <uthash.h>

#include "base/array.h"

struct file {
	char *path;
	char *text;    /* with a NUL in the place of each newline; NULL: there is none to show */
	size_t *lines; /* where each begins */
	size_t count;
	UT_hash_handle hh;
};

struct source {
	pid_t pid;
	struct file *files;
};

struct source *source_open(pid_t pid)
{
	struct source *s = calloc(1, sizeof(*s));

	if (s)
		s->pid = pid;
	return s;
}

static void free_file(struct file *file)
{
	free(file->path);
	free(file->text);
	free(file->lines);
	free(file);
}

void source_close(struct source *s)
{
	struct file *file, *next;

	if (!s)
		return;
	HASH_ITER (hh, s->files, file, next) {
		HASH_DEL(s->files, file);
		free_file(file);
	}
	free(s);
}

/*
 * A descriptor that stands for the path alone: opening a device or a FIFO could already do harm.
 * Links that lead out of the process's root, or out of its working directory, lead nowhere.
 */
static int find_path(pid_t pid, const char *path)
{
	bool absolute = path[0] == '/';
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_NO_MAGICLINKS | (absolute ? RESOLVE_IN_ROOT : RESOLVE_BENEATH),
	};
	cleanup_close int folder = -1;
	char from[32];

	snprintf(from, sizeof(from), "/proc/%d/%s", pid, absolute ? "root" : "cwd");
	folder = open(from, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return -1;
	return syscall(SYS_openat2, folder, path, &how, sizeof(how));
}

static int open_regular(pid_t pid, const char *path, size_t *size)
{
	cleanup_close int found = find_path(pid, path);
	char self[32];
	struct stat st;

	if (found < 0 || fstat(found, &st) || !S_ISREG(st.st_mode) || st.st_size > SOURCE_MAX_BYTES)
		return -1;
	*size = st.st_size;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", found);
	return open(self, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

/* The file's text, NUL-ended, or NULL. */
static char *read_text(pid_t pid, const char *path, size_t *size)
{
	cleanup_close int fd = open_regular(pid, path, size);
	cleanup_free char *text = fd < 0 ? NULL : malloc(*size + 1);
	size_t used = 0;
	ssize_t bytes = 1;

	while (text && used < *size && bytes > 0) {
		bytes = read(fd, text + used, *size - used);
		used += bytes > 0 ? bytes : 0;
	}
	if (!text || bytes < 0)
		return NULL;
	text[used] = '\0';
	*size = used;
	return TAKE_PTR(text);
}

/* Python's lines end in "\n" or "\r\n". */
static void split(struct file *file, size_t size)
{
	char *end = file->text + size, *newline;
	size_t capacity = 0;

	for (char *at = file->text; at <= end; at = newline + 1) {
		size_t *lines =
			array_reserve(file->lines, &capacity, file->count + 1, sizeof(*lines));

		if (!lines)
			return;
		file->lines = lines;
		file->lines[file->count++] = at - file->text;
		newline = memchr(at, '\n', end - at);
		newline = newline ? newline : end;
		*newline = '\0';
		if (newline > at && newline[-1] == '\r')
			newline[-1] = '\0';
	}
}

static struct file *get_file(struct source *s, const char *path)
{
	struct file *file;
	size_t size;

	HASH_FIND_STR(s->files, path, file);
	if (file)
		return file;
	file = calloc(1, sizeof(*file));
	if (!file)
		return NULL;
	file->path = strdup(path);
	if (!file->path) {
		free(file);
		return NULL;
	}
	file->text = read_text(s->pid, path, &size);
	if (file->text)
		split(file, size);
	HASH_ADD_KEYPTR(hh, s->files, file->path, strlen(file->path), file);
	return file;
}

const char *source_line(struct source *s, const char *path, int64_t line)
{
	const struct file *file = path[0] && line > 0 ? get_file(s, path) : NULL;
	const char *text;

	if (!file || (uint64_t)line > file->count)
		return NULL;
	text = file->text + file->lines[line - 1];
	return text + strspn(text, " \t\f");
}
