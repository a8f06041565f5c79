/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A recording's kernel half: the BPF programs, loaded, attached and drained.  The only room that
 * knows libbpf.
 *
 * The order of calls: session_open, session_watch, the processes that are there, session_start,
 * session_look, then session_poll and session_drain for as long as it lasts, session_stop,
 * session_each_thread, session_close.  Not thread-safe.
 *
 * All functions return 0 or -errno unless they say otherwise.
 */
#ifndef PROBE_SESSION_H
#define PROBE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "probe/options.h"
#include "wire.h"

struct call_probes;
struct session;

/** What the kernel sends.  Texts and addresses in events are untrusted. */
struct session_handler {
	/** One event: see enum adder_event_kind; @size bytes, whole as far as its kind says. */
	void (*event)(void *arg, const void *event, size_t size);

	/** @pid has mapped a file to be executed: @path as its mount namespace has it. */
	void (*mapped)(void *arg, pid_t pid, const char *path);

	void *arg;
};

/**
 * Load the programs.  -EPERM: rights are missing; -EXDEV: we are in a pid namespace of our own,
 * where the ids that the kernel sends mean nothing.
 */
int session_open(const struct session_options *options, const struct session_handler *handler,
		 struct session **ret);
void session_close(struct session *s);
DEFINE_CLEANUP(struct session *, session_close);

/** Begin to follow exec, fork, exit and mapped files. */
int session_watch(struct session *s);

/** Begin the recording: clocks and switches.  *@start_ns is its beginning, CLOCK_MONOTONIC. */
int session_start(struct session *s, uint64_t *start_ns);

/**
 * Look at all threads that the ledger does not know yet, of all processes that it does; @fn gets
 * each once.  After session_start(), and after adding processes later on.  With look_only there is
 * no ledger: at any time, each call gets all threads, and the handler what they wait for.
 */
int session_look(struct session *s, void (*fn)(void *arg, const struct adder_known_thread *thread),
		 void *arg);

/** Wait up to @timeout_ms (0: not at all) for events, and handle them. */
int session_poll(struct session *s, int timeout_ms);

/** Handle all events that are there. */
void session_consume(struct session *s);

/** A file descriptor that becomes readable with urgent events, for poll(2); valid while @s lives.
 */
int session_fd(const struct session *s);

/** Called with each entry of the ledger. */
typedef void (*session_ledger_fn)(void *arg, const struct adder_ledger_key *key,
				  const struct adder_ledger_value *value);

/**
 * Empty the ledger: each entry goes to @fn once, after all events that it refers to went to the
 * handler.
 */
int session_drain(struct session *s, session_ledger_fn fn, void *arg);

/** End the recording: from *@end_ns on nothing is added. */
void session_stop(struct session *s, uint64_t *end_ns);

/** Call @fn for each thread that lives, with what is open in its account. */
void session_each_thread(struct session *s,
			 void (*fn)(void *arg, uint32_t tid, const struct adder_thread *thread),
			 void *arg);

/** The record of thread @tid as it is now; -ENOENT. */
int session_find_thread(struct session *s, uint32_t tid, struct adder_thread *ret);

/** Take back that a stack, or an awaited one, was told, and that a code object was. */
void session_untell(struct session *s, uint64_t id);
void session_untell_code(struct session *s, const struct adder_code_key *key);

/** Hand each thread to @fn whose wait was not walked, for the budget, as its record is now. */
void session_each_unwalked(struct session *s,
			   void (*fn)(void *arg, uint32_t tid, const struct adder_thread *thread),
			   void *arg);

/** Tell the kernel half how far apart such looks are, which says how likely one meets a wait. */
void session_set_look_ns(struct session *s, uint64_t ns);

/** Tell the kernel half what a look at thread @tid, in a wait that was not walked, has found. */
int session_set_looked(struct session *s, uint32_t tid, const struct adder_looked *look);

/** What it was told last of thread @tid, be it of a wait long over; -ENOENT. */
int session_find_looked(struct session *s, uint32_t tid, struct adder_looked *ret);

/** The asyncio tasks that wait while thread @tid, which has_ready, is in its wait; -ENOENT. */
int session_find_ready(struct session *s, uint32_t tid, struct adder_ready *ret);

/** The probes on calls, if options.calls asks for any: the session's. */
struct call_probes *session_call_probes(struct session *s);

/* ---- collections and imports ---- */

/**
 * Trace those of options.trace by the probes of the file open at @fd: see usdt_attach().  Events
 * come at once, without session_start().
 */
int session_trace(struct session *s, int fd, pid_t pid);

/** End all such probes, and handle the events that are left. */
void session_trace_end(struct session *s);

/* ---- processes ---- */

/** A serial that no process has had. */
uint32_t session_new_serial(struct session *s);

/** Tell the kernel half of a program file. */
int session_know_binary(struct session *s, const struct adder_file *file,
			const struct adder_binary *binary);

/** Add a process; -EEXIST if the kernel half was faster. */
int session_add_process(struct session *s, pid_t pid, const struct adder_process *process);

/** Is @pid in the ledger?  Its entry goes to *@ret (may be NULL); -ENOENT if not. */
int session_find_process(struct session *s, pid_t pid, struct adder_process *ret);

/** Replace the entry of @pid if it still is @process->serial; -ESTALE if not. */
int session_update_process(struct session *s, pid_t pid, const struct adder_process *process);

/** Take @pid out if it still is @serial; -ESTALE if not. */
int session_drop_process(struct session *s, pid_t pid, uint32_t serial);

/** Forget the record of thread @tid, of a process that was dropped. */
void session_drop_thread(struct session *s, uint32_t tid);

/** Ask for @pid (ADDER_SELECT_PIDS, ADDER_SELECT_FAMILY). */
int session_select_pid(struct session *s, pid_t pid);

/* ---- what it cost ---- */

/** Losses by cause, ADDER_LOST_NR of them. */
void session_lost(const struct session *s, uint64_t *ret);

/** Switches whose stack was walked, and was not, for the budget.  0 or -errno. */
int session_walks(const struct session *s, uint64_t *ret_walked, uint64_t *ret_unwalked);

/**
 * Begin to count, or end counting, what the programs cost.  Counting costs itself, in every
 * program's every run: count for a part of the time.  0 or -errno (5.7 and before: -ENOTSUP).
 */
int session_count_cost(struct session *s, bool on);

/** Nanoseconds that the programs have run while counting was on, and for how long it was. */
int session_cost(struct session *s, uint64_t *ret_ns, uint64_t *ret_counted_ns);

#endif
