/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For whom or what a thread waits.
 *
 * As the wait begins: the peer of a socket, the file, the function that holds the GIL.  As it ends,
 * by who ends it: the stack that released a lock, the child that exited, the process that wrote to
 * the pipe.  Each is told once, under an id made of what it is.
 */
#ifndef BPF_AWAITED_H
#define BPF_AWAITED_H

#include "names.h"
#include "state.h"

/* Room for one event per CPU and context: the iterator may be preempted, page faults interrupted,
 * the switches neither. */
enum { AWAITED_SWITCH, AWAITED_LOOK, AWAITED_FAULT };

#define FILE_LEVELS     8   /* of a path, from the leaf up */
#define UNIX_PATH_BYTES 108 /* of a sockaddr_un; an abstract one ends with its length alone */

/* An id for the ledger's `on`: never 0, and no stack's hash. */
static __always_inline __u64 awaited_id(__u64 hash)
{
	return (hash & ~(1ULL << 63)) | 1;
}

static __always_inline struct adder_event_awaited *awaited_event(__u32 scratch, __u32 kind)
{
	struct adder_event_awaited *e;

	e = bpf_map_lookup_elem(&awaited_scratch, &scratch);
	if (!e)
		return NULL;
	e->kind = ADDER_EVENT_AWAITED;
	e->awaited = kind;
	e->text[0] = 0;
	return e;
}

static __always_inline bool is_told(__u64 id)
{
	return bpf_map_lookup_elem(&stacks_told, &id);
}

/* Tell user space of @e; its id, or 0 if the ring buffer is full. */
static __always_inline __u64 tell_awaited(struct adder_event_awaited *e)
{
	__u64 id = e->id;
	__u32 one = 1;

	if (is_told(id))
		return id;
	if (bpf_ringbuf_output(&events, e, sizeof(*e), ring_flags()))
		return 0;
	bpf_map_update_elem(&stacks_told, &id, &one, BPF_ANY);
	return id;
}

static __always_inline __u64 hash_address(const struct adder_event_awaited *e)
{
	const __u64 *words = (const __u64 *)e->address;
	__u64 hash = unwind_mix(unwind_mix(ADDER_AWAITED_INET, words[0]), words[1]);

	return unwind_mix(hash, (__u64)e->family << 32 | (__u64)e->port << 16 | e->local_port);
}

static __always_inline __u64 awaited_inet(__u32 scratch, struct sock *sk, __u16 family)
{
	struct adder_event_awaited *e = awaited_event(scratch, ADDER_AWAITED_INET);

	if (!e)
		return 0;
	__builtin_memset(e->address, 0, sizeof(e->address));
	e->family = family;
	e->port = __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
	e->local_port = e->port ? 0 : BPF_CORE_READ(sk, __sk_common.skc_num);
	if (family == AF_INET)
		bpf_core_read(e->address, 4, &sk->__sk_common.skc_daddr);
	else if (family == AF_INET6)
		bpf_core_read(e->address, 16, &sk->__sk_common.skc_v6_daddr);
	/* a client's own port says nothing: it differs from connection to connection */
	if (e->port >= 32768 && BPF_CORE_READ(sk, __sk_common.skc_num) < 32768)
		e->port = 0xffff;
	e->id = awaited_id(hash_address(e));
	return tell_awaited(e);
}

/* sockaddr_un's path; an abstract one begins with a NUL, which becomes '@'. */
static __always_inline __u64 awaited_unix(__u32 scratch, struct sock *sk)
{
	struct unix_sock *u = (struct unix_sock *)sk, *peer;
	struct adder_event_awaited *e = awaited_event(scratch, ADDER_AWAITED_UNIX);
	struct unix_address *address;
	__u64 hash = ADDER_AWAITED_UNIX;
	__u32 bytes;

	if (!e)
		return 0;
	peer = (struct unix_sock *)BPF_CORE_READ(u, peer);
	address = BPF_CORE_READ(peer, addr);
	if (!address)
		address = BPF_CORE_READ(u, addr); /* the server's end: the client has no name */
	if (!address)
		return 0;
	bytes = BPF_CORE_READ(address, len) - 2; /* of which two are the family */
	if (bytes > UNIX_PATH_BYTES)
		bytes = UNIX_PATH_BYTES;
	barrier_var(bytes);
	if (bytes > UNIX_PATH_BYTES)
		return 0;
	__builtin_memset(e->text, 0, 128);
	if (bpf_probe_read_kernel(e->text, bytes,
				  (char *)address + bpf_core_field_offset(address->len) +
					  sizeof(int) + 2))
		return 0;
	if (!e->text[0])
		e->text[0] = '@';
	for (int i = 0; i < 128 / 8; i++)
		hash = unwind_mix(hash, ((__u64 *)e->text)[i]);
	e->id = awaited_id(hash);
	return tell_awaited(e);
}

static __always_inline void read_path(struct file *f, char *text)
{
	struct dentry *d = BPF_CORE_READ(f, f_path.dentry);
	__u32 used = 0;

	for (int level = 0; level < FILE_LEVELS; level++) {
		struct dentry *parent = BPF_CORE_READ(d, d_parent);
		long length;

		barrier_var(used); /* 6.1 does not see that a spilled copy is bounded as well */
		if (!d || parent == d || used > ADDER_AWAITED_BYTES - 65)
			break;
		length = bpf_probe_read_kernel_str(text + used, 64, BPF_CORE_READ(d, d_name.name));
		if (length <= 0 || length > 64)
			break;
		used += length;
		d = parent;
	}
	if (used < ADDER_AWAITED_BYTES)
		text[used] = 0;
}

static __always_inline __u64 awaited_file(__u32 scratch, struct file *f)
{
	__u64 inode = BPF_CORE_READ(f, f_inode, i_ino),
	      device = BPF_CORE_READ(f, f_inode, i_sb, s_dev);
	__u64 id = awaited_id(unwind_mix(unwind_mix(ADDER_AWAITED_FILE, inode), device));
	struct adder_event_awaited *e;

	if (is_told(id))
		return id;
	e = awaited_event(scratch, ADDER_AWAITED_FILE);
	if (!e)
		return 0;
	e->id = id;
	read_path(f, e->text);
	return tell_awaited(e);
}

/* The kind of file that is waited for tells whom: kernel memory alone is read. */
static __always_inline __u64 awaited_by_file(__u32 scratch, const struct wait *wait)
{
	struct file *f = wait->file;
	struct socket *socket;
	struct sock *sk;
	__u16 family;

	if (!f)
		return 0;
	if (wait->state == ADDER_STATE_DISK)
		return awaited_file(scratch, f);
	if (wait->state != ADDER_STATE_NET && wait->state != ADDER_STATE_IPC)
		return 0;
	if ((BPF_CORE_READ(f, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return 0;
	socket = BPF_CORE_READ(f, private_data);
	sk = BPF_CORE_READ(socket, sk);
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	return family == AF_UNIX ? awaited_unix(scratch, sk) : awaited_inet(scratch, sk, family);
}

#endif
