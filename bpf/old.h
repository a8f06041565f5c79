/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What Linux 5.10 to 5.17 lacks of bpf/compat.h, done in other ways.
 *
 * No bpf_loop(): the verifier follows short loops; of long ones (unwind_part(), tell_part()) it
 * follows a part once, as a global function, which is called again and again.  Those take numbers
 * only: they find the process and the scratch of the current thread for themselves.  No types
 * for the current task: what is read of it goes through a helper.  No atomic operations but adding.
 */
#ifndef BPF_OLD_H
#define BPF_OLD_H

#define compat_loop(count, step, context)                                                          \
	for (__u32 index_ = 0; index_ < (count) && !step(index_, context); index_++)               \
		;

/* All frames of a call chain have 512 bytes; what is inlined counts where nothing of it runs. */
#define COMPAT_APART            __noinline

#define OLD_STACK_SIZE          16384 /* THREAD_SIZE, of aarch64 with pages of 4 KB, too */
#define OLD_VMA_LEVELS          24 /* a tree of 65,530 mappings (vm.max_map_count), red and black */

#define COMPAT_CURRENT_IS_TYPED 0

static __always_inline struct task_struct *compat_current(void)
{
	return (struct task_struct *)bpf_get_current_task();
}

static __always_inline __u32 task_state_of(struct task_struct *t)
{
	struct task_struct___5_13 *old = (void *)t;

	if (bpf_core_field_exists(old->state))
		return BPF_CORE_READ(old, state);
	return BPF_CORE_READ(t, __state);
}

static __always_inline struct pt_regs *task_user_regs(struct task_struct *t)
{
	return BPF_CORE_READ(t, stack) + OLD_STACK_SIZE - bpf_core_type_size(struct pt_regs);
}

#define user_reg(regs, name)         BPF_CORE_READ(regs, name)

#define current_thread_pointer(task) BPF_CORE_READ(task, thread.ARCH_THREAD_POINTER)

/* 5.15 on; before, what has one can't be attached. */
static __always_inline __u64 compat_attach_cookie(void *ctx)
{
	return bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_attach_cookie)
		       ? bpf_get_attach_cookie(ctx)
		       : 0;
}

/*
 * Adding gives nothing back, so two CPUs may read the same count: theirs differ by the CPU.  User
 * space counts for itself, without the highest bit.
 */
static __always_inline __u32 compat_serial(__u32 *last)
{
	__sync_fetch_and_add(last, 1);
	return 1U << 31 | *(volatile __u32 *)last << 10 | (bpf_get_smp_processor_id() & 1023);
}

/*
 * A bit is set by adding it, if it isn't set.  (Two who set the same one at the same instant would
 * set its neighbour instead; but a process is forked, execs and ends at one place at a time.)
 */
static __always_inline void compat_set_bit(__u64 *word, __u32 bit, bool yes)
{
	__u64 one = 1ULL << (bit & 63);

	if (!(*word & one) == !yes)
		return;
	__sync_fetch_and_add(word, yes ? one : -one);
}

typedef long (*compat_vma_fn)(struct task_struct *, struct vm_area_struct *, void *);

/* Through the tree that the mappings were kept in to 6.0, as find_vma() did. */
static __always_inline void compat_find_vma(struct task_struct *t, __u64 address, compat_vma_fn fn,
					    void *context)
{
	struct rb_node *node = BPF_CORE_READ(t, mm, mm_rb.rb_node);

	for (int level = 0; level < OLD_VMA_LEVELS && node; level++) {
		struct vm_area_struct *vma =
			(void *)node - bpf_core_field_offset(struct vm_area_struct, vm_rb);

		if (address >= BPF_CORE_READ(vma, vm_end)) {
			node = BPF_CORE_READ(node, rb_right);
		} else if (address < BPF_CORE_READ(vma, vm_start)) {
			node = BPF_CORE_READ(node, rb_left);
		} else {
			fn(t, vma, context);
			break;
		}
	}
}

#endif
