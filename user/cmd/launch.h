/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Starting a command as the user who called sudo, held back until the recording has begun.
 */
#ifndef CMD_LAUNCH_H
#define CMD_LAUNCH_H

#include <stdbool.h>
#include <sys/types.h>

struct launch {
	pid_t pid;
	int go;     /* pipe: a byte lets it go */
	bool ended; /* and then: */
	int status; /* as wait(2) gives it */
};

/** Fork for @argv, ended by NULL; it waits for launch_go().  0 or -errno. */
int launch_prepare(char *const *argv, struct launch *ret);

/** Let it run. */
void launch_go(struct launch *l);

/** Has it ended?  Does not wait. */
bool launch_ended(struct launch *l);

/** Wait for its end.  Returns its exit status: 127 if it could not be started, 128 + n by signal n.
 */
int launch_wait(struct launch *l);

/** Give up: a command that was not let go never runs. */
void launch_abandon(struct launch *l);

#endif
