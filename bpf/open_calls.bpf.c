/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ADDER_OLD_KERNEL
#include "innermost.h"
#include "open_calls.h"
#include "open_clock.h"

#define OPEN_TRIES 8  /* slots that one may be in, from where its hash says */
#define OPEN_WALK  32 /* frames walked to find one that is known */

static __always_inline struct adder_open_function *function_at(struct adder_open_calls *o,
							       __u32 slot)
{
	slot &= ADDER_OPEN_ACTIVE - 1;
	barrier_var(slot);
	return &o->functions[slot];
}

static __always_inline __u32 open_hash(__u64 address)
{
	return address * 0x9e3779b97f4a7c15ULL >> 40;
}

/* The slot of @frame; OPEN_NONE if it has none. */
__noinline __u32 open_find(struct adder_open_calls *o, __u64 frame)
{
	__u32 hash = open_hash(frame);

	if (!o || !frame)
		return OPEN_NONE;
	for (__u32 i = 0; i < OPEN_TRIES; i++) {
		if (open_at(o, hash + i)->frame == frame)
			return (hash + i) & (ADDER_OPEN_CALLS - 1);
	}
	return OPEN_NONE;
}

/* A slot for @frame, which has none; OPEN_NONE if there is no room. */
__noinline __u32 open_make(struct adder_open_calls *o, __u64 frame, __u64 caller)
{
	__u32 hash = open_hash(frame);
	struct adder_open_call *call;

	if (!o)
		return OPEN_NONE;
	for (__u32 i = 0; i < OPEN_TRIES; i++) {
		call = open_at(o, hash + i);
		if (call->frame)
			continue;
		__builtin_memset(call, 0, sizeof(*call));
		call->frame = frame;
		call->caller = caller;
		o->count++;
		return (hash + i) & (ADDER_OPEN_CALLS - 1);
	}
	lose(ADDER_LOST_CALL_TIMES);
	return OPEN_NONE;
}

/* One more open call of a function: is there another? */
__noinline int open_function(struct adder_open_calls *o, __u64 code, __u32 signature)
{
	__u32 hash = open_hash(code), vacant = ADDER_OPEN_ACTIVE;
	struct adder_open_function *f;

	if (!o)
		return 0;
	for (__u32 i = 0; i < OPEN_TRIES; i++) {
		f = function_at(o, hash + i);
		if (f->count && f->code == code && f->signature == signature) {
			f->count++;
			return 1;
		}
		if (!f->count && vacant == ADDER_OPEN_ACTIVE)
			vacant = (hash + i) & (ADDER_OPEN_ACTIVE - 1);
	}
	if (vacant == ADDER_OPEN_ACTIVE) {
		lose(ADDER_LOST_CALL_TIMES); /* its recursive calls will count as others */
		return 0;
	}
	f = function_at(o, vacant);
	f->code = code;
	f->signature = signature;
	f->count = 1;
	return 0;
}

__noinline int open_function_ends(struct adder_open_calls *o, __u64 code, __u32 signature)
{
	__u32 hash = open_hash(code);
	struct adder_open_function *f;

	if (!o)
		return 0;
	for (__u32 i = 0; i < OPEN_TRIES; i++) {
		f = function_at(o, hash + i);
		if (f->count && f->code == code && f->signature == signature) {
			f->count--;
			return 0;
		}
	}
	return 0;
}

/* What its callees have taken of the call in @slot, by @now. */
__noinline __u64 open_inner(struct adder_open_calls *o, __u32 slot, __u64 now)
{
	struct adder_open_call *call;
	__u64 inner;

	if (!o)
		return 0;
	call = open_at(o, slot);
	inner = call->inner_ns;
	for (int level = 0; level < 2 && call->callee; level++) {
		slot = open_find(o, call->callee);
		if (slot == OPEN_NONE)
			break;
		call = open_at(o, slot);
		if (call->code)
			return inner + now - call->start_ns;
		inner += call->inner_ns;
	}
	return inner;
}

/* ---- how long each took ---- */

static __always_inline __u32 log2_of(__u64 value)
{
	__u32 log = 0;

	for (int shift = 32; shift; shift >>= 1) {
		if (value >> shift) {
			value >>= shift;
			log += shift;
		}
	}
	return log;
}

/* Eight for each power of two; user space goes back by histogram_from(). */
static __always_inline __u32 bucket_of(__u64 ns)
{
	__u32 log = log2_of(ns);

	return log < 3 ? ns : (log - 2) * 8 + (ns >> (log - 3) & 7);
}

/* A function of its own, as others here, for its room on the stack. */
__noinline int open_count(const struct adder_call_key *whose, __u64 ns)
{
	struct adder_histogram *h, *blank;
	__u32 zero = 0, bucket = bucket_of(ns);
	struct adder_call_key key;

	if (!whose)
		return 0;
	key = *whose; /* Linux 6.1 takes a map's key from a function's own stack only */
	h = bpf_map_lookup_elem(&histograms, &key);
	if (!h) {
		blank = bpf_map_lookup_elem(&no_histogram, &zero);
		if (blank)
			bpf_map_update_elem(&histograms, &key, blank, BPF_NOEXIST);
		h = bpf_map_lookup_elem(&histograms, &key);
	}
	if (!h) {
		lose(ADDER_LOST_CALLS_FULL);
		return 0;
	}
	bucket &= ADDER_BUCKETS - 1;
	barrier_var(bucket);
	__sync_fetch_and_add(&h->counts[bucket], 1);
	if (ns > h->longest_ns)
		h->longest_ns = ns; /* two at once: the last wins, by a hair */
	return 0;
}

/* ---- slow calls ---- */

/*
 * Add the time of @t in each state up to @now, from when it was last switched out.  If that was
 * since, in the probe that began then, @states has too much.
 */
static __always_inline void add_states(__u64 *states, const struct adder_thread *t, __u64 now)
{
	__u64 in = t->in_ns && t->in_ns < now ? t->in_ns : now;
	__u64 woken = t->wake_ns && t->wake_ns < in ? t->wake_ns : in;
	__u32 state = t->state;

	if (t->out_ns > now) {
		if (states[ADDER_STATE_CPU] > t->out_ns - now)
			states[ADDER_STATE_CPU] -= t->out_ns - now;
		return;
	}
	if (t->out_ns && t->out_ns < in) {
		if (woken < t->out_ns)
			woken = t->out_ns;
		barrier_var(state);
		if (state < ADDER_STATE_NR)
			states[state] += woken - t->out_ns;
		states[ADDER_STATE_RUNQ] += in - woken;
	}
	states[ADDER_STATE_CPU] += now - in;
}

/* The current thread is about to be switched out. */
__noinline int open_stint(__u64 now)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct adder_open_calls *o = bpf_map_lookup_elem(&open_calls, &tid);
	const struct adder_thread *t = find_thread(tid);

	if (o && t)
		add_states(o->states_ns, t, now);
	return 0;
}

/* The current thread's time in each state, into @ret: of an event or a mark. */
static __always_inline void states_now(const struct adder_open_calls *o, __u32 tid, __u64 now,
				       __u64 *ret)
{
	struct adder_thread *t = find_thread(tid);

	__builtin_memcpy(ret, o->states_ns, sizeof(o->states_ns));
	if (!t)
		return;
	recover_switch_in(t, compat_current(), now);
	add_states(ret, t, now);
}

#define PAGE 4096 /* the least that a part of memory has */

/*
 * The first @size bytes of what is at @address, or as many as there are before the page's end: what
 * is shorter may be the last of its page, and the next one not there.
 */
static __always_inline int read_start(void *dst, __u32 size, __u64 address)
{
	__u32 left = PAGE - (address & (PAGE - 1));

	if (!remote_read(dst, size, address))
		return 0;
	if (left >= size)
		return -1;
	__builtin_memset(dst, 0, size);
	return remote_read(dst, left, address);
}

/*
 * A variable that a closure shares is in a cell, in which another thing may be by the end of the
 * call.  So what is in it now is put behind the cell's own bytes.  Only user space can tell what is
 * a cell: but of what it shows, no other type has what might be an address there.
 */
static __always_inline void read_cell(__u8 *object, __u32 head)
{
	__u64 inner = *(__u64 *)(object + head);

	if (inner >> 32 && !(inner >> 47) && !(inner & 7))
		read_start(object + ADDER_CELL_BYTES(head), ADDER_INNER_BYTES(head), inner);
}

__noinline int open_mark(struct adder_open_calls *o, const struct open_begin *b, __u64 caller,
			 __u64 argument, __u32 head)
{
	struct adder_mark_key key = { .tid = bpf_get_current_pid_tgid() };
	struct adder_call_mark *mark;

	if (!o || !b)
		return -1;
	key.frame = b->frame;
	o = bpf_map_lookup_elem(&open_calls, &key.tid); /* the same: Linux 6.1 wants to see that */
	if (!o)
		return -1;
	mark = &o->mark;
	mark->begun_ns = open_monotonic(o, b->now);
	mark->cost_ns = o->cost_ns;
	mark->caller = caller;
	states_now(o, key.tid, mark->begun_ns, mark->states_ns);
	if (read_start(mark->arguments, sizeof(mark->arguments), argument))
		__builtin_memset(mark->arguments, 0, sizeof(mark->arguments));
	for (int i = 0; i < ADDER_ARGUMENTS; i++) {
		__u64 object = mark->arguments[i] & ~3ULL; /* 3.14 tags references */

		if (!object || read_start(mark->objects[i], ADDER_ARGUMENT_BYTES, object))
			mark->arguments[i] = 0;
		else if (head == ADDER_HEAD_BYTES)
			read_cell(mark->objects[i], ADDER_HEAD_BYTES);
		else
			read_cell(mark->objects[i], ADDER_HEAD_FREE_THREADED);
	}
	return bpf_map_update_elem(&call_marks, &key, mark, BPF_ANY);
}

/* Tell of the call in @slot, which ends @now, if it was slow. */
__noinline int open_tell(struct adder_open_calls *o, __u32 slot, __u64 now, __u64 total)
{
	struct adder_mark_key key = {};
	struct adder_event_slow_call *e;
	struct adder_call_mark *mark;
	struct adder_open_call *call;

	if (!o)
		return 0;
	call = open_at(o, slot);
	key.frame = call->frame;
	key.tid = o->tid;
	mark = bpf_map_lookup_elem(&call_marks, &key);
	if (!mark)
		return 0;
	e = total >= slow_ns ? bpf_ringbuf_reserve(&events, sizeof(*e), 0) : NULL;
	if (e) {
		e->kind = ADDER_EVENT_SLOW_CALL;
		e->serial = o->serial;
		e->tid = key.tid;
		e->signature = call->signature;
		e->code = call->code;
		e->cost_ns = o->cost_ns;
		states_now(o, key.tid, open_monotonic(o, now), e->states_ns);
		bpf_get_current_comm(e->comm, sizeof(e->comm));
		bpf_probe_read_kernel(&e->mark, sizeof(e->mark), mark);
		bpf_ringbuf_submit(e, BPF_RB_FORCE_WAKEUP);
	} else if (total >= slow_ns) {
		lose(ADDER_LOST_SLOW_CALLS);
	}
	bpf_map_delete_elem(&call_marks, &key);
	return 0;
}

/* Add the call in @slot, which ends @now, to its function's sums. */
__noinline int open_add(struct adder_open_calls *o, __u32 slot, __u64 now)
{
	struct adder_call_sums *sums;
	struct adder_open_call *call;
	struct adder_call_key key;
	__u64 total;

	if (!o)
		return 0;
	call = open_at(o, slot);
	if (!call->code)
		return 0;
	key = (struct adder_call_key){ .code = call->code,
				       .serial = o->serial,
				       .signature = call->signature };
	sums = bpf_map_lookup_elem(&calls, &key);
	if (!sums)
		return 0;
	total = now - call->start_ns;
	__sync_fetch_and_add(&sums->self_ns, total - open_inner(o, slot, now));
	if (!call->recursive)
		__sync_fetch_and_add(&sums->total_ns, total);
	if ((__s64)total < 0) /* what probes cost is known on average: a short call may be less */
		total = 0;
	if (call_histograms && call->wants & ADDER_WANT_HISTOGRAM)
		open_count(&key, total);
	if (slow_ns && call->wants & ADDER_WANT_MARK)
		open_tell(o, slot, now, total);
	return 0;
}

/* A chain of calls that end together. */
struct open_ending {
	struct adder_open_calls *o;
	__u64 now;
	__u32 slot;
};

/* One of them, outer ones first: each takes off its own time what its callee has taken. */
static long open_end_one(__u32 index, void *context)
{
	struct open_ending *e = context;
	struct adder_open_call *call = open_at(e->o, e->slot);

	(void)index;
	open_add(e->o, e->slot, e->now);
	if (call->code)
		open_function_ends(e->o, call->code, call->signature);
	e->slot = call->callee ? open_find(e->o, call->callee) : OPEN_NONE;
	call->frame = 0;
	e->o->count--;
	return e->slot == OPEN_NONE;
}

/* @caller runs again: its callee @frame has taken @ns. */
static __always_inline void open_return(struct adder_open_calls *o, __u64 caller, __u64 frame,
					__u64 ns)
{
	for (int level = 0; level < 2; level++) {
		__u32 slot = open_find(o, caller);
		struct adder_open_call *call;

		if (slot == OPEN_NONE)
			return;
		call = open_at(o, slot);
		call->inner_ns += ns;
		if (call->callee == frame)
			call->callee = 0;
		if (call->code || call->callee)
			return;
		frame = call->frame;
		caller = call->caller;
		ns = call->inner_ns;
		call->frame = 0;
		o->count--;
	}
}

/* The call in @slot has ended, and whatever it has called. */
__noinline int open_end(struct adder_open_calls *o, __u32 slot, __u64 now)
{
	struct open_ending ending = { .o = o, .now = now, .slot = slot };
	struct adder_open_call *call;
	__u64 caller, frame, ns;

	if (!o || slot >= OPEN_NONE)
		return 0;
	call = open_at(o, slot);
	caller = call->caller;
	frame = call->frame;
	ns = call->code ? now - call->start_ns : open_inner(o, slot, now);
	compat_loop(ADDER_OPEN_CALLS, open_end_one, &ending);
	open_return(o, caller, frame, ns);
	return 0;
}

/* The frame of @slot runs: if there still is an open call from it, an exception has ended that. */
static __always_inline void runs(struct adder_open_calls *o, __u32 slot, __u64 now)
{
	__u64 callee = open_at(o, slot)->callee;

	if (callee)
		open_end(o, open_find(o, callee), now);
}

__noinline int open_runs(struct adder_open_calls *o, __u32 slot, __u64 now)
{
	if (o)
		runs(o, slot, now);
	return 0;
}

struct open_walk {
	struct adder_open_calls *o;
	__u64 frame, previous; /* where in a frame its caller's address is */
	__u32 slot;
};

static long open_walk_one(__u32 index, void *context)
{
	struct open_walk *w = context;

	(void)index;
	w->slot = open_find(w->o, w->frame);
	if (w->slot != OPEN_NONE ||
	    remote_read(&w->frame, sizeof(w->frame), w->frame + w->previous))
		return 1;
	return !w->frame;
}

/* The innermost frame that is known, from @frame outwards; OPEN_NONE if there is none nearby. */
static __always_inline __u32 open_walk(struct adder_open_calls *o, const struct adder_layout *l,
				       __u64 frame)
{
	struct open_walk walk = { .o = o,
				  .frame = frame,
				  .previous = l->frame_start + l->f_previous,
				  .slot = OPEN_NONE };

	if (frame)
		compat_loop(OPEN_WALK, open_walk_one, &walk);
	return walk.slot;
}

/* Is @frame none of a function, but on the stack of C?  Then @ret: by which frame that was entered.
 */
static __always_inline bool is_shim(const struct adder_layout *l, __u64 frame, __u64 *ret)
{
	__u64 start = frame + l->frame_start;
	__u8 owner = 0;

	return l->shim_owner != 255 && !remote_read(&owner, sizeof(owner), start + l->f_owner) &&
	       owner >= l->shim_owner && !remote_read(ret, sizeof(*ret), start + l->f_previous);
}

/*
 * Is the caller of a new call, in @slot, on the stack of C, and entered by nothing of Python?
 * Greenlets take turns there, so what it has called may be another one's, and is not over.
 */
static __always_inline bool is_shared(struct adder_open_calls *o, __u32 slot,
				      const struct adder_layout *l, const struct open_begin *b)
{
	const struct adder_open_call *call = open_at(o, slot);
	__u64 outer = 0;

	return !call->code && !call->caller && call->callee != b->frame &&
	       is_shim(l, b->caller, &outer) && !outer;
}

/* The caller of a new call, and what it is itself called by: make them known. */
static __always_inline int open_caller(struct adder_open_calls *o, const struct adder_layout *l,
				       const struct open_begin *b)
{
	__u32 slot = open_find(o, b->caller), outer;
	__u64 frame = 0;

	if (slot != OPEN_NONE && !is_shared(o, slot, l, b))
		runs(o, slot, b->now);
	if (slot != OPEN_NONE && open_at(o, slot)->frame == b->caller)
		return slot;
	outer = open_walk(o, l, b->caller);
	if (outer == OPEN_NONE && is_shim(l, b->caller, &frame) && frame)
		outer = open_make(o, frame, 0);
	frame = 0;
	if (outer != OPEN_NONE) {
		frame = open_at(o, outer)->frame;
		runs(o, outer, b->now);
		if (open_at(o, outer)->frame != frame)
			frame = 0;
	}
	slot = open_make(o, b->caller, frame);
	if (slot != OPEN_NONE && frame)
		open_at(o, outer)->callee = b->caller;
	return slot;
}

__noinline __u32 open_call(struct adder_open_calls *o, struct adder_process *p,
			   struct open_begin *b)
{
	__u32 slot, caller = OPEN_NONE;
	struct adder_open_call *call;

	if (!o || !p || !b)
		return OPEN_NONE;
	slot = open_find(o, b->frame);
	if (slot != OPEN_NONE) /* another call has ended there, unseen */
		open_end(o, slot, b->now);
	if (b->caller)
		caller = open_caller(o, &p->binary.layout, b);
	slot = open_make(o, b->frame, b->caller);
	if (slot == OPEN_NONE)
		return slot;
	call = open_at(o, slot);
	call->wants = b->wants;
	call->code = b->code;
	call->signature = b->signature;
	call->start_ns = b->now;
	call->recursive = b->recursive = open_function(o, b->code, b->signature);
	if (caller != OPEN_NONE)
		open_at(o, caller)->callee = b->frame;
	return slot;
}

/* The current thread runs what it runs: exceptions may have ended calls. */
__noinline int open_settle(struct adder_process *p, __u64 thread_pointer, __u64 now)
{
	struct adder_open_calls *o;
	const struct adder_layout *l;
	__u64 tstate = 0;
	__u32 slot;

	if (!p || p->phase != ADDER_PHASE_READY)
		return 0;
	o = open_calls_of(bpf_get_current_pid_tgid());
	if (!o || o->busy || o->all_end || o->serial != p->serial)
		return 0;
	l = &p->binary.layout;
	if (unwind_tstate(p, thread_pointer, &tstate) || !tstate)
		return 0;
	slot = open_walk(o, l, innermost_frame(l, tstate));
	if (slot != OPEN_NONE)
		runs(o, slot, open_clock(o, now));
	return 0;
}

struct open_last {
	struct adder_open_calls *o;
	__u64 now;
};

static long open_add_one(__u32 index, void *context)
{
	struct open_last *last = context;

	if (open_at(last->o, index)->frame)
		open_add(last->o, index, last->now);
	return 0;
}

/* The thread has ended @now, by whatever: so have its calls. */
__noinline int open_bury(__u32 tid, __u64 now)
{
	struct open_last last = { .o = open_calls_of(tid) };

	if (!last.o)
		return 0;
	last.now = open_clock(last.o, now);
	compat_loop(ADDER_OPEN_CALLS, open_add_one, &last);
	bpf_map_delete_elem(&open_calls, &tid);
	return 0;
}
#endif
