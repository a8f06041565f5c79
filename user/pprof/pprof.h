/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pprof's file: profile.proto, gzipped.  The only room that knows protobuf and zlib.
 *
 * The file is adder's recording, and a promise to other people's scripts: doc/FORMAT.md.
 * What is read is hostile: sizes, ids, string indices and nesting are checked here, once.
 */
#ifndef PPROF_PPROF_H
#define PPROF_PPROF_H

#include <stddef.h>
#include <stdint.h>

struct profile;

/**
 * Write @p, gzipped, to @fd, from its current position.  Ids count from 1 in order, system_name
 * stays empty, strings and tables hold only what samples use.
 * 0, -ENOMEM, or the error of write(2) (-ENOSPC, -EPIPE, ...).  A short file may be left behind.
 */
int pprof_write(const struct profile *p, int fd);

/**
 * Read a profile, gzipped or plain, by adder or by anyone, from @fd to its end.
 *
 * 0; -ENODATA if the file is empty; -EBADMSG if it is no profile, broken or truncated;
 * -EFBIG if it unpacks to more than PPROF_MAX_BYTES; -ENOMEM; or the error of read(2).
 */
int pprof_read(int fd, struct profile **ret);

/** The same from @size unpacked bytes in memory: what the fuzzer calls. */
int pprof_parse(const uint8_t *bytes, size_t size, struct profile **ret);

/* Unpacked: a bomb of zeroes must not eat the machine. */
#define PPROF_MAX_BYTES ((size_t)1 << 30)

#endif
