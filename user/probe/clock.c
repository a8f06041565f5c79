/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "probe/clock.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "base/cleanup.h"

struct clock {
	int cpus;
	struct bpf_link *links[]; /* NULL for a CPU that is offline */
};

DEFINE_CLEANUP(struct clock *, clock_close);

void clock_close(struct clock *c)
{
	if (!c)
		return;
	for (int cpu = 0; cpu < c->cpus; cpu++)
		bpf_link__destroy(c->links[cpu]);
	free(c);
}

/* A fixed period, not a frequency for the kernel to aim at: every tick stands for the same time. */
static int open_event(int cpu, uint32_t rate_hz)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = 1000000000ULL / rate_hz,
	};
	int fd = syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int start(struct clock *c, struct bpf_program *program, int cpu, uint32_t rate_hz)
{
	int fd = open_event(cpu, rate_hz);

	if (fd == -ENODEV)
		return 0; /* offline */
	if (fd < 0)
		return fd;
	c->links[cpu] = bpf_program__attach_perf_event(program, fd);
	if (c->links[cpu])
		return 0;
	fd = (close(fd), -errno);
	return fd;
}

int clock_open(struct bpf_program *program, uint32_t rate_hz, struct clock **ret)
{
	int cpus = libbpf_num_possible_cpus(), err;
	CLEANUP(clock_close) struct clock *c = NULL;

	if (cpus < 0)
		return cpus;
	c = calloc(1, sizeof(*c) + cpus * sizeof(c->links[0]));
	if (!c)
		return -ENOMEM;
	c->cpus = cpus;
	for (int cpu = 0; cpu < cpus; cpu++) {
		err = start(c, program, cpu, rate_hz);
		if (err)
			return err;
	}
	*ret = TAKE_PTR(c);
	return 0;
}
