/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The function that the current thread is in, for programs on probes of user space: they run with
 * interrupts on, and may be preempted by one another and by the switches, whose scratch they must
 * not use.  So no stack is walked here, but frame by frame until one will do.
 */
#ifndef BPF_INNERMOST_H
#define BPF_INNERMOST_H

#include "names.h"
#include "runtime.h"

#define INNERMOST_FRAMES 32 /* of importlib that are passed over: three for each part of a name */

/* Text as a little-endian number: a constant array would be one more map. */
#define INNERMOST_FROZEN    0x206e657a6f72663cULL /* "<frozen " */
#define INNERMOST_IMPORTLIB 0x696c74726f706d69ULL /* "importli" */

/*
 * Address of the thread state by which the current thread, which has the GIL, runs; 0 if there is
 * none; -1 if that can't be read.  To 3.11 the thread's own place for it has that of the
 * interpreter in which it began, also while it runs another one.
 */
static __always_inline int innermost_tstate(const struct adder_process *p, __u64 thread_pointer,
					    __u64 *ret)
{
	__u32 current = p->binary.layout.rt_tstate_current;

	if (current && p->runtime)
		return remote_read(ret, sizeof(*ret), p->runtime + current) ? -1 : 0;
	return unwind_tstate(p, thread_pointer, ret);
}

/* The address of the innermost frame, by the thread state; 0: there is none. */
static __always_inline __u64 innermost_frame(const struct adder_layout *l, __u64 tstate)
{
	__u64 frame = 0;

	if (remote_read(&frame, sizeof(frame), tstate + l->ts_frame))
		return 0;
	if (l->frame_via == ADDER_FRAME_CFRAME &&
	    remote_read(&frame, sizeof(frame), frame + l->cframe_current_frame))
		return 0;
	return frame;
}

/* Is @code of importlib itself?  Its file is "<frozen importlib._bootstrap>", or _external. */
static __always_inline bool innermost_is_importlib(const struct adder_layout *l, __u64 code)
{
	__u64 file, text[2];

	if (remote_read(&file, sizeof(file), code + l->co_filename) ||
	    remote_read(text, sizeof(text), file + l->str_ascii_data))
		return false;
	return text[0] == INNERMOST_FROZEN && text[1] == INNERMOST_IMPORTLIB;
}

static __always_inline int innermost_sign(const struct adder_layout *l, struct adder_frame *f)
{
	/* 12 words; the verifier follows an index into them by its bits alone */
	__u64 words[16] = {}, text[UNWIND_TEXT_WORDS];
	struct unwind_file known = {};

	return unwind_signature(l, words, text, &known, f->code, &f->signature);
}

/* Read the frame at @at, and go on to *@caller; 1 if it is a function's, 0 if not, -1: unreadable.
 */
static __always_inline int innermost_read(const struct adder_layout *l, __u64 at,
					  struct adder_frame *f, __u64 *caller)
{
	__u64 start = at + l->frame_start, instr;
	__u8 owner = 0;

	if (remote_read(&f->code, sizeof(f->code), start + l->f_code) ||
	    remote_read(&instr, sizeof(instr), start + l->f_instr) ||
	    remote_read(caller, sizeof(*caller), start + l->f_previous) ||
	    remote_read(&owner, sizeof(owner), start + l->f_owner))
		return -1;
	f->code &= ~7ULL; /* 3.14 tags references in the low bits */
	f->instr = l->instr_is_pointer ? instr - (f->code + l->co_code_adaptive) : instr;
	f->at = at;
	return l->shim_owner == 255 || owner < l->shim_owner;
}

/*
 * Find the innermost function of the thread state at @tstate, with @outside_importlib the innermost
 * that is none of importlib's.  0, or -1 with @f->code 0.
 */
static __attribute__((unused)) __noinline int innermost_function(const struct adder_layout *l,
								 __u64 tstate,
								 bool outside_importlib,
								 struct adder_frame *f)
{
	__u64 at, caller = 0;

	if (!l || !f)
		return -1;
	at = innermost_frame(l, tstate);
	for (int i = 0; i < INNERMOST_FRAMES && at; i++) {
		int is_function = innermost_read(l, at, f, &caller);

		if (is_function < 0)
			break;
		if (is_function && !(outside_importlib && innermost_is_importlib(l, f->code))) {
			if (innermost_sign(l, f))
				break;
			return 0;
		}
		at = caller;
	}
	f->code = 0;
	return -1;
}

/*
 * Send the name of the function in @f, if it has not been sent.  Straight into the ring buffer,
 * without room to work in; what can't be sent now user space reads from the process.
 */
static __attribute__((unused)) __noinline int innermost_tell(struct adder_process *p,
							     const struct adder_frame *f)
{
	struct adder_code_key key;
	struct adder_event_code *e;
	__u32 one = 1;

	if (!p || !f)
		return -1;
	key = (struct adder_code_key){ .code = f->code,
				       .serial = p->serial,
				       .signature = f->signature };
	if (bpf_map_lookup_elem(&codes_told, &key))
		return 0;
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e) {
		lose(ADDER_LOST_RING_CODE);
		return -1;
	}
	if (code_read(p, f, e)) {
		lose(ADDER_LOST_CODE_FAULT);
		bpf_ringbuf_discard(e, BPF_RB_NO_WAKEUP);
		return -1;
	}
	if (e->role == ADDER_CODE_RUN)
		p->asyncio.run_code = e->code;
	bpf_ringbuf_submit(e, BPF_RB_NO_WAKEUP);
	bpf_map_update_elem(&codes_told, &key, &one, BPF_ANY);
	return 0;
}

#endif
