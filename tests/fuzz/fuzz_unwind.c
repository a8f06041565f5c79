/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walkers over any memory: the first bytes choose a version and how the thread state is found,
 * the rest is the target's memory, over and over from address 0.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "code.h"
#include "python/layout.h"
#include "ready.h"
#include "runtime.h"
#include "unwind.h"

#define THREAD_POINTER 64
#define MEMORY_BYTES   (1 << 20) /* behind it, reads fault */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *memory;
static size_t memory_size;

long remote_read(void *dst, __u32 size, __u64 address)
{
	if (address > MEMORY_BYTES || size > MEMORY_BYTES - address)
		return -14;
	for (__u32 i = 0; i < size; i++)
		((uint8_t *)dst)[i] = memory[(address + i) % memory_size];
	return 0;
}

/* A process of some version; its layout as it is, or with a part of it as the input says. */
static bool make_process(struct adder_process *p, const uint8_t *head)
{
	const struct adder_layout *l = layout_find((0x0306U + head[0] % 10) << 16, head[1] & 1);

	if (!l)
		return false;
	p->serial = 1;
	p->tss_key = head[3] & 63;
	p->tls_offset = head[4];
	p->binary.kind = head[2] & 4 ? ADDER_BINARY_STATIC : ADDER_BINARY_LIBPYTHON;
	p->binary.tstate_via = head[2] & 3;
	p->binary.musl = head[1] >> 1 & 1;
	p->binary.lib_dynamic = head[5];
	p->binary.layout = *l;
	p->asyncio.run_code = head[5] & ~7U; /* some frame's code */
	if (head[2] & 8)
		p->asyncio.task_type = p->asyncio.str_type = p->asyncio.coro_type =
			p->asyncio.deque_type = head[4];
	if (head[1] & 4)
		memcpy((uint8_t *)&p->binary.layout + head[6] % (sizeof(*l) - 2), head + 7, 2);
	return true;
}

static void check(const struct unwind_scratch *scratch, uint64_t id, uint32_t status)
{
	/* one of which not even the first frame could be read is told, too: user space may read it
	 */
	bool is_told = scratch->stack.depth || status == UNWIND_FAULT;

	if (scratch->stack.depth > ADDER_WALK_FRAMES || status > UNWIND_LOOP)
		abort();
	if (is_told ? !(id >> 63) : id >= ADDER_STACK_FIRST_HASH)
		abort();
}

static void check_code(const struct adder_event_code *e)
{
	if (e->name_bytes > sizeof(e->name) || e->file_bytes > sizeof(e->file) ||
	    e->table_bytes > sizeof(e->table_data))
		abort();
}

/* The task at @task, if there is one: its texts and its chain stay within their bounds. */
static void check_task(struct adder_process *p, uint64_t task)
{
	static struct tasks_scratch found;
	uint64_t id = tasks_identify(p, &found, task);

	if (!id)
		return;
	if (tasks_complete(p, &found) > sizeof(found.event) || id >> 63 || !found.event.depth ||
	    found.event.depth > ADDER_TASK_LEVELS + 1)
		abort();
	for (uint32_t i = 0; i < found.event.depth && i < ADDER_TASK_LEVELS; i++) {
		if (found.event.chain[i].name_bytes > ADDER_TASK_NAME_BYTES ||
		    found.event.chain[i].coro_bytes > ADDER_TASK_CORO_BYTES)
			abort();
	}
	tasks_told(p, &found);
}

/* Tasks where the walk found them, and where the input has them whatever the walk found. */
static void check_tasks(struct adder_process *p, struct unwind_scratch *walked)
{
	static struct tasks_scratch scratch;
	struct ready_position at;

	if (!p->binary.layout.task_coro)
		return;
	check_task(p, tasks_running(p, &scratch, walked));
	check_task(p, THREAD_POINTER);
	walked->at.run_frame = THREAD_POINTER;
	p->asyncio.run_code = 1;
	if (!ready_begin(p, walked, &at))
		return;
	for (int i = 0; i < 100 && at.left; i++)
		check_task(p, ready_next(p, &scratch, &at));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct unwind_scratch scratch;
	static struct adder_event_code code;
	struct adder_process process = { 0 };
	uint32_t status = 0;
	uint64_t id;

	if (size < 24 || !make_process(&process, data))
		return 0;
	memory = data + 9;
	memory_size = size - 9;
	/* the thread pointer is what the thread state says of it: else no walk gets far */
	id = unwind_python(&scratch, &process, THREAD_POINTER, &status);
	check(&scratch, id, status);
	check_tasks(&process, &scratch);
	if (scratch.stack.depth && !code_read(&process, &scratch.stack.frames[0], &code))
		check_code(&code);
	runtime_begin(&process);
	runtime_advance(&process);
	return 0;
}
