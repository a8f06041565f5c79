/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which container a process is in, told by its cgroup's path alone: no runtime is asked.
 * The paths are those of adder's own cgroup namespace.
 */
#ifndef PROC_CONTAINER_H
#define PROC_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CONTAINER_ID_BYTES    65  /* 64 hexadecimal digits */
#define CONTAINER_SHORT_BYTES 13  /* 12 of them, as the engines show */
#define CONTAINER_NAME_BYTES  256 /* a longer one is cut */

enum container_kind {
	CONTAINER_NONE, /* the host itself, a login session */
	CONTAINER_DOCKER,
	CONTAINER_CONTAINERD,
	CONTAINER_CRIO,
	CONTAINER_PODMAN,
	CONTAINER_KUBE, /* a pod's, of a runtime that the path doesn't tell */
	CONTAINER_LXC,
	CONTAINER_NSPAWN,
	CONTAINER_OTHER,   /* an id of a container, of an engine that the path doesn't tell */
	CONTAINER_SYSTEMD, /* no container, but a service of the host: has a name only */
};

struct container {
	enum container_kind kind;
	char id[CONTAINER_ID_BYTES];          /* "" if it has none */
	char short_id[CONTAINER_SHORT_BYTES]; /* the id's beginning */
	char pod[64];                         /* uid of the pod around it; "" if there is none */
	char name[CONTAINER_NAME_BYTES];      /* "" if unknown; untrusted text */
};

/** The container of a cgroup's @path, such as "/docker/0123...".  The innermost of several. */
void container_from_path(const char *path, struct container *ret);

/**
 * The container of a cgroup whose path the kernel half has put together: @components are
 * NUL-ended, leaf first, an empty one or @size ends them; the outer end may be missing.
 */
void container_from_components(const char *components, size_t size, struct container *ret);

/** The container of the text of a /proc/PID/cgroup: of the line that tells most. */
void container_from_text(const char *text, struct container *ret);

/** The container of @pid.  0 or -errno (-ENOENT, -ESRCH: the process is gone). */
int container_read(pid_t pid, struct container *ret);

/**
 * Look up the name that the path did not tell, in what the engines leave on disk: Docker's and
 * Podman's own state, kubelet's names of log files.  Reads files, so do it once a container.
 * @root is put before the paths: "" for the host's.  Leaves @container as it is if nothing is
 * found.
 */
void container_find_name(struct container *container, const char *root);

/** How to call it: its name, else its short id; NULL for the host.  Borrowed from @container. */
const char *container_label(const struct container *container);

/**
 * Does @pattern mean this container?  By 4 or more digits of its id's beginning, its name, the
 * last part of a kube name, its pod's uid, or a glob on name or id.  Never for CONTAINER_NONE.
 */
bool container_matches(const struct container *container, const char *pattern);

/**
 * The cgroup that the text of /proc/PID/cgroup tells, as the kernel half chooses it: that of cgroup
 * v2, or where that is the root, of the hierarchy of v1 that counts pids.  Cut at @size bytes.
 */
void container_cgroup_from_text(const char *text, char *ret, size_t size);

#endif
