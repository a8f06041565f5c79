/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "proc/program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"

#define MAX_SCRIPTS 5   /* that lead from one to another: as the kernel */
#define LINE_BYTES  256 /* of a script that are its first line: BINPRM_BUF_SIZE */
#define BLANKS      " \t"

/* Open @path if it is a file that can be executed. */
static int open_executable(const char *path)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return -errno;
	return S_ISREG(st.st_mode) && st.st_mode & 0111 ? TAKE_FD(fd) : -EACCES;
}

/* Open what execvp() would run for @name. */
static int search(const char *name)
{
	const char *path = getenv("PATH"), *end;
	char candidate[PATH_MAX];
	int fd = -ENOENT;

	if (strchr(name, '/'))
		return open_executable(name);
	for (path = path ? path : "/bin:/usr/bin"; path && fd < 0; path = *end ? end + 1 : NULL) {
		end = strchrnul(path, ':');
		snprintf(candidate, sizeof(candidate), "%.*s/%s", (int)(end - path),
			 end > path ? path : ".", name);
		fd = open_executable(candidate);
	}
	return fd;
}

/* The first of env's arguments that names a program; NULL: none does. */
static char *skip_options(char *arguments)
{
	char *word;

	while ((word = strsep(&arguments, BLANKS))) {
		if (*word && *word != '-' && !strchr(word, '='))
			return word;
	}
	return NULL;
}

/*
 * Whom the script open at @fd names as its interpreter, in @line of LINE_BYTES + 1; NULL if it is
 * no script.
 */
static const char *read_interpreter(int fd, char *line)
{
	ssize_t bytes = pread(fd, line, LINE_BYTES, 0);
	char *rest, *name;

	if (bytes < 2 || memcmp(line, "#!", 2) != 0)
		return NULL;
	line[bytes] = '\0';
	line[strcspn(line, "\n")] = '\0';
	rest = line + 2 + strspn(line + 2, BLANKS);
	name = strsep(&rest, BLANKS);
	if (!strcmp(text_basename(name), "env"))
		return skip_options(rest);
	return name;
}

int program_open(const char *command)
{
	char line[LINE_BYTES + 1], name[LINE_BYTES + 1];
	const char *next = command;

	for (int i = 0; i <= MAX_SCRIPTS; i++) {
		cleanup_close int fd = search(next);

		if (fd < 0)
			return fd;
		next = read_interpreter(fd, line);
		if (!next)
			return TAKE_FD(fd);
		snprintf(name, sizeof(name), "%s", next);
		next = name;
	}
	return -ELOOP;
}
