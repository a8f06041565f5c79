/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * places FILE VERSION: the opcode handlers that are found in an interpreter's file, and where they
 * are probed, for tests that know better (by symbols).  VERSION is as in 0x030b.
 *
 *   table ADDRESS
 *   handler OPCODE ADDRESS         256 of them
 *   probe OPCODE ROLE ADDRESS
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

static int print(const struct image *image, const struct opcodes *opcodes)
{
	struct dispatch_probe probes[DISPATCH_PROBES_MAX];
	struct dispatch dispatch;
	const char *why = "no table";
	int count, err = dispatch_find(image, opcodes, &dispatch);

	if (err) {
		printf("refused: no table (%s)\n", strerror(-err));
		return 1;
	}
	printf("table %" PRIx64 "\n", dispatch.table);
	for (int i = 0; i < 256; i++)
		printf("handler %d %" PRIx64 "\n", i, dispatch.handlers[i]);
	count = dispatch_probes(image, opcodes, &dispatch, DISPATCH_ENTRIES, probes, &why);
	for (int i = 0; i < count; i++)
		printf("probe %d %d %" PRIx64 "\n", probes[i].opcode, probes[i].role,
		       probes[i].address);
	if (count < 0)
		printf("refused: %s\n", why);
	return count < 0;
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
