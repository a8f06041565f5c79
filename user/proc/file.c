/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The identity of a process's program file, as the kernel half reads it from exe_file's inode.
 *
 * stat() is not that: overlayfs and btrfs show another device there.  The inode number is in
 * fdinfo (Linux 5.14 on), and the device of its file system in the mount table of the process.
 * Where these don't tell, the mapping that holds the program's headers does.
 */
#define _GNU_SOURCE
#include "proc/process.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "proc/maps.h"

#define FDINFO_BYTES 1024 /* of a plain file's, which has some 80 */
#define AUXV_ENTRIES 64   /* the kernel gives about 25 */

/* The number behind "@key:" at the start of a line. */
static int find_number(const char *text, const char *key, uint64_t *ret)
{
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (text_starts(line, key) && sscanf(line + strlen(key), ": %" SCNu64, ret) == 1)
			return 0;
	}
	return -ENOENT;
}

/* The inode and the mount of the path descriptor @fd. */
static int read_fdinfo(int fd, uint64_t *ret_inode, uint64_t *ret_mount)
{
	char path[64], text[FDINFO_BYTES];
	cleanup_close int info = -1;
	ssize_t got;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info = open(path, O_RDONLY | O_CLOEXEC);
	got = info < 0 ? -1 : read(info, text, sizeof(text) - 1);
	if (got < 0)
		return -errno;
	text[got] = '\0';
	if (find_number(text, "ino", ret_inode))
		return -ENOENT;
	return find_number(text, "mnt_id", ret_mount);
}

/* The device of mount @id, in the mount table @file. */
static int find_mount(FILE *file, uint64_t id, uint32_t *ret)
{
	cleanup_free char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, file) > 0) {
		uint32_t major, minor;
		uint64_t mount;

		if (sscanf(line, "%" SCNu64 " %*u %u:%u", &mount, &major, &minor) != 3)
			continue;
		if (mount != id)
			continue;
		*ret = major << 20 | minor;
		return 0;
	}
	return -ENOENT;
}

/* The device of the file system that mount @id is of, in the mount namespace of @pid. */
static int find_device(pid_t pid, uint64_t id, uint32_t *ret)
{
	cleanup_fclose FILE *file = NULL;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mountinfo", pid);
	file = fopen(path, "re");
	return file ? find_mount(file, id, ret) : -errno;
}

static int identify_open(pid_t pid, int fd, struct process_file *ret)
{
	uint64_t mount;
	int err = read_fdinfo(fd, &ret->inode, &mount);

	return err ? err : find_device(pid, mount, &ret->device);
}

/* Where the program's own headers lie: in the program's file, wherever it is mapped. */
static int read_headers_address(pid_t pid, uint64_t *ret)
{
	cleanup_close int fd = -1;
	Elf64_auxv_t auxv[AUXV_ENTRIES];
	char path[64];
	ssize_t got;

	snprintf(path, sizeof(path), "/proc/%d/auxv", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	got = read(fd, auxv, sizeof(auxv));
	for (ssize_t i = 0; i < got / (ssize_t)sizeof(auxv[0]); i++) {
		if (auxv[i].a_type != AT_PHDR)
			continue;
		*ret = auxv[i].a_un.a_val;
		return 0;
	}
	return got < 0 ? -errno : -ENOENT;
}

struct search {
	uint64_t address;
	struct process_file *file;
};

static int match_address(const struct maps_line *line, void *arg)
{
	const struct search *search = arg;

	if (search->address < line->start || search->address >= line->end)
		return 0;
	search->file->inode = line->inode;
	search->file->device = line->device;
	return 1;
}

static int identify_mapped(pid_t pid, struct process_file *ret)
{
	struct search search = { .file = ret };
	int err = read_headers_address(pid, &search.address);

	if (err)
		return err;
	err = maps_each(pid, match_address, &search);
	if (err == 0)
		return -ENOENT;
	return err < 0 ? err : 0;
}

int process_read_file(pid_t pid, struct process_file *ret)
{
	cleanup_close int fd = -1;
	struct process_file file = { 0 };
	char path[64];
	struct stat st;
	int err;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return -errno;
	err = identify_open(pid, fd, &file);
	if (err)
		err = identify_mapped(pid, &file);
	if (err)
		return err;
	file.size = (uint64_t)st.st_size;
	*ret = file;
	return 0;
}
