/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Perf events on every CPU that run a BPF program: the sampling clock, and page faults.
 */
#ifndef PROBE_CPU_EVENTS_H
#define PROBE_CPU_EVENTS_H

#include <stdint.h>

struct bpf_program;
struct cpu_events;

#define CLOCK_PERIOD_NS(rate_hz) (1000000000ULL / (rate_hz))

/** Start a clock of @rate_hz on every CPU that is online.  0 or -errno. */
int cpu_events_open_clock(struct bpf_program *program, uint32_t rate_hz, struct cpu_events **ret);

/** At every page fault that has waited for storage (major, in the kernel's terms).  0 or -errno. */
int cpu_events_open_major_faults(struct bpf_program *program, struct cpu_events **ret);

void cpu_events_close(struct cpu_events *c);

#endif
