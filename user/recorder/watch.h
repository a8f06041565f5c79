/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Members kept complete while a recording or a trace lasts: how they are looked for at first, and
 * when again.
 */
#ifndef RECORDER_WATCH_H
#define RECORDER_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct filter;
struct members;
struct session;

/** Begins with what is borrowed, and zeroes. */
struct watch {
	struct session *session;
	struct members *members;
	const struct filter *filter;
	pid_t family; /* this process and what it starts, instead of the filter's; 0: none */
	/* its own: */
	bool is_waiting; /* for a process to become ready ... */
	uint64_t waiting_since_ns;
	uint64_t unseen; /* losses of mapped files for which was looked */
};

/**
 * Ask the kernel half for processes as they become Python, then find those that are there.
 * @command is what the family will run, as for execvp(); NULL: not known.  0 or -errno.
 */
int watch_begin(struct watch *w, const char *command);

/** Take what the kernel half has sent, and look again at who was not ready. */
void watch_turn(struct watch *w);

/** How long it may be until the next watch_turn(), in ms: @longest, if no one is waited for. */
int watch_timeout_ms(const struct watch *w, int longest);

/** Now and then: look for whom the kernel half has overlooked.  0 or -errno. */
int watch_catch_up(struct watch *w);

#endif
