/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every call of a Python function, counted by function.
 *
 *   a probe on what runs once a call -> the frame -> its code object -> count {process, function}
 *
 * From 3.11 on that is the handler of RESUME and its relatives (python/dispatch.h finds them): the
 * thread state leads to the frame, which by then has the instruction.  Three rules keep the counts
 * exact.  RESUME's argument tells a call from a generator that goes on.  A specialised handler that
 * falls back on the plain one is counted already: the frame is at the specialised opcode.  And an
 * instruction that is executed again because monitoring was switched counts the second time.
 *
 * Before 3.11 it is the eval loop's first instruction, with the frame as argument.  How calls end
 * is told by a static probe there, in builds that have them.
 *
 * Probes run with interrupts on, and may be preempted by one another: they work on their own stack.
 */
#include "innermost.h"
#include "open_calls.h"
#include "open_clock.h"

/* What is read of the innermost frame. */
struct innermost {
	__u64 frame, caller, code;
	__u64 instr; /* address of the instruction; before 3.11: its index, negative if not begun */
};

/* What is at @at of a frame: on its stack the verifier wants whole words. */
static __always_inline __u64 field(const __u64 *words, __u32 at)
{
	return words[at >> 3 & 15] >> (at & 4) * 8;
}

static __always_inline int read_frame(const struct adder_layout *l, __u64 frame,
				      struct innermost *ret)
{
	__u64 words[16]; /* ADDER_FRAME_MAX bytes, and some that are not read */
	__u32 size = l->frame_bytes;

	if (size > ADDER_FRAME_MAX)
		size = ADDER_FRAME_MAX;
	words[14] = words[15] = 0;
	if (remote_read(words, size, frame + l->frame_start))
		return -1;
	ret->frame = frame;
	ret->code = field(words, l->f_code) & ~7ULL;
	ret->caller = field(words, l->f_previous);
	ret->instr = field(words, l->f_instr);
	return 0;
}

/* Will the instruction be executed again, once its code has been prepared for a new set of tools?
 */
static __noinline bool runs_again(const struct adder_layout *l, __u64 tstate, __u64 code)
{
	__u64 prepared = 0, wanted = 0, interp = 0;
	__u32 tracing = 0;

	if (!l || !l->co_monitors)
		return false;
	remote_read(&prepared, sizeof(prepared), code + l->co_monitors);
	if (l->ts_monitors) {
		remote_read(&wanted, sizeof(wanted), tstate + l->ts_monitors);
		wanted &= ~0xffULL;
	} else {
		remote_read(&interp, sizeof(interp), tstate + l->ts_interp);
		remote_read(&wanted, sizeof(wanted), interp + l->interp_monitors);
	}
	if (prepared == wanted)
		return false;
	if (l->ts_tracing)
		remote_read(&tracing, sizeof(tracing), tstate + l->ts_tracing);
	return !tracing;
}

/* Begin the sums of a function that is new.  (Of its own, for its room on the stack.) */
static __noinline int begin_sums(struct adder_process *p, struct adder_call_key *key, __u64 frame)
{
	struct adder_call_sums blank = {};
	struct adder_frame f;

	if (!p || !key || bpf_map_update_elem(&calls, key, &blank, BPF_NOEXIST) || !key->code)
		return 0;
	f = (struct adder_frame){ .code = key->code, .signature = key->signature, .at = frame };
	innermost_tell(p, &f);
	return 0;
}

/* The sums of a function, which runs in @frame; NULL if there is no room. */
static __always_inline struct adder_call_sums *sums_of(struct adder_process *p,
						       struct adder_call_key *key, __u64 frame)
{
	struct adder_call_sums *sums = bpf_map_lookup_elem(&calls, key);

	if (sums)
		return sums;
	begin_sums(p, key, frame);
	sums = bpf_map_lookup_elem(&calls, key);
	if (!sums)
		lose(ADDER_LOST_CALLS_FULL);
	return sums;
}

/* Code of the JIT begins. */
static __always_inline void add_executor(struct adder_process *p)
{
	struct adder_call_key key = { .serial = p->serial };
	struct adder_call_sums *sums = sums_of(p, &key, 0);

	if (sums)
		__sync_fetch_and_add(&sums->calls, 1);
}

/* A function of its own, for its room on the stack: up to Linux 6.12, all that is called has 512.
 */
static __noinline int read_signature(struct adder_process *p, __u64 code, __u32 *ret)
{
	/* 12 words; the verifier follows an index into them by its bits alone */
	__u64 words[16] = {}, text[UNWIND_TEXT_WORDS];
	struct unwind_file known = {};

	if (!p || !ret)
		return -1;
	return unwind_signature(&p->binary.layout, words, text, &known, code, ret);
}

#define SHIMS 3 /* frames at most between a call and its caller */

/* The code object of what has called: behind frames that are none of a function; 0: unknown. */
static __always_inline __u64 find_caller(struct adder_process *p, __u64 frame)
{
	struct adder_frame f;
	__u64 caller = 0;

	for (int i = 0; i < SHIMS && frame; i++, frame = caller) {
		int is_function = innermost_read(&p->binary.layout, frame, &f, &caller);

		if (is_function)
			return is_function < 0 ? 0 : f.code;
	}
	return 0;
}

/* Note what a call begins with. */
static __noinline int mark_call(struct adder_process *p, struct adder_open_calls *o,
				const struct open_begin *begin)
{
	if (!p || !o || !begin)
		return -1;
	return open_mark(o, begin, find_caller(p, begin->caller),
			 begin->frame + p->binary.layout.frame_locals,
			 p->binary.layout.object_type + 8);
}

/* Which function's call @in is; false if such are not wanted. */
static __always_inline bool identify(struct adder_process *p, const struct innermost *in,
				     struct open_begin *ret)
{
	struct adder_call_key key = { .code = in->code, .serial = p->serial };
	__u32 *wants;

	*ret = (struct open_begin){ .frame = in->frame, .caller = in->caller, .code = in->code };
	if (read_signature(p, in->code, &ret->signature)) {
		lose(ADDER_LOST_CALLS);
		return false;
	}
	key.signature = ret->signature;
	wants = call_select ? bpf_map_lookup_elem(&call_wants, &key) : NULL;
	ret->wants = wants ? *wants : ADDER_WANT_UNKNOWN;
	return ret->wants;
}

/* A call has begun: count it, and unless @o is NULL begin to time it. */
static __always_inline void add_call(struct adder_process *p, struct adder_open_calls *o,
				     struct open_begin *begin, bool is_resume)
{
	struct adder_call_key key = { .code = begin->code,
				      .serial = p->serial,
				      .signature = begin->signature };
	struct adder_call_sums *sums = sums_of(p, &key, begin->frame);
	__u32 slot;

	if (!sums)
		return;
	__sync_fetch_and_add(is_resume ? &sums->resumes : &sums->calls, 1);
	if (!o)
		return;
	slot = open_call(o, p, begin);
	/* only now: a call that ended unseen may have had the same frame */
	if (slow_ns && !is_resume) {
		if (slot >= OPEN_NONE || mark_call(p, o, begin))
			lose(ADDER_LOST_SLOW_CALLS);
		else
			open_at(o, slot)->wants |= ADDER_WANT_MARK;
	}
	if (begin->recursive)
		__sync_fetch_and_add(&sums->recursive, 1);
	if (begin->recursive && is_resume)
		__sync_fetch_and_add(&sums->recursive_resumes, 1);
}

/* 3.11 on: a handler of the RESUME family, behind its store into the frame. */
static __always_inline void on_entry(struct adder_process *p, struct adder_open_calls *o,
				     struct open_begin *begin, __u64 tstate, __u64 instr,
				     __u64 cookie)
{
	__u8 word[2];

	if (remote_read(word, sizeof(word), instr)) {
		lose(ADDER_LOST_CALLS);
		return;
	}
	if (word[0] && (word[0] == (cookie & 0xff) || word[0] == (cookie >> 8 & 0xff)))
		return;
	if (runs_again(&p->binary.layout, tstate, begin->code))
		return;
	add_call(p, o, begin, word[1] & 3);
}

/* Does the innermost frame of a leave end, or has it done so, and is this its caller? */
static __always_inline bool is_leaving(const struct innermost *in, __u64 cookie)
{
	__u8 opcode = 0, leave = cookie & 0xff;

	if (!leave)
		return !(cookie & ADDER_PROBE_BEHIND);
	remote_read(&opcode, sizeof(opcode), in->instr);
	return opcode == leave;
}

/* The handler of an opcode that ends a call, or lets it rest. */
static __always_inline void on_leave(struct adder_open_calls *o, const struct innermost *in,
				     __u64 cookie, __u64 now)
{
	__u32 slot = open_find(o, in->frame);

	if (slot == OPEN_NONE)
		return;
	if (open_at(o, slot)->code && is_leaving(in, cookie))
		open_end(o, slot, now);
	else
		open_runs(o, slot, now);
}

/*
 * From now on, @begun_ns, the current thread's open calls are changed: *@now on their clock.  NULL
 * if they are not timed.
 */
static __always_inline struct adder_open_calls *
begin_change(const struct adder_process *p, __u64 begun_ns, __u64 *begun, __u64 *now)
{
	struct adder_open_calls *o = call_clock ? open_calls_here(p) : NULL;

	if (!o) {
		if (call_clock)
			lose(slow_ns ? ADDER_LOST_SLOW_CALLS : ADDER_LOST_CALL_TIMES);
		return NULL;
	}
	*begun = open_time(begun_ns);
	*now = *begun - o->cost_ns;
	o->busy = 1;
	return o;
}

static __always_inline void end_change(struct adder_open_calls *o, __u64 begun)
{
	if (!o)
		return;
	o->busy = 0;
	open_charge(o, begun);
}

/* A call that nobody has asked for: the probe's cost is not the time of those around it. */
static __always_inline void pass_over(const struct adder_process *p, __u64 cookie, __u64 begun_ns)
{
	struct adder_open_calls *o = NULL;

	if (call_clock && cookie & ADDER_PROBE_TIMED)
		o = open_calls_of(bpf_get_current_pid_tgid());
	if (o && o->count && o->serial == p->serial)
		open_charge(o, open_time(begun_ns));
}

/* Where few functions' calls are wanted, that is so most of the time. */
static __always_inline bool nothing_is_open(void)
{
	struct adder_open_calls *o = open_calls_of(bpf_get_current_pid_tgid());

	return !o || !o->count;
}

/* 3.11 on: an opcode's handler. */
static __always_inline void on_handler(struct adder_process *p, __u64 thread_pointer, __u64 cookie,
				       __u64 begun_ns)
{
	struct adder_open_calls *o = NULL;
	struct innermost in = {};
	struct open_begin begin;
	__u64 tstate = 0, begun = 0, now = 0;

	if (cookie & ADDER_PROBE_JIT) {
		add_executor(p);
		return;
	}
	if (cookie & ADDER_PROBE_LEAVE && nothing_is_open())
		return;
	if (innermost_tstate(p, thread_pointer, &tstate) || !tstate ||
	    read_frame(&p->binary.layout, innermost_frame(&p->binary.layout, tstate), &in)) {
		lose(ADDER_LOST_CALLS);
		return;
	}
	if (!(cookie & ADDER_PROBE_LEAVE) && !identify(p, &in, &begin)) {
		pass_over(p, cookie, begun_ns);
		return;
	}
	if (cookie & (ADDER_PROBE_TIMED | ADDER_PROBE_LEAVE))
		o = begin_change(p, begun_ns, &begun, &now);
	begin.now = now;
	if (!(cookie & ADDER_PROBE_LEAVE))
		on_entry(p, o, &begin, tstate, in.instr, cookie);
	else if (o)
		on_leave(o, &in, cookie, now);
	end_change(o, begun);
}

/* To 3.10: the eval loop begins, with (tstate,) frame, throwflag as arguments. */
static __always_inline void on_eval(struct adder_process *p, struct pt_regs *regs, __u64 cookie,
				    __u64 begun_ns)
{
	__u64 first = regs->ARCH_CALL_ARG1, second = regs->ARCH_CALL_ARG2,
	      third = regs->ARCH_CALL_ARG3;
	bool is_old = cookie & ADDER_PROBE_EVAL_OLD;
	struct adder_open_calls *o = NULL;
	struct innermost in = {};
	struct open_begin begin;
	__u64 begun = 0;

	barrier_var(first); /* the context is read at fixed places, not at a chosen one */
	barrier_var(second);
	barrier_var(third);
	if ((__u32)(is_old ? second : third)) /* into a generator: neither called nor gone on */
		return;
	if (read_frame(&p->binary.layout, is_old ? first : second, &in)) {
		lose(ADDER_LOST_CALLS);
		return;
	}
	if (!identify(p, &in, &begin)) {
		pass_over(p, cookie, begun_ns);
		return;
	}
	if (cookie & ADDER_PROBE_TIMED)
		o = begin_change(p, begun_ns, &begun, &begin.now);
	if (o)
		o->all_end = 1;
	add_call(p, o, &begin, (__s32)in.instr >= 0);
	end_change(o, begun);
}

SEC("uprobe")
int on_call(struct pt_regs *ctx)
{
	struct task_struct *task = compat_current();
	__u64 cookie = compat_attach_cookie(ctx), now = call_clock ? bpf_ktime_get_ns() : 0;
	struct adder_process *p;

	if (!recording_start_ns || !is_tracked(task->tgid))
		return 0;
	p = find_process(task->tgid);
	if (!p)
		return 0;
	if (runtime_advance(p))
		lose(ADDER_LOST_CALLS);
	else if (cookie & ADDER_PROBE_EVAL)
		on_eval(p, ctx, cookie, now);
	else
		on_handler(p, current_thread_pointer(task), cookie, now);
	return 0;
}

/*
 * To 3.10, function__return: the innermost frame is about to end, or to rest, by whatever.  (A
 * throw into a generator has not begun here, and ends all the same.)
 */
SEC("usdt")
int on_function_return(struct pt_regs *ctx)
{
	__u64 begun_ns = bpf_ktime_get_ns(), tstate = 0, begun = 0, now = 0;
	struct task_struct *task = compat_current();
	struct adder_open_calls *o;
	struct innermost in = {};
	struct adder_process *p;

	if (!recording_start_ns || !is_tracked(task->tgid))
		return 0;
	p = find_process(task->tgid);
	if (!p || p->phase != ADDER_PHASE_READY ||
	    innermost_tstate(p, current_thread_pointer(task), &tstate) || !tstate)
		return 0;
	in.frame = innermost_frame(&p->binary.layout, tstate);
	o = begin_change(p, begun_ns, &begun, &now);
	if (o)
		on_leave(o, &in, ADDER_PROBE_LEAVE, now);
	end_change(o, begun);
	return 0;
}
