/* SPDX-License-Identifier: BSD-2-Clause */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/filters.h"
#include "cmd/output.h"
#include "cmd/recording.h"
#include "json/json.h"
#include "proc/process.h"
#include "proc/source.h"
#include "recorder/filter.h"
#include "recorder/snapshot.h"

#define TEXT_BYTES 1024 /* of a name or a line of source, escaped; a longer one is cut */

enum { OPT_SOURCE = 256, OPT_JSON };

struct dump_args {
	struct filter filter;
	bool source, json;
};

static const struct argp_option options[] = {
	{ "source", OPT_SOURCE, NULL, 0, "show the source line of each frame", 0 },
	{ "json", OPT_JSON, NULL, 0, "write JSON", 0 },
	{ "verbose", 'v', NULL, 0, "say more on standard error", 2 },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct dump_args *args = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &args->filter;
		return 0;
	case OPT_SOURCE:
		args->source = true;
		return 0;
	case OPT_JSON:
		args->json = true;
		return 0;
	case 'v':
		log_set_level(LOG_DEBUG);
		return 0;
	case ARGP_KEY_ARG:
		filters_add_pids(state, &args->filter, arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = {
	{ &filters_argp, 0, "Which processes (none: all that are Python):", 1 }, { 0 }
};

static const struct argp dump_argp = {
	.options = options,
	.parser = parse,
	.args_doc = "[PID...]",
	.doc = "Show what every Python thread does now: its state, how it waits, who holds the "
	       "GIL, and its stack, innermost function first.\v"
	       "No process is stopped: of a thread that is running, the stack is a good guess.",
	.children = children,
};

/* ---- text ---- */

static void print_escaped(const char *text, FILE *out)
{
	char safe[TEXT_BYTES];

	text_escape(safe, sizeof(safe), text);
	fputs(safe, out);
}

static void print_frame(const struct snapshot_frame *frame, struct source *source, FILE *out)
{
	const char *line = source ? source_line(source, frame->file, frame->line) : NULL;

	fputs("    ", out);
	print_escaped(frame->function, out);
	if (frame->file[0]) {
		fputs(" (", out);
		print_escaped(frame->file, out);
		fprintf(out, ":%" PRId64 ")", frame->line);
	}
	fputc('\n', out);
	if (line && *line) {
		fputs("        ", out);
		print_escaped(line, out);
		fputc('\n', out);
	}
}

static void print_task(const struct snapshot_thread *thread, FILE *out)
{
	if (!thread->task)
		return;
	fputs("    task \"", out);
	print_escaped(thread->task, out);
	fputc('"', out);
	if (thread->coroutine) {
		fputs(" running ", out);
		print_escaped(thread->coroutine, out);
	}
	if (thread->awaited_by) {
		fputs(", awaited by ", out);
		print_escaped(thread->awaited_by, out);
	}
	fputc('\n', out);
}

static void print_thread(const struct snapshot_thread *thread, struct source *source, FILE *out)
{
	const char *detail = thread->running ? "running" : thread->detail;

	fprintf(out, "  thread %d \"", thread->tid);
	print_escaped(thread->name, out);
	fprintf(out, "\" %s", thread->state);
	if (detail)
		fprintf(out, " (%s)", detail);
	if (thread->on) {
		fputs(" on ", out);
		print_escaped(thread->on, out);
	}
	fputs(thread->holds_gil ? " [gil holder]\n" : "\n", out);
	print_task(thread, out);
	for (size_t i = 0; i < thread->frame_count; i++)
		print_frame(&thread->frames[i], source, out);
}

static void print_head(const struct snapshot_process *p, FILE *out)
{
	fprintf(out, "%d ", p->pid);
	print_escaped(p->name, out);
	if (p->container) {
		fputs(" (", out);
		print_escaped(p->container, out);
		fputc(')', out);
	}
	if (p->python)
		fprintf(out, " python %s", p->python);
	if (p->thread_count)
		fprintf(out, ", %zu %s", p->thread_count,
			p->thread_count == 1 ? "thread" : "threads");
	if (p->problem) {
		fputs(": ", out);
		print_escaped(p->problem, out);
	}
	fputc('\n', out);
}

static int print_text(const struct snapshot *s, const struct dump_args *args, FILE *out)
{
	size_t count;
	const struct snapshot_process *list = snapshot_processes(s, &count);

	for (size_t i = 0; i < count; i++) {
		CLEANUP(source_close)
		struct source *source = args->source ? source_open(list[i].pid) : NULL;

		if (i)
			fputc('\n', out);
		print_head(&list[i], out);
		for (size_t t = 0; t < list[i].thread_count; t++)
			print_thread(&list[i].threads[t], source, out);
	}
	return 0;
}

/* ---- JSON ---- */

static json_t *frame_to_json(const struct snapshot_frame *frame, struct source *source)
{
	const char *line = source ? source_line(source, frame->file, frame->line) : NULL;
	json_t *object = json_object();

	json_put_text(object, "function", frame->function);
	json_put_text(object, "file", frame->file);
	json_put_number(object, "line", frame->line);
	if (line) {
		char text[TEXT_BYTES];

		snprintf(text, sizeof(text), "%s", line);
		text_make_utf8(text);
		json_put_text(object, "source", text);
	}
	return object;
}

static json_t *thread_to_json(const struct snapshot_thread *thread, struct source *source)
{
	json_t *object = json_object(), *frames = json_array();

	json_put_number(object, "tid", thread->tid);
	json_put_text(object, "thread", thread->name);
	json_put_text(object, "state", thread->state);
	json_put_text(object, "detail", thread->detail);
	json_put_text(object, "on", thread->on);
	json_put_text(object, "task", thread->task);
	json_put_text(object, "coroutine", thread->coroutine);
	json_put_text(object, "awaited_by", thread->awaited_by);
	json_object_set_new(object, "gil", json_boolean(thread->holds_gil));
	for (size_t i = 0; i < thread->frame_count; i++)
		json_array_append_new(frames, frame_to_json(&thread->frames[i], source));
	json_object_set_new(object, "frames", frames);
	return object;
}

static json_t *process_to_json(const struct snapshot_process *p, struct source *source)
{
	json_t *object = json_object(), *threads = json_array();

	json_put_number(object, "pid", p->pid);
	json_put_text(object, "process", p->name);
	json_put_text(object, "container", p->container);
	json_put_text(object, "python", p->python);
	if (p->problem)
		json_put_text(object, "problem", p->problem);
	for (size_t i = 0; i < p->thread_count; i++)
		json_array_append_new(threads, thread_to_json(&p->threads[i], source));
	json_object_set_new(object, "threads", threads);
	return object;
}

static int print_json(const struct snapshot *s, const struct dump_args *args, FILE *out)
{
	CLEANUP(json_decref) json_t *all = json_array();
	size_t count;
	const struct snapshot_process *list = snapshot_processes(s, &count);

	for (size_t i = 0; i < count; i++) {
		CLEANUP(source_close)
		struct source *source = args->source ? source_open(list[i].pid) : NULL;

		json_array_append_new(all, process_to_json(&list[i], source));
	}
	return json_write(all, out);
}

/* ---- those that were asked for by their ids ---- */

static bool has_pid(const struct snapshot *s, pid_t pid)
{
	size_t count;
	const struct snapshot_process *list = snapshot_processes(s, &count);

	for (size_t i = 0; i < count; i++) {
		if (list[i].pid == pid)
			return true;
	}
	return false;
}

static int say_missing(pid_t pid, const struct filter *filter)
{
	struct process_stat stat;
	struct process_file file;
	int err = process_read_file(pid, &file);

	if (process_read_stat(pid, &stat) || stat.state == 'Z')
		log_error("cannot dump process %d: there is no such process", pid);
	else if (err == -EACCES || err == -EPERM)
		log_error("cannot dump process %d: permission denied; run as root, or grant "
			  "CAP_SYS_PTRACE",
			  pid);
	else if (filter->containers.count || filter->cgroups.count || filter->comms.count ||
		 filter->uid_count)
		log_error("cannot dump process %d: it is no Python, or the other filters exclude "
			  "it",
			  pid);
	else
		log_error("cannot dump process %d: it is no Python", pid);
	return CMD_FAILED;
}

static int check_all_found(const struct snapshot *s, const struct filter *filter)
{
	int status = CMD_DONE;
	size_t count;

	for (size_t i = 0; i < filter->pid_count; i++) {
		if (!has_pid(s, filter->pids[i]))
			status = say_missing(filter->pids[i], filter);
	}
	snapshot_processes(s, &count);
	if (!count && !filter->pid_count)
		log_info(filter_is_empty(filter) ? "no Python process runs now"
						 : "no Python process matches the filters");
	return status;
}

int cmd_dump(int argc, char **argv)
{
	CLEANUP(snapshot_free) struct snapshot *s = NULL;
	struct dump_args args = {};
	struct output out;
	int err, status;

	argp_err_exit_status = CMD_MISUSED;
	argv[0] = "adder dump";
	argp_parse(&dump_argp, argc, argv, 0, NULL, &args);
	signal(SIGPIPE, SIG_IGN);

	err = snapshot_take(&args.filter, &s);
	if (err) {
		recording_say_why_not(err);
		return CMD_FAILED;
	}
	status = check_all_found(s, &args.filter);
	if (status && args.filter.pid_count == 1)
		return status;
	if (output_begin(&out, "-"))
		return CMD_FAILED;
	err = args.json ? print_json(s, &args, out.stream) : print_text(s, &args, out.stream);
	return output_end(&out, err) ? CMD_FAILED : status;
}
