/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/trap.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define ROUNDS 5
#define HITS   500

/* Begins with an instruction that the kernel emulates, as those are that adder probes. */
#ifdef __x86_64__
static __attribute__((naked, noinline)) void landing(void)
{
	asm volatile("nop; ret");
}
#else /* gcc for aarch64 makes no naked functions, but puts nothing before this */
static __attribute__((noinline)) void landing(void)
{
	asm volatile("nop");
}
#endif

/* Where in its file the code at @address is. */
static int file_offset(uintptr_t address, size_t *ret)
{
	cleanup_fclose FILE *maps = fopen("/proc/self/maps", "re");
	uintptr_t start, end, offset;
	char line[512];

	while (maps && fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %*s %" SCNxPTR, &start, &end,
			   &offset) == 3 &&
		    address >= start && address < end) {
			*ret = address - start + offset;
			return 0;
		}
	}
	return -ENOENT;
}

/* Of several rounds the fastest: the others were interrupted. */
static uint64_t time_hits(void)
{
	uint64_t best = UINT64_MAX;

	for (int round = 0; round < ROUNDS; round++) {
		uint64_t begin = clock_now_ns(), ns;

		for (int hit = 0; hit < HITS; hit++)
			landing();
		ns = clock_now_ns() - begin;
		best = ns < best ? ns : best;
	}
	return best;
}

int trap_measure(struct bpf_program *program, uint64_t *ret_ns)
{
	uint64_t without = time_hits(), with;
	struct bpf_link *link;
	size_t offset;
	int err = file_offset((uintptr_t)landing, &offset);

	if (err)
		return err;
	link = bpf_program__attach_uprobe(program, false, 0, "/proc/self/exe", offset);
	if (!link)
		return -errno;
	with = time_hits();
	bpf_link__destroy(link);
	*ret_ns = with > without ? (with - without) / HITS : 0;
	return 0;
}
