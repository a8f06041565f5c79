/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "proc/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"

#define TEXT_BYTES 4096 /* of a stat, status or fdinfo file: a few hundred bytes are usual */

static void close_dir(DIR *dir)
{
	if (dir)
		closedir(dir);
}
DEFINE_CLEANUP(DIR *, close_dir);

static int each_number(const char *path, process_id_fn fn, void *arg)
{
	CLEANUP(close_dir) DIR *dir = opendir(path);
	const struct dirent *entry;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		uint64_t id;
		int stop;

		if (text_to_u64(entry->d_name, 1, INT32_MAX, &id))
			continue;
		stop = fn((pid_t)id, arg);
		if (stop)
			return stop;
	}
	return 0;
}

int process_each(process_id_fn fn, void *arg)
{
	return each_number("/proc", fn, arg);
}

int process_each_thread(pid_t pid, process_id_fn fn, void *arg)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	return each_number(path, fn, arg);
}

/* Read the file at @path into @ret, NUL-ended and cut to @size - 1 bytes. */
static ssize_t read_file(const char *path, char *ret, size_t size)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t used = 0;

	if (fd < 0)
		return -errno;
	while (used < size - 1) {
		ssize_t got = read(fd, ret + used, size - 1 - used);

		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		used += (size_t)got;
	}
	ret[used] = '\0';
	return (ssize_t)used;
}

ssize_t process_read_text(pid_t pid, const char *name, char *ret, size_t size)
{
	char path[96];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return read_file(path, ret, size);
}

static ssize_t read_thread_text(pid_t pid, pid_t tid, const char *name, char *ret, size_t size)
{
	char path[128];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", pid, tid, name);
	return read_file(path, ret, size);
}

static uint64_t ticks_to_ns(uint64_t ticks)
{
	return ticks * (1000000000 / (uint64_t)sysconf(_SC_CLK_TCK));
}

/* In stat, newline and backslash are the characters of a name that the kernel escapes. */
static void unescape_comm(char *comm)
{
	char *to = comm;

	for (const char *from = comm; *from; from++) {
		bool escaped = from[0] == '\\' && (from[1] == 'n' || from[1] == '\\');

		if (escaped)
			from++;
		*to++ = escaped && *from == 'n' ? '\n' : *from;
	}
	*to = '\0';
}

int process_parse_stat(const char *text, struct process_stat *ret)
{
	/* The name may hold ')' itself, but nothing behind it does. */
	const char *open = strchr(text, '('), *close = strrchr(text, ')');
	uint64_t user, system, start;
	struct process_stat s = { 0 };
	int parsed;

	if (!open || !close || close < open)
		return -EBADMSG;
	snprintf(s.comm, sizeof(s.comm), "%.*s", (int)(close - open - 1), open + 1);
	unescape_comm(s.comm);
	parsed =
		sscanf(close + 1,
		       " %c %d %*d %*d %*d %*d %*u %*u %*u %" SCNu64 " %*u %" SCNu64 " %" SCNu64
		       " %*d %*d %*d %*d %" SCNu32 " %*d %" SCNu64,
		       &s.state, &s.ppid, &s.major_faults, &user, &system, &s.thread_count, &start);
	if (parsed != 7)
		return -EBADMSG;
	s.user_ns = ticks_to_ns(user);
	s.system_ns = ticks_to_ns(system);
	s.start_ns = ticks_to_ns(start);
	*ret = s;
	return 0;
}

int process_read_stat(pid_t pid, struct process_stat *ret)
{
	char text[TEXT_BYTES];
	ssize_t got = process_read_text(pid, "stat", text, sizeof(text));

	return got < 0 ? (int)got : process_parse_stat(text, ret);
}

int process_thread_stat(pid_t pid, pid_t tid, struct process_stat *ret)
{
	char text[TEXT_BYTES];
	ssize_t got = read_thread_text(pid, tid, "stat", text, sizeof(text));

	return got < 0 ? (int)got : process_parse_stat(text, ret);
}

int process_parse_syscall(const char *text, struct process_syscall *ret)
{
	struct process_syscall s = { 0 };

	if (text_starts(text, "running"))
		return -EAGAIN;
	if (sscanf(text, "-1 %" SCNx64 " %" SCNx64, &s.sp, &s.pc) == 2) {
		s.number = -1;
		*ret = s;
		return 0;
	}
	if (sscanf(text,
		   "%" SCNd64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64
		   " %" SCNx64 " %" SCNx64 " %" SCNx64,
		   &s.number, &s.args[0], &s.args[1], &s.args[2], &s.args[3], &s.args[4],
		   &s.args[5], &s.sp, &s.pc) != 9)
		return -EBADMSG;
	*ret = s;
	return 0;
}

int process_thread_syscall(pid_t pid, pid_t tid, struct process_syscall *ret)
{
	char text[TEXT_BYTES];
	ssize_t got = read_thread_text(pid, tid, "syscall", text, sizeof(text));

	/* The file is missing from kernels without CONFIG_HAVE_ARCH_TRACEHOOK. */
	if (got == -ENOENT && !read_thread_text(pid, tid, "comm", text, sizeof(text)))
		return -ENOSYS;
	return got < 0 ? (int)got : process_parse_syscall(text, ret);
}

int process_thread_wchan(pid_t pid, pid_t tid, char *ret, size_t size)
{
	char text[TEXT_BYTES];
	ssize_t got = read_thread_text(pid, tid, "wchan", text, sizeof(text));

	if (got < 0)
		return (int)got;
	snprintf(ret, size, "%s", strcmp(text, "0") == 0 ? "" : text);
	return 0;
}

/* The effective user id: the second number behind "Uid:". */
static int read_uid(pid_t pid, uid_t *ret)
{
	char text[TEXT_BYTES];
	ssize_t got = process_read_text(pid, "status", text, sizeof(text));
	const char *line = got < 0 ? NULL : strstr(text, "\nUid:");

	if (got < 0)
		return (int)got;
	return line && sscanf(line, "\nUid: %*u %u", ret) == 1 ? 0 : -EBADMSG;
}

static void read_exe_name(pid_t pid, char ret[static PROCESS_EXE_BYTES])
{
	static const char mark[] = " (deleted)";
	char path[64], target[4096];
	ssize_t got;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	got = readlink(path, target, sizeof(target) - 1);
	target[got < 0 ? 0 : got] = '\0';
	if (text_ends(target, mark))
		target[strlen(target) - strlen(mark)] = '\0';
	snprintf(ret, PROCESS_EXE_BYTES, "%s", text_basename(target));
}

int process_read(pid_t pid, struct process *ret)
{
	ssize_t got;
	int err;

	memset(ret, 0, sizeof(*ret));
	ret->pid = pid;
	err = process_read_stat(pid, &ret->stat);
	if (!err)
		err = read_uid(pid, &ret->uid);
	if (err)
		return err;
	read_exe_name(pid, ret->exe);
	got = process_read_text(pid, "cmdline", ret->args, sizeof(ret->args));
	ret->args_bytes = got < 0 ? 0 : (size_t)got;
	return 0;
}

int64_t process_boot_offset_ns(void)
{
	return clock_ns(CLOCK_BOOTTIME) - clock_now_ns();
}
