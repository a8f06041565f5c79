/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The BPF programs, chosen and loaded: which of them a session needs, with which knobs and how
 * large tables, and which of their two compilations this kernel takes.
 */
#ifndef PROBE_PROGRAMS_H
#define PROBE_PROGRAMS_H

struct adder_bpf;
struct session_options;

/**
 * Load what @options ask for, and nothing else; no program runs yet.  From here on libbpf's own
 * messages are debug messages.
 *
 * *@ret is the caller's, for adder_bpf__destroy().  0; -EPERM: rights are missing; -errno.
 */
int programs_load(const struct session_options *options, struct adder_bpf **ret);

#endif
