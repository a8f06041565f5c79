/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A cgroup's path is read as a list of components, leaf first: the innermost component that means
 * a container decides.  A service of systemd only counts where no container is around it: it may
 * be one of the container's own.
 */
#define _GNU_SOURCE
#include "proc/container.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "proc/process.h"

#define MAX_COMPONENTS 64    /* of a path, from the leaf; containers nest less deeply */
#define ID_DIGITS      64    /* of a container's id */
#define CGROUP_BYTES   16384 /* of a /proc/PID/cgroup: a dozen hierarchies, 1 KB each */
#define MIN_ID_PREFIX  4     /* shorter ones are more likely to be a name */

/* A part of a path; not NUL-ended. */
struct part {
	const char *text;
	size_t length;
};

struct parts {
	struct part at[MAX_COMPONENTS]; /* leaf first */
	size_t count;
};

static bool part_is(struct part p, const char *text)
{
	return p.length == strlen(text) && memcmp(p.text, text, p.length) == 0;
}

/* Cut @prefix off the front; false if @p doesn't begin with it. */
static bool cut_prefix(struct part *p, const char *prefix)
{
	size_t length = strlen(prefix);

	if (p->length < length || memcmp(p->text, prefix, length) != 0)
		return false;
	p->text += length;
	p->length -= length;
	return true;
}

static bool cut_suffix(struct part *p, const char *suffix)
{
	size_t length = strlen(suffix);

	if (p->length < length || memcmp(p->text + p->length - length, suffix, length) != 0)
		return false;
	p->length -= length;
	return true;
}

static bool is_id(struct part p)
{
	if (p.length != ID_DIGITS)
		return false;
	for (size_t i = 0; i < p.length; i++) {
		if (!strchr("0123456789abcdef", p.text[i]) || !p.text[i])
			return false;
	}
	return true;
}

static void set_id(struct container *c, enum container_kind kind, struct part id)
{
	c->kind = kind;
	snprintf(c->id, sizeof(c->id), "%.*s", (int)id.length, id.text);
	snprintf(c->short_id, sizeof(c->short_id), "%.12s", c->id);
}

/* systemd writes what a unit's name may not hold as \xHH. */
static void set_name(struct container *c, enum container_kind kind, struct part name)
{
	size_t used = 0;

	for (size_t i = 0; i < name.length && used < sizeof(c->name) - 1; i++) {
		unsigned int code;

		if (i + 4 <= name.length && sscanf(name.text + i, "\\x%2x", &code) == 1 && code) {
			c->name[used++] = (char)code;
			i += 3;
		} else {
			c->name[used++] = name.text[i];
		}
	}
	c->name[used] = '\0';
	c->kind = kind;
}

/* docker-ID.scope, as systemd's cgroup driver names them; libpod-ID without. */
static bool match_scope(struct part p, struct container *c)
{
	static const struct {
		const char *prefix;
		enum container_kind kind;
	} engines[] = {
		{ "docker-", CONTAINER_DOCKER },      { "cri-containerd-", CONTAINER_CONTAINERD },
		{ "crio-", CONTAINER_CRIO },          { "libpod-", CONTAINER_PODMAN },
		{ "nerdctl-", CONTAINER_CONTAINERD },
	};

	cut_suffix(&p, ".scope");
	for (size_t i = 0; i < ARRAY_SIZE(engines); i++) {
		struct part id = p;

		if (!cut_prefix(&id, engines[i].prefix) || !is_id(id))
			continue;
		set_id(c, engines[i].kind, id);
		return true;
	}
	return false;
}

/* SLICE:cri-containerd:ID: a path for systemd's driver, taken literally by the other one. */
static bool match_colons(struct part p, struct container *c)
{
	const char *colon = memrchr(p.text, ':', p.length);
	struct part id;

	if (!colon)
		return false;
	id = (struct part){ colon + 1, p.length - (size_t)(colon + 1 - p.text) };
	p.length -= id.length + 1;
	if (!is_id(id))
		return false;
	if (cut_suffix(&p, ":docker"))
		set_id(c, CONTAINER_DOCKER, id);
	else if (cut_suffix(&p, ":cri-containerd"))
		set_id(c, CONTAINER_CONTAINERD, id);
	else
		set_id(c, CONTAINER_OTHER, id);
	return true;
}

static bool is_kube(struct part p)
{
	return cut_prefix(&p, "kubepods") || cut_prefix(&p, "kubelet-kubepods");
}

/* Whose a bare id is, by the folders around it. */
static enum container_kind kind_around(const struct parts *parts, size_t at)
{
	for (size_t i = at + 1; i < parts->count; i++) {
		struct part p = parts->at[i];

		if (part_is(p, "docker"))
			return CONTAINER_DOCKER;
		if (part_is(p, "libpod_parent"))
			return CONTAINER_PODMAN;
		if (is_kube(p))
			return CONTAINER_KUBE;
		if (part_is(p, "k8s.io") || part_is(p, "default") || part_is(p, "moby"))
			return CONTAINER_CONTAINERD;
	}
	return CONTAINER_OTHER;
}

/* ctr's containers: /NAMESPACE/ID, where the id is any name; told by the usual namespace. */
static bool match_ctr(const struct parts *parts, size_t at, struct container *c)
{
	if (at + 2 != parts->count)
		return false;
	if (!part_is(parts->at[at + 1], "default") && !part_is(parts->at[at + 1], "k8s.io"))
		return false;
	set_name(c, CONTAINER_CONTAINERD, parts->at[at]);
	return true;
}

/* lxc.payload.NAME, lxc.payload/NAME (LXC 3) and lxc/NAME. */
static bool match_lxc(const struct parts *parts, size_t at, struct container *c)
{
	struct part name = parts->at[at];
	bool inner = at + 1 < parts->count && (part_is(parts->at[at + 1], "lxc") ||
					       part_is(parts->at[at + 1], "lxc.payload"));

	if (!cut_prefix(&name, "lxc.payload.") && !inner)
		return false;
	set_name(c, CONTAINER_LXC, name);
	return true;
}

static bool match_nspawn(struct part p, struct container *c)
{
	bool scope = cut_prefix(&p, "machine-") && cut_suffix(&p, ".scope");

	if (!scope && !(cut_prefix(&p, "systemd-nspawn@") && cut_suffix(&p, ".service")))
		return false;
	set_name(c, CONTAINER_NSPAWN, p);
	return true;
}

static bool match_container(const struct parts *parts, size_t at, struct container *c)
{
	struct part p = parts->at[at];

	if (match_scope(p, c) || match_colons(p, c))
		return true;
	if (is_id(p)) {
		set_id(c, kind_around(parts, at), p);
		return true;
	}
	return match_lxc(parts, at, c) || match_nspawn(p, c) || match_ctr(parts, at, c);
}

static bool match_service(struct part p, struct container *c)
{
	struct part user = p;

	/* user@1000.service holds all that a user runs: no service of its own. */
	if (!cut_suffix(&p, ".service") || cut_prefix(&user, "user@"))
		return false;
	p.length += strlen(".service");
	set_name(c, CONTAINER_SYSTEMD, p);
	return true;
}

/* kubepods-burstable-podUID.slice or podUID; systemd has '_' for the uid's '-'. */
static bool match_pod(struct part p, struct container *c)
{
	const char *pod;
	struct part uid;

	cut_suffix(&p, ".slice");
	pod = is_kube(p) ? memmem(p.text, p.length, "-pod", 4) : NULL;
	uid = pod ? (struct part){ pod + 1, p.length - (size_t)(pod + 1 - p.text) } : p;
	if (!cut_prefix(&uid, "pod") || uid.length < 32 || uid.length >= sizeof(c->pod))
		return false;
	for (size_t i = 0; i < uid.length; i++)
		c->pod[i] = uid.text[i] == '_' ? '-' : uid.text[i];
	c->pod[uid.length] = '\0';
	return true;
}

static void find_pod(const struct parts *parts, struct container *c)
{
	for (size_t i = 0; i < parts->count && !c->pod[0]; i++) {
		struct part p = parts->at[i];
		const char *colon = memchr(p.text, ':', p.length);

		if (colon)
			p.length = (size_t)(colon - p.text);
		match_pod(p, c);
	}
}

static void recognise(const struct parts *parts, struct container *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < parts->count; i++) {
		if (match_container(parts, i, ret)) {
			find_pod(parts, ret);
			return;
		}
	}
	for (size_t i = 0; i < parts->count; i++) {
		if (match_service(parts->at[i], ret))
			return;
	}
}

/* Split @path (of @length bytes) from its end, at each '/'. */
static void split_path(const char *path, size_t length, struct parts *ret)
{
	ret->count = 0;
	while (length && ret->count < MAX_COMPONENTS) {
		const char *slash = memrchr(path, '/', length);
		size_t start = slash ? (size_t)(slash - path) + 1 : 0;

		if (length > start)
			ret->at[ret->count++] = (struct part){ path + start, length - start };
		length = slash ? start - 1 : 0;
	}
}

static void from_path(const char *path, size_t length, struct container *ret)
{
	struct parts parts;

	split_path(path, length, &parts);
	recognise(&parts, ret);
}

void container_from_path(const char *path, struct container *ret)
{
	from_path(path, strlen(path), ret);
}

void container_from_components(const char *components, size_t size, struct container *ret)
{
	struct parts parts = { .count = 0 };

	while (size && *components && parts.count < MAX_COMPONENTS) {
		size_t length = strnlen(components, size);

		parts.at[parts.count++] = (struct part){ components, length };
		if (length == size)
			break;
		components += length + 1;
		size -= length + 1;
	}
	recognise(&parts, ret);
}

/* How much a reading tells: an id more than a name, both more than a service of the host. */
static int worth(const struct container *c)
{
	if (c->kind == CONTAINER_NONE || c->kind == CONTAINER_SYSTEMD)
		return c->kind == CONTAINER_SYSTEMD;
	return 2 + (c->kind != CONTAINER_OTHER) + 2 * (c->id[0] != '\0');
}

void container_from_text(const char *text, struct container *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (const char *line = text; *line;) {
		size_t length = strcspn(line, "\n");
		const char *colon = memchr(line, ':', length);
		struct container c;

		if (colon)
			colon = memchr(colon + 1, ':', length - (size_t)(colon + 1 - line));
		if (colon) {
			from_path(colon + 1, length - (size_t)(colon + 1 - line), &c);
			if (worth(&c) > worth(ret))
				*ret = c;
		}
		line += length + (line[length] == '\n');
	}
}

int container_read(pid_t pid, struct container *ret)
{
	char text[CGROUP_BYTES];
	ssize_t got = process_read_text(pid, "cgroup", text, sizeof(text));

	if (got < 0)
		return (int)got;
	container_from_text(text, ret);
	return 0;
}

const char *container_label(const struct container *container)
{
	if (container->kind == CONTAINER_NONE)
		return NULL;
	return container->name[0] ? container->name : container->short_id;
}

static bool is_id_prefix(const char *pattern, const char *id)
{
	return strlen(pattern) >= MIN_ID_PREFIX && text_starts(id, pattern);
}

bool container_matches(const struct container *c, const char *pattern)
{
	if (c->kind == CONTAINER_NONE || !*pattern)
		return false;
	if (is_id_prefix(pattern, c->id) || strcmp(pattern, c->pod) == 0)
		return true;
	if (c->name[0] &&
	    (strcmp(pattern, text_basename(c->name)) == 0 || fnmatch(pattern, c->name, 0) == 0))
		return true;
	return c->id[0] && fnmatch(pattern, c->id, 0) == 0;
}
