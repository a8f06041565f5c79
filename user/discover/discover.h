/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is this process a Python, and how is it read?
 *
 * Every file is judged once, by what it holds (python/object.h); what was found is kept by the
 * file's identity.  Knows python/ and proc/, and no BPF.
 */
#ifndef DISCOVER_DISCOVER_H
#define DISCOVER_DISCOVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "wire.h"

struct discover;

enum discover_verdict {
	DISCOVER_NONE,        /* no Python */
	DISCOVER_PYTHON,      /* can be profiled: @process is set up */
	DISCOVER_UNSUPPORTED, /* a Python that can't be: @reason */
	DISCOVER_NOT_YET,     /* linked with a libpython that is not mapped yet: ask again in a
				 millisecond */
};

struct discovery {
	enum discover_verdict verdict;
	struct adder_file file; /* of the program */
	struct adder_binary
		binary; /* of the program, for every process of it; kind FOREIGN if no Python */
	struct adder_process process; /* file, binary, bias and phase; serial 0 */
	uint32_t version;             /* PY_VERSION_HEX; 0 if unknown */
	char reason[160];             /* UNSUPPORTED: why; PYTHON: what of it can't be; else "" */
};

struct discover *discover_new(void);
void discover_free(struct discover *d);
DEFINE_CLEANUP(struct discover *, discover_free);

/**
 * Look at process @pid as it is now.
 * 0; -ENOENT or -ESRCH if it is gone; -EACCES or -EPERM without the right to look; -errno.
 */
int discover_look(struct discover *d, pid_t pid, struct discovery *ret);

/** How an interpreter is probed, or why not; or neither.  Texts live as long as the discover. */
struct discover_note {
	const char *how, *why_not;
};

/**
 * Judge the program file open at @fd, called @name, before a process runs it.
 * 0 with ret->file and ret->binary, if it holds an interpreter; -ENOENT if not; -errno.
 */
int discover_file(struct discover *d, int fd, const char *name, struct discovery *ret);

/**
 * Call @fn once for each file that holds an interpreter, when it is first met, open at @fd.  What
 * it returns is kept.
 */
void discover_on_interpreter(struct discover *d,
			     struct discover_note (*fn)(void *arg, int fd, uint32_t version,
							const struct adder_layout *layout),
			     void *arg);

/** While that function runs: the process in which the file was met; 0: in none. */
pid_t discover_looks_at(const struct discover *d);

/** What the function of discover_on_interpreter() said of the interpreter of a program. */
struct discover_note discover_note(const struct discover *d, const struct adder_file *file);

/** Version of the interpreter in a program that was judged before; 0 if it was not. */
uint32_t discover_version(const struct discover *d, const struct adder_file *file);

#endif
