/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes: known from the moment they become Python to their end.
 *
 *   exec -> is the file known? -> set the process up here, at once; user space hears of it later
 *                    |__ no: track it as unknown, wake user space, which judges the file once
 *   fork -> the child is what its parent is
 *   exit -> the process leaves; each thread's last switch closes its account (switches.bpf.c)
 *
 * A process is its serial: an exec, or a new process under an old pid, has another one.
 *
 * The iterator looks at the threads that were there before: blocked ones get a record that says for
 * what, without waiting for their next switch.
 */
#include "runtime.h"
#include "awaited.h"
#include "open_calls.h"
#include "thread.h"

enum { SCRATCH_EXEC, SCRATCH_FORK };

#define CGROUP_LEVELS 8

static __always_inline struct adder_process *scratch_process(__u32 which)
{
	return bpf_map_lookup_elem(&process_scratch, &which);
}

/* The cgroup that tells most: cgroup v2's, or where that is the root, a v1 hierarchy's. */
static __always_inline struct kernfs_node *cgroup_of(struct task_struct *task)
{
	struct kernfs_node *kn = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn);
	int id;

	if (kernfs_parent(kn))
		return kn;
	id = bpf_core_enum_value(enum cgroup_subsys_id, pids_cgrp_id);
	if (id > 0 && id < CGROUP_SUBSYS_COUNT)
		kn = BPF_CORE_READ(task, cgroups, subsys[id], cgroup, kn);
	return kn;
}

/* The path's components, leaf first, each ended by NUL; the root has none. */
static __always_inline void read_cgroup(struct kernfs_node *kn, char *path)
{
	__u32 used = 0;

	for (int level = 0; level < CGROUP_LEVELS && kn; level++) {
		struct kernfs_node *parent = kernfs_parent(kn);
		long length;

		if (!parent || used >= ADDER_CGROUP_BYTES - 128)
			break;
		length = bpf_probe_read_kernel_str(path + used, 128, BPF_CORE_READ(kn, name));
		if (length <= 0 || length > 128)
			break;
		used += length;
		kn = parent;
	}
	if (used < ADDER_CGROUP_BYTES)
		path[used] = 0;
}

/* The arguments, as exec has just laid them out (or as the forking parent has them). */
static __always_inline void read_args(struct task_struct *task, struct adder_event_process *e)
{
	__u64 start = BPF_CORE_READ(task, mm, arg_start), end = BPF_CORE_READ(task, mm, arg_end);
	__u32 bytes = end > start ? end - start : 0;

	if (end - start > ADDER_ARGS_BYTES)
		bytes = ADDER_ARGS_BYTES;
	barrier_var(bytes);
	if (bytes > ADDER_ARGS_BYTES)
		return;
	e->args_bytes = 0;
	if (!remote_read(e->args, bytes, start))
		e->args_bytes = bytes;
}

/* Tell user space of @p, process of @task; @wake if it must act.  0, or -1 if it can't be told. */
static __noinline int send_process(struct task_struct *task, const struct adder_process *p,
				   __u32 how, __u32 parent_serial, bool wake)
{
	struct adder_event_process *e;

	if (!p)
		return -1;
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e) {
		lose(ADDER_LOST_RING_PROCESS);
		return -1;
	}
	e->kind = ADDER_EVENT_PROCESS;
	e->how = how;
	e->serial = p->serial;
	e->parent_serial = parent_serial;
	e->pid = BPF_CORE_READ(task, tgid);
	e->parent_pid = BPF_CORE_READ(task, real_parent, tgid);
	e->uid = BPF_CORE_READ(task, cred, euid.val);
	e->phase = p->phase;
	e->time_ns = bpf_ktime_get_ns();
	e->cgroup_id = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	e->bias = p->bias;
	e->file = p->file;
	bpf_probe_read_kernel(e->comm, sizeof(e->comm), task->comm);
	e->args_bytes = 0;
	e->pad = 0;
	if (how == ADDER_BY_EXEC)
		read_args(task, e);
	read_cgroup(cgroup_of(task), e->cgroup);
	bpf_ringbuf_submit(e, wake ? BPF_RB_FORCE_WAKEUP : ring_flags());
	return 0;
}

/*
 * Add @p to the ledger, unless user space can't be told of it: it would have no name.  It is
 * tracked all the same, so that those that it forks are known to be lost, too.
 */
static __always_inline bool add_process(struct task_struct *task, struct adder_process *p,
					__u32 how, __u32 parent_serial, bool wake)
{
	__u32 pid = BPF_CORE_READ(task, tgid);

	if (bpf_map_update_elem(&processes, &pid, p, BPF_ANY)) {
		lose(ADDER_LOST_PROCESSES_FULL);
		return false;
	}
	if (!send_process(task, p, how, parent_serial, wake))
		return true;
	bpf_map_delete_elem(&processes, &pid);
	return false;
}

static __always_inline void send_exit(const struct adder_process *p, __u32 pid, __u64 now)
{
	struct adder_event_exit e = {
		.kind = ADDER_EVENT_EXIT, .serial = p->serial, .pid = pid, .time_ns = now
	};

	if (bpf_ringbuf_output(&events, &e, sizeof(e), ring_flags()))
		lose(ADDER_LOST_RING_EXIT);
}

/* Is a process that becomes Python asked for?  With _ASK user space says no to some afterwards. */
static __always_inline bool is_selected(__u32 pid)
{
	if (pid == self_pid)
		return false;
	if (select_by == ADDER_SELECT_PIDS || select_by == ADDER_SELECT_FAMILY)
		return bpf_map_lookup_elem(&pids, &pid);
	return true;
}

/* Stop tracking @pid, which may not have been tracked; its serial's account is closed. */
static __always_inline void forget(__u32 pid, __u64 now)
{
	struct adder_process *p = find_process(pid);

	if (!p)
		return;
	send_exit(p, pid, now);
	bpf_map_delete_elem(&processes, &pid);
}

static __always_inline void read_file(struct file *f, struct adder_file *ret)
{
	ret->inode = BPF_CORE_READ(f, f_inode, i_ino);
	ret->size = BPF_CORE_READ(f, f_inode, i_size);
	ret->device = BPF_CORE_READ(f, f_inode, i_sb, s_dev);
	ret->pad = 0;
}

/*
 * The account of the program that the calling thread was in until @now is closed.  Returns the CPU
 * time up to which the thread is charged.
 */
static __always_inline __u64 leave_program(struct task_struct *task, __u32 tid, __u64 now)
{
	struct adder_thread *t = find_thread(tid);
	__u64 stint, charged;

	if (!t)
		return task->se.sum_exec_runtime;
	recover_switch_in(t, task, now);
	/* sum_exec_runtime is behind by up to a tick; the clock is not */
	stint = t->in_ns < now ? now - t->in_ns : 0;
	charged = t->runtime_ns + stint;
	ledger_post(t, tid, stint, now);
	ledger_flush(t);
	send_thread_exit(t, tid, task->comm, now);
	bpf_map_delete_elem(&threads, &tid);
	return charged;
}

static __always_inline void enter_program(struct task_struct *task, const struct adder_process *p,
					  __u64 charged, __u64 now)
{
	struct adder_thread *fresh = blank_thread(THREAD_EXEC, task, p->serial);
	__u32 tid = task->pid;

	if (!fresh || !recording_start_ns)
		return; /* before the recording: the first look finds it */
	fresh->runtime_ns = charged;
	fresh->in_ns = fresh->first_ns = now;
	fresh->stack = ADDER_STACK_STARTING;
	new_thread(tid, fresh, BPF_ANY);
}

/* Set @p up for the program that @task has become; false if that is no Python or not asked for. */
static __always_inline bool begin_program(struct task_struct *task, struct linux_binprm *bprm,
					  struct adder_process *p, __u64 now)
{
	struct adder_binary *binary;

	if (!is_selected(task->tgid))
		return false;
	__builtin_memset(p, 0, sizeof(*p));
	read_file(BPF_CORE_READ(bprm, file), &p->file);
	binary = bpf_map_lookup_elem(&binaries, &p->file);
	if (binary && binary->kind == ADDER_BINARY_FOREIGN)
		return false;
	p->serial = compat_serial(&last_serial);
	p->start_ns = now;
	if (!binary || binary->kind == ADDER_BINARY_LATE)
		return true; /* ADDER_PHASE_UNKNOWN */
	p->binary = *binary;
	if (binary->moves)
		p->bias = BPF_CORE_READ(task, mm, start_code) - binary->text;
	runtime_begin(p);
	return true;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, pid_t old_tid, struct linux_binprm *bprm)
{
	struct adder_process *p = scratch_process(SCRATCH_EXEC);
	__u64 now = bpf_ktime_get_ns();
	__u64 charged = 0;
	__u32 pid = task->tgid;
	bool python, is_added = false;

	if (!p)
		return 0;
	if (call_clock)
		open_bury(old_tid, now);
	forget(pid, now);
	python = begin_program(task, bprm, p, now);
	if (recording_start_ns)
		charged = leave_program(task, old_tid, now);
	if (python)
		is_added = add_process(task, p, ADDER_BY_EXEC, 0,
				       p->phase == ADDER_PHASE_UNKNOWN ||
					       select_by == ADDER_SELECT_ASK);
	if (is_added)
		enter_program(task, p, charged, now);
	track(pid, python);
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	__u32 parent_pid = parent->tgid, pid = child->tgid, yes = 1;
	struct adder_process *p, *of_parent;

	if (pid == parent_pid)
		return 0; /* a thread */
	if (select_by == ADDER_SELECT_FAMILY && bpf_map_lookup_elem(&pids, &parent_pid) &&
	    bpf_map_update_elem(&pids, &pid, &yes, BPF_ANY))
		lose(ADDER_LOST_PROCESSES_FULL);
	p = scratch_process(SCRATCH_FORK);
	if (!is_tracked(parent_pid) || !p || !is_selected(pid)) {
		track(pid, false); /* the bit may be left from an earlier process */
		return 0;
	}
	track(pid, true);
	of_parent = find_process(parent_pid);
	if (!of_parent) { /* lost, and for one of these causes */
		lose(lost[ADDER_LOST_PROCESSES_FULL] ? ADDER_LOST_PROCESSES_FULL
						     : ADDER_LOST_RING_PROCESS);
		return 0;
	}
	__builtin_memcpy(p, of_parent, sizeof(*p));
	p->serial = compat_serial(&last_serial);
	p->start_ns = bpf_ktime_get_ns();
	p->asyncio.numbered = p->asyncio.named = 0;
	add_process(child, p, ADDER_BY_FORK, of_parent->serial, false);
	return 0;
}

/* Of the process of @task, which is exiting.  (By address: what a typed pointer costs when the
 * program is loaded, file_of_current() says.) */
static __always_inline int threads_left(struct task_struct *task)
{
	return BPF_CORE_READ(task, signal, live.counter);
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	__u32 pid = task->tgid;
	struct adder_thread *t;

	if (select_by == ADDER_SELECT_FAMILY && !threads_left(task))
		bpf_map_delete_elem(&pids, &pid);
	if (!is_tracked(pid))
		return 0;
	t = find_thread(task->pid);
	if (t)
		t->exiting = 1;
	if (call_clock) /* while user space still knows the process */
		open_bury(task->pid, bpf_ktime_get_ns());
	if (!threads_left(task))
		forget(pid, bpf_ktime_get_ns()); /* its bit stays: the threads have a last switch to
						    come */
	return 0;
}

/* What the iterator says of a thread that was there before: for walking it from outside. */
static __always_inline void begin_record(struct task_struct *task, struct adder_process *p,
					 struct adder_known_thread *known)
{
	struct wait wait = { .state = ADDER_STATE_RUNQ,
			     .how = ADDER_HOW_SWITCH,
			     .syscall = ADDER_NO_SYSCALL,
			     .from_outside = true };
	struct adder_thread *fresh = blank_thread(THREAD_LOOK, task, p->serial);
	__u32 task_state = task_state_of(task), tid = task->pid;

	if (!fresh)
		return;
	fresh->first_ns = ledger_start(p);
	fresh->stack = ADDER_STACK_BEFORE;
	if (task->on_cpu) {
		fresh->in_ns = fresh->first_ns;
		wait.state = ADDER_STATE_CPU;
	} else {
		fresh->out_ns = fresh->first_ns;
		if (task_state)
			classify_wait(task, p, task_state, &wait);
		else
			fresh->wake_ns = fresh->first_ns;
	}
	fresh->on = awaited_by_file(AWAITED_LOOK, &wait);
	fresh->state = wait.state;
	fresh->how = wait.how;
	fresh->syscall = wait.syscall;
	known->state = wait.state;
	known->how = wait.how;
	known->syscall = wait.syscall;
	known->running = task->on_cpu;
	known->since_ns = fresh->out_ns;
	known->on = fresh->on;
	new_thread(tid, fresh, BPF_ANY);
}

SEC("iter/task")
int look_at_thread(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct adder_known_thread known = {};
	struct adder_process *p;
	struct adder_thread *t;

	if (!task || !is_tracked(task->tgid) || task->exit_state)
		return 0;
	p = find_process(task->tgid);
	t = find_thread(task->pid);
	if (!p || (t && t->process == p->serial))
		return 0; /* in the ledger already; a record of another serial is from another time
			   */
	known.serial = p->serial;
	known.pid = task->tgid;
	known.tid = task->pid;
	known.thread_pointer = task->thread.ARCH_THREAD_POINTER;
	begin_record(task, p, &known);
	bpf_seq_write(ctx->meta->seq, &known, sizeof(known));
	return 0;
}
