/* SPDX-License-Identifier: BSD-2-Clause */
#include "recorder/open_calls.h"

#include <stddef.h>

static const struct adder_open_call *find(const struct adder_open_calls *open, uint64_t frame)
{
	for (size_t i = 0; i < ADDER_OPEN_CALLS && frame; i++) {
		if (open->calls[i].frame == frame)
			return &open->calls[i];
	}
	return NULL;
}

/* What callees have taken of @call: those that ended, and the one that has not. */
static uint64_t inner_ns(const struct adder_open_calls *open, const struct adder_open_call *call,
			 uint64_t now)
{
	uint64_t inner = call->inner_ns;

	/* an entry without code stands between a call and its callee at most once */
	for (int level = 0; level < 2 && (call = find(open, call->callee)); level++) {
		if (call->code)
			return inner + now - call->start_ns;
		inner += call->inner_ns;
	}
	return inner;
}

void open_calls_each(const struct adder_open_calls *open, uint64_t now, open_calls_fn fn, void *arg)
{
	for (size_t i = 0; i < ADDER_OPEN_CALLS; i++) {
		const struct adder_open_call *call = &open->calls[i];
		struct adder_call_key key = { call->code, open->serial, call->signature };
		uint64_t total;

		if (!call->frame || !call->code || now < call->start_ns)
			continue;
		total = now - call->start_ns;
		fn(arg, &key, total - inner_ns(open, call, now), call->recursive ? 0 : total);
	}
}
