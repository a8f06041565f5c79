/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Garbage collections and imports, each sent when it ends, by CPython's static probes (USDT).
 *
 *   gc__start, import__find__load__start: note when, by thread
 *   gc__done, import__find__load__done:   find the note -> who is it for? -> send both
 *
 * What belongs together is told by more than its order, for some have no end: a daemon thread that
 * is ended within an import, a program that another one replaces.  An interpreter collects once at
 * a time: its address tells a collection.  An import is told by the address of its module's name,
 * the same str at both ends; so greenlets that take turns within their imports are kept apart, too.
 * A note of a thread that is gone is never taken for one of a later thread of its number: they
 * began at different times.
 *
 * The one who asked for it runs the same instruction at both ends, so it is looked for at the end:
 * the time it takes is not in the collection's.
 */
#include "innermost.h"

#include <bpf/usdt.bpf.h>

/* What a note of @what in thread @tid begins with. */
static __always_inline struct open_span open_now(struct task_struct *task,
						 const struct adder_process *p)
{
	return (struct open_span){ .thread_start = BPF_CORE_READ(task, start_time),
				   .serial = p->serial };
}

static __always_inline struct open_key key_of(enum open_what what, __u64 address)
{
	return (struct open_key){ .address = address,
				  .tid = (__u32)bpf_get_current_pid_tgid(),
				  .what = what };
}

/* The note under @key, if it is this very thread's. */
static __always_inline struct open_span *find_open(const struct open_key *key,
						   const struct open_span *now)
{
	struct open_span *open = bpf_map_lookup_elem(&open_spans, key);

	return open && open->thread_start == now->thread_start && open->serial == now->serial
		       ? open
		       : NULL;
}

/* The process that current is a thread of, if it is recorded and can be read. */
static __always_inline struct adder_process *recorded_process(void)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	struct adder_process *p = is_tracked(pid) ? find_process(pid) : NULL;

	return p && !runtime_advance(p) ? p : NULL;
}

static __always_inline __u64 current_tstate(const struct adder_process *p, struct task_struct *task)
{
	__u64 tstate = 0;

	return innermost_tstate(p, current_thread_pointer(task), &tstate) ? 0 : tstate;
}

/* Fill in what an event of either kind begins with, and tell of its function. */
static __noinline int fill_span(struct adder_process *p, struct adder_span *span,
				bool outside_importlib)
{
	struct task_struct *task = compat_current();

	if (!p || !span)
		return -1;
	span->serial = p->serial;
	span->pid = bpf_get_current_pid_tgid() >> 32;
	span->tid = bpf_get_current_pid_tgid();
	bpf_get_current_comm(span->comm, sizeof(span->comm));
	if (!innermost_function(&p->binary.layout, current_tstate(p, task), outside_importlib,
				&span->by))
		innermost_tell(p, &span->by);
	return 0;
}

/* ---- collections ---- */

/* The interpreter that current is in; 0 if it can't be told. */
static __always_inline __u64 current_interp(const struct adder_process *p, struct task_struct *task)
{
	__u64 interp = 0;

	if (remote_read(&interp, sizeof(interp),
			current_tstate(p, task) + p->binary.layout.ts_interp))
		return 0;
	return interp;
}

SEC("usdt")
int on_gc_start(struct pt_regs *ctx)
{
	struct task_struct *task = compat_current();
	struct adder_process *p = recorded_process();
	struct open_span open;
	struct open_key key;
	long generation;

	if (!p)
		return 0;
	bpf_usdt_arg(ctx, 0, &generation);
	key = key_of(OPEN_COLLECTION, current_interp(p, task));
	open = open_now(task, p);
	open.level = generation;
	open.start_ns = bpf_ktime_get_ns();
	bpf_map_update_elem(&open_spans, &key, &open, BPF_ANY);
	return 0;
}

SEC("usdt")
int on_gc_done(struct pt_regs *ctx)
{
	struct adder_event_collection e = { .span.kind = ADDER_EVENT_COLLECTION,
					    .span.end_ns = bpf_ktime_get_ns() };
	struct task_struct *task = compat_current();
	struct adder_process *p = recorded_process();
	struct open_span now, *open;
	struct open_key key;
	long collected;

	if (!p)
		return 0;
	now = open_now(task, p);
	key = key_of(OPEN_COLLECTION, current_interp(p, task));
	open = find_open(&key, &now);
	if (!open) {
		lose(ADDER_LOST_UNOPENED);
		return 0;
	}
	bpf_usdt_arg(ctx, 0, &collected);
	e.collected = collected;
	e.generation = open->level;
	e.span.start_ns = open->start_ns;
	bpf_map_delete_elem(&open_spans, &key);
	fill_span(p, &e.span, false);
	if (bpf_ringbuf_output(&events, &e, sizeof(e), ring_flags()))
		lose(ADDER_LOST_RING_SPAN);
	return 0;
}

/* ---- imports ---- */

SEC("usdt")
int on_import_start(struct pt_regs *ctx)
{
	struct task_struct *task = compat_current();
	struct adder_process *p = recorded_process();
	struct open_key key = key_of(OPEN_DEPTH, 0);
	struct open_span open, *depth;
	long name;

	if (!p || bpf_usdt_arg(ctx, 0, &name))
		return 0;
	open = open_now(task, p);
	depth = find_open(&key, &open);
	open.level = depth ? depth->level + 1 : 1;
	bpf_map_update_elem(&open_spans, &key, &open, BPF_ANY);
	open.level--;
	key = key_of(OPEN_IMPORT, name);
	open.start_ns = bpf_ktime_get_ns();
	bpf_map_update_elem(&open_spans, &key, &open, BPF_ANY);
	return 0;
}

/* @depth imports are open in current again. */
static __always_inline void set_depth(const struct open_span *now, __u32 depth)
{
	struct open_key key = key_of(OPEN_DEPTH, 0);
	struct open_span *open = find_open(&key, now);

	if (open && depth)
		open->level = depth;
	else
		bpf_map_delete_elem(&open_spans, &key);
}

static __always_inline void send_import(struct adder_process *p, const struct open_span *open,
					__u64 end_ns, __u64 name, bool found)
{
	struct adder_span span = { .kind = ADDER_EVENT_IMPORT,
				   .start_ns = open->start_ns,
				   .end_ns = end_ns };
	struct adder_event_import *e;
	__u64 flags;
	long bytes;

	fill_span(p, &span, true);
	flags = ring_flags();
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0); /* behind the function's name */
	if (!e) {
		lose(ADDER_LOST_RING_SPAN);
		return;
	}
	e->span = span;
	e->depth = open->level;
	e->found = found;
	bytes = bpf_probe_read_user_str(e->module, sizeof(e->module), (void *)name);
	e->module_bytes = bytes > 0 ? bytes - 1 : 0;
	bpf_ringbuf_submit(e, flags);
}

SEC("usdt")
int on_import_done(struct pt_regs *ctx)
{
	__u64 end_ns = bpf_ktime_get_ns();
	struct task_struct *task = compat_current();
	struct adder_process *p = recorded_process();
	struct open_span now, open, *found_open;
	struct open_key key;
	long name, found;

	if (!p || bpf_usdt_arg(ctx, 0, &name))
		return 0;
	bpf_usdt_arg(ctx, 1, &found);
	now = open_now(task, p);
	key = key_of(OPEN_IMPORT, name);
	found_open = find_open(&key, &now);
	if (!found_open) {
		lose(ADDER_LOST_UNOPENED);
		return 0;
	}
	open = *found_open;
	bpf_map_delete_elem(&open_spans, &key);
	set_depth(&now, open.level);
	send_import(p, &open, end_ns, name, found);
	return 0;
}
