/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "cmd/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"

static bool is_stdout(const char *path)
{
	return !strcmp(path, "-");
}

/* The number in environment variable @name, or @absent. */
static uint64_t number_in_environment(const char *name, uint64_t max, uint64_t absent)
{
	const char *text = getenv(name);
	uint64_t value = absent;

	if (text)
		text_to_u64(text, 0, max, &value);
	return value;
}

/* Whom files are for: who called sudo, or who we are. */
static void find_owner(uid_t *uid, gid_t *gid)
{
	*uid = geteuid();
	*gid = getegid();
	if (*uid != 0)
		return;
	*uid = number_in_environment("SUDO_UID", UINT32_MAX - 1, *uid);
	*gid = number_in_environment("SUDO_GID", UINT32_MAX - 1, *gid);
}

static int say_open_failed(int err, const char *path)
{
	if (err == -EEXIST)
		log_error("will not write '%s': it is another user's file or a link; name another "
			  "file "
			  "with -o",
			  path);
	else
		log_errno(err, "cannot create '%s'", path);
	return err;
}

/*
 * As root in a directory of others', a link or someone's file may wait under our name: only a file
 * made now, or a regular one of the user's own, is written.
 */
static int claim(int fd, const struct stat *st, uid_t uid, gid_t gid)
{
	if (geteuid() != 0)
		return 0;
	if ((st->st_uid != uid && st->st_uid != 0) || st->st_nlink != 1)
		return -EEXIST;
	return fchmod(fd, 0600) || fchown(fd, uid, gid) ? -errno : 0;
}

/* Devices and pipes are written as they are; links are followed only to such, in /dev. */
static int open_existing(const char *path, uid_t uid, gid_t gid)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	bool followed = fd < 0 && errno == ELOOP && text_starts(path, "/dev/");
	struct stat st;
	int err;

	if (followed) /* /dev/stdout */
		fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ELOOP ? -EEXIST : -errno;
	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return TAKE_FD(fd);
	err = followed ? -EEXIST : claim(fd, &st, uid, gid);
	if (!err && ftruncate(fd, 0))
		err = -errno;
	return err ? err : TAKE_FD(fd);
}

int output_open(const char *path)
{
	uid_t uid;
	gid_t gid;
	int fd;

	if (is_stdout(path))
		return STDOUT_FILENO;
	find_owner(&uid, &gid);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 && errno == EEXIST)
		fd = open_existing(path, uid, gid);
	else if (fd < 0)
		fd = -errno;
	else if (geteuid() == 0 && fchown(fd, uid, gid))
		log_warning("cannot give '%s' to user %u: it stays root's", path, uid);
	return fd < 0 ? say_open_failed(fd, path) : fd;
}

int output_close(int fd, const char *path, int err)
{
	const char *name = is_stdout(path) ? "standard output" : path;

	if (!is_stdout(path) && close(fd) && !err)
		err = -errno;
	if (err == -ENOSPC || err == -EDQUOT)
		log_error("cannot write all of '%s': the disk is full; what is there is incomplete",
			  name);
	else if (err && !(is_stdout(path) && err == -EPIPE))
		log_errno(err, "cannot write '%s'", name);
	return err;
}

static ssize_t write_all(void *cookie, const char *bytes, size_t size)
{
	struct output *o = cookie;
	size_t done = 0;

	while (done < size && !o->err) {
		ssize_t n = write(o->fd, bytes + done, size - done);

		if (n >= 0)
			done += n;
		else if (errno != EINTR)
			o->err = -errno;
	}
	return o->err ? 0 : (ssize_t)size;
}

int output_begin(struct output *o, const char *path)
{
	int fd = output_open(path);

	if (fd < 0)
		return fd;
	*o = (struct output){ .path = path, .fd = fd };
	o->stream = fopencookie(o, "w", (cookie_io_functions_t){ .write = write_all });
	return o->stream ? 0 : output_close(fd, path, -ENOMEM);
}

int output_end(struct output *o, int err)
{
	bool is_short = ferror(o->stream);

	is_short |= fclose(o->stream) != 0;
	if (!err)
		err = o->err ? o->err : is_short ? -EIO : 0;
	return output_close(o->fd, o->path, err);
}

int output_width(void)
{
	struct winsize size;

	if (isatty(STDOUT_FILENO) && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col > 0)
		return size.ws_col;
	return number_in_environment("COLUMNS", 10000, 0);
}
