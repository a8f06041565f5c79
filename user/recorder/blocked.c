/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "recorder/blocked.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/text.h"
#include "proc/process.h"
#include "python/memory.h"

#define FD_PATH_BYTES 40 /* "/proc/4194304/fd/2147483647" */

/* A socket's inode has its protocol's name as an attribute: "TCPv6", "UNIX-STREAM". */
static enum adder_state state_of_socket(const char *path)
{
	char name[32] = "";

	if (getxattr(path, "system.sockprotoname", name, sizeof(name) - 1) < 0)
		return ADDER_STATE_OTHER;
	if (text_starts(name, "UNIX"))
		return ADDER_STATE_IPC;
	if (text_starts(name, "NETLINK") || text_starts(name, "PACKET"))
		return ADDER_STATE_OTHER;
	return ADDER_STATE_NET;
}

/* eventfd, timerfd, ...: as bpf/state.h has them */
static enum adder_state state_of_anonymous(const char *name)
{
	static const struct {
		const char *name;
		enum adder_state state;
	} kinds[] = {
		{ "[timerfd]", ADDER_STATE_SLEEP },
		{ "[pidfd]", ADDER_STATE_CHILD },
		{ "[eventpoll]", ADDER_STATE_POLL },
		{ "[io_uring]", ADDER_STATE_POLL },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!strcmp(name, kinds[i].name))
			return kinds[i].state;
	}
	return ADDER_STATE_IPC;
}

/* Where /proc/PID/fd/@fd leads; "" if nowhere. */
static void read_link(const char *path, char *ret, size_t size)
{
	ssize_t bytes = readlink(path, ret, size - 1);

	ret[bytes < 0 ? 0 : bytes] = '\0';
}

static enum adder_state state_of_fd(pid_t pid, int fd)
{
	char path[FD_PATH_BYTES], link[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
	if (fd < 0 || stat(path, &st))
		return ADDER_STATE_OTHER;
	read_link(path, link, sizeof(link));
	if (text_starts(link, "anon_inode:"))
		return state_of_anonymous(link + strlen("anon_inode:"));
	switch (st.st_mode & S_IFMT) {
	case S_IFSOCK:
		return state_of_socket(path);
	case S_IFREG:
	case S_IFBLK:
	case S_IFDIR:
		return ADDER_STATE_DISK;
	default:
		return ADDER_STATE_IPC; /* pipe, FIFO, terminal */
	}
}

/* The one file that poll was given; -1: none, or several. */
static int polled_fd(pid_t pid, const uint64_t *args)
{
	int32_t fd;

	if (args[1] != 1 || memory_read(pid, args[0], &fd, sizeof(fd)))
		return -1;
	return fd;
}

/* Count the files of an fd_set of @bits bits, and note one of them; -1 if it can't be read. */
static int count_selected(pid_t pid, uint64_t set, uint64_t bits, int *fd)
{
	uint64_t words[FD_SETSIZE / 64] = {};
	int count = 0;

	if (!set)
		return 0;
	if (memory_read(pid, set, words, (bits + 63) / 64 * sizeof(words[0])))
		return -1;
	for (uint64_t i = 0; i < bits; i++) {
		if (words[i / 64] >> (i % 64) & 1) {
			*fd = i;
			count++;
		}
	}
	return count;
}

/* What select waits for: as bpf/state.h decides it. */
static enum adder_state state_of_select(pid_t pid, const uint64_t *args)
{
	int fd = -1, sum = 0;

	if (args[0] == 0)
		return ADDER_STATE_SLEEP;
	if (args[0] > FD_SETSIZE)
		return ADDER_STATE_POLL;
	for (int i = 1; i <= 3; i++) {
		int count = count_selected(pid, args[i], args[0], &fd);

		if (count < 0)
			return ADDER_STATE_POLL;
		sum += count;
	}
	if (sum == 0)
		return ADDER_STATE_SLEEP;
	return sum == 1 ? state_of_fd(pid, fd) : ADDER_STATE_POLL;
}

static enum adder_state state_of_poll(pid_t pid, const uint64_t *args)
{
	int fd = polled_fd(pid, args);

	if (args[1] > 1)
		return ADDER_STATE_POLL;
	return fd < 0 ? ADDER_STATE_SLEEP : state_of_fd(pid, fd);
}

/* The path of the file that it reads or writes, from its first argument. */
static void name_file(const struct adder_known_thread *t, int fd, char *ret)
{
	char path[FD_PATH_BYTES];

	if (t->state != ADDER_STATE_DISK && t->state != ADDER_STATE_IPC)
		return;
	snprintf(path, sizeof(path), "/proc/%u/fd/%d", t->pid, fd);
	read_link(path, ret, BLOCKED_ON_BYTES);
	if (ret[0] != '/')
		ret[0] = '\0'; /* "pipe:[1234]" helps no one */
}

/* Not every processor has the older ones. */
static bool is_poll(int64_t number)
{
#ifdef SYS_poll
	if (number == SYS_poll)
		return true;
#endif
	return number == SYS_ppoll;
}

static bool is_select(int64_t number)
{
#ifdef SYS_select
	if (number == SYS_select)
		return true;
#endif
	return number == SYS_pselect6;
}

int blocked_complete(struct adder_known_thread *t, char *ret_on)
{
	struct process_syscall call;
	int64_t known = t->syscall == ADDER_NO_SYSCALL ? -1 : t->syscall;
	int err = process_thread_syscall(t->pid, t->tid, &call);

	ret_on[0] = '\0';
	if (err)
		return err;
	if (call.number != known)
		return -EAGAIN;
	if (t->state == ADDER_STATE_STOP || known < 0)
		return 0;
	if (is_poll(known))
		t->state = state_of_poll(t->pid, call.args);
	else if (is_select(known))
		t->state = state_of_select(t->pid, call.args);
	else
		name_file(t, call.args[0], ret_on);
	return 0;
}
