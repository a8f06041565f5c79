/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a probe costs beside the program that it runs: it is measured, for it differs tenfold
 * between machines.
 */
#ifndef PROBE_TRAP_H
#define PROBE_TRAP_H

#include <stdint.h>

struct bpf_program;

/**
 * Nanoseconds that a probe with @program adds to the code it is on, if @program has nothing to do:
 * tried on code of adder's own, in a millisecond.  0 or -errno.
 */
int trap_measure(struct bpf_program *program, uint64_t *ret_ns);

#endif
