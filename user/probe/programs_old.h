/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The BPF programs as compiled for Linux 5.10 to 5.17; bpf/compat.h says what differs.
 */
#ifndef PROBE_PROGRAMS_OLD_H
#define PROBE_PROGRAMS_OLD_H

struct adder_bpf;

/**
 * Like adder_bpf__open(), whose skeleton has the same shape: all else works on either.  NULL, with
 * errno, on failure; to be freed with adder_bpf__destroy().
 */
struct adder_bpf *programs_open_old(void);

#endif
