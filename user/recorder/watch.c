/* SPDX-License-Identifier: BSD-2-Clause */
#include "recorder/watch.h"

#include <stddef.h>

#include "base/clock.h"
#include "probe/session.h"
#include "recorder/filter.h"
#include "recorder/members.h"
#include "wire.h"

#define RETRY_MS    1         /* while a process is not ready to be set up ... */
#define PATIENCE_NS 100000000 /* ... and for so long: then it is asked less often */

static int select_pids(const struct watch *w)
{
	int err = 0;

	if (w->family)
		return session_select_pid(w->session, w->family);
	for (size_t i = 0; i < w->filter->pid_count && !err; i++)
		err = session_select_pid(w->session, w->filter->pids[i]);
	return err;
}

int watch_begin(struct watch *w, const char *command)
{
	int err = select_pids(w);

	if (!err && command)
		members_expect(w->members, command);
	if (!err)
		err = session_watch(w->session);
	if (!err)
		err = members_scan(w->members);
	return err;
}

void watch_turn(struct watch *w)
{
	bool is_waiting;

	session_consume(w->session);
	is_waiting = members_retry(w->members);
	if (is_waiting && !w->is_waiting)
		w->waiting_since_ns = clock_now_ns();
	w->is_waiting = is_waiting;
}

int watch_timeout_ms(const struct watch *w, int longest)
{
	return w->is_waiting && clock_now_ns() - w->waiting_since_ns < PATIENCE_NS ? RETRY_MS
										   : longest;
}

/* Files that were mapped unseen may have made Pythons of processes that were there. */
int watch_catch_up(struct watch *w)
{
	uint64_t lost[ADDER_LOST_NR], seen = w->unseen;

	session_lost(w->session, lost);
	w->unseen = lost[ADDER_LOST_MAPPED];
	return w->unseen > seen ? members_scan(w->members) : 0;
}
