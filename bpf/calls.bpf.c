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
 * Before 3.11 it is the eval loop's first instruction, with the frame as argument.
 *
 * Probes run with interrupts on, and may be preempted by one another: they work on their own stack.
 */
#include "runtime.h"
#include "names.h"

/* What is read of a frame that has just been entered. */
struct entered {
	__u64 code;
	__u64 instr; /* address of the instruction; before 3.11: its index, negative if not begun */
};

static __always_inline int read_entered(const struct adder_layout *l, __u64 frame,
					struct entered *ret)
{
	__u64 start = frame + l->frame_start;

	if (remote_read(&ret->code, sizeof(ret->code), start + l->f_code) ||
	    remote_read(&ret->instr, sizeof(ret->instr), start + l->f_instr))
		return -1;
	ret->code &= ~7ULL;
	return 0;
}

/* The frame that a thread has just entered, by its thread state. */
static __always_inline int find_frame(const struct adder_process *p, __u64 tstate, __u64 *ret)
{
	const struct adder_layout *l = &p->binary.layout;

	if (remote_read(ret, sizeof(*ret), tstate + l->ts_frame))
		return -1;
	if (l->frame_via == ADDER_FRAME_CFRAME &&
	    remote_read(ret, sizeof(*ret), *ret + l->cframe_current_frame))
		return -1;
	return 0;
}

/* Will the instruction be executed again, once its code has been prepared for a new set of tools?
 */
static __always_inline bool runs_again(const struct adder_layout *l, __u64 tstate, __u64 code)
{
	__u64 prepared = 0, wanted = 0, interp = 0;
	__u32 tracing = 0;

	if (!l->co_monitors)
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

/*
 * Send the name of a code object that is seen for the first time.  Straight into the ring buffer:
 * the room that names.h works in is the switches', who may interrupt.  What can't be sent now user
 * space reads from the process.
 */
static __noinline int tell_called(struct adder_process *p, struct adder_call_key *key)
{
	struct adder_frame f;
	struct adder_code_key told;
	struct adder_event_code *e;
	__u32 one = 1;

	if (!p || !key)
		return 0;
	told = (struct adder_code_key){ .code = key->code,
					.serial = key->serial,
					.signature = key->signature };
	if (bpf_map_lookup_elem(&codes_told, &told))
		return 0;
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e) {
		lose(ADDER_LOST_RING_CODE);
		return 0;
	}
	f.code = key->code;
	f.signature = key->signature;
	f.at = 0;
	if (code_read(p, &f, e)) {
		lose(ADDER_LOST_CODE_FAULT);
		bpf_ringbuf_discard(e, BPF_RB_NO_WAKEUP);
		return 0;
	}
	if (e->role == ADDER_CODE_RUN)
		p->asyncio.run_code = e->code;
	bpf_ringbuf_submit(e, BPF_RB_NO_WAKEUP);
	bpf_map_update_elem(&codes_told, &told, &one, BPF_ANY);
	return 0;
}

static __always_inline void add_call(struct adder_process *p, __u64 code, __u32 kind)
{
	/* 12 words; the verifier follows an index into them by its bits alone */
	__u64 words[16] = {}, text[UNWIND_TEXT_WORDS];
	struct unwind_file known = {};
	struct adder_call_key key = { .code = code, .serial = p->serial, .kind = kind };
	__u64 one = 1, *count;

	if (kind != ADDER_JIT &&
	    unwind_signature(&p->binary.layout, words, text, &known, code, &key.signature)) {
		lose(ADDER_LOST_CALLS);
		return;
	}
	count = bpf_map_lookup_elem(&calls, &key);
	if (count) {
		__sync_fetch_and_add(count, 1);
		return;
	}
	if (!bpf_map_update_elem(&calls, &key, &one, BPF_NOEXIST)) {
		if (kind != ADDER_JIT)
			tell_called(p, &key);
		return;
	}
	count = bpf_map_lookup_elem(&calls, &key); /* another CPU was faster */
	if (count)
		__sync_fetch_and_add(count, 1);
	else
		lose(ADDER_LOST_CALLS_FULL);
}

/* 3.11 on: a handler of the RESUME family, behind its store into the frame. */
static __always_inline void on_handler(struct adder_process *p, __u64 thread_pointer, __u64 cookie)
{
	const struct adder_layout *l = &p->binary.layout;
	__u64 tstate = 0, frame = 0;
	struct entered e;
	__u8 word[2];

	if (unwind_tstate(p, thread_pointer, &tstate) || !tstate || find_frame(p, tstate, &frame) ||
	    read_entered(l, frame, &e) || remote_read(word, sizeof(word), e.instr)) {
		lose(ADDER_LOST_CALLS);
		return;
	}
	if (cookie & ADDER_PROBE_JIT) {
		add_call(p, 0, ADDER_JIT);
		return;
	}
	if (word[0] && (word[0] == (cookie & 0xff) || word[0] == (cookie >> 8 & 0xff)))
		return;
	if (runs_again(l, tstate, e.code))
		return;
	add_call(p, e.code, word[1] & 3 ? ADDER_RESUME : ADDER_CALL);
}

/* To 3.10: the eval loop begins, with (tstate,) frame, throwflag as arguments. */
static __always_inline void on_eval(struct adder_process *p, struct pt_regs *regs, __u64 cookie)
{
	__u64 first = regs->di, second = regs->si, third = regs->dx;
	bool is_old = cookie & ADDER_PROBE_EVAL_OLD;
	__u64 frame;
	struct entered e;

	barrier_var(first); /* the context is read at fixed places, not at a chosen one */
	barrier_var(second);
	barrier_var(third);
	frame = is_old ? first : second;
	if ((__u32)(is_old ? second : third)) /* into a generator: neither called nor gone on */
		return;
	if (read_entered(&p->binary.layout, frame, &e)) {
		lose(ADDER_LOST_CALLS);
		return;
	}
	add_call(p, e.code, (__s32)e.instr < 0 ? ADDER_CALL : ADDER_RESUME);
}

SEC("uprobe")
int on_call(struct pt_regs *ctx)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
	__u64 cookie = bpf_get_attach_cookie(ctx);
	struct adder_process *p;

	if (!recording_start_ns || !is_tracked(task->tgid))
		return 0;
	p = find_process(task->tgid);
	if (!p)
		return 0;
	if (runtime_advance(p))
		lose(ADDER_LOST_CALLS);
	else if (cookie & ADDER_PROBE_EVAL)
		on_eval(p, ctx, cookie);
	else
		on_handler(p, task->thread.fsbase, cookie);
	return 0;
}
