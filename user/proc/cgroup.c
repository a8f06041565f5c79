/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "proc/container.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"

#define CGROUP2_MAGIC 0x63677270 /* linux/magic.h */
#define FILEID_KERNFS 0xfe       /* linux/exportfs.h: the handle is the 64-bit id */
#define PATH_BYTES    (2 * PATH_MAX)

/* Where the cgroup2 hierarchy is: alone, or beside those of version 1. */
static int open_hierarchy(char mount[static PATH_MAX])
{
	static const char *const usual[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };

	for (size_t i = 0; i < ARRAY_SIZE(usual); i++) {
		struct statfs fs;
		int fd;

		if (statfs(usual[i], &fs) || fs.f_type != CGROUP2_MAGIC)
			continue;
		fd = open(usual[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return -errno;
		snprintf(mount, PATH_MAX, "%s", usual[i]);
		return fd;
	}
	return -ENOENT;
}

static int open_id(int hierarchy, uint64_t id)
{
	cleanup_free struct file_handle *handle = malloc(sizeof(*handle) + sizeof(id));
	int fd;

	if (!handle)
		return -ENOMEM;
	handle->handle_bytes = sizeof(id);
	handle->handle_type = FILEID_KERNFS;
	memcpy(handle->f_handle, &id, sizeof(id));
	fd = open_by_handle_at(hierarchy, handle, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return errno == ESTALE ? -ENOENT : -errno;
	return fd;
}

int container_cgroup_path(uint64_t id, char *ret, size_t size)
{
	char mount[PATH_MAX], link[64], path[PATH_BYTES];
	cleanup_close int hierarchy = open_hierarchy(mount), fd = -1;
	ssize_t got;

	if (hierarchy < 0)
		return hierarchy;
	fd = open_id(hierarchy, id);
	if (fd < 0)
		return fd;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	got = readlink(link, path, sizeof(path) - 1);
	if (got < 0)
		return -errno;
	path[got] = '\0';
	if (strncmp(path, mount, strlen(mount)) != 0)
		return -ENOENT;
	if ((size_t)got - strlen(mount) + 2 > size)
		return -ENAMETOOLONG;
	snprintf(ret, size, "%s", path[strlen(mount)] ? path + strlen(mount) : "/");
	return 0;
}
