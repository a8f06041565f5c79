/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/call_probes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "adder.skel.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "probe/options.h"
#include "probe/trap.h"
#include "probe/usdt.h"

#define BATCH 1024 /* functions fetched at once */

struct call_probes {
	struct session_calls options;
	struct adder_bpf *skel;
	struct bpf_link **links;
	size_t link_count;
	struct usdt *usdt;
};

struct call_probes *call_probes_new(struct adder_bpf *skel, const struct session_calls *options)
{
	struct call_probes *c = calloc(1, sizeof(*c));
	uint64_t probe_ns = 0;

	if (!c)
		return NULL;
	c->options = *options;
	c->skel = skel;
	if (options->clock) {
		if (trap_measure(skel->progs.on_call, &probe_ns))
			log_debug("what a probe costs could not be measured");
		skel->bss->probe_ns = probe_ns;
	}
	return c;
}

void call_probes_free(struct call_probes *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->link_count; i++)
		bpf_link__destroy(c->links[i]);
	free(c->links);
	usdt_free(c->usdt);
	free(c);
}

int call_probes_add(struct call_probes *c, int fd, pid_t pid, uint64_t offset, uint64_t cookie)
{
	LIBBPF_OPTS(bpf_uprobe_opts, options, .bpf_cookie = cookie);
	struct bpf_link **links = reallocarray(c->links, c->link_count + 1, sizeof(*links));
	char path[40];

	if (!links)
		return -ENOMEM;
	c->links = links;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	links[c->link_count] = bpf_program__attach_uprobe_opts(
		c->skel->progs.on_call, pid ? pid : -1, path, offset, &options);
	if (!links[c->link_count])
		return -errno;
	c->link_count++;
	return 0;
}

int call_probes_add_returns(struct call_probes *c, int fd, pid_t pid)
{
	if (!c->usdt)
		c->usdt = usdt_new(c->skel);
	return c->usdt ? usdt_attach(c->usdt, fd, pid, USDT_RETURNS) : -ENOMEM;
}

struct call_probes_count call_probes_count(const struct call_probes *c)
{
	return (struct call_probes_count){ .calls = c->link_count,
					   .returns = c->usdt ? usdt_count(c->usdt) : 0 };
}

void call_probes_drop(struct call_probes *c, struct call_probes_count keep)
{
	while (c->link_count > keep.calls)
		bpf_link__destroy(c->links[--c->link_count]);
	if (c->usdt)
		usdt_drop(c->usdt, keep.returns);
}

static void forget_call(struct call_probes *c, const struct adder_call_key *key)
{
	bpf_map_delete_elem(bpf_map__fd(c->skel->maps.calls), key);
	if (c->options.select)
		bpf_map_delete_elem(bpf_map__fd(c->skel->maps.call_wants), key);
	if (c->options.histograms)
		bpf_map_delete_elem(bpf_map__fd(c->skel->maps.histograms), key);
}

int call_probes_each_call(struct call_probes *c,
			  bool (*fn)(void *arg, const struct adder_call_key *key,
				     const struct adder_call_sums *sums),
			  void *arg)
{
	cleanup_free struct adder_call_key *keys = calloc(BATCH, sizeof(*keys));
	cleanup_free struct adder_call_sums *sums = calloc(BATCH, sizeof(*sums));
	uint32_t batch = 0;
	bool first = true;
	int err = 0;

	if (!keys || !sums)
		return -ENOMEM;
	while (!err) {
		uint32_t count = BATCH;

		err = bpf_map_lookup_batch(bpf_map__fd(c->skel->maps.calls), first ? NULL : &batch,
					   &batch, keys, sums, &count, NULL);
		if (err && err != -ENOENT)
			break;
		for (uint32_t i = 0; i < count; i++) {
			if (fn(arg, &keys[i], &sums[i]))
				forget_call(c, &keys[i]);
		}
		first = false;
	}
	return err == -ENOENT ? 0 : err;
}

void call_probes_each_open(struct call_probes *c,
			   void (*fn)(void *arg, uint32_t tid, const struct adder_open_calls *open),
			   void *arg)
{
	cleanup_free struct adder_open_calls *open = malloc(sizeof(*open));
	int fd = bpf_map__fd(c->skel->maps.open_calls);
	uint32_t tid, *last = NULL;

	while (open && !bpf_map_get_next_key(fd, last, &tid)) {
		if (!bpf_map_lookup_elem(fd, &tid, open))
			fn(arg, tid, open);
		last = &tid;
	}
}

int call_probes_want(struct call_probes *c, const struct adder_call_key *key, uint32_t wants)
{
	if (!c->options.select)
		return 0;
	if (bpf_map_update_elem(bpf_map__fd(c->skel->maps.call_wants), key, &wants, BPF_ANY))
		return -errno;
	/* it had one as long as nobody had said */
	if (c->options.histograms && !(wants & ADDER_WANT_HISTOGRAM))
		bpf_map_delete_elem(bpf_map__fd(c->skel->maps.histograms), key);
	return 0;
}

int call_probes_find_histogram(struct call_probes *c, const struct adder_call_key *key,
			       struct adder_histogram *ret)
{
	return bpf_map_lookup_elem(bpf_map__fd(c->skel->maps.histograms), key, ret) ? -errno : 0;
}

void call_probes_each_histogram(struct call_probes *c,
				void (*fn)(void *arg, const struct adder_call_key *key,
					   const struct adder_histogram *histogram),
				void *arg)
{
	int fd = bpf_map__fd(c->skel->maps.histograms);
	struct adder_call_key key, *last = NULL;
	struct adder_histogram histogram;

	while (!bpf_map_get_next_key(fd, last, &key)) {
		if (!bpf_map_lookup_elem(fd, &key, &histogram))
			fn(arg, &key, &histogram);
		last = &key;
	}
}

uint64_t call_probes_hit_ns(const struct call_probes *c)
{
	struct bpf_prog_info info = {};
	uint32_t size = sizeof(info);

	/* runs are timed now and then, see session_count_cost() */
	if (bpf_obj_get_info_by_fd(bpf_program__fd(c->skel->progs.on_call), &info, &size) ||
	    !info.run_cnt)
		return c->skel->bss->probe_ns;
	return c->skel->bss->probe_ns + info.run_time_ns / info.run_cnt;
}
