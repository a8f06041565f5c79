/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any events and ledger entries, as if the kernel half had sent them, made into a profile.  Each
 * begins with a byte that chooses its kind and one that is its length in units of eight.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "pprof/pprof.h"
#include "profile/profile.h"
#include "resolve/resolve.h"

#define MEMORY 20000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int read_code(void *arg, uint32_t serial, const struct adder_frame *frame,
		     struct adder_event_code *ret)
{
	(void)arg, (void)serial, (void)frame, (void)ret;
	return -ESRCH;
}

static int complete_stack(void *arg, const struct adder_event_stack *torn,
			  const struct adder_event_stack **ret)
{
	(void)arg, (void)torn, (void)ret;
	return -ENOENT;
}

static int read_memory(void *arg, uint32_t serial, uint64_t address, void *dst, size_t size)
{
	(void)arg;
	memset(dst, address, size);
	return serial & 1 ? -ESRCH : 0;
}

static void untell(void *arg, uint64_t id)
{
	(void)arg, (void)id;
}

static void untell_code(void *arg, const struct adder_code_key *key)
{
	(void)arg, (void)key;
}

/* An entry of the ledger: its times are what they can be, since the kernel half has made them. */
static void add_entry(struct resolver *r, const void *event, size_t size)
{
	struct adder_ledger_key key = { 0 };
	struct adder_ledger_value value = { .wait_ns = 3, .burst_ns = 2, .count = 1 };

	memcpy(&key, event, size < sizeof(key) ? size : sizeof(key));
	key.how %= ADDER_HOW_LIFE + 1;
	resolver_add(r, &key, &value);
}

static void take(struct resolver *r, uint8_t kind, const void *event, size_t size)
{
	struct resolver_process process = { .name = "name", .version = 0x030b };
	uint32_t serial;

	memcpy(&serial, event, sizeof(serial));
	process.serial = serial;
	switch (kind % 10) {
	case 0:
		resolver_process(r, &process);
		break;
	case 1:
		resolver_code(r, event, size);
		break;
	case 2:
		resolver_stack(r, event, size);
		break;
	case 3:
		resolver_awaited(r, event, size);
		break;
	case 4:
		resolver_task(r, event, size);
		break;
	case 5:
		resolver_process_gone(r, serial);
		break;
	case 6:
		resolver_drop(r, serial);
		break;
	case 7:
		resolver_drained(r);
		break;
	default:
		add_entry(r, event, size);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct resolver_hooks hooks = { .read_code = read_code,
					      .complete_stack = complete_stack,
					      .read_memory = read_memory,
					      .untell = untell,
					      .untell_code = untell_code };
	CLEANUP(profile_free) struct profile *p = profile_new();
	CLEANUP(resolver_free) struct resolver *r = NULL;
	cleanup_close int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct resolver_totals totals;

	profile_add_adder_types(p);
	r = resolver_new(p, &hooks, MEMORY);
	while (size >= 10) {
		size_t bytes = 8 * (data[1] + 1);
		void *event;

		if (bytes > size - 2)
			bytes = (size - 2) & ~7UL;
		/* of its exact size, so that the sanitizer sees each read behind it */
		event = malloc(bytes);
		if (!event)
			return 0;
		memcpy(event, data + 2, bytes);
		take(r, data[0], event, bytes);
		free(event);
		data += 2 + bytes;
		size -= 2 + bytes;
	}
	resolver_finish(r, 10000000, &totals);
	if (!profile_error(p) && pprof_write(p, fd))
		abort();
	return 0;
}
