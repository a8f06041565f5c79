/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two processes that are no Python hand a byte to and fro through pipes, when asked to.
 *
 * A line "ROUNDS" gives {"cpu": ns of both, "switches": of both}.  Bound to one CPU each hand-over
 * is a switch.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct cost {
	long long cpu_ns, switches;
};

static long switches_of(int who)
{
	struct rusage usage;

	getrusage(who, &usage);
	return usage.ru_nvcsw + usage.ru_nivcsw;
}

static long long clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static struct cost cost_so_far(void)
{
	return (struct cost){ clock_ns(CLOCK_PROCESS_CPUTIME_ID), switches_of(RUSAGE_SELF) };
}

static void play(int inbox, int outbox, long rounds)
{
	char byte = 'x';

	for (long i = 0; i < rounds; i++) {
		if (read(inbox, &byte, 1) != 1 || write(outbox, &byte, 1) != 1)
			exit(1);
	}
}

/* The other player: tells its own cost through @report, then ends. */
static void answer(int inbox, int outbox, int report, long rounds)
{
	struct cost before = cost_so_far(), after;

	play(inbox, outbox, rounds);
	after = cost_so_far();
	after.cpu_ns -= before.cpu_ns;
	after.switches -= before.switches;
	_exit(write(report, &after, sizeof(after)) != sizeof(after));
}

static int measure(long rounds)
{
	int there[2], back[2], report[2];
	struct cost before, after, other;
	pid_t child;

	if (pipe(there) || pipe(back) || pipe(report))
		return -1;
	child = fork();
	if (!child)
		answer(there[0], back[1], report[1], rounds);
	before = cost_so_far();
	if (child < 0 || write(there[1], "x", 1) != 1)
		return -1;
	play(back[0], there[1], rounds - 1);
	if (read(report[0], &other, sizeof(other)) != sizeof(other))
		return -1;
	after = cost_so_far();
	waitpid(child, NULL, 0);
	for (int i = 0; i < 2; i++) {
		close(there[i]);
		close(back[i]);
		close(report[i]);
	}
	printf("{\"cpu\": %lld, \"switches\": %lld}\n", after.cpu_ns - before.cpu_ns + other.cpu_ns,
	       after.switches - before.switches + other.switches);
	return fflush(stdout);
}

int main(void)
{
	char line[32];

	while (fgets(line, sizeof(line), stdin)) {
		if (measure(atol(line)))
			return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
