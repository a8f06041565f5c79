/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which asyncio tasks could go on, but for what has their loop, by remote_read() alone.
 *
 * frame of Handle._run -> its Handle -> its loop -> the loop's deque of ready Handles -> their
 * Tasks
 *
 * A task is ready from when the loop has put its handle there; what its selector has not been asked
 * for yet is not seen, so that the waits found are no longer than they were, but may be shorter.
 */
#ifndef BPF_READY_H
#define BPF_READY_H

#include "tasks.h"

/*
 * Which attribute `_ready` is.  BaseEventLoop.__init__ sets it as the fourth; but from 3.14 on
 * those that a loop's own class assigns to come first.
 */
#define READY_INDEX 3
#define READY_TRIED 40    /* a loop has some 28 attributes */
#define READY_TRIES 16    /* of a process, to find it */
#define READY_MOST  16384 /* handles that are believed to be ready */
#define READY_BLOCK                                                                                \
	64 /* elements of a block of collections.deque (Modules/_collectionsmodule.c)              \
	    */

/* How far the deque has been gone through. */
struct ready_position {
	__u64 block, index; /* of the next element */
	__u64 left;         /* elements */
};

/* Room to work in: on BPF's stack, the verifier would follow each value there. */
struct ready_scratch {
	struct ready_position at;
	struct adder_ready ready;
};

/* The values of an object's attributes: one each @stride bytes. */
struct ready_values {
	__u64 first;
	__u64 stride;
};

static __always_inline int ready_in_dict(const struct adder_layout *l, __u64 dict,
					 struct ready_values *ret)
{
	__u64 parts[2], size; /* ma_keys, ma_values */

	if (!dict || remote_read(parts, sizeof(parts), dict + 32))
		return -1;
	ret->stride = 8;
	ret->first = parts[1] + (l->attributes == ADDER_ATTRIBUTES_INLINE ? 8 : 0);
	if (parts[1])
		return 0;
	if (remote_read(&size, sizeof(size), parts[0] + 8))
		return -1;
	ret->stride = 24; /* hash, key, value */
	if (l->attributes == ADDER_ATTRIBUTES_DICT) {
		/* dk_size; indices, of a byte up to 128 of them, then of two, behind 40 bytes */
		ret->first = parts[0] + 40 + (size <= 128 ? size : 2 * (size & 0xffff)) + 16;
		return 0;
	}
	/* dk_log2_size, dk_log2_index_bytes, dk_kind: with 0 as before, else without hashes */
	if (size >> 16 & 0xff)
		ret->stride = 16;
	ret->first = parts[0] + 32 + (1ULL << (size >> 8 & 31)) + ret->stride - 8;
	return 0;
}

/* Where the attributes of @object are. */
static __always_inline int ready_attributes(const struct adder_layout *l, __u64 object,
					    struct ready_values *ret)
{
	__u64 word, pair[2], type, size;
	__u32 head;

	ret->stride = 8;
	switch (l->attributes) {
	case ADDER_ATTRIBUTES_DICT:
		return remote_read(&word, sizeof(word), object + 16) ? -1
								     : ready_in_dict(l, word, ret);
	case ADDER_ATTRIBUTES_VALUES: /* values, dict; one of them is there */
		if (remote_read(pair, sizeof(pair), object - 32))
			return -1;
		ret->first = pair[0];
		return pair[0] ? 0 : ready_in_dict(l, pair[1], ret);
	case ADDER_ATTRIBUTES_TAGGED: /* one less than the values' address, which is even; or dict
				       */
		if (remote_read(&word, sizeof(word), object - 24))
			return -1;
		ret->first = word + 1;
		return word & 1 ? 0 : ready_in_dict(l, word, ret);
	default: /* behind the object: capacity, size, embedded, valid; or dict */
		if (remote_read(&type, sizeof(type), object + 8) ||
		    remote_read(&size, sizeof(size), type + TASKS_TYPE_SIZE) ||
		    remote_read(&head, sizeof(head), object + size))
			return -1;
		ret->first = object + size + 8;
		if (head >> 24)
			return 0;
		return remote_read(&word, sizeof(word), object - 24) ? -1
								     : ready_in_dict(l, word, ret);
	}
}

/* A deque's ob_type, ob_size, leftblock, rightblock, leftindex. */
struct ready_deque {
	__u64 type, size, left, right, left_index;
};

/* Read the attribute numbered @index, if it is a deque. */
static __always_inline int ready_read(struct adder_asyncio *a, const struct ready_values *values,
				      __u32 index, struct ready_deque *ret)
{
	__u64 object;

	if (remote_read(&object, sizeof(object), values->first + index * values->stride) ||
	    !object || remote_read(ret, sizeof(*ret), object + 8))
		return -1;
	if (ret->type != a->deque_type) {
		if (a->deque_type || !tasks_is_called(ret->type, "collections.dequ", 16))
			return -1;
		a->deque_type = ret->type;
	}
	return 0;
}

struct ready_search {
	struct adder_asyncio *asyncio;
	struct ready_values values;
	struct ready_deque deque;
	__u32 found;
};

static long ready_try(__u32 index, void *context)
{
	struct ready_search *search = context;

	if (ready_read(search->asyncio, &search->values, index, &search->deque))
		return 0;
	search->asyncio->ready_index = index;
	search->found = 1;
	return 1;
}

/* Find the deque among a loop's attributes: mostly where it was before. */
static __always_inline int ready_find(struct ready_search *search)
{
	struct adder_asyncio *a = search->asyncio;
	__u32 index = a->ready_tries ? a->ready_index : READY_INDEX;

	if (!ready_read(a, &search->values, index, &search->deque))
		return 0;
	if (a->ready_tries >= READY_TRIES)
		return -1;
	a->ready_tries++;
	compat_loop(READY_TRIED, ready_try, search);
	return search->found ? 0 : -1;
}

/**
 * Begin to go through what is ready in the loop that runs in the thread whose stack was walked last
 * with @walked.  The number of handles; 0 if there are none, or it can't be told.
 */
static __always_inline __u64 ready_begin(struct adder_process *p,
					 const struct unwind_scratch *walked,
					 struct ready_position *ret)
{
	const struct adder_layout *l = &p->binary.layout;
	struct ready_search search = { .asyncio = &p->asyncio };
	__u64 handle, loop;

	if (!l->task_coro || !p->asyncio.run_code || !walked->at.run_frame ||
	    remote_read(&handle, sizeof(handle), walked->at.run_frame + l->frame_locals) ||
	    remote_read(&loop, sizeof(loop), (handle & ~7ULL) + 48)) /* Handle._loop */
		return 0;
	if (ready_attributes(l, loop, &search.values) || ready_find(&search))
		return 0;
	ret->block = search.deque.left;
	ret->index = search.deque.left_index;
	ret->left = search.deque.size < READY_MOST ? search.deque.size : READY_MOST;
	return ret->left;
}

/* The task of the next handle, or 0 if it is none's, or can't be read. */
static __always_inline __u64 ready_next(const struct adder_process *p, struct tasks_scratch *s,
					struct ready_position *at)
{
	__u64 handle;

	at->left--;
	if (at->index >= READY_BLOCK) { /* rightlink, behind leftlink and the elements */
		at->index = 0;
		if (remote_read(&at->block, sizeof(at->block), at->block + 8 + 8 * READY_BLOCK)) {
			at->block = 0;
			return 0;
		}
	}
	if (remote_read(&handle, sizeof(handle), at->block + 8 + 8 * at->index++))
		return 0;
	return tasks_of_handle(p, s, handle);
}

#endif
