/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Texts of /proc, arguments and cgroup paths of any bytes: the first byte chooses the parser.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "proc/container.h"
#include "proc/maps.h"
#include "proc/process.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = NULL, *raw = NULL;
	struct process_syscall syscall;
	struct container container;
	struct process_stat stat;
	struct maps_line line;
	char name[64];
	char cgroup[64];

	if (size == 0)
		return 0;
	text = calloc(1, size);
	raw = malloc(size);
	if (!text || !raw)
		return 0;
	memcpy(text, data + 1, size - 1);
	memcpy(raw, data + 1, size - 1);

	switch (data[0] % 6) {
	case 0:
		maps_parse_line(text, &line);
		break;
	case 1:
		process_parse_stat(text, &stat);
		break;
	case 2:
		process_parse_syscall(text, &syscall);
		break;
	case 3:
		process_name(raw, size - 1, "comm", name, sizeof(name));
		break;
	case 4:
		container_from_text(text, &container);
		container_cgroup_from_text(text, cgroup, sizeof(cgroup));
		container_matches(&container, "4f0c*");
		break;
	case 5:
		container_from_components(raw, size - 1, &container);
		break;
	}
	return 0;
}
