/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * places FILE VERSION: the opcode handlers that are found in an interpreter's file, and where they
 * are probed, for tests that know better (by symbols).  VERSION is as in 0x030b.
 *
 *   table ADDRESS
 *   handler OPCODE ADDRESS         256 of them
 *   probe OPCODE ROLE ADDRESS
 *   untimed: WHY                   where ends of calls can't be probed
 *
 * Of a file that is refused it says why, in a line, and fails.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "python/dispatch.h"
#include "symbol/image.h"

/* Of entries it must know all; where the ends can't be probed, calls are counted but not timed. */
static int print_probes(const struct image *image, const struct opcodes *opcodes,
			const struct dispatch *dispatch)
{
	struct dispatch_probe probes[DISPATCH_PROBES_MAX];
	int refused = 0;

	for (enum dispatch_goal goal = DISPATCH_ENTRIES; goal <= DISPATCH_YIELDS; goal++) {
		const char *why = NULL;
		int count = dispatch_probes(image, opcodes, dispatch, goal, probes, &why);

		for (int i = 0; i < count; i++)
			printf("probe %d %d %" PRIx64 "\n", probes[i].opcode, probes[i].role,
			       probes[i].address);
		if (count < 0)
			printf("%s: %s\n", goal == DISPATCH_ENTRIES ? "refused" : "untimed", why);
		refused |= count < 0 && goal == DISPATCH_ENTRIES;
	}
	return refused;
}

static int print(const struct image *image, const struct opcodes *opcodes)
{
	struct dispatch dispatch;
	int err = dispatch_find(image, opcodes, &dispatch);

	if (err) {
		printf("refused: no table (%s)\n", strerror(-err));
		return 1;
	}
	printf("table %" PRIx64 "\n", dispatch.table);
	for (int i = 0; i < 256; i++)
		printf("handler %d %" PRIx64 "\n", i, dispatch.handlers[i]);
	return print_probes(image, opcodes, &dispatch);
}

int main(int argc, char **argv)
{
	cleanup_close int fd = argc == 3 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
	const struct opcodes *opcodes = argc == 3 ? opcodes_find(strtol(argv[2], NULL, 0)) : NULL;
	struct image image;

	if (fd < 0 || !opcodes || image_open(fd, &image)) {
		fprintf(stderr, "usage: places FILE VERSION\n");
		return 2;
	}
	return print(&image, opcodes);
}
