/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/input.h"

#include <errno.h>
#include <stdbool.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "pprof/pprof.h"
#include "profile/profile.h"

static int say_open_failed(int err, const char *path, bool is_default)
{
	if (err == -ENOENT && is_default)
		log_error("no profile '%s': record one with 'sudo adder record', or name a file",
			  path);
	else if (err == -ENOENT)
		log_error("no profile '%s': there is no such file", path);
	else if (err == -EACCES)
		log_error("cannot read '%s': it belongs to another user; run as that one, or with "
			  "sudo",
			  path);
	else
		log_errno(err, "cannot open '%s'", path);
	return err;
}

static int say_read_failed(int err, const char *path)
{
	switch (err) {
	case -ENODATA:
		log_error("'%s' is empty: was the recording interrupted? Record it again", path);
		break;
	case -EBADMSG:
		log_error(
			"'%s' is no profile, or it is broken or truncated: adder reads pprof files",
			path);
		break;
	case -EFBIG:
		log_error("'%s' unpacks to more than %zu MB: record for a shorter time", path,
			  PPROF_MAX_BYTES >> 20);
		break;
	case -EISDIR:
		log_error("'%s' is a directory: name the profile in it", path);
		break;
	default:
		log_errno(err, "cannot read '%s'", path);
	}
	return err;
}

int input_open(const char *path, struct profile **ret)
{
	bool is_default = !path, is_stdin = path && !strcmp(path, "-");
	cleanup_close int file = -1;
	int fd = STDIN_FILENO, err;

	if (is_default)
		path = INPUT_DEFAULT;
	if (!is_stdin) {
		fd = file = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return say_open_failed(-errno, path, is_default);
	}
	err = pprof_read(fd, ret);
	if (err)
		return say_read_failed(err, is_stdin ? "standard input" : path);
	return 0;
}
