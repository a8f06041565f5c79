/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a process has mapped, from /proc/PID/maps, and the mapped files themselves.
 */
#ifndef PROC_MAPS_H
#define PROC_MAPS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/** One mapping. */
struct maps_line {
	uint64_t start, end; /* addresses; end is the first behind it, start < end */
	uint64_t offset;     /* bytes into the file */
	uint64_t inode;      /* 0: no file */
	uint32_t device; /* of the inode's file system, as the kernel has it: major << 20 | minor */
	char perms[5];   /* such as "r-xp" */
	bool deleted;    /* the file has been unlinked since */
	const char *path; /* as adder's own mount namespace or the container's sees it; "[heap]",
			   * "" for anonymous memory; any bytes but NUL */
};

/**
 * Parse one line of a maps file.
 *
 * @line  Text, NUL-ended, with or without its newline; untrusted.  Changed: the path in @ret
 *        points into it, with the kernel's \012 turned back into a newline and " (deleted)" cut.
 *
 * Returns 0, or -EBADMSG if it is no such line (@ret is untouched).  Pure.
 */
int maps_parse_line(char *line, struct maps_line *ret);

/** Called with each mapping, valid during the call; anything but 0 ends the reading. */
typedef int (*maps_fn)(const struct maps_line *line, void *arg);

/**
 * Call @fn for each mapping of @pid, in the order of addresses; lines that can't be parsed are
 * passed over.  A process that changes its mappings meanwhile may be seen in part.
 *
 * Returns 0 at the end, what @fn returned if that was not 0, or -errno: -ENOENT or -ESRCH for a
 * process that is gone, -EACCES or -EPERM without the right to look.
 */
int maps_each(pid_t pid, maps_fn fn, void *arg);

/** The same from @file, which stays the caller's. */
int maps_each_of(FILE *file, maps_fn fn, void *arg);

/**
 * Open for reading the file that @pid has mapped at [@start, @end), both exactly as in its maps:
 * the very file, even if it is deleted, or in a container or chroot.  Where the kernel refuses
 * that way (it wants CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN), the path is opened below the
 * process's root, and taken if its inode is the mapping's.
 *
 * Returns a file descriptor (close-on-exec), the caller's to close, or -errno: -ENOENT if nothing
 * is mapped there or the file can't be reached any more.
 */
int maps_open_object(pid_t pid, uint64_t start, uint64_t end);

#endif
