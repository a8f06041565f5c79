/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sampling clock: a timer on every CPU that runs a BPF program.
 */
#ifndef PROBE_CLOCK_H
#define PROBE_CLOCK_H

#include <stdint.h>

struct bpf_program;
struct clock;

/** Start a clock of @rate_hz on every CPU that is online.  0 or -errno. */
int clock_open(struct bpf_program *program, uint32_t rate_hz, struct clock **ret);
void clock_close(struct clock *c);

#endif
