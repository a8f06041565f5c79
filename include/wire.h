/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every byte that crosses between bpf/ and user/.
 *
 * Identities go up, names are made in user/: the kernel half sends addresses and hashes, and the
 * texts of a code object once.  Process and thread ids are those of the initial pid namespace;
 * times are CLOCK_MONOTONIC nanoseconds; everything that came out of a target's memory (addresses,
 * texts, line tables) is untrusted.
 */
#ifndef ADDER_WIRE_H
#define ADDER_WIRE_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#include "states.h"

#define ADDER_COMM_BYTES   16
#define ADDER_MAX_FRAMES   512 /* frames kept of one stack ... */
#define ADDER_INNER_FRAMES 384 /* ... of which these are the innermost; the rest the outermost */
#define ADDER_OUTER_FRAMES (ADDER_MAX_FRAMES - ADDER_INNER_FRAMES)
#define ADDER_WALK_FRAMES  8192 /* no walk goes on for longer: 0.3 ms */
#define ADDER_NAME_BYTES                                                                           \
	256 /* of a qualified name, in the target's encoding; longer ones are cut */
#define ADDER_FILE_BYTES   512  /* of a file name */
#define ADDER_TABLE_BYTES  4096 /* of a line table; user space reads the rest of a longer one */
#define ADDER_ARGS_BYTES   512  /* of a process's arguments, NUL between them, as exec left them */
#define ADDER_CGROUP_BYTES 512  /* of a cgroup's path, as components from the leaf up */

/* ---- CPython ---- */

/* How a thread finds its PyThreadState. */
enum adder_tstate_via {
	ADDER_VIA_TSD,        /* pthread key in the runtime (3.7 to 3.14) */
	ADDER_VIA_TSD_GLOBAL, /* pthread key in a static variable (3.6) */
	ADDER_VIA_TLS_EXE,    /* thread-local at a fixed distance from the thread pointer (3.15) */
	ADDER_VIA_TLS_LIB, /* thread-local of a library: module id and offset in its GOT (3.15) */
};

/* How a PyThreadState leads to its innermost frame. */
enum adder_frame_via {
	ADDER_FRAME_OBJECT,  /* tstate->frame, a PyFrameObject (3.6 to 3.10) */
	ADDER_FRAME_CFRAME,  /* tstate->cframe->current_frame (3.11, 3.12) */
	ADDER_FRAME_CURRENT, /* tstate->current_frame (3.13 on) */
};

/* Where an object of a class written in Python has its attributes. */
enum adder_attributes_via {
	ADDER_ATTRIBUTES_DICT,   /* in a dict, behind its head (to 3.10) */
	ADDER_ATTRIBUTES_VALUES, /* in values or a dict, before it (3.11) */
	ADDER_ATTRIBUTES_TAGGED, /* in either, one tagged pointer before it (3.12) */
	ADDER_ATTRIBUTES_INLINE, /* in itself, or a dict (3.13 on) */
};

/* Where one version of CPython keeps what the walker reads; bytes from the struct's start. */
struct adder_layout {
	__u16 version; /* 0x030b for 3.11 */
	__u8 free_threaded;
	__u8 frame_via; /* enum adder_frame_via */

	/* PyThreadState; all below ADDER_TSTATE_BYTES */
	__u16 ts_frame;     /* what frame_via starts from */
	__u16 ts_thread_id; /* pthread_self(): bpf/arch.h */
	__u16 ts_interp, ts_next;
	__u16 cframe_current_frame;

	/* A frame is read as frame_bytes from frame_start; the offsets below count from there. */
	__u16 frame_start, frame_bytes;
	__u16 f_code, f_previous, f_instr, f_owner;
	__u8 instr_is_pointer; /* else a 32-bit offset into the bytecode (f_lasti) */
	__u8 shim_owner;       /* frames with this owner or above are no functions; 255: none */
	__u16 frames_adjoin;   /* frames lie side by side: one read may fetch several */

	/* PyCodeObject */
	__u16 co_filename, co_name, co_qualname; /* co_qualname 0: there is none (before 3.11) */
	__u16 co_firstlineno, co_linetable, co_code_adaptive, co_firsttraceable;
	__u16 co_argcount, co_nlocals, co_varnames, co_cellvars; /* before 3.11; else 0 */
	__u16 signature_start, signature_bytes; /* constant bytes that tell code objects apart */
	__u16 signature_texts; /* also the names' contents (before 3.11: pointers alone recur) */

	/* PyUnicodeObject, PyBytesObject */
	__u16 str_length, str_state, str_ascii_data, str_compact_data;
	__u8 str_kind_shift, pad[1];
	__u16 bytes_size, bytes_data;
	__u16 object_type; /* PyObject.ob_type */

	/* _PyRuntimeState, PyInterpreterState, the GIL */
	__u32 rt_tss_key; /* Py_tss_t of the GILState: {initialised, key} */
	__u32 rt_interpreters_head;
	__u32 rt_tstate_current; /* 0: none (3.12 on) */
	__u32 rt_gil;            /* 0: the interpreter points to it (3.12 on) */
	__u32 interp_threads_head, interp_next, interp_gil;
	__u16 gil_words, gil_bytes; /* futex words of a GIL lie in [gil_words, gil_bytes) */
	__u16 gil_last_holder, gil_locked;

	/*
	 * Where versions of what tools monitor are: if these differ, the interpreter has yet to
	 * prepare the code object, and executes the instruction again when it has.
	 */
	__u16 co_monitors;     /* of the code object; 0: there is none */
	__u16 ts_monitors;     /* of the thread, in the upper bits; or 0 ... */
	__u16 interp_monitors; /* ... then the interpreter's */
	__u16 ts_tracing;      /* 32 bits: unless they are 0, nothing is prepared; 0: always */

	/* asyncio's Task, of _asyncio; task_coro 0: can't be read */
	__u16 task_coro, task_name;
	__u16 task_callback; /* the callback that wakes who awaits it (to 3.13) ... */
	__u16 task_awaiter;  /* ... or who awaits it, or a set of those (3.14 on); else 0 */
	__u16 task_awaiters; /* a byte: it is a set */
	__u16 wakeup_task;   /* of such a callback, and of one that a loop's handle has: the task */
	__u16 ts_task;       /* PyThreadState: the task that runs (3.14 on); else 0 */
	__u16 frame_locals;  /* a frame's first local variable, from where pointers to it lead */
	__u16 coro_qualname; /* a str */
	__u16 co_flags;      /* PyCodeObject's, 32 bits; 0: not needed, a loop's frames tell */
	__u8 attributes;     /* enum adder_attributes_via */
	__u8 pad_tasks[3];
};

#define ADDER_TSTATE_BYTES  192 /* read of a PyThreadState at once */
#define ADDER_FRAME_MAX     112 /* largest frame_bytes */
#define ADDER_SIGNATURE_MAX 96  /* largest signature_bytes; a multiple of 8 */

/* ---- binaries ---- */

/* A program file as the kernel half sees it: size guards against a reused inode. */
struct adder_file {
	__u64 inode;
	__u64 size;
	__u32 device; /* kernel encoding: major << 20 | minor */
	__u32 pad;
};

enum adder_binary_kind {
	ADDER_BINARY_FOREIGN,   /* no Python, or one that can't be profiled */
	ADDER_BINARY_STATIC,    /* the program holds the interpreter */
	ADDER_BINARY_LIBPYTHON, /* the program is linked with a libpython */
	ADDER_BINARY_LATE, /* may load a libpython at any time: decided by process, in user space */
};

/* What is needed to find the interpreter in any process of a binary.  Addresses as in the file. */
struct adder_binary {
	__u32 kind;      /* enum adder_binary_kind */
	__u8 moves;      /* the program is position-independent: add the process's load bias */
	__u8 musl;       /* thread-specific data as musl lays it out */
	__u8 tstate_via; /* enum adder_tstate_via */
	__u8 pad;
	__u64 text;        /* of the program's first executable segment */
	__u64 debug;       /* of the program's r_debug pointer (DT_DEBUG's value); LIBPYTHON only */
	__u64 lib_dynamic; /* of libpython's dynamic section: tells it among the loaded objects */
	__u64 runtime;     /* of _PyRuntime; 3.6: of interp_head, 0 if not known */
	__u64 tss_key;     /* 3.6: of autoTLSkey */
	__u64 tstate_current; /* 3.6: of _PyThreadState_Current */
	__u64 gil;        /* 3.6: of the GIL's statics, gil_cond and neighbours; 0 if not known */
	__u64 gil_end;    /* 3.6: end of that range */
	__s64 tls_offset; /* TLS_EXE: from the thread pointer.  TLS_LIB: address of the GOT pair */
	__s64 tls_delta;  /* TLS_LIB: added to the GOT's offset */
	struct adder_layout layout;
};

/* ---- processes ---- */

enum adder_process_phase {
	ADDER_PHASE_UNKNOWN,  /* Python or not, selected or not: user space is asked */
	ADDER_PHASE_NO_LIB,   /* Python; libpython not mapped yet */
	ADDER_PHASE_STARTING, /* the runtime is known, its thread key not yet made */
	ADDER_PHASE_READY,
	ADDER_PHASE_UNREADABLE, /* Python, but its memory can't be understood: states only */
};

/* What has been learnt of a process's asyncio; addresses, 0 while not known. */
struct adder_asyncio {
	__u64 run_code; /* code object of Handle._run: its frame says which task a thread runs */
	__u64 task_type, coro_type, str_type, int_type, deque_type;
	__u32 numbered, named; /* tasks told by their number; by a name */
	__u32 is_used;         /* there may be tasks */
	__u32 ready_index;     /* which attribute of a loop its ready handles are ... */
	__u32 ready_tries;     /* ... and how often that was looked for */
};

/* A process in the ledger, keyed by its pid. */
struct adder_process {
	__u32 serial;   /* of this program in this process: never used twice */
	__u32 phase;    /* enum adder_process_phase */
	__u64 start_ns; /* when it was set up: its threads are unknown before */
	__u64 bias;     /* load address of the program; 0 if it doesn't move */
	__u64 lib_bias;
	__u64 runtime; /* address of _PyRuntime, 0 if not known */
	__u64 gil;     /* 3.6 to 3.11: address of the GIL's first futex word ... */
	__u64 gil_end; /* ... and behind its last */
	__s64 tls_offset;
	__u32 tss_key;       /* pthread key, or TLS module id */
	__u32 pthread_bytes; /* aarch64: of a struct pthread; 0: not known yet */
	struct adder_file file;
	struct adder_binary binary;
	struct adder_asyncio asyncio;
};

/* ---- the ledger ---- */

/* Stacks that are no stacks: ids in place of a hash. */
#define ADDER_STACK_LIST(X)                                                                        \
	X(NONE, "[no Python stack]")  /* a thread, or a moment, without Python frames */           \
	X(UNREAD, "[stack not read]") /* there is one, but its memory could not be read */         \
	X(SETUP, "[not set up yet]")  /* before adder knew the interpreter */                      \
	X(EXITING, "[exiting]")       /* the kernel is taking the thread down */                   \
	X(STARTING, "[starting]")     /* a thread that has not run yet */                          \
	X(BEFORE, "[blocked since before recording]") /* its stack was not read at the start */    \
	X(LEDGER_FULL, "[ledger full]") /* the kernel's table had no room for its stack */         \
	X(UNWALKED, "[not walked]") /* left out for the budget: its time is split over others' */  \
	X(LOST, "[stack lost]")     /* was read, but the ring buffer had no room for it */
#define ADDER_STACK_ENUM(id, text) ADDER_STACK_##id,
enum adder_stack_id { ADDER_STACK_LIST(ADDER_STACK_ENUM) ADDER_STACK_FIRST_HASH };

#define ADDER_NO_SYSCALL 0xffff

/* How a state was entered, where the syscall does not say it. */
enum adder_how {
	ADDER_HOW_SYSCALL,   /* by the syscall */
	ADDER_HOW_SWITCH,    /* preempted: still able to run */
	ADDER_HOW_PAGE_IN,   /* page fault with I/O */
	ADDER_HOW_FAULT,     /* page fault without */
	ADDER_HOW_TICK,      /* no wait: ticks of the sampling clock, early in a stint on the CPU */
	ADDER_HOW_LATE_TICK, /* ... later than ADDER_LATE_NS in it */
	ADDER_HOW_READY,     /* no wait of the thread: one that a task had for it meanwhile; the
			      * key's task is that, @on the task that the thread was in */
	ADDER_HOW_READY_TICK, /* ... found by ticks */
	ADDER_HOW_THROTTLED,  /* preempted because the cgroup's quota was used up */
	ADDER_HOW_UNKNOWN,
	ADDER_HOW_LIFE, /* no wait: all the time of a thread whose end could not be told */
};

/* A stint on the CPU is early up to here, then late.  What waits often has early ones only: kept
 * apart, its CPU time is known the better. */
#define ADDER_LATE_NS 1000000

/*
 * A wait is posted when the stint on the CPU that followed it ends, with that stint's CPU time:
 * so CPU time is known exactly by the stack of the wait before it.  Ticks say which wait theirs
 * came after, and only they say where within a stint the time went.
 */
struct adder_ledger_key {
	__u64 stack; /* hash, or enum adder_stack_id */
	__u64 on;    /* what is waited for: id of an awaited event, or hash of the stack that ended
		      * the wait; 0: unknown.  Of a tick: the stack of the wait before */
	__u64 task;  /* the asyncio task that the thread was in: id of a task event; 0: none */
	__u32 process; /* serial */
	__u32 tid;
	__u16 syscall; /* ADDER_NO_SYSCALL: none */
	__u8 state;    /* enum adder_state */
	__u8 how;      /* enum adder_how */
	__u32 pad;
};

/* What was added up under a key since the last drain. */
struct adder_ledger_value {
	__u64 wait_ns;      /* in the key's state; 0 for CPU */
	__u64 runq_ns;      /* then waiting for a CPU, once woken */
	__u64 throttled_ns; /* of which for want of quota */
	__u64 burst_ns;     /* CPU time between these waits and the next ones; exact */
	__u64 late_ns;      /* of which beyond the first ADDER_LATE_NS of each */
	__s64 stolen_ns; /* wall time of those bursts that is not in burst_ns: taken by a hypervisor
			  * or interrupts; negative: charged before the thread was switched in */
	__u64 unwalked_ns; /* what these waits stand for beside themselves: waits not walked */
	__u32 count;       /* waits, or ticks */
	__u32 sys_count;   /* ticks that found the kernel */
};

/* A thread between two switches, keyed by its tid. */
struct adder_thread {
	__u64 out_ns;     /* last switched out; 0: not yet */
	__u64 wake_ns;    /* woken since; 0: not */
	__u64 in_ns;      /* switched in since; 0: not on a CPU */
	__u64 runtime_ns; /* se.sum_exec_runtime up to which CPU time is charged */
	__u64 stack, on;  /* of the wait from out_ns on */
	__u64 task;       /* likewise */
	__u64 first_ns;   /* first seen */
	__u64 tick_ns;    /* the sampling clock last found it on a CPU */
	__u32 process;    /* serial */
	__u32 tgid;
	__u16 syscall;
	__u8 state, how;
	__u8 exiting, throttled;
	__u8 unwalked_shift;  /* one in 2^this was walked as the wait began */
	__u8 has_ready;       /* tasks wait for its loop: struct adder_ready says which */
	__u32 cpu;            /* if it was walked: where ... */
	__u32 walk_ns;        /* ... and how much longer that has made the wait */
	__u64 thread_pointer; /* as it was switched out: for walking it, from outside, too */
	/* how often it has waited in each of some ways since kinds_ns: two bits each (budget.h) */
	__u64 kinds, kinds_ns;
	/* waits posted under one key in a row: they go to the ledger together */
	struct adder_ledger_key held_key;
	struct adder_ledger_value held;
	__u64 spilled_ns[ADDER_STATE_NR]; /* time for which the ledger had no room */
};

/* A thread that was there before, as the iterator writes it. */
struct adder_known_thread {
	__u64 thread_pointer;
	__u64 since_ns; /* its record's out_ns: its wait counts from there */
	__u64 on;       /* what it waits for, as in the ledger's keys */
	__u32 serial, pid, tid;
	__u16 syscall;
	__u8 state, how;
	__u8 running;
	__u8 pad[7];
};

/* What a look from outside made of a wait that was not walked; keyed by the thread's tid. */
struct adder_looked {
	__u64 out_ns; /* the wait: its record's */
	__u64 stack, task;
};

/* ---- events ---- */

enum adder_event_kind {
	ADDER_EVENT_PROCESS = 1,
	ADDER_EVENT_EXIT,
	ADDER_EVENT_THREAD_EXIT,
	ADDER_EVENT_STACK,
	ADDER_EVENT_CODE,
	ADDER_EVENT_AWAITED,
	ADDER_EVENT_TASK,
	ADDER_EVENT_COLLECTION,
	ADDER_EVENT_IMPORT,
	ADDER_EVENT_SLOW_CALL,
};

enum adder_process_how { ADDER_BY_EXEC, ADDER_BY_FORK };

/* A process to be known: set up by the kernel half, or to be looked at by user space. */
struct adder_event_process {
	__u32 kind;
	__u32 how;                   /* enum adder_process_how */
	__u32 serial, parent_serial; /* parent_serial 0: no parent in the ledger */
	__u32 pid, parent_pid, uid;
	__u32 phase;
	__u64 time_ns, cgroup_id, bias;
	struct adder_file file;
	char comm[ADDER_COMM_BYTES];
	__u32 args_bytes, pad;
	char args[ADDER_ARGS_BYTES];
	char cgroup[ADDER_CGROUP_BYTES]; /* NUL-ended components, leaf first; "" ends */
};

/* A process that is gone, or has become another program (@serial is the one that ended). */
struct adder_event_exit {
	__u32 kind, serial, pid, pad;
	__u64 time_ns;
};

/* A thread that is gone: its name, and what the ledger had no room for. */
struct adder_event_thread_exit {
	__u32 kind, serial, tid, pad;
	__u64 first_ns, time_ns;
	char comm[ADDER_COMM_BYTES];
	__u64 spilled_ns[ADDER_STATE_NR];
};

struct adder_frame {
	__u64 code;
	__s32 instr; /* bytes into the bytecode (3.10: code units); negative: not started */
	__u32 signature;
	__u64 at; /* its address */
};

/* A stack, sent when it is first seen. */
struct adder_event_stack {
	__u32 kind, serial;
	__u64 hash;
	__u64 thread_pointer; /* whose stack it was when it was first seen */
	__u64 rest;           /* torn: address of the frame that could not be read */
	__u32 depth; /* frames that there were; more than ADDER_MAX_FRAMES: the middle is missing */
	__u8 torn;   /* the walk ended on unreadable memory: the outer end is missing */
	__u8 pad[3];
	struct adder_frame
		frames[ADDER_MAX_FRAMES]; /* leaf first; outer part as a ring, see unwind.h */
};

enum adder_code_role {
	ADDER_CODE_PLAIN,
	ADDER_CODE_RUN,       /* asyncio's Handle._run */
	ADDER_CODE_COROUTINE, /* an async function; told from 3.14 on */
};

/* A code object, sent before the first stack that has it. */
struct adder_event_code {
	__u32 kind, serial;
	__u64 code;
	__u32 signature;
	__s32 first_line;
	__u32 name_bytes, name_state; /* bytes sent; PyASCIIObject.state shifted to kind at bit 0 */
	__u32 file_bytes, file_state;
	__u32 table_bytes, table_size; /* bytes sent, and that there are */
	__u32 role, pad;               /* enum adder_code_role */
	__u64 table;                   /* address of the line table's data */
	__u64 first, first_type;       /* before 3.11: the first argument, and its type; or 0 */
	char name[ADDER_NAME_BYTES];
	char file[ADDER_FILE_BYTES];
	__u8 table_data[ADDER_TABLE_BYTES];
};

#define ADDER_TASK_LEVELS     6    /* the task, and those that await one another */
#define ADDER_TASK_NAME_BYTES 64   /* of its name, and ... */
#define ADDER_TASK_CORO_BYTES 128  /* ... of its coroutine's, in the target's encoding */
#define ADDER_TASKS_NUMBERED  64   /* of a process keep their "Task-N" apart, ... */
#define ADDER_TASKS_NAMED     4096 /* ... and these their names */

/* What a task is called. */
enum adder_task_name {
	ADDER_TASK_NAMED,    /* as the program says */
	ADDER_TASK_NUMBERED, /* Task-N */
	ADDER_TASK_SUMMED,   /* Task-N for one of too many N to tell apart */
	ADDER_TASK_OTHER,    /* by one of too many names to tell apart */
};

struct adder_task {
	__u64 number;
	__u32 named; /* enum adder_task_name */
	__u32 pad;
	__u32 name_bytes, name_state; /* as of a code object's name */
	__u32 coro_bytes, coro_state; /* 0 bytes: it runs no coroutine of Python */
	char name[ADDER_TASK_NAME_BYTES];
	char coro[ADDER_TASK_CORO_BYTES];
};

/* An asyncio task, sent when it is first met.  @id is what ledger keys have in `task`. */
struct adder_event_task {
	__u32 kind, serial;
	__u64 id;
	__u32 depth; /* of @chain; with more, this and one: it goes on */
	__u32 pad;
	struct adder_task chain[ADDER_TASK_LEVELS]; /* the task itself, who awaits it, ... */
};

#define ADDER_READY_TASKS 16 /* of a loop, that are told apart; the rest is counted ... */
#define ADDER_TASK_MORE   2  /* ... under this id, which no task has */

/* The tasks that can't go on because another one, or a callback, has their loop. */
struct adder_ready {
	__u64 count;
	__u64 more; /* handles beyond those that were looked at */
	__u64 tasks[ADDER_READY_TASKS];
};

/* For whom or what a thread waits, where that is no stack. */
enum adder_awaited_kind {
	ADDER_AWAITED_INET,    /* address and port of the peer; with port 0 the own, @local_port */
	ADDER_AWAITED_UNIX,    /* the path, '@' before an abstract one */
	ADDER_AWAITED_FILE,    /* components of the path, leaf first, each ended by NUL, "" ends */
	ADDER_AWAITED_PROCESS, /* its comm, and @pid */
	ADDER_AWAITED_CODE,    /* the function of @code and @signature in process @serial */
};

/* What makes a code object that was told one of its own. */
struct adder_code_key {
	__u64 code;
	__u32 serial, signature;
};

#define ADDER_AWAITED_BYTES 256

/* Told when it is first waited for.  @id is what ledger keys have in `on`; bit 63 is clear. */
struct adder_event_awaited {
	__u32 kind, serial;
	__u64 id, code;
	__u32 awaited; /* enum adder_awaited_kind */
	__u32 signature;
	__u32 pid;
	__u16 port, local_port;
	__u32 family; /* AF_INET, AF_INET6, AF_VSOCK */
	__u32 pad;
	__u8 address[16];
	char text[ADDER_AWAITED_BYTES];
};

/* ---- calls ---- */

/* A function that was called; code 0: none, but code of the JIT, in which calls are not seen. */
struct adder_call_key {
	__u64 code;
	__u32 serial, signature;
};

/* What was counted of a function since the beginning. */
struct adder_call_sums {
	__u64 calls;     /* of a generator or coroutine: how often one was begun */
	__u64 resumes;   /* how often a generator or coroutine went on */
	__u64 recursive; /* of both, those while another call of it was open in the thread ... */
	__u64 recursive_resumes; /* ... of which went on */
	__u64 self_ns;           /* of those whose end was seen, in themselves ... */
	__u64 total_ns; /* ... and with what they called; of recursive ones, the outermost's */
};

/* What is wanted of a function's calls; asked for by its key.  None: not even to be counted. */
enum adder_call_wants {
	ADDER_WANT_CALLS = 1,
	ADDER_WANT_HISTOGRAM = 2,
	ADDER_WANT_MARK = 4, /* the kernel half's own: it is told if it was slow */
	ADDER_WANT_UNKNOWN =
		ADDER_WANT_CALLS | ADDER_WANT_HISTOGRAM, /* until user space has said */
};

#define ADDER_ARGUMENTS      8  /* of a call, and ... */
#define ADDER_ARGUMENT_BYTES 88 /* ... of each object, that are sent */
/* Before an object's value, and before that of a free-threaded build's. */
#define ADDER_HEAD_BYTES         16
#define ADDER_HEAD_FREE_THREADED 32
/* Of a cell: itself, and behind it what was in it. */
#define ADDER_CELL_BYTES(head)  ((head) + 8)
#define ADDER_INNER_BYTES(head) (ADDER_ARGUMENT_BYTES - ADDER_CELL_BYTES(head))

/* A call that may be slow, as it began. */
struct adder_call_mark {
	__u64 begun_ns;
	__u64 cost_ns; /* of struct adder_open_calls */
	__u64 states_ns[ADDER_STATE_NR];
	__u64 caller;                     /* code object; 0: none, or unknown */
	__u64 arguments[ADDER_ARGUMENTS]; /* the first local variables: addresses; 0: not set */
	__u8 objects[ADDER_ARGUMENTS]
		    [ADDER_ARGUMENT_BYTES]; /* what is there; see ADDER_CELL_BYTES */
};

/* What a call is marked by. */
struct adder_mark_key {
	__u64 frame;
	__u32 tid, pad;
};

/* A call that took longer than was asked for, as it ends. */
struct adder_event_slow_call {
	__u32 kind, serial;
	__u32 tid, signature;
	__u64 code;
	__u64 cost_ns;
	__u64 states_ns[ADDER_STATE_NR]; /* as it ends */
	char comm[ADDER_COMM_BYTES];
	struct adder_call_mark mark;
};

/* How long calls of a function took: in each power of two eight buckets. */
#define ADDER_BUCKETS 512
struct adder_histogram {
	__u64 longest_ns;
	__u32 counts[ADDER_BUCKETS];
};

#define ADDER_OPEN_CALLS  512 /* of a thread, at once */
#define ADDER_OPEN_ACTIVE 256 /* different functions among them */

/* A call that has not ended; or, with code 0, a frame of which only is known that it has a callee.
 */
struct adder_open_call {
	__u64 frame;  /* its address; 0: none, the slot is free */
	__u64 caller; /* another's frame; 0: none */
	__u64 callee; /* likewise: the open call that was made from it */
	__u64 code;
	__u64 start_ns;
	__u64 inner_ns; /* since then, in calls that have ended */
	__u32 signature;
	__u16 recursive;
	__u16 wants; /* enum adder_call_wants */
};

/* A function with open calls. */
struct adder_open_function {
	__u64 code;
	__u32 signature;
	__u32 count; /* 0: the slot is free */
};

/*
 * The open calls of a thread, keyed by its tid.  Times are of the calls' clock, which stands still
 * while adder's probes run: cost_ns is what they took so far.
 */
struct adder_open_calls {
	__u64 cost_ns;
	__u32 serial;
	__u16 busy;    /* being changed */
	__u16 all_end; /* seen, exceptions or not: nothing else may conclude that one has */
	__u32 count;   /* of slots that are taken */
	__u32 tid;
	__u64 states_ns[ADDER_STATE_NR]; /* of the thread, if slow calls are told; with probes' cost
					  */
	struct adder_call_mark mark;     /* room to make one in */
	struct adder_open_call calls[ADDER_OPEN_CALLS];          /* by frame, hashed */
	struct adder_open_function functions[ADDER_OPEN_ACTIVE]; /* likewise */
};

enum adder_call_clock {
	ADDER_CLOCK_NONE, /* calls are not timed */
	ADDER_CLOCK_WALL,
	ADDER_CLOCK_CPU, /* of the thread */
};

/* What a probe is on, as its cookie: how its hits are read. */
enum adder_call_probe {
	ADDER_PROBE_EVAL = 1 << 16,     /* the eval loop's first instruction (to 3.10) */
	ADDER_PROBE_EVAL_OLD = 1 << 17, /* the same, without a thread state as argument (to 3.8) */
	ADDER_PROBE_JIT = 1 << 18,      /* where code of the JIT is entered */
	ADDER_PROBE_LEAVE = 1 << 19,    /* an opcode's handler that ends a call, or lets it rest */
	ADDER_PROBE_BEHIND = 1 << 21,   /* ... and has made its caller the innermost */
	ADDER_PROBE_TIMED = 1 << 20,    /* an entry, of an interpreter with such probes, too */
	/* Bits 0 to 7 and 8 to 15 of an entry's handler: opcodes that have been counted if the
	 * frame is at them; 0: none.  Bits 0 to 7 of a leave's: the opcode that the innermost frame
	 * is at, unless its caller is that already; 0: the flag tells. */
};

/* ---- collections and imports ---- */

/* What a thread was in from one probe to another; both kinds of event begin so. */
struct adder_span {
	__u32 kind, serial;
	__u32 pid, tid;
	__u64 start_ns, end_ns;
	char comm[ADDER_COMM_BYTES]; /* the thread's */
	struct adder_frame by;       /* the function that it is for; code 0: not known */
};

/* A garbage collection. */
struct adder_event_collection {
	struct adder_span span;
	__s64 collected; /* objects found unreachable */
	__u32 generation;
	__u32 pad;
};

#define ADDER_MODULE_BYTES 256 /* of a module's name, in UTF-8; longer ones are cut */

/* An import of a module that was not there before: found, or not. */
struct adder_event_import {
	struct adder_span span;
	__u32 depth; /* imports of the thread that it was in */
	__u32 found;
	__u32 module_bytes, pad;
	char module[ADDER_MODULE_BYTES];
};

/* ---- losses ---- */

/* What could not be recorded, and what the operator can do about it. */
#define ADDER_LOST_LIST(X)                                                                         \
	X(RING_STACK, "ring_stack", "stacks lost: adder fell behind")                              \
	X(RING_CODE, "ring_code", "names lost for a while: adder fell behind")                     \
	X(RING_TASK, "ring_task", "names of asyncio tasks lost for a while: adder fell behind")    \
	X(RING_EXIT, "ring_exit", "ends of threads or processes lost: adder fell behind")          \
	X(RING_PROCESS, "ring_process", "processes lost: adder fell behind")                       \
	X(LEDGER_FULL, "ledger_full",                                                              \
	  "intervals without a stack: too many different stacks a second")                         \
	X(MAPPED, "mapped",                                                                        \
	  "times that mapped files went unseen: a libpython loaded late was found up to a second " \
	  "later")                                                                                 \
	X(THREADS_FULL, "threads_full",                                                            \
	  "threads not recorded: more than the table holds (--tables threads=N)")                  \
	X(PROCESSES_FULL, "processes_full",                                                        \
	  "processes not recorded: more than the table holds (--tables processes=N)")              \
	X(READY_FULL, "ready_full",                                                                \
	  "waits of asyncio tasks for their loop not counted: more than the table holds")          \
	X(TSTATE, "tstate", "stacks not read: the thread's state was unreadable or not its own")   \
	X(FRAME_FAULT, "frame_fault",                                                              \
	  "stacks read on later, or cut short: a frame's memory was not present")                  \
	X(FRAME_LOOP, "frame_loop", "stacks cut short: deeper than any stack should be")           \
	X(CODE_FAULT, "code_fault",                                                                \
	  "names read later or not at all: their memory was not present")                          \
	X(MEMORY, "memory",                                                                        \
	  "functions or stacks lumped together: adder's own memory was full (--memory)")           \
	X(CALLS, "calls",                                                                          \
	  "calls not counted: their process was not ready, or their frame unreadable")             \
	X(CALLS_FULL, "calls_full", "calls not counted: more functions than the table holds")      \
	X(CALL_TIMES, "call_times", "calls counted but not timed: too many were open at once")     \
	X(RING_SPAN, "ring_span", "collections or imports lost: adder fell behind")                \
	X(UNOPENED, "unopened", "collections or imports whose beginning was not seen")             \
	X(SLOW_CALLS, "slow_calls",                                                                \
	  "calls not told if they were slow: adder fell behind, or too many were open")            \
	X(SWITCH_IN, "switch_in", "switch-ins that the kernel did not report (recovered)")
#define ADDER_LOST_ENUM(id, name, text) ADDER_LOST_##id,
/* The last is no loss: it must stay the last. */
enum adder_lost { ADDER_LOST_LIST(ADDER_LOST_ENUM) ADDER_LOST_NR };

/* ---- the walk budget ---- */

#define ADDER_BUDGET_WINDOW_NS 100000000 /* between changes of how often is walked */
#define ADDER_BUDGET_SAVED_NS                                                                      \
	1000000000             /* of time: what may be spent at once after a quiet while */
#define ADDER_BUDGET_SHIFTS 16 /* one walk in 65536 at the least */

/* What is not walked, but lasts, is looked at from outside: the longer, the more likely. */
#define ADDER_LASTS_NS 5000000  /* from then on */
#define ADDER_LOOK_NS  50000000 /* from one look to the next, or longer */

/* By tid, the threads that were not walked of late; a later one takes an earlier one's place. */
#define ADDER_UNWALKED_SLOTS 4096

/* Of each CPU: how much walking at switches has cost, and what that led to. */
struct adder_budget {
	__u64 window_ns;        /* beginning of the window */
	__s64 credit_ns;        /* what may still be spent; below 0: overspent */
	__s64 spent_ns;         /* in this window */
	__u64 walked, unwalked; /* switches since the recording began */
	__u64 random;           /* a linear congruential generator's: cheaper than the helper's */
	__u32 shift;            /* one in 2^shift is walked */
	__u32 pad;
};

/* ---- knobs, set before loading ---- */

enum adder_select {
	ADDER_SELECT_ALL,
	ADDER_SELECT_PIDS,   /* those in the map `pids` */
	ADDER_SELECT_FAMILY, /* those in the map `pids`, and what they fork */
	ADDER_SELECT_ASK,    /* user space decides on each */
};

#endif
