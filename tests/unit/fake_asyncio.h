/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * asyncio tasks in the memory of a made-up CPython (fake_python.h).
 */
#ifndef TESTS_FAKE_ASYNCIO_H
#define TESTS_FAKE_ASYNCIO_H

#include "fake_python.h"
#include "ready.h"
#include "tasks.h"

#define OBJECTS      0x600000ULL
#define OBJECT_BYTES 512 /* each has as much */
#define OBJECTS_NR   4096
#define RUN          0 /* number of the code object and frame of Handle._run */

static uint64_t next_object;
static uint64_t task_type, coro_type, str_type, int_type, other_type;
static struct tasks_scratch found;

static inline uint64_t make_object(uint64_t type)
{
	uint64_t object = next_object;

	next_object += OBJECT_BYTES;
	fake_u64(object + 8, type);
	return object;
}

static inline uint64_t make_type(const char *name, uint64_t flags, uint64_t base)
{
	uint64_t type = make_object(0), text = make_object(0);

	fake_write(text, name, strlen(name) + 1);
	fake_u64(type + TASKS_TYPE_NAME, text);
	fake_u64(type + TASKS_TYPE_FLAGS, flags);
	fake_u64(type + TASKS_TYPE_BASE, base);
	return type;
}

static inline uint64_t make_str(const char *letters)
{
	uint64_t str = make_object(str_type);

	fake_u64(str + layout()->str_length, strlen(letters));
	fake_u32(str + layout()->str_state, (1 | 8 | 16) << layout()->str_kind_shift);
	fake_write(str + layout()->str_ascii_data, letters, strlen(letters));
	return str;
}

/* As 3.12 and later keep it. */
static inline uint64_t make_int(uint64_t number)
{
	uint64_t object = make_object(int_type);

	fake_u64(object + 16, (number >> 30 ? 2 : 1) << 3);
	fake_u32(object + 24, number & 0x3fffffff);
	fake_u32(object + 28, number >> 30);
	return object;
}

/* A task that is called by the str or int at @name, and runs a coroutine called @coro. */
static inline uint64_t make_task(uint64_t name, const char *coro)
{
	uint64_t task = make_object(task_type), coroutine = make_object(coro_type);

	fake_u64(coroutine + layout()->coro_qualname, make_str(coro));
	fake_u64(task + layout()->task_name, name);
	fake_u64(task + layout()->task_coro, coroutine);
	return task;
}

/* A callback that wakes @task. */
static inline uint64_t make_wakeup(uint64_t task)
{
	uint64_t callback = make_object(other_type);

	fake_u64(callback + layout()->wakeup_task, task);
	return callback;
}

/* @task is awaited by @by. */
static inline void await(uint64_t task, uint64_t by)
{
	if (layout()->task_callback)
		fake_u64(task + layout()->task_callback, make_wakeup(by));
	else
		fake_u64(task + layout()->task_awaiter, by);
}

/* The thread runs @callback, from the frame that make_asyncio() made. */
static inline void run_callback(uint64_t callback)
{
	uint64_t handle = make_object(other_type);

	fake_u64(handle + 24, callback);
	fake_u64(stack_frame(RUN, 10) + layout()->frame_locals, handle);
}

/* The thread runs @task. */
static inline void run_task(uint64_t task)
{
	if (layout()->ts_task)
		fake_u64(TSTATE + layout()->ts_task, task);
	else
		run_callback(make_wakeup(task));
}

/* A CPython of @version, whose thread has ten frames, one of them that of Handle._run. */
static inline void make_asyncio(uint32_t version)
{
	make_process(version, false);
	fake_map(OBJECTS, OBJECTS_NR * OBJECT_BYTES);
	next_object = OBJECTS;
	make_stack(10);
	process.asyncio.run_code = code_at(RUN);
	other_type = make_type("dict", 0, 0);
	str_type = make_type("str", TASKS_IS_STR, other_type);
	int_type = make_type("int", TASKS_IS_INT, other_type);
	coro_type = make_type("coroutine", 0, other_type);
	task_type = make_type("_asyncio.Task", 0, other_type);
	walk();
	assert_int_equal(status, UNWIND_DONE);
}

/* The Handle that the thread runs has the loop @loop. */
static inline void run_loop(uint64_t loop)
{
	uint64_t handle;

	remote_read(&handle, sizeof(handle), stack_frame(RUN, 10) + layout()->frame_locals);
	fake_u64(handle + 48, loop);
}

static inline uint64_t find_task(void)
{
	uint64_t id;

	fake.reads = 0;
	id = tasks_read(&process, &found, &scratch);
	if (id)
		tasks_complete(&process, &found);
	return id;
}

#endif
