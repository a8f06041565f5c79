/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A profile as adder would record it, for tests and for looking at: ten seconds of a web shop (two
 * workers of one container), a batch job of another, and a tool on the host.
 */
#ifndef TESTS_SAMPLE_PROFILE_H
#define TESTS_SAMPLE_PROFILE_H

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "profile/profile.h"

#define MS INT64_C(1000000)

struct sample_thread {
	const char *process, *thread, *container, *python;
	int64_t pid, tid;
};

/* A location by "file", first line, name and current line. */
static uint32_t sample_frame(struct profile *p, const char *name, const char *file, int64_t first,
			     int64_t line)
{
	uint32_t function =
		profile_function(p, profile_string(p, name), profile_string(p, file), first);

	return profile_location(p, function, line);
}

static uint32_t sample_labels(struct profile *p, const struct sample_thread *t, const char *detail,
			      const char *on)
{
	const struct {
		const char *key, *text;
		int64_t number;
	} all[] = {
		{ "pid", NULL, t->pid },          { "tid", NULL, t->tid },
		{ "process", t->process, 0 },     { "thread", t->thread, 0 },
		{ "container", t->container, 0 }, { "python", t->python, 0 },
		{ "detail", detail, 0 },          { "on", on, 0 },
	};
	struct profile_label labels[sizeof(all) / sizeof(all[0])];
	size_t count = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (!all[i].text && i > 1)
			continue;
		labels[count++] = (struct profile_label){
			.key = profile_string(p, all[i].key),
			.text = all[i].text ? profile_string(p, all[i].text) : 0,
			.number = all[i].number,
		};
	}
	return profile_labels(p, labels, count);
}

/* Add @ns of @state on the stack @leaf_first (ended by UINT32_MAX). */
static void sample_time(struct profile *p, uint32_t labels, const char *state, int64_t ns,
			const uint32_t *leaf_first)
{
	int64_t *values;
	size_t depth = 0;

	while (leaf_first[depth] != UINT32_MAX)
		depth++;
	values = profile_sample_values(p, profile_stack(p, leaf_first, depth), labels);
	values[profile_type_find(p, "wall")] += ns;
	values[profile_type_find(p, state)] += ns;
	if (!strcmp(state, "cpu"))
		values[profile_type_find(p, "samples")] += ns / (10 * MS);
}

static void sample_comments(struct profile *p)
{
	profile_comment(p, "adder: 0.1.0");
	profile_comment(p, "command: adder record -d 10");
	profile_comment(p, "host: shop-1");
	profile_comment(p, "cpus: 2");
	profile_comment(p, "rate_hz: 99");
	profile_comment(p, "ticks: 941");
	profile_comment(p, "wall_ns: 60000000000");
	profile_comment(p, "lost_ring_stack: 3");
	profile_comment(p, "lost_tstate: 0");
	profile_comment(p, "lost_of_old: 2");
	profile_comment(p, "lost_stacks: 3");
	profile_comment(p, "own_cpu_ns: 21000000");
	profile_comment(p, "own_bpf_ns: 9000000");
	profile_comment(p, "own_rss_bytes: 23000000");
	profile_comment(p, "unprofiled: 77 pypy3: not CPython");
	profile_comment(p,
			"note: 12 %% of the switches were walked; the others were split by them");
}

/** Six threads of four processes, each ten seconds long.  The caller's to free. */
static struct profile *sample_profile(void)
{
	static const struct sample_thread
		worker = { "shop.wsgi", "MainThread", "shop-web", "3.11", 1201, 1201 },
		second = { "shop.wsgi", "MainThread", "shop-web", "3.11", 1202, 1202 },
		pool = { "shop.wsgi", "ThreadPool-1_0", "shop-web", "3.11", 1202, 1210 },
		batch = { "nightly.py", "MainThread", "jobs", "3.13", 2300, 2300 },
		writer = { "nightly.py", "writer", "jobs", "3.13", 2300, 2301 },
		tool = { "backup", "MainThread", NULL, "3.9", 31007, 31007 };
	struct profile *p = profile_new();
	uint32_t module, serve, handle, view, render, fill, query, recv, wait, get, put, main_job,
		load, parse, flush, sleeping, lost;
	struct profile_meta *meta;

	profile_add_adder_types(p);
	meta = profile_meta(p);
	meta->time_ns = INT64_C(1767225600) * 1000 * MS;
	meta->duration_ns = 10000 * MS;
	meta->period = 10101010;
	meta->period_type =
		(struct profile_type){ profile_string(p, "cpu"), profile_string(p, "nanoseconds") };
	meta->default_type = profile_string(p, "cpu");

#define FRAME(name, file, first, line) sample_frame(p, name, file, first, line)
#define STACK(...)                     ((const uint32_t[]){ __VA_ARGS__, UINT32_MAX })
#define WEB                            "/srv/shop/lib/python3.11/site-packages/"
	module = FRAME("<module>", "/srv/shop/bin/gunicorn", 1, 8);
	serve = FRAME("SyncWorker.run", WEB "gunicorn/workers/sync.py", 110, 129);
	handle = FRAME("WSGIHandler.__call__", WEB "django/core/handlers/wsgi.py", 120, 131);
	view = FRAME("product_page", "/srv/shop/shop/views.py", 31, 40);
	render = FRAME("Renderer.render", "/srv/shop/shop/render.py", 42, 57);
	fill = FRAME("Template.fill.<locals>.expand", "/srv/shop/shop/template.py", 88, 91);
	query = FRAME("Cursor.execute", WEB "psycopg2/extensions.py", 200, 214);
	recv = FRAME("SocketIO.readinto", "/usr/lib/python3.11/socket.py", 692, 706);
	wait = FRAME("Condition.wait", "/usr/lib/python3.11/threading.py", 295, 327);
	get = FRAME("Queue.get", "/usr/lib/python3.11/queue.py", 154, 171);
	put = FRAME("Queue.put", "/usr/lib/python3.13/queue.py", 122, 140);
	main_job = FRAME("main", "/jobs/nightly.py", 12, 30);
	load = FRAME("load_prices", "/jobs/nightly.py", 40, 52);
	parse = FRAME("parse_row", "/jobs/nightly.py", 60, 66);
	flush = FRAME("Writer.flush", "/jobs/nightly.py", 80, 84);
	sleeping = FRAME("poll_forever", "/usr/local/bin/backup", 5, 9);
	lost = profile_pseudo(p, "[stack not read]");

#define ADD(thread, state, ms, detail, on, ...)                                                    \
	sample_time(p, sample_labels(p, &(thread), detail, on), state, (int64_t)((ms)*MS),         \
		    STACK(__VA_ARGS__))
	ADD(worker, "cpu", 3120, NULL, NULL, render, view, handle, serve, module);
	ADD(worker, "cpu", 1430, NULL, NULL, fill, fill, render, view, handle, serve, module);
	ADD(worker, "runq", 212.4, NULL, NULL, fill, render, view, handle, serve, module);
	ADD(worker, "net", 3905, "recvfrom", "10.0.0.5:5432", query, view, handle, serve, module);
	ADD(worker, "disk", 2.6, "read", "base.html", fill, render, view, handle, serve, module);
	ADD(worker, "net", 1330, "accept4", NULL, serve, module);
	ADD(second, "cpu", 2011, NULL, NULL, render, view, handle, serve, module);
	ADD(second, "gil", 1204, NULL, "SocketIO.readinto", render, view, handle, serve, module);
	ADD(second, "net", 2785, "recvfrom", "10.0.0.5:5432", query, view, handle, serve, module);
	ADD(second, "poll", 4000, "epoll_wait", NULL, serve, module);
	ADD(pool, "cpu", 990, NULL, NULL, recv, wait);
	ADD(pool, "gil", 310.5, NULL, "Renderer.render", recv, wait);
	ADD(pool, "lock", 8699.5, "futex", NULL, wait, get);
	ADD(batch, "cpu", 6602, NULL, NULL, parse, load, main_job);
	ADD(batch, "disk", 1877, "read", "prices.csv", load, main_job);
	ADD(batch, "lock", 1510, "futex", "Writer.flush", wait, put, load, main_job);
	ADD(batch, "cpu", 11, NULL, NULL, lost);
	ADD(writer, "disk", 4120, "fsync", "out.db", flush);
	ADD(writer, "cpu", 380, NULL, NULL, flush);
	ADD(writer, "lock", 5500, "futex", "Queue.put", wait, get);
	ADD(tool, "sleep", 9998, "clock_nanosleep", NULL, sleeping);
	ADD(tool, "cpu", 2, NULL, NULL, sleeping);
#undef ADD
#undef WEB
#undef STACK
#undef FRAME
	sample_comments(p);
	return p;
}

#endif
