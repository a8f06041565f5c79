/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How many ticks one stands for.
 *
 * A timer that was due several times while it was held up (interrupts off, the CPU taken by a
 * hypervisor) fires once, where the thread then was.  Its ticks come at even distances: how many
 * were due is seen by the time since the last.
 */
#ifndef BPF_DUE_H
#define BPF_DUE_H

#include "remote.h"
#include "wire.h"

/*
 * The ticks of a clock of period @clock_ns that were due since the last that found @t, or since it
 * came to its CPU; at least 1, which is that at @now.  An eighth of a period is allowed for the
 * last one's being late.
 */
static __always_inline __u32 ticks_due(const struct adder_thread *t, __u64 clock_ns, __u64 now)
{
	__u64 since = t->in_ns > t->tick_ns ? t->in_ns : t->tick_ns;
	__u64 due = 0;

	if (since > t->out_ns && now > since && clock_ns)
		due = (now - since + clock_ns / 8) / clock_ns;
	return due > 1 ? due : 1;
}

#endif
