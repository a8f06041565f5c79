/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/usdt.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <bpf/libbpf.h>

#include "adder.skel.h"

/* Ends before beginnings: what has begun by our word ends by it, too. */
static const struct probe {
	const char *name;
	unsigned int what;
	size_t program; /* where struct adder_bpf has it */
} probes[] = {
	{ "gc__done", USDT_COLLECTIONS, offsetof(struct adder_bpf, progs.on_gc_done) },
	{ "gc__start", USDT_COLLECTIONS, offsetof(struct adder_bpf, progs.on_gc_start) },
	{ "import__find__load__done", USDT_IMPORTS,
	  offsetof(struct adder_bpf, progs.on_import_done) },
	{ "import__find__load__start", USDT_IMPORTS,
	  offsetof(struct adder_bpf, progs.on_import_start) },
	{ "function__return", USDT_RETURNS, offsetof(struct adder_bpf, progs.on_function_return) },
};

struct usdt {
	struct adder_bpf *skel;
	struct bpf_link **links;
	size_t count;
};

static struct bpf_program *program_of(struct adder_bpf *skel, const struct probe *probe)
{
	return *(struct bpf_program **)((char *)skel + probe->program);
}

int usdt_choose(struct adder_bpf *skel, unsigned int what)
{
	struct bpf_map *const libbpfs[] = { skel->maps.__bpf_usdt_specs,
					    skel->maps.__bpf_usdt_ip_to_spec_id };
	int err = bpf_map__set_autocreate(skel->maps.open_spans, what & ~USDT_RETURNS);

	for (size_t i = 0; i < ARRAY_SIZE(probes); i++)
		bpf_program__set_autoload(program_of(skel, &probes[i]), probes[i].what & what);
	for (size_t i = 0; i < ARRAY_SIZE(libbpfs) && !err; i++)
		err = bpf_map__set_autocreate(libbpfs[i], what);
	return err;
}

struct usdt *usdt_new(struct adder_bpf *skel)
{
	struct usdt *u = calloc(1, sizeof(*u));

	if (u)
		u->skel = skel;
	return u;
}

size_t usdt_count(const struct usdt *u)
{
	return u->count;
}

void usdt_drop(struct usdt *u, size_t keep)
{
	while (u->count > keep)
		bpf_link__destroy(u->links[--u->count]);
}

void usdt_free(struct usdt *u)
{
	if (!u)
		return;
	usdt_drop(u, 0);
	free(u->links);
	free(u);
}

/* Without cookies libbpf looks for the file's name in a process's maps: a descriptor has none. */
static int error_of(int err, pid_t pid)
{
	return err == -ESRCH && pid && !kill(pid, 0) ? -ENOTSUP : err;
}

static int attach(struct usdt *u, const char *path, pid_t pid, const struct probe *probe)
{
	struct bpf_link **links = reallocarray(u->links, u->count + 1, sizeof(*links));
	struct bpf_link *link;

	if (!links)
		return -ENOMEM;
	u->links = links;
	link = bpf_program__attach_usdt(program_of(u->skel, probe), pid ? pid : -1, path, "python",
					probe->name, NULL);
	if (!link)
		return error_of(-errno, pid);
	links[u->count++] = link;
	return 0;
}

int usdt_attach(struct usdt *u, int fd, pid_t pid, unsigned int what)
{
	size_t before = u->count;
	char path[40];
	int err = 0;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	for (size_t i = 0; i < ARRAY_SIZE(probes) && !err; i++) {
		if (probes[i].what & what)
			err = attach(u, path, pid, &probes[i]);
	}
	if (err)
		usdt_drop(u, before);
	return err;
}
