/* SPDX-License-Identifier: BSD-2-Clause */
#include "recorder/looks.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/types.h>

#include "base/clock.h"
#include "probe/session.h"
#include "python/memory.h"
#include "recorder/blocked.h"
#include "resolve/resolve.h"

#define LOOKS 8 /* at lasting waits each time: of 40 us each */

struct looks {
	struct session *session;
	struct resolver *resolver;
	/* walked last in this look: what a walk finds out serves the next; later it is out of date
	 */
	struct adder_process process;
	uint64_t looked_ns; /* at waits that were not walked ... */
	uint64_t unwalked;  /* ... of which there had been so many ... */
	bool were_new;      /* ... and more than at the look before */
	uint32_t left;      /* that this one may take */
};

struct looks *looks_new(struct session *session, struct resolver *resolver)
{
	struct looks *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->session = session;
	l->resolver = resolver;
	return l;
}

void looks_free(struct looks *l)
{
	free(l);
}

/* Its record is untouched: it still is in the wait since @out_ns that it was found in. */
static bool still_waits(const struct looks *l, uint32_t serial, uint32_t tid, uint64_t out_ns,
			uint64_t stack)
{
	struct adder_thread now;

	return !session_find_thread(l->session, tid, &now) && now.out_ns == out_ns && !now.in_ns &&
	       now.stack == stack && now.process == serial;
}

/*
 * The stack of a thread of process @serial that waits, an enum adder_stack_id if it has none, and
 * its task.  0; -ESRCH if the process is gone.
 */
static int walk_thread(struct looks *l, pid_t pid, uint32_t serial, uint64_t thread_pointer,
		       struct adder_looked *ret)
{
	struct adder_process *process = &l->process;
	struct memory_stack stack;

	if (process->serial != serial &&
	    (session_find_process(l->session, pid, process) || process->serial != serial))
		return -ESRCH;
	memory_walk(pid, process, thread_pointer, &stack);
	if (stack.id >= ADDER_STACK_FIRST_HASH)
		resolver_stack(l->resolver, stack.event, sizeof(*stack.event));
	if (resolver_learn(l->resolver, process))
		memory_walk(pid, process, thread_pointer, &stack);
	if (stack.task)
		resolver_task(l->resolver, stack.task, sizeof(*stack.task));
	ret->stack = stack.id;
	ret->task = stack.task ? stack.task->id : 0;
	return 0;
}

/* One that was there before. */
static void look_at_thread(void *arg, const struct adder_known_thread *thread)
{
	struct adder_known_thread found = *thread;
	struct adder_ledger_key key = { .process = thread->serial, .tid = thread->tid };
	char on[BLOCKED_ON_BYTES];
	struct looks *l = arg;
	struct adder_looked looked;

	if (thread->running)
		return; /* its next switch tells */
	if (walk_thread(l, thread->pid, thread->serial, thread->thread_pointer, &looked))
		return;
	blocked_complete(&found, on); /* where it can't, the iterator's word stands */
	key.stack = looked.stack;
	key.task = looked.task;
	key.state = found.state;
	if (still_waits(l, thread->serial, thread->tid, thread->since_ns, ADDER_STACK_BEFORE))
		resolver_before(l->resolver, &key);
}

int looks_at_new(struct looks *l)
{
	l->process.serial = 0;
	return session_look(l->session, look_at_thread, l);
}

bool looks_find(const struct looks *l, uint32_t tid, const struct adder_thread *t,
		struct adder_looked *ret)
{
	return t->stack == ADDER_STACK_UNWALKED && !session_find_looked(l->session, tid, ret) &&
	       ret->out_ns == t->out_ns;
}

/* One whose wait was not walked; if it lasts. */
static void look_at_unwalked(void *arg, uint32_t tid, const struct adder_thread *thread)
{
	struct looks *l = arg;
	struct adder_looked looked;

	if (thread->in_ns || l->looked_ns < thread->out_ns + ADDER_LASTS_NS || !l->left)
		return;
	if (looks_find(l, tid, thread, &looked))
		return;
	if (walk_thread(l, thread->tgid, thread->process, thread->thread_pointer, &looked))
		return;
	l->left--;
	looked.out_ns = thread->out_ns;
	if (still_waits(l, thread->process, tid, looked.out_ns, ADDER_STACK_UNWALKED))
		session_set_looked(l->session, tid, &looked);
}

/* What has begun shortly before a look lasts only at the next, when there may be no new ones. */
void looks_at_lasting(struct looks *l)
{
	uint64_t now = clock_now_ns(), walked, unwalked;
	bool are_new;

	if (now - l->looked_ns < ADDER_LOOK_NS || session_walks(l->session, &walked, &unwalked))
		return;
	are_new = unwalked != l->unwalked;
	session_set_look_ns(l->session, now - l->looked_ns);
	l->looked_ns = now;
	l->left = LOOKS;
	l->process.serial = 0;
	if (are_new || l->were_new)
		session_each_unwalked(l->session, look_at_unwalked, l);
	l->unwalked = unwalked;
	l->were_new = are_new;
}

bool looks_expect_more(const struct looks *l)
{
	return l->were_new;
}
