/* SPDX-License-Identifier: BSD-2-Clause */
#include "recorder/reader.h"

#include <errno.h>
#include <sys/types.h>

#include "probe/session.h"
#include "python/memory.h"
#include "recorder/members.h"

/* How process @serial is read, and its pid; 0 if it is gone. */
static pid_t find_process(const struct reader *reader, uint32_t serial, struct adder_process *ret)
{
	pid_t pid = members_pid(reader->members, serial);

	if (!pid || session_find_process(reader->session, pid, ret) || ret->serial != serial)
		return 0;
	return pid;
}

/* A code object whose page was not there for the kernel half. */
static int read_code(void *arg, uint32_t serial, const struct adder_frame *frame,
		     struct adder_event_code *ret)
{
	struct adder_process process;
	pid_t pid = find_process(arg, serial, &process);

	return pid ? memory_read_code(pid, &process, frame, ret) : -ESRCH;
}

/* A stack of which the kernel half found a part paged out. */
static int complete_stack(void *arg, const struct adder_event_stack *torn,
			  const struct adder_event_stack **ret)
{
	struct adder_process process;
	pid_t pid = find_process(arg, torn->serial, &process);

	return pid ? memory_complete_stack(pid, &process, torn, ret) : -ESRCH;
}

static int read_memory(void *arg, uint32_t serial, uint64_t address, void *dst, size_t size)
{
	const struct reader *reader = arg;
	pid_t pid = members_pid(reader->members, serial);

	return pid ? memory_read(pid, address, dst, size) : -ESRCH;
}

/* What is let go of here must not count as told there. */
static void untell(void *arg, uint64_t id)
{
	const struct reader *reader = arg;

	session_untell(reader->session, id);
}

static void untell_code(void *arg, const struct adder_code_key *key)
{
	const struct reader *reader = arg;

	session_untell_code(reader->session, key);
}

struct resolver_hooks reader_hooks(struct reader *reader)
{
	return (struct resolver_hooks){ .read_code = read_code,
					.complete_stack = complete_stack,
					.read_memory = read_memory,
					.untell = untell,
					.untell_code = untell_code,
					.arg = reader };
}
