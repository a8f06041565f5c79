/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/input.h"
#include "cmd/output.h"
#include "export/export.h"
#include "profile/profile.h"

static const struct argp_option options[] = {
	{ "format", 'f', "FORMAT", 0, "What to write; see below", 0 },
	{ "output", 'o', "OUT", 0,
	  "Where to; '-' is standard output (default: FILE's name with the format's suffix)", 0 },
	{ "type", 't', "TYPE", 0,
	  "Of formats with one value a stack: which.  wall, offcpu (wall without cpu), a state "
	  "such as "
	  "gil or net, or any type of the profile (default: the profile's own: cpu)",
	  0 },
	{ 0 },
};

struct export_args {
	const char *file; /* NULL: the default one */
	const char *out;  /* NULL: by the format */
	const char *type;
	const struct exporter *format;
};

/* The formats' names in one line, for an error. */
static void list_formats(char *dst, size_t size)
{
	size_t used = 0;

	*dst = '\0';
	for (const struct exporter *const *f = exporter_list(); *f && used < size; f++)
		used += snprintf(dst + used, size - used, "%s%s", used ? ", " : "", (*f)->name);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct export_args *args = state->input;
	char names[512];

	list_formats(names, sizeof(names));
	switch (key) {
	case 'f':
		args->format = exporter_find(arg);
		if (!args->format)
			argp_failure(state, CMD_MISUSED, 0, "there is no format '%s': there are %s",
				     arg, names);
		return 0;
	case 'o':
		args->out = arg;
		return 0;
	case 't':
		args->type = arg;
		return 0;
	case ARGP_KEY_ARG:
		if (args->file)
			argp_failure(state, CMD_MISUSED, 0,
				     "one profile at a time: '%s' is one too many", arg);
		args->file = arg;
		return 0;
	case ARGP_KEY_END:
		if (!args->format)
			argp_failure(state, CMD_MISUSED, 0, "name a format with -f: there are %s",
				     names);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* --help's list of formats, from the formats themselves. */
static char *describe_formats(int key, const char *text, void *input)
{
	size_t size = 0;
	char *list = NULL;
	FILE *out;

	(void)input;
	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)text;
	out = open_memstream(&list, &size);
	if (!out)
		return (char *)text;
	fputs("FILE is adder.pb.gz unless given; '-' is standard input.  Formats:\n\n", out);
	for (const struct exporter *const *f = exporter_list(); *f; f++)
		fprintf(out, "  %-12s%s%s%s\n", (*f)->name, (*f)->summary,
			*(*f)->aliases ? "; also: " : "", (*f)->aliases);
	fclose(out);
	return list;
}

static const struct argp argp = {
	options,
	parse,
	"[FILE]",
	"Write a profile, adder's own or any tool's in pprof format, in the format of another "
	"tool.\v",
	NULL,
	describe_formats,
	NULL,
};

/* "shop.pb.gz" becomes "shop.svg", in the current directory.  The caller's to free. */
static char *default_output(const char *file, const char *suffix)
{
	static const char *const endings[] = { ".gz", ".pb", ".pprof" };
	const char *name = !file ? INPUT_DEFAULT : !strcmp(file, "-") ? "adder" : file;
	size_t length;
	char *path;

	name = text_basename(name);
	length = strlen(name);
	for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
		size_t end = strlen(endings[i]);

		if (length > end && !strncmp(name + length - end, endings[i], end))
			length -= end;
	}
	return asprintf(&path, "%.*s%s", (int)length, name, suffix) < 0 ? NULL : path;
}

static int say_no_type(const struct profile *p, const char *type)
{
	char names[512] = "";
	size_t used = 0;

	for (size_t i = 0; i < profile_type_count(p) && used < sizeof(names); i++)
		used += snprintf(names + used, sizeof(names) - used, "%s%s", i ? ", " : "",
				 profile_text(p, profile_type_at(p, i).name));
	if (profile_type_count(p) == 0)
		log_error("this profile has no sample types: there is nothing to write");
	else
		log_error("this profile has no type '%s': there are %s", type, names);
	return CMD_FAILED;
}

static int write_to(const struct profile *p, const struct export_args *args, int type,
		    const char *path)
{
	const char *file = args->file ? text_basename(args->file) : INPUT_DEFAULT;
	struct export_view view = { .type = type, .title = file };
	struct output out;

	if (output_begin(&out, path))
		return CMD_FAILED;
	if (output_end(&out, args->format->write(p, &view, out.stream)))
		return CMD_FAILED;
	if (strcmp(path, "-") != 0)
		log_info("wrote '%s'", path);
	return CMD_DONE;
}

int cmd_export(int argc, char **argv)
{
	CLEANUP(profile_free) struct profile *p = NULL;
	struct export_args args = { 0 };
	cleanup_free char *path = NULL;
	int type;

	argp_err_exit_status = CMD_MISUSED;
	argv[0] = "adder export";
	argp_parse(&argp, argc, argv, 0, NULL, &args);
	signal(SIGPIPE, SIG_IGN);

	if (input_open(args.file, &p))
		return CMD_FAILED;
	type = export_type_find(p, args.type);
	if (type == -1)
		return say_no_type(p, args.type);
	if (args.out)
		return write_to(p, &args, type, args.out);
	path = default_output(args.file, args.format->suffix);
	if (!path) {
		log_errno(-ENOMEM, "cannot name the output");
		return CMD_FAILED;
	}
	return write_to(p, &args, type, path);
}
