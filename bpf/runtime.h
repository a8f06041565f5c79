/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a known binary to the interpreter in one process of it.
 *
 * NO_LIB -> STARTING -> READY: libpython is found in the dynamic linker's list of loaded objects,
 * the thread key in the runtime, each as soon as the process has got that far.  Works natively too,
 * over remote_read().
 */
#ifndef BPF_RUNTIME_H
#define BPF_RUNTIME_H

#include "compat.h"
#include "wire.h"

#define RUNTIME_MAX_OBJECTS 24 /* libpython is among the first a program loads */

/* As in <link.h>; the part that the ABI fixes. */
struct runtime_link_map {
	__u64 l_addr, l_name, l_ld, l_next;
};

struct runtime_search {
	__u64 object; /* address of the next struct link_map */
	__u64 lib_dynamic;
	__u64 bias;
	__u32 found;
	__u32 pad;
};

static long runtime_try_object(__u32 index, void *context)
{
	struct runtime_search *search = context;
	struct runtime_link_map object;

	(void)index;
	if (!search->object || remote_read(&object, sizeof(object), search->object))
		return 1;
	search->object = object.l_next;
	if (object.l_ld - object.l_addr != search->lib_dynamic)
		return 0;
	search->bias = object.l_addr;
	search->found = 1;
	return 1;
}

/* Find libpython by its dynamic section's address, which the linker's list has for every object. */
static __always_inline int runtime_find_lib(struct adder_process *p)
{
	struct runtime_search search = { .lib_dynamic = p->binary.lib_dynamic };
	__u64 r_debug;

	if (remote_read(&r_debug, sizeof(r_debug), p->bias + p->binary.debug) || !r_debug)
		return -1;
	if (remote_read(&search.object, sizeof(search.object), r_debug + 8)) /* r_map */
		return -1;
	compat_loop(RUNTIME_MAX_OBJECTS, runtime_try_object, &search);
	if (!search.found)
		return -1;
	p->lib_bias = search.bias;
	return 0;
}

/* Now that the load bias of the interpreter is known: its addresses in this process. */
static __always_inline void runtime_relocate(struct adder_process *p)
{
	const struct adder_binary *b = &p->binary;
	__u64 bias = b->kind == ADDER_BINARY_STATIC ? p->bias : p->lib_bias;

	p->runtime = b->runtime ? bias + b->runtime : 0;
	p->tls_offset = b->tls_offset;
	if (b->layout.rt_gil) {
		p->gil = p->runtime + b->layout.rt_gil + b->layout.gil_words;
		p->gil_end = p->runtime + b->layout.rt_gil + b->layout.gil_bytes;
	} else if (b->gil) {
		p->gil = bias + b->gil;
		p->gil_end = bias + b->gil_end;
	}
}

/* The GILState's thread key, once CPython has made it. */
static __always_inline int runtime_find_key(struct adder_process *p)
{
	const struct adder_binary *b = &p->binary;
	__u64 bias = b->kind == ADDER_BINARY_STATIC ? p->bias : p->lib_bias;
	__u64 pair[2];
	__s32 key[2];

	switch (b->tstate_via) {
	case ADDER_VIA_TSD: /* Py_tss_t {initialised, key} */
		if (remote_read(key, sizeof(key), p->runtime + b->layout.rt_tss_key) || !key[0])
			return -1;
		p->tss_key = key[1];
		return 0;
	case ADDER_VIA_TSD_GLOBAL: /* static int autoTLSkey = -1 */
		if (remote_read(key, sizeof(key[0]), bias + b->tss_key) || key[0] < 0)
			return -1;
		p->tss_key = key[0];
		return 0;
	case ADDER_VIA_TLS_LIB: /* {module id, offset}, filled in by the dynamic linker */
		if (remote_read(pair, sizeof(pair), bias + b->tls_offset) || !pair[0])
			return -1;
		p->tss_key = pair[0];
		p->tls_offset = pair[1] + b->tls_delta;
		return 0;
	default:
		return 0;
	}
}

/* Get @p as far as it has come; 0 if it is ready to be walked. */
static __always_inline int runtime_advance(struct adder_process *p)
{
	if (p->phase == ADDER_PHASE_READY)
		return 0;
	if (p->phase == ADDER_PHASE_NO_LIB) {
		if (runtime_find_lib(p))
			return -1;
		runtime_relocate(p);
		p->phase = ADDER_PHASE_STARTING;
	}
	if (p->phase != ADDER_PHASE_STARTING || runtime_find_key(p))
		return -1;
	p->phase = ADDER_PHASE_READY;
	return 0;
}

/* Begin: what can be said of a process of binary @p->binary, loaded at @p->bias. */
static __always_inline void runtime_begin(struct adder_process *p)
{
	p->phase =
		p->binary.kind == ADDER_BINARY_STATIC ? ADDER_PHASE_STARTING : ADDER_PHASE_NO_LIB;
	if (p->phase == ADDER_PHASE_STARTING)
		runtime_relocate(p);
}

#endif
