/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which asyncio task a thread runs, and who awaits it, by remote_read() alone.
 *
 * frame of Handle._run -> its Handle -> the callback -> the Task (3.14 on: thread state -> Task)
 * Task -> its name, its coroutine's name -> the Task that awaits it -> ...
 *
 * A task is what it is called, not where it lies: addresses recur, and a server has millions.  Its
 * id is a hash of the names of the whole chain.  Names that the program makes by counting would be
 * without end; the first ones of a process are kept, then they are summed (enum adder_task_name).
 *
 * What is not _asyncio's Task, or not built of str, int and coroutine, is no task: memory that
 * isn't what it should be gives none.
 */
#ifndef BPF_TASKS_H
#define BPF_TASKS_H

#include "code.h"
#include "unwind.h"

#define TASKS_OBJECT_WORDS 32 /* read of an object at once; an offset in there is masked */
#define TASKS_TEXT_WORDS   16 /* of a str: its head, and some 50 letters */
#define TASKS_BASES        3  /* classes between a Task's own and _asyncio's */
#define TASKS_DIGITS       18 /* of a number that fits 64 bits */

/* PyTypeObject, 3.8 on, without free-threading */
enum { TASKS_TYPE_NAME = 24, TASKS_TYPE_SIZE = 32, TASKS_TYPE_FLAGS = 168, TASKS_TYPE_BASE = 256 };
#define TASKS_IS_INT (1ULL << 24)
#define TASKS_IS_STR (1ULL << 28)

/* Room to work in: too large for BPF's stack. */
struct tasks_scratch {
	__u64 next; /* address of the task to read next; 0: none */
	__u64 hash;
	__u32 numbered, named; /* names of the chain that are kept */
	__u64 object[TASKS_OBJECT_WORDS];
	__u64 text[TASKS_TEXT_WORDS];
	__u64 names[ADDER_TASK_LEVELS], coros[ADDER_TASK_LEVELS]; /* addresses of str */
	struct adder_event_task event;
};

struct tasks {
	struct adder_process *process;
	struct tasks_scratch *scratch;
};

/* The u64 at offset @at of the object that was read. */
static __always_inline __u64 tasks_field(const struct tasks_scratch *s, __u16 at)
{
	return s->object[at / 8 % TASKS_OBJECT_WORDS];
}

/* Read the object at @address up to its field at @last. */
static __always_inline int tasks_fetch(struct tasks_scratch *s, __u64 address, __u16 last)
{
	__u32 bytes = (last / 8 % TASKS_OBJECT_WORDS + 1) * 8;

	barrier_var(bytes);
	if (bytes > sizeof(s->object))
		return -1;
	return remote_read(s->object, bytes, address) ? -1 : 0;
}

/* ---- types ---- */

/* Is @type called @name, which is 16 bytes with its NUL and what follows? */
static __always_inline bool tasks_is_called(__u64 type, const char *name, __u32 bytes)
{
	__u64 at, text[2] = { 0, 0 }, want[2] = { 0, 0 };

	if (remote_read(&at, sizeof(at), type + TASKS_TYPE_NAME) || remote_read(text, bytes, at))
		return false;
	__builtin_memcpy(want, name, bytes);
	return text[0] == want[0] && text[1] == want[1];
}

/* A Task, or of a class made of it. */
static __always_inline bool tasks_is_task(struct adder_asyncio *a, __u64 type)
{
	for (int i = 0; i <= TASKS_BASES && type; i++) {
		if (type == a->task_type)
			return true;
		if (!a->task_type && tasks_is_called(type, "_asyncio.Task", 14)) {
			a->task_type = type;
			return true;
		}
		if (remote_read(&type, sizeof(type), type + TASKS_TYPE_BASE))
			return false;
	}
	return false;
}

static __always_inline bool tasks_is_coroutine(struct adder_asyncio *a, __u64 type)
{
	if (type == a->coro_type)
		return true;
	if (tasks_is_called(type, "coroutine", 10)) {
		a->coro_type = type;
		return true;
	}
	return tasks_is_called(type, "generator", 10);
}

enum tasks_kind { TASKS_STRANGE, TASKS_STR, TASKS_INT };

static __always_inline enum tasks_kind tasks_kind_of(struct adder_asyncio *a, __u64 type)
{
	__u64 flags;

	if (type == a->str_type)
		return TASKS_STR;
	if (type == a->int_type)
		return TASKS_INT;
	if (remote_read(&flags, sizeof(flags), type + TASKS_TYPE_FLAGS))
		return TASKS_STRANGE;
	if (flags & TASKS_IS_STR) {
		a->str_type = type;
		return TASKS_STR;
	}
	if (!(flags & TASKS_IS_INT))
		return TASKS_STRANGE;
	a->int_type = type;
	return TASKS_INT;
}

/* ---- names ---- */

/* Read the start of the str, or int, at @address; what does not fit its page only if it must. */
static __always_inline int tasks_fetch_text(struct tasks_scratch *s, __u64 address, __u32 *ret)
{
	__u64 in_page = UNWIND_PAGE - (address & (UNWIND_PAGE - 1));
	__u32 bytes = in_page < sizeof(s->text) && in_page >= 80 ? in_page & ~7U : sizeof(s->text);

	barrier_var(bytes);
	if (bytes > sizeof(s->text) || remote_read(s->text, bytes, address))
		return -1;
	*ret = bytes;
	return 0;
}

/* The number of a name that is "Task-N", of @bytes in all, at @start of the text; -1 of others. */
static __always_inline __s64 tasks_number(const struct tasks_scratch *s, __u32 start, __u64 bytes)
{
	const __u8 *letters = (const __u8 *)s->text;
	__s64 number = 0;

	if (bytes < 6 || bytes > 5 + TASKS_DIGITS ||
	    (s->text[start / 8 % TASKS_TEXT_WORDS] & 0xffffffffffULL) != 0x2d6b736154ULL)
		return -1;
	for (__u32 i = 5; i < 5 + TASKS_DIGITS; i++) {
		__u32 digit = letters[(start + i) % (TASKS_TEXT_WORDS * 8)] - '0';

		if (i >= bytes)
			break;
		if (digit > 9)
			return -1;
		number = number * 10 + digit;
	}
	return number;
}

/*
 * Hash the str at @address, which the text holds the first @have bytes of.  Letters beyond are told
 * apart by the address.  *@number: of a "Task-N", else -1.
 */
static __always_inline __u64 tasks_hash_str(const struct adder_layout *l, struct tasks_scratch *s,
					    __u64 address, __u32 have, __s64 *number)
{
	__u32 state = s->text[l->str_state / 8 % TASKS_TEXT_WORDS] >> (l->str_kind_shift & 31);
	__u64 length = s->text[l->str_length / 8 % TASKS_TEXT_WORDS], bytes = length * (state & 7);
	__u32 start = state & 16 ? l->str_ascii_data : l->str_compact_data;
	__u64 hash = unwind_mix(length, state & 31);

	*number = state & 16 ? tasks_number(s, start, bytes) : -1;
	for (__u32 i = 0; i < TASKS_TEXT_WORDS; i++) {
		__u64 word = s->text[(start / 8 + i) % TASKS_TEXT_WORDS];
		__u64 left = bytes - i * 8;

		if (i * 8 >= bytes || start + i * 8 >= have)
			break;
		hash = unwind_mix(hash, left < 8 ? word & ((1ULL << left * 8) - 1) : word);
	}
	return start + bytes > have ? unwind_mix(hash, address) : hash;
}

/* What the task of @level is called, by the str or int at @address. */
static __always_inline int tasks_read_name(struct tasks *t, __u64 address, struct adder_task *level)
{
	const struct adder_layout *l = &t->process->binary.layout;
	struct adder_asyncio *a = &t->process->asyncio;
	struct tasks_scratch *s = t->scratch;
	__u64 hash = 0;
	__s64 number;
	__u32 have;

	if (tasks_fetch_text(s, address, &have))
		return -1;
	switch (tasks_kind_of(a, s->text[1])) {
	case TASKS_STR:
		hash = tasks_hash_str(l, s, address, have, &number);
		break;
	case TASKS_INT: /* lv_tag, then digits of 30 bits (3.12 on) */
		number = s->text[3] & 0x3fffffff;
		if (s->text[2] >> 3 > 1)
			number |= (s->text[3] >> 32 & 0x3fffffff) << 30;
		break;
	default:
		return -1;
	}
	level->number = number;
	if (number >= 0) {
		s->numbered++;
		level->named = a->numbered < ADDER_TASKS_NUMBERED ? ADDER_TASK_NUMBERED
								  : ADDER_TASK_SUMMED;
		hash = level->named == ADDER_TASK_NUMBERED ? number : 0;
	} else {
		s->named++;
		level->named = a->named < ADDER_TASKS_NAMED ? ADDER_TASK_NAMED : ADDER_TASK_OTHER;
		hash = level->named == ADDER_TASK_NAMED ? hash : 0;
	}
	s->hash = unwind_mix(unwind_mix(s->hash, level->named), hash);
	return 0;
}

/* The name of the coroutine at @address; *@ret: its str, 0 if it is no coroutine of Python. */
static __always_inline void tasks_read_coro(struct tasks *t, __u64 address, __u64 *ret)
{
	const struct adder_layout *l = &t->process->binary.layout;
	struct adder_asyncio *a = &t->process->asyncio;
	struct tasks_scratch *s = t->scratch;
	__u64 qualname;
	__s64 number;
	__u32 have;

	*ret = 0;
	if (!address || tasks_fetch(s, address, l->coro_qualname) ||
	    !tasks_is_coroutine(a, tasks_field(s, l->object_type)))
		return;
	qualname = tasks_field(s, l->coro_qualname);
	if (tasks_fetch_text(s, qualname, &have) || tasks_kind_of(a, s->text[1]) != TASKS_STR)
		return;
	s->hash = unwind_mix(s->hash, tasks_hash_str(l, s, qualname, have, &number));
	*ret = qualname;
}

/* ---- the chain ---- */

/* Any one of a set's members (PySetObject: mask, table of {key, hash}); 0: none. */
static __always_inline __u64 tasks_any_of(struct tasks_scratch *s, __u64 set)
{
	__u64 table, member = 0;

	if (remote_read(&table, sizeof(table), set + 40) || remote_read(s->object, 128, table))
		return 0;
	for (int i = 0; i < 8; i++) {
		if (!member && s->object[2 * i] && s->object[2 * i + 1] != ~0ULL) /* not a dummy */
			member = s->object[2 * i];
	}
	return member;
}

/* The task behind a callback that wakes it, or begins a step of it; 0: it may be none. */
static __always_inline __u64 tasks_of_callback(struct tasks_scratch *s, __u16 wakeup)
{
	__u64 task = tasks_field(s, wakeup);

	return task ? task : tasks_field(s, 16); /* TaskStepMethWrapper: no argument, the task */
}

/* Who awaits the task that was read? */
static __always_inline __u64 tasks_awaiter(const struct adder_layout *l, struct tasks_scratch *s)
{
	__u64 awaiter;
	bool is_set;

	if (l->task_callback) {
		awaiter = tasks_field(s, l->task_callback);
		if (!awaiter || tasks_fetch(s, awaiter, l->wakeup_task))
			return 0;
		return tasks_field(s, l->wakeup_task);
	}
	awaiter = tasks_field(s, l->task_awaiter);
	is_set = tasks_field(s, l->task_awaiters) >> l->task_awaiters % 8 * 8 & 0xff;
	return awaiter && is_set ? tasks_any_of(s, awaiter) : awaiter;
}

/* Read one task and go on to who awaits it; non-zero ends the chain. */
static long tasks_step(__u32 index, void *context)
{
	struct tasks *t = context;
	struct tasks_scratch *s = t->scratch;
	const struct adder_layout *l = &t->process->binary.layout;
	__u64 coro, name, next;
	__u32 level = s->event.depth;

	(void)index;
	if (!s->next || tasks_fetch(s, s->next, l->task_name) ||
	    !tasks_is_task(&t->process->asyncio, tasks_field(s, l->object_type)))
		return 1;
	barrier_var(level);
	if (level >= ADDER_TASK_LEVELS) {
		s->event.depth = ADDER_TASK_LEVELS + 1;
		return 1;
	}
	coro = tasks_field(s, l->task_coro);
	name = tasks_field(s, l->task_name);
	next = tasks_awaiter(l, s);
	if (tasks_read_name(t, name, &s->event.chain[level]))
		return 1;
	s->names[level] = name;
	tasks_read_coro(t, coro, &s->coros[level]);
	s->event.depth = level + 1;
	s->next = next;
	return 0;
}

/* The task that @handle wakes or begins; 0: none. */
static __always_inline __u64 tasks_of_handle(const struct adder_process *p, struct tasks_scratch *s,
					     __u64 handle)
{
	__u16 wakeup = p->binary.layout.wakeup_task;
	__u64 callback;

	if (remote_read(&callback, sizeof(callback), (handle & ~7ULL) + 24) || /* _callback */
	    tasks_fetch(s, callback, wakeup))
		return 0;
	return tasks_of_callback(s, wakeup);
}

/* The task that the thread runs, or may run; 0: none. */
static __always_inline __u64 tasks_running(const struct adder_process *p, struct tasks_scratch *s,
					   const struct unwind_scratch *walked)
{
	const struct adder_layout *l = &p->binary.layout;
	__u64 handle, task;

	if (l->ts_task)
		return remote_read(&task, sizeof(task), walked->tstate_at + l->ts_task) ? 0 : task;
	if (!p->asyncio.run_code || !walked->at.run_frame ||
	    remote_read(&handle, sizeof(handle), walked->at.run_frame + l->frame_locals))
		return 0;
	return tasks_of_handle(p, s, handle);
}

/*
 * What is the object at @task called?  The id of that task of @p, never 0; or 0 if it is none. With
 * an id, @s holds all but the texts.  What is learnt of types goes to @p.
 */
static __always_inline __u64 tasks_identify(struct adder_process *p, struct tasks_scratch *s,
					    __u64 task)
{
	struct tasks t = { .process = p, .scratch = s };

	s->next = task;
	s->hash = unwind_mix(0x7461736b73ULL, p->serial);
	s->numbered = s->named = s->event.depth = 0;
	if (task)
		compat_loop(ADDER_TASK_LEVELS + 1, tasks_step, &t);
	if (!s->event.depth)
		return 0;
	s->event.kind = ADDER_EVENT_TASK;
	s->event.serial = p->serial;
	s->event.id = (unwind_mix(s->hash, s->event.depth) & ~(1ULL << 63)) | 1;
	return s->event.id;
}

/* The task object that a thread of @p runs, whose stack was the last walked with @walked; or 0. */
static __always_inline __u64 tasks_current(struct adder_process *p, struct tasks_scratch *s,
					   const struct unwind_scratch *walked)
{
	if (!p->binary.layout.task_coro || !walked->interp)
		return 0;
	return tasks_running(p, s, walked);
}

/** Find that task: as tasks_identify(). */
static __always_inline __u64 tasks_read(struct adder_process *p, struct tasks_scratch *s,
					const struct unwind_scratch *walked)
{
	return tasks_identify(p, s, tasks_current(p, s, walked));
}

/* ---- telling ---- */

/* Read the texts of one task of the chain. */
static long tasks_read_texts(__u32 index, void *context)
{
	struct tasks *t = context;
	const struct adder_layout *l = &t->process->binary.layout;
	struct adder_task *level;
	int bytes;

	if (index >= ADDER_TASK_LEVELS || index >= t->scratch->event.depth)
		return 1;
	level = &t->scratch->event.chain[index];
	level->name_bytes = level->coro_bytes = 0;
	if (level->named == ADDER_TASK_NAMED) {
		bytes = code_read_text(l, t->scratch->names[index], level->name,
				       ADDER_TASK_NAME_BYTES, &level->name_state);
		level->name_bytes = bytes < 0 ? 0 : bytes;
	}
	if (t->scratch->coros[index]) {
		bytes = code_read_text(l, t->scratch->coros[index], level->coro,
				       ADDER_TASK_CORO_BYTES, &level->coro_state);
		level->coro_bytes = bytes < 0 ? 0 : bytes;
	}
	return 0;
}

/* Complete the event in @s, after tasks_read(); its size in bytes. */
static __always_inline __u32 tasks_complete(struct adder_process *p, struct tasks_scratch *s)
{
	struct tasks t = { .process = p, .scratch = s };
	__u32 depth = s->event.depth;

	compat_loop(ADDER_TASK_LEVELS, tasks_read_texts, &t);
	if (depth > ADDER_TASK_LEVELS)
		depth = ADDER_TASK_LEVELS;
	return __builtin_offsetof(struct adder_event_task, chain) +
	       depth * sizeof(struct adder_task);
}

/* The event has been told: its names count among those that are kept. */
static __always_inline void tasks_told(struct adder_process *p, const struct tasks_scratch *s)
{
	if (s->numbered)
		__sync_fetch_and_add(&p->asyncio.numbered, 1);
	else if (s->named)
		__sync_fetch_and_add(&p->asyncio.named, 1);
}

#endif
