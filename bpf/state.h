/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why a thread leaves its CPU: the state that the ledger will charge its wait to.
 *
 * switched out -> able to run? stopped? in a syscall? which? on what kind of file?
 */
#ifndef BPF_STATE_H
#define BPF_STATE_H

#include "maps.h"
#include "syscalls.h"

/* task_struct.__state; the values have not changed since 4.14. */
#define TASK_UNINTERRUPTIBLE 0x2
#define TASK_STOPPED         0x4
#define TASK_TRACED          0x8
#define TASK_DEAD            0x80
#define TASK_WAKING          0x200 /* being woken, not yet in a run queue */
#define TASK_FROZEN          0x8000
#define JOBCTL_TRAP_FREEZE   (1UL << 23) /* cgroup v2 froze it */

#define S_IFMT               0170000
#define S_IFSOCK             0140000
#define S_IFBLK              0060000
#define S_IFREG              0100000
#define S_IFDIR              0040000
#define S_IFCHR              0020000
#define S_IFIFO              0010000

#define ANON_INODE_FS_MAGIC  0x09041934
#define PID_FS_MAGIC         0x50494446 /* pidfds since 6.9 */

#define AF_UNIX              1
#define AF_INET              2
#define AF_INET6             10
#define AF_VSOCK             40

struct wait {
	__u16 syscall;
	__u8 state;        /* enum adder_state */
	__u8 how;          /* enum adder_how */
	bool from_outside; /* the thread is not current: its memory can't be read */
	__s32 fd;          /* of @file */
	struct file *file; /* the one file that is waited for; NULL: none, or several */
};

/*
 * Current's file @fd, as an address; 0 if there is none.  Loads through typed pointers cost a
 * nanosecond each, reads by helper five.  A global function, since the verifier follows those once:
 * to know whether such a pointer is to be trusted newer kernels search all of their types by name,
 * a millisecond each time.
 */
__weak __noinline __u64 file_of_current(__u32 fd)
{
	struct files_struct *files = compat_current()->files;
	struct fdtable *fdt;
	__u64 f = 0;

	if (!files)
		return 0;
	fdt = files->fdt;
	if (!fdt || fd >= fdt->max_fds)
		return 0;
	bpf_probe_read_kernel(&f, sizeof(f), fdt->fd + fd);
	return f;
}

static __always_inline struct file *file_of(struct task_struct *t, const struct wait *w)
{
	struct file *f = NULL;
	__u32 fd = w->fd;

	if (COMPAT_CURRENT_IS_TYPED && !w->from_outside)
		return (struct file *)file_of_current(fd);
	if (fd < BPF_CORE_READ(t, files, fdt, max_fds))
		bpf_probe_read_kernel(&f, sizeof(f), BPF_CORE_READ(t, files, fdt, fd) + fd);
	return f;
}

static __always_inline __u8 state_of_socket(struct file *f)
{
	struct socket *socket = BPF_CORE_READ(f, private_data);

	switch (BPF_CORE_READ(socket, sk, __sk_common.skc_family)) {
	case AF_INET:
	case AF_INET6:
	case AF_VSOCK:
		return ADDER_STATE_NET;
	case AF_UNIX:
		return ADDER_STATE_IPC;
	default:
		return ADDER_STATE_OTHER;
	}
}

/* eventfd, timerfd, ...: the kind is in the name, "[eventfd]", "inotify" */
static __always_inline __u8 state_of_anonymous(struct file *f)
{
	char name[8] = {};

	bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(f, f_path.dentry, d_name.name));
	if (name[1] == 't') /* [timerfd] */
		return ADDER_STATE_SLEEP;
	if (name[1] == 'p') /* [pidfd] */
		return ADDER_STATE_CHILD;
	if (name[1] == 'e' && name[6] == 'p') /* [eventpoll] */
		return ADDER_STATE_POLL;
	if (name[1] == 'i' && name[2] == 'o') /* [io_uring] */
		return ADDER_STATE_POLL;
	return ADDER_STATE_IPC;
}

/* What is no socket, pipe or terminal: files have a type, but of late anonymous ones too. */
static __always_inline __u8 state_of_inode(struct file *f, __u32 type)
{
	switch (BPF_CORE_READ(f, f_inode, i_sb, s_magic)) {
	case ANON_INODE_FS_MAGIC:
		return state_of_anonymous(f);
	case PID_FS_MAGIC:
		return ADDER_STATE_CHILD;
	default:
		return type == S_IFREG || type == S_IFBLK || type == S_IFDIR ? ADDER_STATE_DISK
									     : ADDER_STATE_IPC;
	}
}

/* The kinds that are waited for most often take the fewest reads. */
static __always_inline __u8 state_of_file(struct file *f)
{
	__u32 type;

	if (!f)
		return ADDER_STATE_OTHER;
	type = BPF_CORE_READ(f, f_inode, i_mode) & S_IFMT;
	if (type == S_IFSOCK)
		return state_of_socket(f);
	if (type == S_IFIFO || type == S_IFCHR)
		return ADDER_STATE_IPC;
	return state_of_inode(f, type);
}

/* Those below return this for the state that the file @w->fd tells. */
#define STATE_OF_FILE ADDER_STATE_NR

/* poll of nothing is a sleep; of one file, a wait for it: CPython's socket timeouts do that */
static __always_inline __u8 state_of_poll(__u64 fds, __u64 count, struct wait *w)
{
	__s32 fd = -1;

	if (count > 1 || (count && w->from_outside))
		return ADDER_STATE_POLL;
	if (count && remote_read(&fd, sizeof(fd), fds))
		return ADDER_STATE_POLL;
	if (count == 0 || fd < 0)
		return ADDER_STATE_SLEEP;
	w->fd = fd;
	return STATE_OF_FILE;
}

#define SELECT_WORDS 16 /* FD_SETSIZE bits */

/* Index of the lowest bit of @word, which has one. */
static __always_inline __u32 lowest_bit(__u64 word)
{
	__u32 index = 0;

	for (__u32 shift = 32; shift; shift >>= 1) {
		if (!(word << (64 - shift))) {
			word >>= shift;
			index += shift;
		}
	}
	return index;
}

/*
 * How many files are in the fd_set at @set: 0, 1, or 2 for several; above bit 32, one of them.
 * A global function, since the verifier follows those once, not at each call.
 */
__weak __noinline __u64 count_selected(__u64 set, __u32 bits)
{
	__u64 words[SELECT_WORDS] = {}, some = 0;
	__u32 bytes = (bits + 63) / 64 * 8, index = 0, used = 0;

	if (!set)
		return 0;
	barrier_var(bytes); /* the verifier does not follow where the bound came from */
	if (bytes > sizeof(words))
		bytes = sizeof(words);
	if (remote_read(words, bytes, set))
		return 0;
	for (int i = 0; i < SELECT_WORDS; i++) {
		if (!words[i])
			continue;
		some = words[i];
		index = i * 64;
		if (used)
			return 2;
		used = 1;
	}
	if (!used)
		return 0;
	return (some & (some - 1) ? 2 : 1) | (__u64)(index + lowest_bit(some)) << 32;
}

static __always_inline __u8 state_of_select(struct pt_regs *regs, struct wait *w)
{
	__u64 bits = user_reg(regs, ARCH_ARG1), in, out, except;
	__u32 count;

	if (bits == 0)
		return ADDER_STATE_SLEEP;
	if (bits > SELECT_WORDS * 64 || w->from_outside)
		return ADDER_STATE_POLL;
	in = count_selected(user_reg(regs, ARCH_ARG2), bits);
	out = count_selected(user_reg(regs, ARCH_ARG3), bits);
	except = count_selected(user_reg(regs, ARCH_ARG4), bits);
	count = (__u32)in + (__u32)out + (__u32)except;
	if (count == 0)
		return ADDER_STATE_SLEEP;
	if (count > 1)
		return ADDER_STATE_POLL;
	w->fd = (in | out | except) >> 32; /* only one of them has a file, the others are 0 */
	return STATE_OF_FILE;
}

#define MUSL_WAITERS 4  /* looked at of a condition variable's; who begins to wait is the first */
#define SWITCH_COND  88 /* gil->switch_cond, from gil->cond on */

/*
 * Is @word what a thread waits on for musl's condition variable at @cond?  That is a barrier on its
 * own stack: {prev, next, state, barrier} are in a list, the newest first.
 */
static __always_inline bool is_musl_waiter(__u64 cond, __u64 word)
{
	__u64 node = 0;

	if (remote_read(&node, sizeof(node), cond + 8))
		return false;
	for (int i = 0; i < MUSL_WAITERS && node; i++) {
		if (word == node + 20)
			return true;
		if (remote_read(&node, sizeof(node), node + 8))
			return false;
	}
	return false;
}

/* Is @word one of those of the GIL whose words lie from @gil to @end? */
static __always_inline bool is_word_of_gil(const struct adder_process *p, __u64 gil, __u64 end,
					   __u64 word)
{
	if (word >= gil && word < end)
		return true;
	return p->binary.musl && end &&
	       (is_musl_waiter(gil, word) || is_musl_waiter(gil + SWITCH_COND, word));
}

/* Does the futex word @word belong to a GIL of @p?  From 3.12 on each interpreter points to its
 * own. */
static __always_inline bool is_gil_word(struct adder_process *p,
					const struct unwind_scratch *scratch, __u64 word)
{
	const struct adder_layout *l = &p->binary.layout;
	__u64 gil;

	if (is_word_of_gil(p, p->gil, p->gil_end, word))
		return true;
	if (l->rt_gil || !l->interp_gil || !scratch->interp)
		return false;
	if (remote_read(&gil, sizeof(gil), scratch->interp + l->interp_gil) || !gil)
		return false;
	if (!p->gil_end) { /* most often the only one: next time without reading */
		p->gil = gil + l->gil_words;
		p->gil_end = gil + l->gil_bytes;
	}
	return is_word_of_gil(p, gil + l->gil_words, gil + l->gil_bytes, word);
}

static __always_inline __u8 state_of_futex(struct task_struct *t, struct adder_process *p,
					   __u64 word, const struct wait *w)
{
	struct unwind_scratch *scratch;
	__u32 zero = 0;

	scratch = bpf_map_lookup_elem(&walk_scratch, &zero);
	if (!p)
		p = find_process(t->tgid);
	if (!p || !scratch)
		return ADDER_STATE_LOCK;
	if (w->from_outside)
		return word >= p->gil && word < p->gil_end ? ADDER_STATE_GIL : ADDER_STATE_LOCK;
	return is_gil_word(p, scratch, word) ? ADDER_STATE_GIL : ADDER_STATE_LOCK;
}

static __always_inline __u8 state_of_syscall(struct task_struct *t, struct adder_process *p,
					     struct pt_regs *regs, __u32 class,
					     bool uninterruptible, struct wait *w)
{
	switch (class) {
	case SYSCALL_SLEEP:
		return ADDER_STATE_SLEEP;
	case SYSCALL_FUTEX:
		return state_of_futex(t, p, user_reg(regs, ARCH_ARG1), w);
	case SYSCALL_CHILD:
		return ADDER_STATE_CHILD;
	case SYSCALL_FD:
		w->fd = user_reg(regs, ARCH_ARG1);
		return STATE_OF_FILE;
	case SYSCALL_POLL:
		return state_of_poll(user_reg(regs, ARCH_ARG1), user_reg(regs, ARCH_ARG2), w);
	case SYSCALL_SELECT:
		return state_of_select(regs, w);
	case SYSCALL_LOCK:
		return ADDER_STATE_LOCK;
	case SYSCALL_IPC:
		return ADDER_STATE_IPC;
	case SYSCALL_LOOP:
		return ADDER_STATE_POLL;
	case SYSCALL_STORAGE:
		w->fd = user_reg(regs, ARCH_ARG1); /* of sync(2), none */
		return ADDER_STATE_DISK;
	case SYSCALL_PATH:
		return uninterruptible ? ADDER_STATE_DISK : ADDER_STATE_OTHER;
	default:
		return ADDER_STATE_OTHER;
	}
}

static __always_inline bool is_stopped(struct task_struct *t, __u32 task_state)
{
	return task_state & (TASK_STOPPED | TASK_TRACED | TASK_FROZEN) ||
	       t->jobctl & JOBCTL_TRAP_FREEZE;
}

/*
 * Why @t, blocked in @task_state, waits.  After capture_stack(), whose scratch tells the thread's
 * interpreter.  @p may be NULL: it is looked up where it matters.  @ret->syscall is that of the
 * thread's wait before.
 */
static __noinline __attribute__((unused)) void
classify_wait(struct task_struct *t, struct adder_process *p, __u32 task_state, struct wait *ret)
{
	struct pt_regs *regs = task_user_regs(t);
	__s64 number = user_reg(regs, ARCH_SYSCALL);
	bool iowait = task_in_iowait(t);
	__u32 class = SYSCALL_OTHER;

	if (!ret)
		return;
	/* continued after a stop or a signal: it is the call that it was in before */
	if (number == __NR_restart_syscall && ret->syscall != ADDER_NO_SYSCALL)
		number = ret->syscall;
	ret->syscall = ADDER_NO_SYSCALL;
	ret->how = ADDER_HOW_SYSCALL;
	ret->file = NULL;
	ret->fd = -1;
	if (number < 0) {
		ret->how = iowait ? ADDER_HOW_PAGE_IN : ADDER_HOW_FAULT;
		ret->state = iowait ? ADDER_STATE_DISK : ADDER_STATE_FAULT;
	} else {
		ret->syscall = number;
		if (number < SYSCALLS_NR)
			class = syscall_classes[number & (SYSCALLS_NR - 1)];
		ret->state =
			state_of_syscall(t, p, regs, class, task_state & TASK_UNINTERRUPTIBLE, ret);
		if (ret->fd >= 0)
			ret->file = file_of(t, ret);
		if (ret->state == STATE_OF_FILE)
			ret->state = state_of_file(ret->file);
		/* whatever the call, it waits for storage now; io_uring's own waits count as iowait
		 * too */
		if (iowait && class != SYSCALL_LOOP)
			ret->state = ADDER_STATE_DISK;
	}
	if (is_stopped(t, task_state))
		ret->state = ADDER_STATE_STOP;
}

#endif
