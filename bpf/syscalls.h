/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a thread that sleeps in a syscall waits for, as far as the number tells.
 */
#ifndef BPF_SYSCALLS_H
#define BPF_SYSCALLS_H

#include <asm/unistd.h>

enum syscall_class {
	SYSCALL_OTHER,
	SYSCALL_SLEEP,   /* for time to pass, or a signal */
	SYSCALL_FUTEX,   /* the word at its first argument */
	SYSCALL_CHILD,   /* for a process */
	SYSCALL_FD,      /* its first argument's file */
	SYSCALL_POLL,    /* an array of files */
	SYSCALL_SELECT,  /* sets of files */
	SYSCALL_LOOP,    /* an event queue */
	SYSCALL_STORAGE, /* a file's contents on storage */
	SYSCALL_LOCK,    /* a lock on a file, or a semaphore */
	SYSCALL_IPC,     /* a message queue */
	SYSCALL_PATH,    /* a file system's directories and inodes, when uninterruptible */
};

#define SYSCALLS_NR 512

/* Indexed by number; all others are SYSCALL_OTHER. */
static const volatile unsigned char syscall_classes[SYSCALLS_NR] = {
	[__NR_nanosleep] = SYSCALL_SLEEP,
	[__NR_clock_nanosleep] = SYSCALL_SLEEP,
	[__NR_rt_sigtimedwait] = SYSCALL_SLEEP,
	[__NR_rt_sigsuspend] = SYSCALL_SLEEP,

	[__NR_futex] = SYSCALL_FUTEX,
	[449 /* futex_waitv */] = SYSCALL_FUTEX,
	[455 /* futex_wait */] = SYSCALL_FUTEX,

	[__NR_wait4] = SYSCALL_CHILD,
	[__NR_waitid] = SYSCALL_CHILD,

	[__NR_clone] = SYSCALL_CHILD,
	[435 /* clone3 */] = SYSCALL_CHILD,

	[__NR_flock] = SYSCALL_LOCK,
	[__NR_fcntl] = SYSCALL_LOCK,
	[__NR_semop] = SYSCALL_LOCK,
	[__NR_semtimedop] = SYSCALL_LOCK,
	[__NR_msgrcv] = SYSCALL_IPC,
	[__NR_msgsnd] = SYSCALL_IPC,
	[__NR_mq_timedreceive] = SYSCALL_IPC,
	[__NR_mq_timedsend] = SYSCALL_IPC,

	[__NR_read] = SYSCALL_FD,
	[__NR_write] = SYSCALL_FD,
	[__NR_pread64] = SYSCALL_FD,
	[__NR_pwrite64] = SYSCALL_FD,
	[__NR_readv] = SYSCALL_FD,
	[__NR_writev] = SYSCALL_FD,
	[__NR_preadv] = SYSCALL_FD,
	[__NR_pwritev] = SYSCALL_FD,
	[__NR_preadv2] = SYSCALL_FD,
	[__NR_pwritev2] = SYSCALL_FD,
	[__NR_connect] = SYSCALL_FD,
	[__NR_accept] = SYSCALL_FD,
	[__NR_accept4] = SYSCALL_FD,
	[__NR_sendto] = SYSCALL_FD,
	[__NR_recvfrom] = SYSCALL_FD,
	[__NR_sendmsg] = SYSCALL_FD,
	[__NR_recvmsg] = SYSCALL_FD,
	[__NR_sendmmsg] = SYSCALL_FD,
	[__NR_recvmmsg] = SYSCALL_FD,
	[__NR_sendfile] = SYSCALL_FD,
	[__NR_splice] = SYSCALL_FD,
	[__NR_tee] = SYSCALL_FD,
	[__NR_vmsplice] = SYSCALL_FD,
	[__NR_close] = SYSCALL_FD,
	[__NR_ftruncate] = SYSCALL_FD,
	[__NR_fallocate] = SYSCALL_FD,
	[__NR_getdents64] = SYSCALL_FD,
	[__NR_copy_file_range] = SYSCALL_FD,

	[__NR_ppoll] = SYSCALL_POLL,
	[__NR_pselect6] = SYSCALL_SELECT,

	[__NR_epoll_pwait] = SYSCALL_LOOP,
	[441 /* epoll_pwait2 */] = SYSCALL_LOOP,
	[426 /* io_uring_enter */] = SYSCALL_LOOP,
	[__NR_io_getevents] = SYSCALL_STORAGE,

	[__NR_fsync] = SYSCALL_STORAGE,
	[__NR_fdatasync] = SYSCALL_STORAGE,
	[__NR_sync] = SYSCALL_STORAGE,
	[__NR_syncfs] = SYSCALL_STORAGE,
	[__NR_sync_file_range] = SYSCALL_STORAGE,
	[__NR_msync] = SYSCALL_STORAGE,
	[__NR_readahead] = SYSCALL_STORAGE,

	[__NR_openat] = SYSCALL_PATH,
	[437 /* openat2 */] = SYSCALL_PATH,
	[__NR_fstat] = SYSCALL_PATH,
	[__NR_newfstatat] = SYSCALL_PATH,
	[__NR_statx] = SYSCALL_PATH,
	[__NR_faccessat] = SYSCALL_PATH,
	[__NR_readlinkat] = SYSCALL_PATH,
	[__NR_renameat] = SYSCALL_PATH,
	[__NR_renameat2] = SYSCALL_PATH,
	[__NR_mkdirat] = SYSCALL_PATH,
	[__NR_linkat] = SYSCALL_PATH,
	[__NR_unlinkat] = SYSCALL_PATH,
	[__NR_truncate] = SYSCALL_PATH,
	[__NR_execve] = SYSCALL_PATH,
	[__NR_utimensat] = SYSCALL_PATH,
	[__NR_fchmodat] = SYSCALL_PATH,
	[__NR_fchownat] = SYSCALL_PATH,
	[__NR_mmap] = SYSCALL_PATH,
	[__NR_munmap] = SYSCALL_PATH,

#ifdef __NR_open /* aarch64 has only what took the place of these */
	[__NR_pause] = SYSCALL_SLEEP,
	[__NR_vfork] = SYSCALL_CHILD, /* until it execs, as subprocess has it do */
	[__NR_poll] = SYSCALL_POLL,
	[__NR_select] = SYSCALL_SELECT,
	[__NR_epoll_wait] = SYSCALL_LOOP,
	[__NR_open] = SYSCALL_PATH,
	[__NR_stat] = SYSCALL_PATH,
	[__NR_lstat] = SYSCALL_PATH,
	[__NR_access] = SYSCALL_PATH,
	[__NR_readlink] = SYSCALL_PATH,
	[__NR_rename] = SYSCALL_PATH,
	[__NR_mkdir] = SYSCALL_PATH,
	[__NR_rmdir] = SYSCALL_PATH,
	[__NR_creat] = SYSCALL_PATH,
	[__NR_link] = SYSCALL_PATH,
	[__NR_unlink] = SYSCALL_PATH,
	[__NR_symlink] = SYSCALL_PATH,
	[__NR_chmod] = SYSCALL_PATH,
	[__NR_chown] = SYSCALL_PATH,
#endif
};

#endif
