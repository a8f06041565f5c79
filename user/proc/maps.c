/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "proc/maps.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"

#define MAX_MINOR ((1u << 20) - 1) /* the kernel's own encoding has 20 bits for it */
#define MAX_MAJOR ((1u << 12) - 1)

/* A number of @base that ends at @end, which is skipped; false if there is none. */
static bool take_number(char **at, int base, char end, uint64_t *ret)
{
	char *behind;

	/* strtoull() would take signs and spaces, which the kernel never prints. */
	if (!strchr("0123456789abcdef", **at) || !**at)
		return false;
	errno = 0;
	*ret = strtoull(*at, &behind, base);
	if (errno || *behind != end)
		return false;
	*at = behind + 1;
	return true;
}

static bool take_perms(char **at, char perms[static 5])
{
	if (strnlen(*at, 5) < 5 || (*at)[4] != ' ')
		return false;
	memcpy(perms, *at, 4);
	perms[4] = '\0';
	*at += 5;
	return true;
}

/* The inode is the last field of an anonymous mapping: nothing, or spaces and a path, follow. */
static bool take_inode(char **at, uint64_t *ret)
{
	char *behind;

	if (**at < '0' || **at > '9')
		return false;
	errno = 0;
	*ret = strtoull(*at, &behind, 10);
	if (errno || (*behind && *behind != ' '))
		return false;
	*at = behind + strspn(behind, " ");
	return true;
}

/* In maps, a newline within a path is the one character that the kernel escapes. */
static void unescape_newlines(char *path)
{
	char *to = path;

	for (const char *from = path; *from; from++) {
		bool newline = text_starts(from, "\\012");

		*to++ = newline ? '\n' : *from;
		from += newline ? 3 : 0;
	}
	*to = '\0';
}

static bool cut_deleted(char *path)
{
	static const char mark[] = " (deleted)";

	if (!text_ends(path, mark))
		return false;
	path[strlen(path) - strlen(mark)] = '\0';
	return true;
}

int maps_parse_line(char *line, struct maps_line *ret)
{
	struct maps_line m = { 0 };
	uint64_t major, minor;
	char *at = line;

	line[strcspn(line, "\n")] = '\0';
	if (!take_number(&at, 16, '-', &m.start) || !take_number(&at, 16, ' ', &m.end) ||
	    !take_perms(&at, m.perms) || !take_number(&at, 16, ' ', &m.offset) ||
	    !take_number(&at, 16, ':', &major) || !take_number(&at, 16, ' ', &minor) ||
	    !take_inode(&at, &m.inode))
		return -EBADMSG;
	if (m.start >= m.end || major > MAX_MAJOR || minor > MAX_MINOR)
		return -EBADMSG;

	m.device = (uint32_t)(major << 20 | minor);
	m.deleted = cut_deleted(at);
	unescape_newlines(at);
	m.path = at;
	*ret = m;
	return 0;
}

int maps_each_of(FILE *file, maps_fn fn, void *arg)
{
	cleanup_free char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, file) > 0) {
		struct maps_line m;
		int stop;

		if (maps_parse_line(line, &m))
			continue;
		stop = fn(&m, arg);
		if (stop)
			return stop;
	}
	/* A process that dies while it is read ends the file with ESRCH. */
	return ferror(file) ? -errno : 0;
}

int maps_each(pid_t pid, maps_fn fn, void *arg)
{
	cleanup_fclose FILE *file = NULL;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	file = fopen(path, "re");
	return file ? maps_each_of(file, fn, arg) : -errno;
}

/*
 * Open what the path descriptor @fd stands for, if it is a regular file: opening a device that a
 * target has mapped would be felt by its driver.
 */
static int reopen_regular(int fd)
{
	char path[64];
	struct stat st;
	int file;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	return file < 0 ? -errno : file;
}

static int open_map_files(pid_t pid, uint64_t start, uint64_t end)
{
	cleanup_close int fd = -1;
	char path[96];

	snprintf(path, sizeof(path), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, pid, start, end);
	fd = open(path, O_PATH | O_CLOEXEC);
	return fd < 0 ? -errno : reopen_regular(fd);
}

struct wanted {
	uint64_t start, end, inode;
	char *path; /* owned; NULL until found */
};

static int match_range(const struct maps_line *m, void *arg)
{
	struct wanted *wanted = arg;

	if (m->start != wanted->start || m->end != wanted->end)
		return 0;
	wanted->inode = m->inode;
	wanted->path = strdup(m->path);
	return wanted->path ? 1 : -ENOMEM;
}

/* Open the path descriptor @fd's file if it has @inode: a name may mean another file by now. */
static int open_if_inode(int fd, uint64_t inode)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	return st.st_ino == inode ? reopen_regular(fd) : -ENOENT;
}

static int open_exe(pid_t pid, uint64_t inode)
{
	cleanup_close int fd = -1;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	fd = open(path, O_PATH | O_CLOEXEC);
	return fd < 0 ? -errno : open_if_inode(fd, inode);
}

/* Links on the way are followed as the process would follow them: never out of its root. */
static int open_below_root(pid_t pid, const char *path, uint64_t inode)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT };
	cleanup_close int root = -1, fd = -1;
	char name[64];

	snprintf(name, sizeof(name), "/proc/%d/root", pid);
	root = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -errno;
	fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	return fd < 0 ? -errno : open_if_inode(fd, inode);
}

static int open_by_path(pid_t pid, uint64_t start, uint64_t end)
{
	struct wanted wanted = { .start = start, .end = end };
	int found = maps_each(pid, match_range, &wanted);
	cleanup_free char *path = wanted.path;
	int fd;

	if (found < 0)
		return found;
	if (!path || path[0] != '/' || !wanted.inode)
		return -ENOENT;
	fd = open_exe(pid, wanted.inode);
	return fd >= 0 ? fd : open_below_root(pid, path, wanted.inode);
}

int maps_open_object(pid_t pid, uint64_t start, uint64_t end)
{
	int fd = open_map_files(pid, start, end);

	if (fd == -EPERM || fd == -EACCES)
		return open_by_path(pid, start, end);
	return fd;
}
