/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processes of a recording: who is in it, who is not, who is not known yet.
 */
#ifndef RECORDER_MEMBERS_H
#define RECORDER_MEMBERS_H

#include <stdint.h>
#include <sys/types.h>

#include "wire.h"

struct discover;
struct filter;
struct members;
struct resolver;
struct session;

/** What members works with; all borrowed. */
struct members_rooms {
	struct session *session;
	struct discover *discover;
	struct resolver *resolver;
	const struct filter *filter;
	pid_t family; /* 0: none */
};

struct members *members_new(const struct members_rooms *rooms);
void members_free(struct members *m);

/**
 * A process is about to run @command, as execvp() would: know its program by then, so that nothing
 * of it goes unseen while it is judged.
 */
void members_expect(struct members *m, const char *command);

/** Look at every process there is. 0 or -errno. */
int members_scan(struct members *m);

/** Kernel events. */
void members_process(struct members *m, const struct adder_event_process *e);
void members_exit(struct members *m, const struct adder_event_exit *e);

/** @pid has mapped the file at @path: it may have become a Python. */
void members_mapped(struct members *m, pid_t pid, const char *path);

/** Look again at those that were not ready; true if any still is not. */
int members_retry(struct members *m);

/** True if processes were added since the last call whose threads are not in the ledger yet. */
int members_want_look(struct members *m);

/** Name the processes again that live: their titles may have changed.  Drop who was no Python. */
void members_settle(struct members *m);

/** A process that is in the recording; texts are borrowed until the next call of members. */
struct members_entry {
	uint32_t serial;
	pid_t pid;
	const char *name;      /* untrusted */
	const char *container; /* label, untrusted; NULL: the host */
	uint16_t version;      /* 0x030b; 0: not known yet */
	const char *why_not;   /* its interpreter can't be probed; NULL: it can */
};

/** Call @fn for each process that is in it and was alive when last heard of, in no order. */
void members_each(const struct members *m, void (*fn)(void *arg, const struct members_entry *entry),
		  void *arg);

/** The process with @serial.  0, or -ENOENT if it is not in it, or no longer. */
int members_find(const struct members *m, uint32_t serial, struct members_entry *ret);

uint32_t members_count(const struct members *m);

/** The pid of @serial, 0 if it is not a member. */
pid_t members_pid(const struct members *m, uint32_t serial);

/** Call @fn for each Python that can't be profiled: "reason", once a process. */
void members_unprofiled(const struct members *m,
			void (*fn)(void *arg, pid_t pid, const char *name, const char *reason),
			void *arg);

#endif
