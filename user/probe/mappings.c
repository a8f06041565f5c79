/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "probe/mappings.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/cleanup.h"

#define BUFFER_PAGES 16 /* a CPU; a start of Python maps some ten files, 100 bytes each */

#define PATH_BYTES   4096

struct mappings {
	void (*mapped)(void *arg, pid_t pid, const char *path);
	void *arg;
	struct perf_buffer *buffer;
	uint64_t lost;
	int map; /* libbpf wants one to put the events in; nobody reads it */
};

DEFINE_CLEANUP(struct mappings *, mappings_close);

/* PERF_RECORD_MMAP2, as in <linux/perf_event.h>'s comment. */
struct mmap2_record {
	struct perf_event_header header;
	uint32_t pid, tid;
	uint64_t addr, len, pgoff;
	uint32_t maj, min;
	uint64_t ino, ino_generation;
	uint32_t prot, flags;
	char filename[];
};

static enum bpf_perf_event_ret take_record(void *arg, int cpu, struct perf_event_header *header)
{
	const struct mmap2_record *record = (const struct mmap2_record *)header;
	struct mappings *m = arg;
	char path[PATH_BYTES];

	(void)cpu;
	m->lost += header->type == PERF_RECORD_LOST;
	if (header->type != PERF_RECORD_MMAP2 || header->size <= sizeof(*record))
		return LIBBPF_PERF_EVENT_CONT;
	snprintf(path, sizeof(path), "%.*s", (int)(header->size - sizeof(*record)),
		 record->filename);
	m->mapped(m->arg, record->pid, path);
	return LIBBPF_PERF_EVENT_CONT;
}

int mappings_open(void (*mapped)(void *arg, pid_t pid, const char *path), void *arg,
		  struct mappings **ret)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_DUMMY,
		.sample_period = 1,
		.watermark = 1,
		.wakeup_watermark = BUFFER_PAGES * 4096 / 2,
		.mmap = 1,
		.mmap2 = 1,
	};
	CLEANUP(mappings_close) struct mappings *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->mapped = mapped;
	m->arg = arg;
	m->map = bpf_map_create(BPF_MAP_TYPE_PERF_EVENT_ARRAY, "adder_mappings", 4, 4,
				libbpf_num_possible_cpus(), NULL);
	if (m->map < 0)
		return -errno;
	m->buffer = perf_buffer__new_raw(m->map, BUFFER_PAGES, &attr, take_record, m, NULL);
	if (!m->buffer)
		return -errno;
	*ret = TAKE_PTR(m);
	return 0;
}

void mappings_close(struct mappings *m)
{
	if (!m)
		return;
	perf_buffer__free(m->buffer);
	if (m->map > 0)
		close(m->map);
	free(m);
}

void mappings_consume(struct mappings *m)
{
	perf_buffer__consume(m->buffer);
}

uint64_t mappings_lost(const struct mappings *m)
{
	return m->lost;
}
