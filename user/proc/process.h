/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes and threads, from /proc.  Whatever is read may be gone or another's the next moment;
 * texts are the targets' own and untrusted: NUL-ended, bounded, but any bytes.
 *
 * Functions that read a process return 0 or -errno; -ENOENT or -ESRCH mean that it is gone,
 * -EACCES or -EPERM that the right to look is missing.
 */
#ifndef PROC_PROCESS_H
#define PROC_PROCESS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROCESS_COMM_BYTES 64   /* the kernel's limit for its own threads; 16 for others */
#define PROCESS_ARGS_BYTES 4096 /* of the arguments; longer ones are cut */
#define PROCESS_EXE_BYTES  256  /* of the program file's base name */

/** What the kernel says of a process or a thread in its stat file. */
struct process_stat {
	char comm[PROCESS_COMM_BYTES];
	char state; /* R S D T t Z X I */
	pid_t ppid;
	uint64_t user_ns, system_ns; /* CPU time, in steps of the kernel's clock tick */
	uint64_t start_ns;           /* CLOCK_BOOTTIME, in the same steps */
	uint64_t major_faults;
	uint32_t thread_count;
};

/** A process. */
struct process {
	pid_t pid;
	uid_t uid; /* effective, as adder's user namespace numbers it */
	struct process_stat stat;
	char exe[PROCESS_EXE_BYTES];   /* base name of the program file; "" if unknown */
	char args[PROCESS_ARGS_BYTES]; /* NUL after each */
	size_t args_bytes;             /* 0 for kernel threads and zombies */
};

/** A program file as the kernel knows it: what stat() says differs on overlayfs and btrfs. */
struct process_file {
	uint64_t inode;
	uint64_t size;   /* bytes */
	uint32_t device; /* of the inode's file system: major << 20 | minor */
};

/** A thread in a system call. */
struct process_syscall {
	int64_t number; /* -1: blocked, but not in a system call (a page fault) */
	uint64_t args[6];
	uint64_t sp, pc;
};

/** Called with each id; anything but 0 ends the listing. */
typedef int (*process_id_fn)(pid_t id, void *arg);

/** Call @fn for each process there is.  Returns 0, what @fn returned, or -errno. */
int process_each(process_id_fn fn, void *arg);

/** Call @fn for each thread of @pid.  Returns 0, what @fn returned, or -errno. */
int process_each_thread(pid_t pid, process_id_fn fn, void *arg);

/** Read all of @pid.  Arguments and program that can't be read are left empty. */
int process_read(pid_t pid, struct process *ret);

/** Read the stat file of @pid as a process. */
int process_read_stat(pid_t pid, struct process_stat *ret);

/** Read the stat file of thread @tid of @pid: its name, state and times. */
int process_thread_stat(pid_t pid, pid_t tid, struct process_stat *ret);

/**
 * Read in which system call a thread is blocked.
 * -EAGAIN if it is running or able to; -ENOSYS if the kernel doesn't tell.
 */
int process_thread_syscall(pid_t pid, pid_t tid, struct process_syscall *ret);

/** Read in which kernel function a thread is blocked; "" in *@ret if it is not, or not told. */
int process_thread_wchan(pid_t pid, pid_t tid, char *ret, size_t size);

/** Read the identity of the file whose program @pid runs.  -ENOENT also if it has none. */
int process_read_file(pid_t pid, struct process_file *ret);

/** Read one file of /proc/PID into @ret, cut to @size; returns the bytes read or -errno. */
ssize_t process_read_text(pid_t pid, const char *name, char *ret, size_t size);

/** Parse the text of a stat file; -EBADMSG if it is none.  Pure. */
int process_parse_stat(const char *text, struct process_stat *ret);

/** Parse the text of a syscall file, as process_thread_syscall() reads it.  Pure. */
int process_parse_syscall(const char *text, struct process_syscall *ret);

/** What CLOCK_BOOTTIME is ahead of CLOCK_MONOTONIC, in ns: the time spent in suspend. */
int64_t process_boot_offset_ns(void);

/**
 * What a person would call a process: the base name of the script or the module that its Python
 * runs ("app.py", "http.server", "-c"), the title that it gave itself, or the program's name.
 *
 * @args   Arguments with a NUL after each, @bytes in all; untrusted, may be cut anywhere.
 * @comm   The process's own short name, used when the arguments don't tell.
 * @ret    Gets the name, cut to @size - 1 bytes, NUL-ended; may hold any other byte.
 */
void process_name(const char *args, size_t bytes, const char *comm, char *ret, size_t size);

#endif
