/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The states of a thread, one list for the kernel half, the file and the screen.
 *
 * At every instant a thread is in exactly one of them, so that their times sum to the thread's
 * wall time.  The names are those of the file's sample types; the order is that of the file.
 */
#ifndef ADDER_STATES_H
#define ADDER_STATES_H

#define ADDER_STATE_LIST(X)                                                                        \
	X(CPU, "cpu", "running")                                                                   \
	X(RUNQ, "runq", "able to run, waiting for a CPU")                                          \
	X(GIL, "gil", "waiting for the interpreter's lock")                                        \
	X(LOCK, "lock", "waiting for another lock (futex)")                                        \
	X(DISK, "disk", "waiting for storage")                                                     \
	X(NET, "net", "waiting for an INET or vsock socket")                                       \
	X(IPC, "ipc", "waiting for a pipe, UNIX socket, eventfd, terminal or inotify")             \
	X(CHILD, "child", "waiting for a process")                                                 \
	X(POLL, "poll", "an event loop waiting for anything")                                      \
	X(SLEEP, "sleep", "sleeping by its own wish")                                              \
	X(FAULT, "fault", "in a page fault without I/O")                                           \
	X(STOP, "stop", "stopped, traced or frozen")                                               \
	X(OTHER, "other", "waiting for anything else; the syscall tells")

#define ADDER_STATE_ENUM(id, name, text) ADDER_STATE_##id,
enum adder_state { ADDER_STATE_LIST(ADDER_STATE_ENUM) ADDER_STATE_NR };

#endif
