/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a recording counts and times of calls: which functions' are wanted, which were slow.
 */
#ifndef RECORDER_CALLS_H
#define RECORDER_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "probe/session.h"
#include "wire.h"

struct calls;
struct discover_note;
struct filter;
struct members;
struct profile;
struct resolver;

/** A call that was slow, as it ended.  Texts are valid UTF-8, but may hold any character. */
struct slow_call {
	int64_t time_ns;      /* when it began, since the epoch */
	uint64_t duration_ns; /* without adder's own cost; what its states sum to */
	uint64_t states_ns[ADDER_STATE_NR];
	pid_t pid, tid;
	const char *process, *thread;
	const char *container; /* NULL: the host */
	const char *python;    /* "3.11" */
	const char *function, *file;
	int64_t line;                     /* that it begins at */
	const char *caller, *caller_file; /* NULL: none, or not known */
	int64_t caller_line;
	const char *arguments; /* "n=1, name='x'"; NULL: not asked for, or not known */
};

/** How long the calls of a function took . */
struct call_histogram {
	const char *function, *file;
	int64_t line;
	pid_t pid;
	const char *process;
	struct adder_histogram times;
};

struct calls_options {
	bool on; /* without, there is nothing of all this */
	enum adder_call_clock clock;
	const char *const
		*match;     /* globs that a function's name or file has to match one of, ... */
	size_t match_count; /* ... 0: no function has to */
	const char *histogram_of; /* functions whose name matches this glob; NULL: none */
	uint64_t slow_ns;         /* calls that take so long are told; 0: none */
	bool arguments;           /* with their arguments */
	/** Called with each as it ends, and at the end; valid during the call. */
	void (*slow)(void *arg, const struct slow_call *call);
	void (*histogram)(void *arg, const struct call_histogram *histogram);
	void *arg;
};

/** The rooms that it works with, borrowed. */
struct calls_rooms {
	struct session *session;
	struct resolver *resolver;
	struct profile *profile;
	const struct filter *filter;
	pid_t family; /* count in this process and what it starts, instead of the filter's; 0: none
		       */
};

/** NULL without memory.  @options are borrowed while it lives. */
struct calls *calls_new(const struct calls_options *options, const struct calls_rooms *rooms);
void calls_free(struct calls *c);

/** An interpreter of @version (PY_VERSION_HEX) is in the file open at @fd: probe it, in all places
 * or in none. */
struct discover_note calls_probe(struct calls *c, int fd, uint32_t version,
				 const struct adder_layout *layout);

/** A process calls nothing any more; its threads may still be on their way out. */
void calls_process_ended(struct calls *c, uint32_t serial);

/**
 * Take in what has been counted so far; of processes that have ended for good, for the last time:
 * they make room for others.  0 or -errno.
 */
int calls_drain(struct calls *c);

/** Must that be done more often? */
bool calls_are_crowded(const struct calls *c);

/** Tell of @event to who asked for it. */
void calls_take_slow(struct calls *c, const struct members *members,
		     const struct adder_event_slow_call *event);

/** After session_stop() at @end_ns and the last calls_drain(): take in calls that are still open,
 * hand out histograms, and say in the profile how all were timed. */
void calls_finish(struct calls *c, uint64_t end_ns);

/** What the kernel half has to do for @options. */
struct session_calls calls_session(const struct calls_options *options);

#endif
