/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "discover/discover.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <uthash.h>

#include "base/text.h"
#include "proc/maps.h"
#include "python/memory.h"
#include "python/object.h"

#include "../bpf/runtime.h"

/* A file that was judged. */
struct judged {
	struct adder_file file;
	struct stat st;   /* of one that holds an interpreter */
	bool is_overlaid; /* likewise */
	struct python_object object;
	uint32_t version;          /* of the interpreter in, or linked with, a program */
	struct discover_note note; /* of discover_on_interpreter()'s, likewise */
	UT_hash_handle hh;
};

struct discover {
	struct judged *files;
	/* or NULL */
	struct discover_note (*on_interpreter)(void *arg, int fd, uint32_t version,
					       const struct adder_layout *layout);
	void *arg;
	pid_t looks_at;
};

struct discover *discover_new(void)
{
	return calloc(1, sizeof(struct discover));
}

void discover_free(struct discover *d)
{
	struct judged *file, *next;

	if (!d)
		return;
	HASH_ITER (hh, d->files, file, next) {
		HASH_DEL(d->files, file);
		free(file);
	}
	free(d);
}

static struct judged *find(const struct discover *d, const struct adder_file *key)
{
	struct judged *file;

	HASH_FIND(hh, d->files, key, sizeof(*key), file);
	return file;
}

uint32_t discover_version(const struct discover *d, const struct adder_file *file)
{
	const struct judged *judged = find(d, file);

	return judged ? judged->version : 0;
}

void discover_on_interpreter(struct discover *d,
			     struct discover_note (*fn)(void *arg, int fd, uint32_t version,
							const struct adder_layout *layout),
			     void *arg)
{
	d->on_interpreter = fn;
	d->arg = arg;
}

pid_t discover_looks_at(const struct discover *d)
{
	return d->looks_at;
}

struct discover_note discover_note(const struct discover *d, const struct adder_file *file)
{
	const struct judged *judged = find(d, file);

	return judged ? judged->note : (struct discover_note){ 0 };
}

/*
 * Are both one file to the kernel's probes?  Each mount of overlayfs shows what lies below it as a
 * file of its own, so containers of one image do; inode, size and times are those of the one below.
 */
static bool are_one(const struct judged *a, const struct judged *b)
{
	return a->st.st_ino == b->st.st_ino && a->st.st_size == b->st.st_size &&
	       !memcmp(&a->st.st_mtim, &b->st.st_mtim, sizeof(a->st.st_mtim)) &&
	       !memcmp(&a->st.st_ctim, &b->st.st_ctim, sizeof(a->st.st_ctim)) &&
	       (a->st.st_dev == b->st.st_dev || (a->is_overlaid && b->is_overlaid));
}

/* What is said of the interpreter in @file, open at @fd: asked once for each file there is. */
static struct discover_note ask(const struct discover *d, int fd, struct judged *file)
{
	const struct judged *other;
	struct statfs fs;

	if (!d->on_interpreter || fstat(fd, &file->st))
		return (struct discover_note){ 0 };
	file->is_overlaid = !fstatfs(fd, &fs) && fs.f_type == OVERLAYFS_SUPER_MAGIC;
	for (other = d->files; other; other = other->hh.next) {
		if (other->object.verdict == PYTHON_HERE && are_one(other, file))
			return other->note;
	}
	return d->on_interpreter(d->arg, fd, file->version, &file->object.binary.layout);
}

/* Judge the file open at @fd, unless that was done before. */
static struct judged *judge(struct discover *d, int fd, const struct adder_file *key,
			    const char *path)
{
	struct judged *file = find(d, key);
	int err;

	if (file)
		return file;
	file = calloc(1, sizeof(*file));
	if (!file)
		return NULL;
	file->file = *key;
	err = python_object_read(fd, text_basename(path), &file->object);
	if (err)
		file->object.verdict = PYTHON_NONE; /* no ELF file, or a broken one: not ours */
	file->version = file->object.version;
	if (file->object.verdict == PYTHON_HERE)
		file->note = ask(d, fd, file);
	HASH_ADD(hh, d->files, file, sizeof(file->file), file);
	return file;
}

/* What a pass over a process's mappings finds. */
struct search {
	struct discover *d;
	pid_t pid;
	struct judged *program, *lib;
	struct judged *last;   /* looked at: files are mapped in parts, one after the other */
	uint64_t program_text; /* address where the program's first executable segment is mapped */
	uint64_t program_base, lib_base; /* lowest mapping of each */
	uint32_t second; /* version of one more interpreter that runs here; 0: none does */
	int err;
};

static bool same_file(const struct adder_file *file, const struct maps_line *line)
{
	return file->inode == line->inode && file->device == line->device;
}

/* Open and judge the file behind a mapping. */
static struct judged *judge_mapping(struct search *s, const struct maps_line *line)
{
	cleanup_close int fd = maps_open_object(s->pid, line->start, line->end);
	struct adder_file key = { .inode = line->inode, .device = line->device };
	struct judged *file;
	struct stat st;

	if (fd < 0 || fstat(fd, &st)) {
		s->err = fd < 0 ? fd : -errno;
		return NULL;
	}
	key.size = st.st_size;
	file = judge(s->d, fd, &key, line->path);
	if (!file)
		s->err = -ENOMEM;
	return file;
}

/* Could it hold a CPython beside the program itself?  The only place where a name decides, to
 * spare reading every library of every process. */
static bool may_be_lib(const struct maps_line *line)
{
	const char *name = text_basename(line->path);

	return line->path[0] == '/' && (strstr(name, "python") || strstr(name, "Python"));
}

/* Has the interpreter in @lib, mapped from @base on, been initialised? */
static bool runs(const struct search *s, const struct judged *lib, uint64_t base)
{
	const struct adder_binary *b = &lib->object.binary;
	uint64_t interpreter = 0;

	if (lib->object.verdict != PYTHON_HERE || !b->runtime)
		return false;
	memory_read(s->pid, base + b->runtime + b->layout.rt_interpreters_head, &interpreter,
		    sizeof(interpreter));
	return interpreter;
}

/* One process may have several, of which one is read: one that runs. */
static void choose_lib(struct search *s, struct judged *lib, uint64_t base)
{
	bool has_other = s->lib || s->program->object.verdict == PYTHON_HERE;

	if (!has_other || (s->lib && !runs(s, s->lib, s->lib_base) && runs(s, lib, base))) {
		s->lib = lib;
		s->lib_base = base;
	} else if (runs(s, lib, base)) {
		s->second = lib->object.version;
	}
}

static int look_at_mapping(const struct maps_line *line, void *arg)
{
	struct search *s = arg;
	struct judged *lib;

	if (!line->inode)
		return 0;
	if (s->program && same_file(&s->program->file, line)) {
		if (line->perms[2] == 'x' && !s->program_text)
			s->program_text = line->start;
		return 0;
	}
	if (!may_be_lib(line) || (s->last && same_file(&s->last->file, line)))
		return 0;
	lib = judge_mapping(s, line);
	s->last = lib;
	if (lib && (lib->object.verdict == PYTHON_HERE ||
		    (lib->object.verdict == PYTHON_UNSUPPORTED && !s->lib)))
		choose_lib(s, lib, line->start);
	s->err = 0; /* a mapping that is gone, or a file that can't be opened, is not the one */
	return 0;
}

/* The program itself: its mapping is known by the inode of /proc/PID/exe's. */
struct program_search {
	struct search *s;
	struct stat st;
	bool found;
};

static int judge_if_program(const struct maps_line *line, void *arg)
{
	struct program_search *p = arg;

	cleanup_close int fd = -1;
	struct stat st;

	if (!line->inode || line->path[0] != '/')
		return 0;
	/* stat's device differs from the mapping's on overlayfs and btrfs: inode and size decide */
	fd = maps_open_object(p->s->pid, line->start, line->end);
	if (fd < 0 || fstat(fd, &st) || st.st_ino != p->st.st_ino || st.st_dev != p->st.st_dev)
		return 0;
	p->s->program = judge_mapping(p->s, line);
	p->s->program_base = line->start;
	return 1;
}

static int find_program(struct search *s)
{
	struct program_search p = { .s = s };
	char exe[32];
	int err;

	snprintf(exe, sizeof(exe), "/proc/%d/exe", s->pid);
	if (stat(exe, &p.st))
		return -errno;
	err = maps_each(s->pid, judge_if_program, &p);
	if (err < 0)
		return err;
	if (s->err)
		return s->err;
	return s->program ? 0 : -ENOENT;
}

/* The debug offsets in this very process override the table's, should they differ. */
static void set_up(struct search *s, struct discovery *ret)
{
	const struct python_object *program = &s->program->object;
	struct adder_process *p = &ret->process;

	python_object_join(program, program->verdict == PYTHON_HERE ? NULL : &s->lib->object,
			   &ret->binary);
	p->file = ret->file;
	p->binary = ret->binary;
	p->bias = program->moves ? s->program_text - (program->binary.text & ~0xfffULL) : 0;
	if (program->verdict == PYTHON_NONE) {
		/* loaded late: where it lies is known from the mapping, and only for this process
		 */
		p->binary.kind = ADDER_BINARY_LATE;
		p->lib_bias = s->lib_base;
		runtime_relocate(p);
		p->phase = ADDER_PHASE_STARTING;
		ret->binary = (struct adder_binary){ .kind = ADDER_BINARY_LATE };
	} else {
		runtime_begin(p);
	}
	ret->verdict = DISCOVER_PYTHON;
}

static void decide(struct search *s, struct discovery *ret)
{
	const struct python_object *program = &s->program->object;
	const struct python_object *lib = s->lib ? &s->lib->object : NULL;
	const struct python_object *bad = program->verdict == PYTHON_UNSUPPORTED ? program : NULL;

	ret->file = s->program->file;
	ret->binary = (struct adder_binary){ .kind = ADDER_BINARY_FOREIGN };
	if (lib && lib->verdict == PYTHON_UNSUPPORTED && program->verdict != PYTHON_HERE)
		bad = lib;
	if (bad) {
		ret->verdict = DISCOVER_UNSUPPORTED;
		ret->version = bad->version;
		snprintf(ret->reason, sizeof(ret->reason), "%s", bad->reason);
	} else if (program->verdict == PYTHON_LINKED && !lib) {
		ret->verdict = DISCOVER_NOT_YET;
	} else if (program->verdict == PYTHON_HERE || lib) {
		ret->version = program->verdict == PYTHON_HERE ? program->version : lib->version;
		s->program->version = ret->version;
		s->program->note =
			program->verdict == PYTHON_HERE ? s->program->note : s->lib->note;
		set_up(s, ret);
		if (s->second)
			snprintf(ret->reason, sizeof(ret->reason),
				 "has a second interpreter, of Python %u.%u, that is not read",
				 s->second >> 24, s->second >> 16 & 0xff);
	} else {
		ret->verdict = DISCOVER_NONE;
	}
}

int discover_look(struct discover *d, pid_t pid, struct discovery *ret)
{
	struct search s = { .d = d, .pid = pid };
	int err;

	memset(ret, 0, sizeof(*ret));
	d->looks_at = pid;
	err = find_program(&s);
	if (!err && s.program->object.verdict != PYTHON_UNSUPPORTED)
		err = maps_each(pid, look_at_mapping, &s);
	d->looks_at = 0;
	if (err < 0)
		return err;
	decide(&s, ret);
	return 0;
}

int discover_file(struct discover *d, int fd, const char *name, struct discovery *ret)
{
	const struct judged *file;
	struct stat st;

	memset(ret, 0, sizeof(*ret));
	if (fstat(fd, &st))
		return -errno;
	ret->file.inode = st.st_ino;
	ret->file.device = major(st.st_dev) << 20 | minor(st.st_dev);
	ret->file.size = st.st_size;
	file = judge(d, fd, &ret->file, name);
	if (!file)
		return -ENOMEM;
	if (file->object.verdict != PYTHON_HERE)
		return -ENOENT;
	python_object_join(&file->object, NULL, &ret->binary);
	return 0;
}
