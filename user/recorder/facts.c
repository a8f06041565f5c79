/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "recorder/facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "proc/process.h"
#include "profile/profile.h"
#include "recorder/members.h"

static const char *const lost_names[] = {
#define LOST_NAME(id, name, text) [ADDER_LOST_##id] = name,
	ADDER_LOST_LIST(LOST_NAME)
};

static void add_meta(struct profile *p, const struct recording_facts *f)
{
	struct profile_meta *meta = profile_meta(p);

	meta->time_ns = f->start_time_ns;
	meta->duration_ns = f->duration_ns;
	meta->period_type.name = profile_string(p, "cpu");
	meta->period_type.unit = profile_string(p, "nanoseconds");
	meta->period = 1000000000 / f->rate_hz;
	meta->default_type = profile_string(p, "cpu");
}

static void add_pythons(struct profile *p)
{
	char list[256] = "";
	size_t used = 0;

	for (int minor = 6; minor < 32; minor++) {
		char version[16];

		snprintf(version, sizeof(version), "3.%d", minor);
		for (size_t i = 0; i < profile_labels_count(p) && used + 16 < sizeof(list); i++) {
			const char *python = profile_label_text(p, i, "python");

			if (!python || strcmp(python, version) != 0)
				continue;
			used += snprintf(list + used, sizeof(list) - used, "%s%s", used ? ", " : "",
					 version);
			break;
		}
	}
	profile_comment(p, "pythons: %s", list);
}

static uint64_t own_cpu_ns(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000ULL +
	       (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000ULL;
}

/* The most that it has been.  getrusage() counts what this process was before it became adder. */
static uint64_t own_rss_bytes(void)
{
	char text[4096];
	ssize_t bytes = process_read_text(getpid(), "status", text, sizeof(text) - 1);
	const char *line;

	text[bytes < 0 ? 0 : bytes] = '\0';
	line = strstr(text, "\nVmHWM:");
	return line ? strtoull(line + strlen("\nVmHWM:"), NULL, 10) * 1024 : 0;
}

static void add_unprofiled(void *arg, pid_t pid, const char *name, const char *reason)
{
	profile_comment(arg, "unprofiled: %d %s: %s", pid, name, reason);
}

/* Stacks that were left out to keep to the budget: estimates, and a reader should know. */
static void add_budget(struct profile *p, const struct recording_facts *f)
{
	profile_comment(p, "walked: %llu", (unsigned long long)f->walked);
	profile_comment(p, "unwalked: %llu", (unsigned long long)f->unwalked);
	if (f->unwalked)
		profile_comment(p,
				"note: %.0f %% of %llu switches had their stack walked, to keep to "
				"%g %% of each CPU "
				"(--budget); the time of the others is exact by thread and state, "
				"and split like theirs",
				100.0 * f->walked / (f->walked + f->unwalked),
				(unsigned long long)(f->walked + f->unwalked), 100 * f->budget);
}

static void add_costs(struct profile *p, const struct recording_facts *f)
{
	profile_comment(p, "own_cpu_ns: %llu", (unsigned long long)own_cpu_ns());
	if (f->bpf_ns)
		profile_comment(p, "own_bpf_ns: %llu", (unsigned long long)f->bpf_ns);
	if (own_rss_bytes())
		profile_comment(p, "own_rss_bytes: %llu", (unsigned long long)own_rss_bytes());
}

static void add_stolen(struct profile *p, const struct stolen *before)
{
	struct stolen now;

	if (stolen_read(&now))
		return;
	for (int cpu = 0; cpu < STOLEN_CPUS_MAX; cpu++) {
		if (now.ns[cpu] > before->ns[cpu])
			profile_comment(p, "stolen_ns: %d %llu", cpu,
					(unsigned long long)(now.ns[cpu] - before->ns[cpu]));
	}
}

void facts_add(struct profile *p, const struct recording_facts *f, const struct members *members)
{
	struct utsname host;

	add_meta(p, f);
	uname(&host);
	profile_comment(p, "adder: %s", ADDER_VERSION);
	profile_comment(p, "host: %s", host.nodename);
	profile_comment(p, "kernel: %s %s", host.release, host.machine);
	profile_comment(p, "cpus: %ld", sysconf(_SC_NPROCESSORS_ONLN));
	profile_comment(p, "rate_hz: %u", f->rate_hz);
	add_pythons(p);
	profile_comment(p, "processes: %llu", (unsigned long long)f->totals.processes);
	profile_comment(p, "threads: %llu", (unsigned long long)f->totals.threads);
	profile_comment(p, "wall_ns: %llu", (unsigned long long)f->totals.life_ns);
	profile_comment(p, "ticks: %llu", (unsigned long long)f->totals.ticks);
	profile_comment(p, "recovered_switch_ins: %llu",
			(unsigned long long)f->lost[ADDER_LOST_SWITCH_IN]);
	for (int i = 0; i < ADDER_LOST_SWITCH_IN; i++)
		profile_comment(p, "lost_%s: %llu", lost_names[i], (unsigned long long)f->lost[i]);
	profile_comment(p, "lost_stacks: %llu", (unsigned long long)f->totals.unknown_stacks);
	add_budget(p, f);
	add_stolen(p, f->stolen);
	members_unprofiled(members, add_unprofiled, p);
	add_costs(p, f);
}
