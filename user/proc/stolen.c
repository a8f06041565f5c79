/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "proc/stolen.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"

/* cpu0 USER NICE SYSTEM IDLE IOWAIT IRQ SOFTIRQ STEAL GUEST GUEST_NICE; "cpu " is their sum */
int stolen_parse(const char *line, unsigned *cpu, uint64_t *ticks)
{
	if (!text_starts(line, "cpu") || line[3] == ' ')
		return -EINVAL;
	if (sscanf(line + 3, "%u %*u %*u %*u %*u %*u %*u %*u %" SCNu64, cpu, ticks) != 2)
		return -EINVAL;
	return 0;
}

int stolen_read(struct stolen *ret)
{
	uint64_t tick_ns = 1000000000 / sysconf(_SC_CLK_TCK), ticks;
	cleanup_free char *line = NULL;
	cleanup_fclose FILE *file = NULL;
	size_t size = 0;
	unsigned cpu;

	memset(ret, 0, sizeof(*ret));
	file = fopen("/proc/stat", "re");
	if (!file)
		return -errno;
	while (getline(&line, &size, file) > 0) {
		if (!stolen_parse(line, &cpu, &ticks) && cpu < STOLEN_CPUS_MAX)
			ret->ns[cpu] = ticks * tick_ns;
	}
	return 0;
}
