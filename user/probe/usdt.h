/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPython's static probes (USDT, --with-dtrace) in program files, and the programs on them.
 *
 * While one is probed, the kernel keeps its semaphore above zero in every process of the file that
 * is meant, and takes that back when the probes end, however they do.
 */
#ifndef PROBE_USDT_H
#define PROBE_USDT_H

#include <stddef.h>
#include <sys/types.h>

#include "base/cleanup.h"

struct adder_bpf;
struct usdt;

/* What is traced, as bits. */
enum usdt_what {
	USDT_COLLECTIONS = 1, /* gc__start, gc__done */
	USDT_IMPORTS = 2,     /* import__find__load__start, import__find__load__done */
	USDT_RETURNS = 4,     /* function__return */
};

/** Have @skel, which is not loaded yet, load the programs for @what (may be 0).  0 or -errno. */
int usdt_choose(struct adder_bpf *skel, unsigned int what);

/** Probes of the programs of @skel, which is loaded and outlives them.  NULL without memory. */
struct usdt *usdt_new(struct adder_bpf *skel);

/** End all of them. */
void usdt_free(struct usdt *u);
DEFINE_CLEANUP(struct usdt *, usdt_free);

/**
 * Probe the file open at @fd for @what: in all processes that run it, now or later, or (unless 0)
 * in @pid.  All or nothing: 0; -ENOENT if the file lacks one of the probes; -EINVAL if the kernel
 * refuses, since another tracer has probed the same places in another way; -ENOTSUP if the file can
 * be loaded anywhere, before Linux 5.15; -ESRCH if @pid is gone; -errno.
 */
int usdt_attach(struct usdt *u, int fd, pid_t pid, unsigned int what);

/** How many probes there are; and end those that came after the first @keep. */
size_t usdt_count(const struct usdt *u);
void usdt_drop(struct usdt *u, size_t keep);

#endif
