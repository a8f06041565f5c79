/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel types that adder reads, kept by hand.
 *
 * CO-RE needs names and nesting only: offsets are looked up in the running kernel's BTF when the
 * programs are loaded.  To add a field, name it here as the kernel does, in any order; a field
 * that only some kernels have is asked for with bpf_core_field_exists() (bpf/compat.h), in a
 * struct whose name ends in ___something where two shapes of one type are needed.
 */
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

#include <linux/types.h>
#include <linux/bpf.h>
#include <stdbool.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;
typedef int pid_t;
typedef unsigned int kuid_val;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	kuid_val val;
} kuid_t;

struct qstr {
	const unsigned char *name;
};

struct dentry {
	struct qstr d_name;
	struct dentry *d_parent;
};

struct path {
	struct dentry *dentry;
};

struct super_block {
	__u32 s_dev;
	unsigned long s_magic;
};

struct inode {
	unsigned short i_mode;
	unsigned long i_ino;
	long long i_size;
	struct super_block *i_sb;
};

struct file {
	struct inode *f_inode;
	struct path f_path;
	void *private_data;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct in6_addr {
	__u8 bytes[16];
};

struct sock_common {
	unsigned short skc_family;
	__u32 skc_daddr;
	__u16 skc_dport, skc_num;
	struct in6_addr skc_v6_daddr;
};

struct sock {
	struct sock_common __sk_common;
};

struct unix_address {
	int len; /* the sockaddr_un follows */
};

struct unix_sock {
	struct unix_address *addr;
	struct sock *peer;
};

struct socket {
	struct sock *sk;
};

#ifdef __TARGET_ARCH_arm64
struct user_pt_regs {
	__u64 regs[31], sp, pc, pstate;
};

struct pt_regs {
	unsigned long regs[31], sp, orig_x0;
	int syscallno;
};
#else
struct pt_regs {
	unsigned long r10, cx, dx, si, di, orig_ax, ip, cs, sp;
};
#endif

struct kernfs_node {
	const char *name;
	struct kernfs_node *parent;
	__u64 id;
};

/* Since 6.15 the parent is read under RCU. */
struct kernfs_node___6_15 {
	struct kernfs_node *__parent;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct cgroup_subsys_state {
	struct cgroup *cgroup;
};

enum cgroup_subsys_id {
	cpu_cgrp_id = 1,
	memory_cgrp_id = 4,
	pids_cgrp_id = 11,
	CGROUP_SUBSYS_COUNT = 14
};

struct css_set {
	struct cgroup_subsys_state *subsys[CGROUP_SUBSYS_COUNT];
	struct cgroup *dfl_cgrp;
};

struct cfs_rq {
	int throttle_count;
};

struct sched_entity {
	__u64 exec_start;
	__u64 sum_exec_runtime;
	struct cfs_rq *cfs_rq;
};

struct signal_struct {
	atomic_t live;
};

struct cred {
	kuid_t euid;
};

struct rb_node {
	struct rb_node *rb_left, *rb_right;
};

struct rb_root {
	struct rb_node *rb_node;
};

struct mm_struct {
	unsigned long start_code, arg_start, arg_end;
	struct rb_root mm_rb; /* to 6.0 */
	struct file *exe_file;
};

struct vm_area_struct {
	struct file *vm_file;
	unsigned long vm_start, vm_end;
	struct rb_node vm_rb; /* to 6.0 */
};

struct linux_binprm {
	struct file *file;
};

#ifdef __TARGET_ARCH_arm64
struct thread_struct {
	struct {
		unsigned long tp_value;
	} uw;
};
#else
struct thread_struct {
	unsigned long fsbase;
};
#endif

struct task_struct {
	unsigned int __state;
	unsigned int on_cpu; /* an int to 6.18, a byte in 7.2: libbpf fits unsigned loads only */
	unsigned int flags;
	int pid, tgid;
	int exit_state;
	unsigned long jobctl;
	unsigned in_execve : 1;
	unsigned in_iowait : 1;
	__u64 start_time; /* CLOCK_MONOTONIC */
	struct sched_entity se;
	struct mm_struct *mm;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	const struct cred *cred;
	char comm[16];
	struct files_struct *files;
	struct signal_struct *signal;
	struct css_set *cgroups;
	struct thread_struct thread;
	void *stack;
};

struct task_struct___5_13 {
	volatile long state;
};

/* 6.18: a thread out of quota leaves the run queue by itself, and says so. */
struct task_struct___6_18 {
	bool throttled;
};

struct bpf_iter_meta {
	struct seq_file *seq;
	__u64 session_id, seq_num;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

#pragma clang attribute pop

#endif
