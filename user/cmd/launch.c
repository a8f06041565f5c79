/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "cmd/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"

/* Become the user who called sudo; without sudo, stay who we are. */
static int become_user(void)
{
	const char *uid_text = getenv("SUDO_UID"), *gid_text = getenv("SUDO_GID");
	uint64_t uid, gid;
	const struct passwd *user;

	if (geteuid() || !uid_text || !gid_text)
		return 0;
	if (text_to_u64(uid_text, 0, UINT32_MAX - 1, &uid) ||
	    text_to_u64(gid_text, 0, UINT32_MAX - 1, &gid))
		return -EINVAL;
	user = getpwuid(uid);
	if (user ? initgroups(user->pw_name, gid) : setgroups(0, NULL))
		return -errno;
	if (setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
		return -errno;
	if (user)
		setenv("HOME", user->pw_dir, 1);
	return 0;
}

static void __attribute__((noreturn)) run(char *const *argv, int go)
{
	sigset_t none;
	char byte;
	int err;

	if (read(go, &byte, 1) != 1)
		_exit(127); /* adder gave up */
	close(go);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	err = become_user();
	if (!err) {
		execvp(argv[0], argv);
		err = -errno;
	}
	log_errno(err, "cannot start '%s'", argv[0]);
	_exit(127);
}

int launch_prepare(char *const *argv, struct launch *ret)
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (pid == 0) {
		close(ends[1]);
		run(argv, ends[0]);
	}
	close(ends[0]);
	if (pid < 0) {
		close(ends[1]);
		return -EAGAIN;
	}
	*ret = (struct launch){ .pid = pid, .go = ends[1] };
	return 0;
}

void launch_go(struct launch *l)
{
	ssize_t bytes = write(l->go, "", 1);

	(void)bytes; /* if it is gone, waiting for it tells */
	close(l->go);
	l->go = -1;
}

bool launch_ended(struct launch *l)
{
	if (!l->ended && waitpid(l->pid, &l->status, WNOHANG) == l->pid)
		l->ended = true;
	return l->ended;
}

int launch_wait(struct launch *l)
{
	while (!l->ended) {
		if (waitpid(l->pid, &l->status, 0) == l->pid)
			l->ended = true;
		else if (errno != EINTR)
			return 127;
	}
	return WIFSIGNALED(l->status) ? 128 + WTERMSIG(l->status) : WEXITSTATUS(l->status);
}

void launch_abandon(struct launch *l)
{
	if (!l->pid || l->go < 0)
		return;
	close(l->go);
	l->go = -1;
	launch_wait(l);
}
