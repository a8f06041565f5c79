/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Walk the Python stack of one thread, 3.6 to 3.15, by remote_read() alone.
 *
 * thread pointer -> PyThreadState -> innermost frame -> its caller -> ...
 *
 * One walker serves the BPF programs (the thread that runs, or is being switched out), adder's user
 * half (blocked threads, by process_vm_readv) and the unit tests.  What it reads is hostile: every
 * read is bounded, every loop ends, and what was read before a fault is kept.
 *
 * Frames of 3.11 and later lie side by side on the thread's data stack, callers below: one read
 * fetches a window that ends with the wanted frame, and mostly holds its callers too.  A read costs
 * 24 ns whatever its size, so this halves the walk.
 *
 * Each frame has a signature of its code object, so that a name is never taken from another code
 * object that lived at the same address before.  It is part of the stack's hash: who knows a hash
 * knows its names.
 */
#ifndef BPF_UNWIND_H
#define BPF_UNWIND_H

#include "compat.h"
#include "wire.h"

#define UNWIND_WINDOW     1024 /* bytes fetched at once; a power of two */
#define UNWIND_PAGE       4096 /* what is readable ends at a multiple of this */
#define UNWIND_TSTATES    512 /* looked through for a thread's own, with those of sub-interpreters */
#define UNWIND_TEXT_WORDS 5
#define UNWIND_PART       16 /* steps that the verifier of an old kernel follows at once */

enum unwind_status {
	UNWIND_DONE,      /* to the end of the chain */
	UNWIND_NO_PYTHON, /* the thread has no Python state, or no frames */
	UNWIND_NO_TSTATE, /* its state could not be read, or is another thread's */
	UNWIND_FAULT,     /* a frame could not be read: the outer end is missing */
	UNWIND_LOOP,      /* the chain has no end, or not within ADDER_WALK_FRAMES */
};

/* The file name mixed last, and what it came to (before 3.11). */
struct unwind_file {
	__u64 file; /* address of its str; 0: none */
	__u64 hash;
};

/*
 * How far a walk has come.  Kept in a map, not on BPF's stack, where the verifier would follow each
 * value that it can have from step to step: that made it read the walker eighty times.
 */
struct unwind_position {
	__u64 frame;        /* address of the frame to read next */
	__u64 window;       /* address that the window was read from */
	__u64 window_bytes; /* that it holds */
	__u64 hash;
	struct unwind_file file;
	__u64 run_frame;      /* the innermost frame of @run_code; 0: none so far */
	__u64 interp, tstate; /* to look at next, while searching for a thread's state */
	__u32 status;         /* enum unwind_status */
	__u32 pad;
};

/* Room to work in: too large for BPF's stack. */
struct unwind_scratch {
	__u8 window[UNWIND_WINDOW + 128 + 8]; /* a field's offset is masked to 127 */
	__u8 tstate[ADDER_TSTATE_BYTES + 8];
	__u64 signature[ADDER_SIGNATURE_MAX / 8];
	__u64 text[UNWIND_TEXT_WORDS];
	__u64 tell_ns;   /* what telling user space of a new stack took, of the last walk */
	__u64 interp;    /* the thread's interpreter; 0 if it has no Python state */
	__u64 tstate_at; /* address of its PyThreadState, if it has one */
	struct unwind_position at;
	struct adder_event_stack stack;
};

/* A walk in progress. */
struct unwind {
	const struct adder_layout *layout;
	struct unwind_scratch *scratch;
	__u64 run_code; /* code object to notice; 0: none */
	__u64 thread_pointer;
};

static __always_inline __u64 unwind_mix(__u64 hash, __u64 value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15ULL;
	return hash ^ hash >> 29;
}

/* The u64 at offset @at (below 128) of a frame. */
#define UNWIND_U64(bytes, at) remote_u64((bytes) + ((at)&127))

/*
 * Read the frame at @start, of @bytes, and where frames adjoin those before it in its page: beyond
 * may be nothing, and a read that faults costs more than the whole walk.  Where in the window the
 * frame is; -1 if it can't be read.
 */
static __always_inline __s64 unwind_read_window(struct unwind *w, __u64 start, __u64 bytes)
{
	__u64 in_page = start & (UNWIND_PAGE - 1);
	__u64 offset = w->layout->frames_adjoin ? UNWIND_WINDOW - bytes : 0, whole;

	if (offset > in_page)
		offset = in_page;
	whole = offset + bytes;
	barrier_var(whole); /* the verifier does not follow where the bound came from */
	if (whole > UNWIND_WINDOW || remote_read(w->scratch->window, whole, start - offset))
		return -1;
	w->scratch->at.window = start - offset;
	w->scratch->at.window_bytes = whole;
	return offset;
}

/* Fetch the frame to read next; a pointer into the window, or NULL if it can't be read. */
static __always_inline const __u8 *unwind_fetch(struct unwind *w)
{
	const struct unwind_position *at = &w->scratch->at;
	__u64 start = at->frame + w->layout->frame_start;
	__u64 bytes = w->layout->frame_bytes;
	__s64 offset = start - at->window;

	if (bytes > ADDER_FRAME_MAX)
		bytes = ADDER_FRAME_MAX;
	if ((__u64)offset >= UNWIND_WINDOW || offset + bytes > at->window_bytes)
		offset = unwind_read_window(w, start, bytes);
	if (offset < 0)
		return NULL;
	offset &= UNWIND_WINDOW - 1;
	barrier_var(offset);
	return &w->scratch->window[offset];
}

/* Before 3.11 a name's address and size recur: its hash and its first letters decide. */
static __always_inline int unwind_hash_text(__u64 *text, __u64 str, __u64 *ret)
{
	/* PyUnicodeObject, 3.6 to 3.10: length, hash, state, wstr, and the first 8 letters */
	if (remote_read(text, UNWIND_TEXT_WORDS * sizeof(*text), str + 16))
		return -1;
	*ret = unwind_mix(unwind_mix(text[0], text[1]), text[4]);
	return 0;
}

/*
 * The same of a file's name: callers often are of the same file, and share its name's object.
 * @known is the one before, and what it came to.
 */
static __always_inline int unwind_hash_file(__u64 *text, struct unwind_file *known, __u64 str,
					    __u64 *ret)
{
	if (str != known->file) {
		known->file = 0;
		if (unwind_hash_text(text, str, &known->hash))
			return -1;
		known->file = str;
	}
	*ret = known->hash;
	return 0;
}

/*
 * Hash @bytes of the signature's words: a sum of products with odd numbers, which do not wait for
 * one another as unwind_mix()'s do.
 */
static __always_inline __u64 unwind_hash_words(const __u64 *words, __u32 bytes)
{
	__u64 factor = 0x9e3779b97f4a7c15ULL, hash = 0;

	for (int i = 0; i < ADDER_SIGNATURE_MAX / 8; i++) {
		if (i * 8U >= bytes)
			break;
		hash += (words[i] ^ words[i] >> 32) * factor; /* high bits reach low ones too */
		factor = factor * 0xd1342543de82ef95ULL + 2;  /* stays odd; a constant, unrolled */
	}
	return hash;
}

/*
 * What tells the code object at @code from others that live or lived at its address.  @words
 * (ADDER_SIGNATURE_MAX bytes) and @text are room to work in.
 */
static __always_inline int unwind_signature(const struct adder_layout *l, __u64 *words, __u64 *text,
					    struct unwind_file *known, __u64 code, __u32 *ret)
{
	__u64 hash, part;
	__u32 bytes = l->signature_bytes;

	if (bytes > ADDER_SIGNATURE_MAX)
		bytes = ADDER_SIGNATURE_MAX;
	if (remote_read(words, bytes, code + l->signature_start))
		return -1;
	hash = unwind_hash_words(words, bytes);
	if (l->signature_texts) {
		/* Both offsets lie within the signature's bytes. */
		__u32 name = ((__u32)l->co_name - l->signature_start) >> 3;
		__u32 file = ((__u32)l->co_filename - l->signature_start) >> 3;

		barrier_var(name); /* 6.1 does not see that what is checked before the shift is
				      bounded */
		barrier_var(file);
		if (name >= ADDER_SIGNATURE_MAX / 8 || file >= ADDER_SIGNATURE_MAX / 8)
			return -1;
		if (unwind_hash_text(text, words[name], &part))
			return -1;
		hash = unwind_mix(hash, part);
		if (unwind_hash_file(text, known, words[file], &part))
			return -1;
		hash = unwind_mix(hash, part);
	}
	*ret = unwind_mix(hash, bytes) >> 32;
	return 0;
}

/* Where frame number @depth is kept: the innermost in order, the outermost in a ring behind them.
 */
static __always_inline __u32 unwind_slot(__u32 depth)
{
	if (depth < ADDER_INNER_FRAMES)
		return depth;
	return ADDER_INNER_FRAMES + (depth - ADDER_INNER_FRAMES) % ADDER_OUTER_FRAMES;
}

static __always_inline void unwind_keep(struct unwind *w, __u64 code, __s32 instr, __u32 signature)
{
	/* counted in the scratch: the verifier would follow a count on its stack, value by value */
	__u32 slot = unwind_slot(w->scratch->stack.depth++);
	struct adder_frame *f;

	barrier_var(slot);
	if (slot >= ADDER_MAX_FRAMES)
		return;
	f = &w->scratch->stack.frames[slot];
	f->at = w->scratch->at.frame;
	f->code = code;
	f->instr = instr;
	f->signature = signature;
	w->scratch->at.hash = unwind_mix(
		unwind_mix(w->scratch->at.hash, code ^ (__u64)signature << 32), (__u32)instr);
}

/* Read one frame and go on to its caller; non-zero ends the walk. */
static __attribute__((unused)) long unwind_step(__u32 index, void *context)
{
	struct unwind *w = context;
	struct unwind_position *at = &w->scratch->at;
	const struct adder_layout *l = w->layout;
	__u64 code, previous, instr;
	const __u8 *bytes;
	__u32 signature;
	__u8 owner;

	(void)index;
	if (!at->frame) {
		at->status = UNWIND_DONE;
		return 1;
	}
	at->status = UNWIND_FAULT;
	bytes = unwind_fetch(w);
	if (!bytes)
		return 1;
	code = UNWIND_U64(bytes, l->f_code) & ~7ULL; /* 3.14 tags references in the low bits */
	previous = UNWIND_U64(bytes, l->f_previous);
	instr = UNWIND_U64(bytes, l->f_instr);
	owner = bytes[l->f_owner & 127];
	if (code == w->run_code && !at->run_frame)
		at->run_frame = at->frame;
	if (l->shim_owner == 255 || owner < l->shim_owner) {
		if (unwind_signature(l, w->scratch->signature, w->scratch->text, &at->file, code,
				     &signature))
			return 1;
		if (l->instr_is_pointer)
			instr -= code + l->co_code_adaptive;
		unwind_keep(w, code, (__s32)instr, signature);
	}
	at->status = UNWIND_LOOP;
	if (previous == at->frame)
		return 1;
	at->frame = previous;
	return 0;
}

#if defined(__bpf__) && defined(ADDER_OLD_KERNEL)
int unwind_part(__u64 run_code); /* bpf/capture.h */

static __always_inline void unwind_walk(struct unwind *w)
{
	for (__u32 i = 0; i < ADDER_WALK_FRAMES / UNWIND_PART; i++) {
		if (unwind_part(w->run_code))
			break;
	}
}
#else
static __always_inline void unwind_walk(struct unwind *w)
{
	compat_loop(ADDER_WALK_FRAMES, unwind_step, w);
}
#endif

/* The thread-specific value of pthread key @key, as glibc and musl keep it in a struct pthread. */
static __always_inline int unwind_pthread_value(__u64 self, __u32 key, int musl, __u64 *ret)
{
	__u64 block;

	if (musl) {
		if (remote_read(&block, sizeof(block), self + ARCH_SPECIFIC_MUSL))
			return -1;
		return remote_read(ret, sizeof(*ret), block + 8ULL * key) ? -1 : 0;
	}
	block = self + ARCH_SPECIFIC;
	if (key >= 32 &&
	    (key >= 1024 ||
	     remote_read(&block, sizeof(block), self + ARCH_SPECIFIC_NEXT + 8ULL * (key / 32))))
		return -1;
	if (!block) {
		*ret = 0;
		return 0;
	}
	return remote_read(ret, sizeof(*ret), block + 16ULL * (key % 32) + 8) ? -1 : 0;
}

/* The thread-local of module @p->tss_key at @p->tls_offset, through the thread's DTV. */
static __always_inline int unwind_tls_value(const struct adder_process *p, __u64 thread_pointer,
					    __u64 *ret)
{
	__u64 dtv, block;

	if (remote_read(&dtv, sizeof(dtv), thread_pointer + ARCH_DTV) ||
	    remote_read(&block, sizeof(block), dtv + 16ULL * p->tss_key))
		return -1;
	*ret = 0;
	if (block == ~0ULL) /* this thread never touched the module */
		return 0;
	return remote_read(ret, sizeof(*ret), block + p->tls_offset) ? -1 : 0;
}

/* Address of the thread's PyThreadState, 0 if it has none; -1 if that can't be read. */
static __always_inline int unwind_tstate(const struct adder_process *p, __u64 thread_pointer,
					 __u64 *ret)
{
	switch (p->binary.tstate_via) {
	case ADDER_VIA_TLS_EXE:
		return remote_read(ret, sizeof(*ret), thread_pointer + p->tls_offset) ? -1 : 0;
	case ADDER_VIA_TLS_LIB:
		return unwind_tls_value(p, thread_pointer, ret);
	default:
		return unwind_pthread_value(thread_pointer - p->pthread_bytes, p->tss_key,
					    p->binary.musl, ret);
	}
}

/* A u64 of the PyThreadState that was read into the scratch. */
static __always_inline __u64 unwind_tstate_u64(const struct unwind_scratch *s, __u16 at)
{
	__u32 offset = at;

	if (offset > ADDER_TSTATE_BYTES - 8)
		return 0;
	barrier_var(offset);
	return remote_u64(&s->tstate[offset]);
}

/*
 * Is the thread state that was read the thread's own?  A stale or foreign one gives itself away by
 * pthread_self().  A thread without a thread pointer has just exec'd: it is the main one, whose
 * state is the oldest of its interpreter's.
 */
static __always_inline bool unwind_is_own(const struct unwind *w)
{
	if (ARCH_POINTER_LAGS && !w->thread_pointer)
		return !unwind_tstate_u64(w->scratch, w->layout->ts_next);
	return arch_is_own(w->thread_pointer,
			   unwind_tstate_u64(w->scratch, w->layout->ts_thread_id));
}

/* Read the thread state at @tstate, if it is the thread's own. */
static __always_inline int unwind_read_tstate(struct unwind *w, __u64 tstate)
{
	struct unwind_scratch *s = w->scratch;

	if (remote_read(s->tstate, ADDER_TSTATE_BYTES, tstate) || !unwind_is_own(w))
		return -1;
	s->interp = unwind_tstate_u64(s, w->layout->ts_interp);
	s->tstate_at = tstate;
	return 0;
}

/* The innermost frame of the thread state that was read; 0 if it runs nothing. */
static __always_inline int unwind_read_frame(struct unwind *w, __u64 *ret)
{
	*ret = unwind_tstate_u64(w->scratch, w->layout->ts_frame);
	if (w->layout->frame_via == ADDER_FRAME_CFRAME)
		return remote_read(ret, sizeof(*ret), *ret + w->layout->cframe_current_frame) ? -1
											      : 0;
	return 0;
}

/* Look at one thread state, or go on to the next interpreter; non-zero ends the search. */
static __attribute__((unused)) long unwind_try_tstate(__u32 index, void *context)
{
	struct unwind *w = context;
	struct unwind_position *at = &w->scratch->at;
	const struct adder_layout *l = w->layout;
	__u64 frame;

	(void)index;
	if (!at->tstate) {
		if (!at->interp ||
		    remote_read(&at->tstate, sizeof(at->tstate),
				at->interp + l->interp_threads_head) ||
		    remote_read(&at->interp, sizeof(at->interp), at->interp + l->interp_next))
			return 1;
		return 0;
	}
	if (!unwind_read_tstate(w, at->tstate)) {
		if (!unwind_read_frame(w, &frame) && frame)
			return 1;
		at->tstate = 0; /* one thread has one state in an interpreter, nearly always */
		return 0;
	}
	return remote_read(&at->tstate, sizeof(at->tstate), at->tstate + l->ts_next) ? 1 : 0;
}

#if defined(__bpf__) && defined(ADDER_OLD_KERNEL)
int unwind_try_part(__u64 thread_pointer); /* bpf/capture.h */

static __always_inline void unwind_try_tstates(struct unwind *w)
{
	for (__u32 i = 0; i < UNWIND_TSTATES / UNWIND_PART; i++) {
		if (unwind_try_part(w->thread_pointer))
			break;
	}
}
#else
static __always_inline void unwind_try_tstates(struct unwind *w)
{
	compat_loop(UNWIND_TSTATES, unwind_try_tstate, w);
}
#endif

/*
 * To 3.11 the GILState's slot keeps the thread state that a thread had first, when a
 * sub-interpreter's has taken over.  Is what was read not what the thread runs in?
 */
static __always_inline bool unwind_is_elsewhere(struct unwind *w, const struct adder_process *p)
{
	const struct adder_layout *l = w->layout;
	struct {
		__u64 head, main;
	} interpreters;
	__u64 current;

	if (!l->rt_tstate_current ||
	    remote_read(&interpreters, sizeof(interpreters),
			p->runtime + l->rt_interpreters_head) ||
	    interpreters.head == interpreters.main)
		return false;
	return remote_read(&current, sizeof(current), p->runtime + l->rt_tstate_current) ||
	       !current || unwind_read_tstate(w, current);
}

/* Read the thread's own state of the newest interpreter in which it runs something; of those where
 * it runs nothing, if there is no other. */
static __always_inline void unwind_search(struct unwind *w, const struct adder_process *p)
{
	struct unwind_position *at = &w->scratch->at;

	at->tstate = 0;
	if (!remote_read(&at->interp, sizeof(at->interp),
			 p->runtime + w->layout->rt_interpreters_head))
		unwind_try_tstates(w);
	if (!unwind_is_own(w))
		unwind_read_tstate(w, w->scratch->tstate_at);
}

/* Is it known where the thread keeps the address of its state? */
static __always_inline bool unwind_knows_place(const struct unwind *w,
					       const struct adder_process *p)
{
	if (ARCH_PTHREAD_AT_POINTER)
		return true;
	if (!w->thread_pointer)
		return false;
	if (p->binary.tstate_via == ADDER_VIA_TLS_EXE || p->binary.tstate_via == ADDER_VIA_TLS_LIB)
		return p->tls_offset;
	return p->pthread_bytes;
}

/* Read the thread's state from where it keeps its address, into scratch; *@ret is 0 if it has none.
 */
static __always_inline int unwind_follow(struct unwind *w, const struct adder_process *p,
					 __u64 *ret)
{
	if (unwind_tstate(p, w->thread_pointer, ret))
		return -1;
	return *ret ? unwind_read_tstate(w, *ret) : 0;
}

/* From a thread state that was found @p learns how large a struct pthread is. */
static __always_inline void unwind_learn(struct adder_process *p, const struct unwind_scratch *s,
					 __u64 thread_pointer)
{
	__u64 self;

	if (ARCH_PTHREAD_AT_POINTER || p->pthread_bytes || !s->interp)
		return;
	self = unwind_tstate_u64(s, p->binary.layout.ts_thread_id);
	if (arch_is_own(thread_pointer, self))
		p->pthread_bytes = thread_pointer - self;
}

/* From the thread pointer to the innermost frame. */
static __always_inline int unwind_first(struct unwind *w, const struct adder_process *p)
{
	struct unwind_position *at = &w->scratch->at;
	bool knows_place = unwind_knows_place(w, p);
	__u64 tstate = 0;

	/* without a thread pointer it is still with the dynamic linker */
	at->status = w->thread_pointer ? UNWIND_NO_TSTATE : UNWIND_NO_PYTHON;
	if (!w->thread_pointer && !ARCH_POINTER_LAGS)
		return -1;
	if (knows_place && unwind_follow(w, p, &tstate))
		return -1;
	if (!knows_place || (tstate && unwind_is_elsewhere(w, p)))
		unwind_search(w, p);
	if (!w->scratch->interp) {
		at->status = UNWIND_NO_PYTHON;
		return -1;
	}
	if (unwind_read_frame(w, &at->frame))
		return -1;
	if (!at->frame)
		at->status = UNWIND_NO_PYTHON;
	return at->frame ? 0 : -1;
}

/**
 * Walk the stack of the thread whose thread pointer is @thread_pointer, in the process @p, which is
 * ADDER_PHASE_READY, into @scratch->stack.
 *
 * Returns the stack's hash, which is no enum adder_stack_id, and differs between processes; or
 * ADDER_STACK_NONE or ADDER_STACK_UNREAD.  A stack whose innermost frame faults has a hash and no
 * frames.  *@status tells how the walk ended (enum unwind_status).
 */
static __always_inline __u64 unwind_python(struct unwind_scratch *scratch,
					   const struct adder_process *p, __u64 thread_pointer,
					   __u32 *status)
{
	struct unwind w = {
		.layout = &p->binary.layout,
		.scratch = scratch,
		.run_code = p->asyncio.run_code,
		.thread_pointer = thread_pointer,
	};
	struct unwind_position *at = &scratch->at;

	at->run_frame = 0;
	at->hash = unwind_mix(0x61646465720a0aULL, p->serial);
	at->window_bytes = 0;
	at->file.file = 0;
	scratch->interp = scratch->tstate_at = 0;
	scratch->stack.depth = 0;
	if (!unwind_first(&w, p))
		unwind_walk(&w);
	*status = at->status;
	if (!scratch->stack.depth && at->status != UNWIND_FAULT)
		return at->status == UNWIND_NO_PYTHON || at->status == UNWIND_DONE
			       ? ADDER_STACK_NONE
			       : ADDER_STACK_UNREAD;
	scratch->stack.kind = ADDER_EVENT_STACK;
	scratch->stack.serial = p->serial;
	scratch->stack.thread_pointer = thread_pointer;
	scratch->stack.rest = at->frame;
	scratch->stack.torn = at->status != UNWIND_DONE;
	/* of a torn one, where: as long as that is not there, what lies behind stays the same */
	at->hash = unwind_mix(at->hash, scratch->stack.torn ? at->frame : 0) | 1ULL << 63;
	scratch->stack.hash = at->hash;
	return at->hash;
}

#endif
