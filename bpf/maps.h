/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The maps and variables that the BPF programs share; maps.bpf.c defines them.
 */
#ifndef BPF_MAPS_H
#define BPF_MAPS_H

#include "compat.h"
#include "ready.h"
#include "unwind.h"
#include "wire.h"

#define MAP_DECLARE(name, map_type, entries, key_type, value_type)                                 \
	struct map_##name {                                                                        \
		__uint(type, map_type);                                                            \
		__uint(max_entries, entries);                                                      \
		__type(key, key_type);                                                             \
		__type(value, value_type);                                                         \
	};                                                                                         \
	extern struct map_##name name SEC(".maps")

/* The same, but made as they are needed: entries that are large, or mostly few. */
#define MAP_DECLARE_ON_DEMAND(name, entries, key_type, value_type)                                 \
	struct map_##name {                                                                        \
		__uint(type, BPF_MAP_TYPE_HASH);                                                   \
		__uint(max_entries, entries);                                                      \
		__uint(map_flags, BPF_F_NO_PREALLOC);                                              \
		__type(key, key_type);                                                             \
		__type(value, value_type);                                                         \
	};                                                                                         \
	extern struct map_##name name SEC(".maps")

/* What is known of program files, and of processes. */
MAP_DECLARE(binaries, BPF_MAP_TYPE_HASH, 8192, struct adder_file, struct adder_binary);
MAP_DECLARE(processes, BPF_MAP_TYPE_HASH, 8192, __u32, struct adder_process);
MAP_DECLARE(threads, BPF_MAP_TYPE_HASH, 32768, __u32, struct adder_thread);

/* Two ledgers: one is added to while user space empties the other. */
MAP_DECLARE(ledger_a, BPF_MAP_TYPE_HASH, 32768, struct adder_ledger_key, struct adder_ledger_value);
MAP_DECLARE(ledger_b, BPF_MAP_TYPE_HASH, 32768, struct adder_ledger_key, struct adder_ledger_value);

/*
 * What user space has been told: stacks and awaited ones by id, code objects.  What falls out, or
 * is taken out because user space let go of it, is told again when it comes again.
 */
MAP_DECLARE(stacks_told, BPF_MAP_TYPE_LRU_HASH, 65536, __u64, __u32);
MAP_DECLARE(codes_told, BPF_MAP_TYPE_LRU_HASH, 65536, struct adder_code_key, __u32);

/* Process ids asked for: with ADDER_SELECT_PIDS, or _FAMILY. */
MAP_DECLARE(pids, BPF_MAP_TYPE_HASH, 65536, __u32, __u32);

MAP_DECLARE(walk_scratch, BPF_MAP_TYPE_PERCPU_ARRAY, 1, __u32, struct unwind_scratch);
/* Of threads that block while other asyncio tasks want their loop. */
MAP_DECLARE(ready_tasks, BPF_MAP_TYPE_HASH, 4096, __u32, struct adder_ready);

MAP_DECLARE(ready_scratch, BPF_MAP_TYPE_PERCPU_ARRAY, 1, __u32, struct ready_scratch);
MAP_DECLARE(tasks_scratch, BPF_MAP_TYPE_PERCPU_ARRAY, 1, __u32, struct tasks_scratch);
MAP_DECLARE(awaited_scratch, BPF_MAP_TYPE_PERCPU_ARRAY, 3, __u32, struct adder_event_awaited);
MAP_DECLARE(code_scratch, BPF_MAP_TYPE_PERCPU_ARRAY, 1, __u32, struct adder_event_code);
/* exec and fork build an entry each, and may interrupt one another: one slot each */
MAP_DECLARE(process_scratch, BPF_MAP_TYPE_PERCPU_ARRAY, 2, __u32, struct adder_process);

/* Calls by function, when they are counted. */
MAP_DECLARE(calls, BPF_MAP_TYPE_HASH, 65536, struct adder_call_key, struct adder_call_sums);

/* Open calls by thread, when they are timed. */
MAP_DECLARE_ON_DEMAND(open_calls, 2048, __u32, struct adder_open_calls);
MAP_DECLARE(no_open_calls, BPF_MAP_TYPE_ARRAY, 1, __u32, struct adder_open_calls); /* zeros */

/*
 * Collections and imports that have begun, and how many imports a thread is in; when they are
 * traced.  What never ends falls out.
 */
enum open_what { OPEN_COLLECTION, OPEN_IMPORT, OPEN_DEPTH };
struct open_key {
	__u64 address; /* of the interpreter; of the module's name; none */
	__u32 tid;
	__u32 what; /* enum open_what */
};
struct open_span {
	__u64 start_ns;
	__u64 thread_start; /* when the thread began: tids are used again */
	__u32 serial;
	__u32 level; /* generation; imports that this one is in; imports */
};
MAP_DECLARE(open_spans, BPF_MAP_TYPE_LRU_HASH, 16384, struct open_key, struct open_span);

/* What is wanted of functions, where not all are wanted: enum adder_call_wants. */
MAP_DECLARE(call_wants, BPF_MAP_TYPE_HASH, 65536, struct adder_call_key, __u32);

MAP_DECLARE_ON_DEMAND(call_marks, 16384, struct adder_mark_key, struct adder_call_mark);

MAP_DECLARE_ON_DEMAND(histograms, 8192, struct adder_call_key, struct adder_histogram);
MAP_DECLARE(no_histogram, BPF_MAP_TYPE_ARRAY, 1, __u32, struct adder_histogram); /* zeros */

/* records are too large for the stack; each context that makes one has its own room */
enum { THREAD_SWITCH, THREAD_EXEC, THREAD_LOOK };
MAP_DECLARE(thread_scratch, BPF_MAP_TYPE_PERCPU_ARRAY, 3, __u32, struct adder_thread);
MAP_DECLARE(looked, BPF_MAP_TYPE_LRU_HASH, 4096, __u32, struct adder_looked);
MAP_DECLARE(budgets, BPF_MAP_TYPE_PERCPU_ARRAY, 1, __u32, struct adder_budget);

struct map_events {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
};
extern struct map_events events SEC(".maps");

/* A bit for each process in `processes`, so that everyone else's switch costs next to nothing. */
#define TRACKED_WORDS 65536 /* times 64: the largest pid_max there is */
extern __u64 tracked[TRACKED_WORDS];

extern __u64 lost[ADDER_LOST_NR];
extern __u64 recording_start_ns; /* 0: not recording */
extern __u32 last_serial;
extern __u32 active_ledger;
extern __u32 unwalked_tids[ADDER_UNWALKED_SLOTS];
extern __u64 probe_ns; /* that a probe takes beside its program */
extern __u64 look_ns;  /* from the last look but one to the last */

/* Knobs, set before loading. */
extern const volatile __u32 select_by;       /* enum adder_select */
extern const volatile __u64 clock_ns;        /* the sampling clock's period */
extern const volatile __u32 budget_ppm;      /* of a CPU, for walks at switches; 0: no limit */
extern const volatile __u32 call_clock;      /* enum adder_call_clock */
extern const volatile __u32 call_select;     /* not all functions are wanted alike */
extern const volatile __u32 call_histograms; /* of some */
extern const volatile __u64 slow_ns;         /* calls that take so long are told; 0: none */
extern const volatile __u32 self_pid;        /* adder itself is no one's business */

static __always_inline void lose(__u32 why)
{
	if (why < ADDER_LOST_NR)
		__sync_fetch_and_add(&lost[why], 1);
}

/* A wake-up costs more than a sample: the reader looks by itself, unless much is waiting for it. */
static __always_inline __u64 ring_flags(void)
{
	return bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) >
			       bpf_ringbuf_query(&events, BPF_RB_RING_SIZE) / 4
		       ? BPF_RB_FORCE_WAKEUP
		       : BPF_RB_NO_WAKEUP;
}

static __always_inline bool is_tracked(__u32 pid)
{
	return tracked[(pid >> 6) & (TRACKED_WORDS - 1)] >> (pid & 63) & 1;
}

static __always_inline void track(__u32 pid, bool yes)
{
	compat_set_bit(&tracked[(pid >> 6) & (TRACKED_WORDS - 1)], pid, yes);
}

static __always_inline struct adder_process *find_process(__u32 pid)
{
	return bpf_map_lookup_elem(&processes, &pid);
}

#endif
