/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counting calls: the probes on the code that makes and ends them, and the tables that the program
 * on them fills.
 */
#ifndef PROBE_CALL_PROBES_H
#define PROBE_CALL_PROBES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "wire.h"

struct adder_bpf;
struct call_probes;
struct session_calls;

/**
 * No probes yet, of the program of @skel, which was loaded for @options and outlives them.  If
 * calls are timed, what a probe costs is measured here.  NULL without memory.
 */
struct call_probes *call_probes_new(struct adder_bpf *skel, const struct session_calls *options);

/** End all of them. */
void call_probes_free(struct call_probes *c);

/**
 * Count calls at @offset of the file open at @fd: in all processes, or (unless 0) in @pid.  What
 * @cookie says of them, see enum adder_call_probe.  0; -ESRCH if @pid is gone; -EINVAL if the
 * kernel refuses, since another tracer has probed the same place in another way; -errno.
 */
int call_probes_add(struct call_probes *c, int fd, pid_t pid, uint64_t offset, uint64_t cookie);

/**
 * Probe where calls end, to Python 3.10: by the static probe function__return of the file open at
 * @fd.  Errors are usdt_attach()'s.
 */
int call_probes_add_returns(struct call_probes *c, int fd, pid_t pid);

/** How many probes there are of both kinds; and take away those that came after the first @keep. */
struct call_probes_count {
	size_t calls, returns;
};
struct call_probes_count call_probes_count(const struct call_probes *c);
void call_probes_drop(struct call_probes *c, struct call_probes_count keep);

/**
 * Call @fn for each function that has been called, with what has been counted so far.  If it says
 * so, all that is kept of the function is deleted.  0 or -errno.
 */
int call_probes_each_call(struct call_probes *c,
			  bool (*fn)(void *arg, const struct adder_call_key *key,
				     const struct adder_call_sums *sums),
			  void *arg);

/** After session_stop(): call @fn for each thread that was timed and lives, with its open calls. */
void call_probes_each_open(struct call_probes *c,
			   void (*fn)(void *arg, uint32_t tid, const struct adder_open_calls *open),
			   void *arg);

/** Say what is wanted of the calls of a function: enum adder_call_wants.  0 or -errno. */
int call_probes_want(struct call_probes *c, const struct adder_call_key *key, uint32_t wants);

/** How long calls of a function took, to *@ret.  0; -ENOENT if that is not kept; -errno. */
int call_probes_find_histogram(struct call_probes *c, const struct adder_call_key *key,
			       struct adder_histogram *ret);

/** Call @fn for each function of which that is kept; @histogram is valid during the call. */
void call_probes_each_histogram(struct call_probes *c,
				void (*fn)(void *arg, const struct adder_call_key *key,
					   const struct adder_histogram *histogram),
				void *arg);

/** Nanoseconds that a hit of a probe costs, on average; 0: unknown. */
uint64_t call_probes_hit_ns(const struct call_probes *c);

#endif
