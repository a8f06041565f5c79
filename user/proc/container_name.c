/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of containers, from what the engines leave on disk: no socket is opened, nobody is asked.
 * The files are root's own, but their texts are the engines' users': taken as they are, bounded.
 */
#define _GNU_SOURCE
#include "proc/container.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"

#define STATE_BYTES (4u << 20) /* of an engine's file: Podman's lists all containers in one */
#define LOG_ENTRIES 100000     /* of kubelet's folder */

static void close_dir(DIR *dir)
{
	if (dir)
		closedir(dir);
}
DEFINE_CLEANUP(DIR *, close_dir);

/* The text of a file, the caller's to free; NULL if it can't be had or is too long. */
static char *read_state(const char *path)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	cleanup_free char *text = NULL;
	struct stat st;
	ssize_t got;

	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size > STATE_BYTES)
		return NULL;
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return NULL;
	got = read(fd, text, (size_t)st.st_size);
	if (got < 0)
		return NULL;
	text[got] = '\0';
	return TAKE_PTR(text);
}

/* Copy the JSON string at @text, which must hold no escapes, as no engine's names do. */
static bool copy_string(const char *text, char *ret, size_t size)
{
	size_t length = strcspn(text, "\"\\");

	if (length == 0 || length >= size || text[length] != '"')
		return false;
	memcpy(ret, text, length);
	ret[length] = '\0';
	return true;
}

/* Behind the string that begins at @text. */
static const char *skip_string(const char *text)
{
	for (text++; *text && *text != '"'; text++)
		text += text[0] == '\\' && text[1];
	return *text ? text + 1 : text;
}

/* Find @key in the outermost object of the JSON @text: a container's labels may hold it too. */
static const char *find_outermost(const char *text, const char *key)
{
	int depth = 0;

	while (*text) {
		if (*text == '"') {
			if (depth == 1 && text_starts(text, key))
				return text + strlen(key);
			text = skip_string(text);
			continue;
		}
		depth += (*text == '{' || *text == '[') - (*text == '}' || *text == ']');
		text++;
	}
	return NULL;
}

/* Docker writes "Name":"/web". */
static bool find_docker(struct container *c, const char *root)
{
	cleanup_free char *text = NULL;
	char path[PATH_MAX];
	const char *found;

	snprintf(path, sizeof(path), "%s/var/lib/docker/containers/%s/config.v2.json", root, c->id);
	text = read_state(path);
	found = text ? find_outermost(text, "\"Name\":\"/") : NULL;
	return found && copy_string(found, c->name, sizeof(c->name));
}

/* Podman has one array of {"id":"...","names":["web"],...}, in this order. */
static bool find_podman(struct container *c, const char *root)
{
	static const char key[] = "\"names\":[\"";
	char path[PATH_MAX], id[CONTAINER_ID_BYTES + 16];
	cleanup_free char *text = NULL;
	const char *found, *next;

	snprintf(path, sizeof(path),
		 "%s/var/lib/containers/storage/overlay-containers/containers.json", root);
	text = read_state(path);
	snprintf(id, sizeof(id), "\"id\":\"%s\"", c->id);
	found = text ? strstr(text, id) : NULL;
	if (!found)
		return false;
	next = strstr(found + 1, "\"id\":\"");
	found = strstr(found, key);
	return found && (!next || found < next) &&
	       copy_string(found + strlen(key), c->name, sizeof(c->name));
}

/* POD_NAMESPACE_CONTAINER-ID.log, of which the name is NAMESPACE/POD/CONTAINER. */
static bool parse_log_name(const char *file, struct container *c)
{
	const char *space = strchr(file, '_'), *name = space ? strchr(space + 1, '_') : NULL;
	char tail[CONTAINER_ID_BYTES + 8];

	snprintf(tail, sizeof(tail), "-%s.log", c->id);
	if (!name || !text_ends(name, tail))
		return false;
	snprintf(c->name, sizeof(c->name), "%.*s/%.*s/%.*s", (int)(name - space - 1), space + 1,
		 (int)(space - file), file, (int)(strlen(name + 1) - strlen(tail)), name + 1);
	return true;
}

/* kubelet keeps a link to the log of each container it runs. */
static bool find_kube(struct container *c, const char *root)
{
	CLEANUP(close_dir) DIR *dir = NULL;
	const struct dirent *entry;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/var/log/containers", root);
	dir = opendir(path);
	for (int i = 0; dir && i < LOG_ENTRIES && (entry = readdir(dir)); i++) {
		if (parse_log_name(entry->d_name, c))
			return true;
	}
	return false;
}

void container_find_name(struct container *container, const char *root)
{
	if (!container->id[0] || container->name[0])
		return;
	if (container->pod[0])
		find_kube(container, root);
	else if (container->kind == CONTAINER_DOCKER)
		find_docker(container, root);
	else if (container->kind == CONTAINER_PODMAN)
		find_podman(container, root);
	else if (container->kind == CONTAINER_OTHER && !find_docker(container, root))
		find_podman(container, root);
}
