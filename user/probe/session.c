/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "probe/session.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "adder.skel.h"
#include "base/clock.h"
#include "probe/call_probes.h"
#include "probe/cpu_events.h"
#include "probe/mappings.h"
#include "probe/programs.h"
#include "probe/usdt.h"

#define PROGRAMS_US  20000      /* far longer than any program runs, short of a CPU taken away */
#define DRAIN_BATCH  1024       /* ledger entries fetched at once */
#define INITIAL_PIDS 0xeffffffc /* inode of that namespace: PROC_PID_INIT_INO, linux/proc_ns.h */

struct session {
	struct session_options options;
	struct session_handler handler;
	struct adder_bpf *skel;
	struct ring_buffer *ring;
	struct cpu_events *clock, *faults;
	struct mappings *mappings;
	struct call_probes *call_probes;
	struct usdt *usdt; /* of a trace */
	int stats_fd;      /* while what the programs cost is counted; else 0 or below */
	uint64_t counted_since_ns, run_before_ns;
	uint64_t counted_ns, cost_ns;
};

static int take_event(void *arg, void *data, size_t size)
{
	struct session *s = arg;

	if (size >= sizeof(uint32_t))
		s->handler.event(s->handler.arg, data, size);
	return 0;
}

static int load(struct session *s)
{
	int err = programs_load(&s->options, &s->skel);

	if (err)
		return err;
	s->call_probes = call_probes_new(s->skel, &s->options.calls);
	if (!s->call_probes)
		return -ENOMEM;
	s->ring = ring_buffer__new(bpf_map__fd(s->skel->maps.events), take_event, s, NULL);
	return s->ring ? 0 : -errno;
}

/* Do the ids that the programs send mean the same in our /proc?  If it can't tell, they should. */
static bool has_initial_pids(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) || st.st_ino == INITIAL_PIDS;
}

int session_open(const struct session_options *options, const struct session_handler *handler,
		 struct session **ret)
{
	CLEANUP(session_close) struct session *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	if (!has_initial_pids())
		return -EXDEV;
	s->options = *options;
	s->handler = *handler;
	err = load(s);
	if (!err)
		*ret = TAKE_PTR(s);
	return err;
}

void session_close(struct session *s)
{
	if (!s)
		return;
	if (s->stats_fd > 0)
		close(s->stats_fd);
	mappings_close(s->mappings);
	cpu_events_close(s->faults);
	cpu_events_close(s->clock);
	call_probes_free(s->call_probes);
	usdt_free(s->usdt);
	ring_buffer__free(s->ring);
	adder_bpf__destroy(s->skel);
	free(s);
}

static int attach(struct bpf_program *program, struct bpf_link **ret)
{
	struct bpf_link *link = bpf_program__attach(program);

	if (!link)
		return -errno;
	*ret = link;
	return 0;
}

int session_watch(struct session *s)
{
	int err;

	err = attach(s->skel->progs.on_exec, &s->skel->links.on_exec);
	if (!err)
		err = attach(s->skel->progs.on_fork, &s->skel->links.on_fork);
	if (!err)
		err = attach(s->skel->progs.on_exit, &s->skel->links.on_exit);
	if (!err)
		err = mappings_open(s->handler.mapped, s->handler.arg, &s->mappings);
	return err;
}

int session_start(struct session *s, uint64_t *start_ns)
{
	int err;

	/* attached first, begun at once: until recording_start_ns is set they return */
	err = attach(s->skel->progs.on_switch, &s->skel->links.on_switch);
	if (!err)
		err = attach(s->skel->progs.on_waking, &s->skel->links.on_waking);
	if (!err)
		err = attach(s->skel->progs.on_wakeup_new, &s->skel->links.on_wakeup_new);
	if (!err)
		err = cpu_events_open_clock(s->skel->progs.on_tick, s->options.rate_hz, &s->clock);
	if (!err)
		err = cpu_events_open_major_faults(s->skel->progs.on_major_fault, &s->faults);
	if (err)
		return err;
	*start_ns = clock_now_ns();
	__atomic_store_n(&s->skel->bss->recording_start_ns, *start_ns, __ATOMIC_SEQ_CST);
	return 0;
}

/* The iterator passes over threads that have a record; of a look there is one at most. */
static void forget_threads(struct session *s)
{
	int fd = bpf_map__fd(s->skel->maps.threads);
	uint32_t tid;

	while (!bpf_map_get_next_key(fd, NULL, &tid) && !bpf_map_delete_elem(fd, &tid))
		;
}

int session_look(struct session *s, void (*fn)(void *arg, const struct adder_known_thread *thread),
		 void *arg)
{
	struct adder_known_thread threads[64];
	cleanup_close int fd = -1;
	struct bpf_link *link;
	size_t kept = 0;
	ssize_t bytes;

	if (s->options.look_only)
		forget_threads(s);
	link = bpf_program__attach_iter(s->skel->progs.look_at_thread, NULL);
	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	bpf_link__destroy(link);
	if (fd < 0)
		return fd;
	while ((bytes = read(fd, (char *)threads + kept, sizeof(threads) - kept)) > 0) {
		kept += bytes;
		for (size_t i = 0; i < kept / sizeof(threads[0]); i++)
			fn(arg, &threads[i]);
		memmove(threads, &threads[kept / sizeof(threads[0])], kept % sizeof(threads[0]));
		kept %= sizeof(threads[0]);
		if (s->options.look_only)
			ring_buffer__consume(s->ring);
	}
	return bytes < 0 ? -errno : 0;
}

int session_poll(struct session *s, int timeout_ms)
{
	int err = ring_buffer__poll(s->ring, timeout_ms);

	session_consume(s);
	return err < 0 && err != -EINTR ? err : 0;
}

void session_consume(struct session *s)
{
	if (s->mappings)
		mappings_consume(s->mappings);
	ring_buffer__consume(s->ring); /* the programs do not wake us for each */
}

int session_fd(const struct session *s)
{
	return ring_buffer__epoll_fd(s->ring);
}

/* Wait until every program that runs now has ended. */
static void wait_for_programs(void)
{
	/* synchronize_rcu() in the kernel; refused where a CPU runs without ticks (nohz_full) */
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		usleep(PROGRAMS_US);
}

/* Hand all of the map's entries to @fn and delete them; the programs have left it. */
static int empty(int fd, session_ledger_fn fn, void *arg)
{
	cleanup_free struct adder_ledger_key *keys = calloc(DRAIN_BATCH, sizeof(*keys));
	cleanup_free struct adder_ledger_value *values = calloc(DRAIN_BATCH, sizeof(*values));
	uint32_t batch = 0;
	bool first = true;
	int err = 0;

	if (!keys || !values)
		return -ENOMEM;
	while (!err) {
		uint32_t count = DRAIN_BATCH;

		err = bpf_map_lookup_and_delete_batch(fd, first ? NULL : &batch, &batch, keys,
						      values, &count, NULL);
		if (err && err != -ENOENT)
			break;
		for (uint32_t i = 0; i < count; i++)
			fn(arg, &keys[i], &values[i]);
		first = false;
	}
	return err == -ENOENT ? 0 : err;
}

int session_drain(struct session *s, session_ledger_fn fn, void *arg)
{
	uint32_t old = s->skel->bss->active_ledger;

	__atomic_store_n(&s->skel->bss->active_ledger, !old, __ATOMIC_SEQ_CST);
	wait_for_programs();
	session_consume(s);
	return empty(bpf_map__fd(old ? s->skel->maps.ledger_b : s->skel->maps.ledger_a), fn, arg);
}

struct call_probes *session_call_probes(struct session *s)
{
	return s->call_probes;
}

int session_trace(struct session *s, int fd, pid_t pid)
{
	if (!s->usdt)
		s->usdt = usdt_new(s->skel);
	return s->usdt ? usdt_attach(s->usdt, fd, pid, s->options.trace) : -ENOMEM;
}

void session_trace_end(struct session *s)
{
	usdt_free(TAKE_PTR(s->usdt));
	wait_for_programs();
	session_consume(s);
}

void session_stop(struct session *s, uint64_t *end_ns)
{
	__atomic_store_n(&s->skel->bss->recording_start_ns, 0, __ATOMIC_SEQ_CST);
	*end_ns = clock_now_ns();
	wait_for_programs();
	session_consume(s);
}

void session_each_thread(struct session *s,
			 void (*fn)(void *arg, uint32_t tid, const struct adder_thread *thread),
			 void *arg)
{
	int fd = bpf_map__fd(s->skel->maps.threads);
	struct adder_thread thread;
	uint32_t tid, *last = NULL;

	while (!bpf_map_get_next_key(fd, last, &tid)) {
		if (!bpf_map_lookup_elem(fd, &tid, &thread))
			fn(arg, tid, &thread);
		last = &tid;
	}
}

int session_find_thread(struct session *s, uint32_t tid, struct adder_thread *ret)
{
	return bpf_map_lookup_elem(bpf_map__fd(s->skel->maps.threads), &tid, ret) ? -errno : 0;
}

void session_untell(struct session *s, uint64_t id)
{
	bpf_map_delete_elem(bpf_map__fd(s->skel->maps.stacks_told), &id);
}

void session_untell_code(struct session *s, const struct adder_code_key *key)
{
	bpf_map_delete_elem(bpf_map__fd(s->skel->maps.codes_told), key);
}

void session_each_unwalked(struct session *s,
			   void (*fn)(void *arg, uint32_t tid, const struct adder_thread *thread),
			   void *arg)
{
	struct adder_thread thread;

	for (size_t i = 0; i < ADDER_UNWALKED_SLOTS; i++) {
		uint32_t *slot = &s->skel->bss->unwalked_tids[i];
		uint32_t tid = __atomic_load_n(slot, __ATOMIC_RELAXED);

		if (!tid)
			continue;
		if (!session_find_thread(s, tid, &thread) && thread.stack == ADDER_STACK_UNWALKED)
			fn(arg, tid, &thread);
		else
			__atomic_compare_exchange_n(slot, &tid, 0, false, __ATOMIC_SEQ_CST,
						    __ATOMIC_SEQ_CST);
	}
}

void session_set_look_ns(struct session *s, uint64_t ns)
{
	__atomic_store_n(&s->skel->data->look_ns, ns, __ATOMIC_RELAXED);
}

int session_set_looked(struct session *s, uint32_t tid, const struct adder_looked *look)
{
	return bpf_map_update_elem(bpf_map__fd(s->skel->maps.looked), &tid, look, BPF_ANY) ? -errno
											   : 0;
}

int session_find_looked(struct session *s, uint32_t tid, struct adder_looked *ret)
{
	return bpf_map_lookup_elem(bpf_map__fd(s->skel->maps.looked), &tid, ret) ? -errno : 0;
}

int session_find_ready(struct session *s, uint32_t tid, struct adder_ready *ret)
{
	return bpf_map_lookup_elem(bpf_map__fd(s->skel->maps.ready_tasks), &tid, ret) ? -errno : 0;
}

/* ---- processes ---- */

uint32_t session_new_serial(struct session *s)
{
	return __atomic_add_fetch(&s->skel->bss->last_serial, 1, __ATOMIC_SEQ_CST);
}

int session_know_binary(struct session *s, const struct adder_file *file,
			const struct adder_binary *binary)
{
	return bpf_map_update_elem(bpf_map__fd(s->skel->maps.binaries), file, binary, BPF_ANY)
		       ? -errno
		       : 0;
}

static void set_tracked(struct session *s, pid_t pid, bool yes)
{
	__u64 *word =
		&s->skel->bss->tracked[((uint32_t)pid >> 6) % ARRAY_SIZE(s->skel->bss->tracked)];
	uint64_t bit = 1ULL << (pid & 63);

	if (yes)
		__atomic_fetch_or(word, bit, __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_and(word, ~bit, __ATOMIC_SEQ_CST);
}

int session_add_process(struct session *s, pid_t pid, const struct adder_process *process)
{
	uint32_t key = pid;
	int err;

	if (!bpf_map_update_elem(bpf_map__fd(s->skel->maps.processes), &key, process, BPF_NOEXIST))
		err = 0;
	else
		err = -errno;
	if (err == -E2BIG)
		__atomic_fetch_add(&s->skel->bss->lost[ADDER_LOST_PROCESSES_FULL], 1,
				   __ATOMIC_SEQ_CST);
	if (!err || err == -E2BIG)
		set_tracked(s, pid, true); /* without an entry: what it forks is lost, too */
	return err;
}

int session_find_process(struct session *s, pid_t pid, struct adder_process *ret)
{
	struct adder_process process;
	uint32_t key = pid;

	if (bpf_map_lookup_elem(bpf_map__fd(s->skel->maps.processes), &key, &process))
		return -errno;
	if (ret)
		*ret = process;
	return 0;
}

int session_update_process(struct session *s, pid_t pid, const struct adder_process *process)
{
	struct adder_process now, changed = *process;
	uint32_t key = pid;

	if (session_find_process(s, pid, &now) || now.serial != process->serial)
		return -ESTALE;
	changed.asyncio = now.asyncio; /* the programs' own, and learnt once */
	return bpf_map_update_elem(bpf_map__fd(s->skel->maps.processes), &key, &changed, BPF_EXIST)
		       ? -errno
		       : 0;
}

int session_drop_process(struct session *s, pid_t pid, uint32_t serial)
{
	struct adder_process now;
	uint32_t key = pid;

	if (session_find_process(s, pid, &now) || now.serial != serial)
		return -ESTALE;
	set_tracked(s, pid, false);
	return bpf_map_delete_elem(bpf_map__fd(s->skel->maps.processes), &key) ? -errno : 0;
}

void session_drop_thread(struct session *s, uint32_t tid)
{
	bpf_map_delete_elem(bpf_map__fd(s->skel->maps.threads), &tid);
}

int session_select_pid(struct session *s, pid_t pid)
{
	uint32_t key = pid, yes = 1;

	return bpf_map_update_elem(bpf_map__fd(s->skel->maps.pids), &key, &yes, BPF_ANY) ? -errno
											 : 0;
}

/* ---- what it cost ---- */

void session_lost(const struct session *s, uint64_t *ret)
{
	memcpy(ret, s->skel->bss->lost, sizeof(s->skel->bss->lost));
	ret[ADDER_LOST_MAPPED] += s->mappings ? mappings_lost(s->mappings) : 0;
}

int session_walks(const struct session *s, uint64_t *ret_walked, uint64_t *ret_unwalked)
{
	int cpus = libbpf_num_possible_cpus();
	cleanup_free struct adder_budget *budgets = calloc(cpus > 0 ? cpus : 1, sizeof(*budgets));
	uint32_t zero = 0;

	if (!budgets)
		return -ENOMEM;
	if (bpf_map_lookup_elem(bpf_map__fd(s->skel->maps.budgets), &zero, budgets))
		return -errno;
	*ret_walked = *ret_unwalked = 0;
	for (int cpu = 0; cpu < cpus; cpu++) {
		*ret_walked += budgets[cpu].walked;
		*ret_unwalked += budgets[cpu].unwalked;
	}
	return 0;
}

static uint64_t run_time_ns(struct session *s)
{
	struct bpf_program *program;
	uint64_t sum = 0;

	bpf_object__for_each_program (program, s->skel->obj) {
		struct bpf_prog_info info = {};
		uint32_t size = sizeof(info);
		int fd = bpf_program__fd(program);

		if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &size))
			sum += info.run_time_ns;
	}
	return sum;
}

int session_count_cost(struct session *s, bool on)
{
	if (on == (s->stats_fd > 0))
		return 0;
	if (on) {
		s->stats_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
		if (s->stats_fd < 0)
			return -errno;
		s->counted_since_ns = clock_now_ns();
		s->run_before_ns = run_time_ns(s);
		return 0;
	}
	s->cost_ns += run_time_ns(s) - s->run_before_ns;
	s->counted_ns += clock_now_ns() - s->counted_since_ns;
	close(s->stats_fd);
	s->stats_fd = 0;
	return 0;
}

int session_cost(struct session *s, uint64_t *ret_ns, uint64_t *ret_counted_ns)
{
	if (!s->counted_ns)
		return -ENODATA;
	*ret_ns = s->cost_ns;
	*ret_counted_ns = s->counted_ns;
	return 0;
}
