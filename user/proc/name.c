/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a person would call a process.  The command line is read as CPython's own getopt does
 * (Python/getopt.c): one letter may follow another, and -c, -m, -W and -X take the rest of their
 * argument or the next one.
 */
#define _GNU_SOURCE
#include "proc/process.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"

/* A walk over NUL-separated arguments, of which the last may be cut. */
struct args {
	const char *at, *end;
};

struct word {
	const char *text;
	size_t length;
};

static bool next_word(struct args *args, struct word *ret)
{
	const char *nul;

	if (args->at >= args->end)
		return false;
	nul = memchr(args->at, '\0', (size_t)(args->end - args->at));
	ret->text = args->at;
	ret->length = (size_t)((nul ? nul : args->end) - args->at);
	args->at += ret->length + 1;
	return true;
}

static bool word_is(struct word w, const char *text)
{
	return w.length == strlen(text) && memcmp(w.text, text, w.length) == 0;
}

static bool word_starts(struct word w, const char *text)
{
	return w.length >= strlen(text) && memcmp(w.text, text, strlen(text)) == 0;
}

static bool word_ends(struct word w, const char *text)
{
	size_t tail = strlen(text);

	return w.length >= tail && memcmp(w.text + w.length - tail, text, tail) == 0;
}

static struct word word_behind(struct word w, size_t count)
{
	return (struct word){ w.text + count, w.length - count };
}

/* The part behind the last '/', those at the end left aside. */
static struct word base_of(struct word path)
{
	const char *slash;

	while (path.length > 1 && path.text[path.length - 1] == '/')
		path.length--;
	slash = memrchr(path.text, '/', path.length);
	return slash && path.length > 1 ? word_behind(path, (size_t)(slash + 1 - path.text)) : path;
}

/* The folder around @path's base name; empty if @path doesn't tell. */
static struct word parent_of(struct word path)
{
	struct word base = base_of(path);

	path.length = (size_t)(base.text - path.text);
	return path.length ? base_of(path) : path;
}

/* python, python3, python3.13t, python3.9-dbg, pypy3: but not python3-config. */
static bool is_interpreter(struct word name)
{
	static const char *const abi[] = { "", "d", "m", "t", "td", "dm", "w", "-dbg" };

	if (word_starts(name, "python"))
		name = word_behind(name, strlen("python"));
	else if (word_starts(name, "pypy"))
		name = word_behind(name, strlen("pypy"));
	else
		return false;
	while (name.length && strchr("0123456789.", name.text[0]))
		name = word_behind(name, 1);
	for (size_t i = 0; i < ARRAY_SIZE(abi); i++) {
		if (word_is(name, abi[i]))
			return true;
	}
	return false;
}

/* The program behind a dynamic linker that was started by its own name. */
static struct word skip_linker(struct args *args, struct word first)
{
	static const char *const valued[] = {
		"--library-path",      "--inhibit-rpath",       "--audit", "--preload", "--argv0",
		"--glibc-hwcaps-mask", "--glibc-hwcaps-prepend"
	};
	struct word w, unused;

	if (!word_starts(base_of(first), "ld-linux") && !word_starts(base_of(first), "ld-musl"))
		return first;
	while (next_word(args, &w)) {
		if (!word_starts(w, "--"))
			return w;
		for (size_t i = 0; i < ARRAY_SIZE(valued); i++) {
			if (word_is(w, valued[i]))
				next_word(args, &unused);
		}
	}
	return first;
}

static struct word script_name(struct word path)
{
	struct word base = base_of(path);

	if (word_is(base, "__main__.py") && parent_of(path).length)
		base = parent_of(path);
	/* "python ." is known by where it was started, which the arguments don't tell. */
	if (word_is(base, ".") || word_is(base, ".."))
		base.length = 0;
	return base;
}

static struct word module_name(struct word module)
{
	static const char tail[] = ".__main__";

	if (word_ends(module, tail))
		module.length -= strlen(tail);
	return module;
}

/* The processes that multiprocessing starts run one line of code, which names its module. */
static struct word code_name(struct word code)
{
	static const char from[] = "from multiprocessing.";
	struct word name = word_behind(code, 0);
	const char *space;

	if (!word_starts(code, from))
		return (struct word){ "-c", 2 };
	name = word_behind(code, strlen("from "));
	space = memchr(name.text, ' ', name.length);
	if (space)
		name.length = (size_t)(space - name.text);
	return name;
}

/* The value of an option: the rest of its word, or else the next one. */
static struct word option_value(struct args *args, struct word rest)
{
	struct word next = { "", 0 };

	if (rest.length)
		return rest;
	next_word(args, &next);
	return next;
}

/* Read one word of options; true if it says what is run, which then is *@ret. */
static bool read_options(struct args *args, struct word options, struct word *ret)
{
	for (size_t i = 1; i < options.length; i++) {
		struct word rest = word_behind(options, i + 1);

		switch (options.text[i]) {
		case 'c':
			*ret = code_name(option_value(args, rest));
			return true;
		case 'm':
			*ret = module_name(option_value(args, rest));
			return true;
		case 'W':
		case 'X':
			option_value(args, rest);
			return false;
		}
	}
	return false;
}

/* What an interpreter's arguments make it run; empty if it reads from standard input. */
static struct word what_is_run(struct args *args)
{
	struct word w, unused, none = { "", 0 };

	while (next_word(args, &w)) {
		if (word_is(w, "--"))
			return next_word(args, &w) ? script_name(w) : none;
		if (word_is(w, "--check-hash-based-pycs"))
			next_word(args, &unused);
		else if (word_is(w, "-") || w.length == 0)
			return none;
		else if (w.text[0] != '-')
			return script_name(w);
		else if (!word_starts(w, "--") && read_options(args, w, &w))
			return w;
	}
	return none;
}

/* A program that sets its title writes a sentence where its path was. */
static bool is_title(struct word first)
{
	return first.length && first.text[0] != '/' && memchr(first.text, ' ', first.length);
}

static struct word trim(struct word w)
{
	while (w.length && w.text[w.length - 1] == ' ')
		w.length--;
	return w;
}

void process_name(const char *args_bytes, size_t bytes, const char *comm, char *ret, size_t size)
{
	struct args args = { args_bytes, args_bytes + bytes };
	struct word first = { "", 0 }, name;

	next_word(&args, &first);
	first = skip_linker(&args, first);
	if (is_interpreter(base_of(first)))
		name = what_is_run(&args);
	else
		name = is_title(first) ? trim(first) : trim(base_of(first));
	if (name.length)
		snprintf(ret, size, "%.*s", (int)name.length, name.text);
	else
		snprintf(ret, size, "%s", comm);
}
