/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "probe/cpu_events.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "base/cleanup.h"

struct cpu_events {
	int cpus;
	struct bpf_link *links[]; /* NULL for a CPU that is offline */
};

DEFINE_CLEANUP(struct cpu_events *, cpu_events_close);

void cpu_events_close(struct cpu_events *c)
{
	if (!c)
		return;
	for (int cpu = 0; cpu < c->cpus; cpu++)
		bpf_link__destroy(c->links[cpu]);
	free(c);
}

static int start(struct cpu_events *c, struct bpf_program *program, int cpu,
		 struct perf_event_attr *attr)
{
	int fd = syscall(SYS_perf_event_open, attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC), err;

	if (fd < 0)
		return errno == ENODEV ? 0 : -errno; /* offline */
	c->links[cpu] = bpf_program__attach_perf_event(program, fd);
	if (c->links[cpu])
		return 0;
	err = -errno;
	close(fd);
	return err;
}

static int open_events(struct bpf_program *program, struct perf_event_attr *attr,
		       struct cpu_events **ret)
{
	int cpus = libbpf_num_possible_cpus(), err;
	CLEANUP(cpu_events_close) struct cpu_events *c = NULL;

	if (cpus < 0)
		return cpus;
	c = calloc(1, sizeof(*c) + cpus * sizeof(c->links[0]));
	if (!c)
		return -ENOMEM;
	c->cpus = cpus;
	for (int cpu = 0; cpu < cpus; cpu++) {
		err = start(c, program, cpu, attr);
		if (err)
			return err;
	}
	*ret = TAKE_PTR(c);
	return 0;
}

/* A fixed period, not a frequency for the kernel to aim at: every tick stands for the same time. */
int cpu_events_open_clock(struct bpf_program *program, uint32_t rate_hz, struct cpu_events **ret)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = CLOCK_PERIOD_NS(rate_hz),
	};

	return open_events(program, &attr, ret);
}

int cpu_events_open_major_faults(struct bpf_program *program, struct cpu_events **ret)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_PAGE_FAULTS_MAJ,
		.sample_period = 1,
	};

	return open_events(program, &attr, ret);
}
