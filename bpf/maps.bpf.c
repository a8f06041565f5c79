/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Defines what the programs share; linked first (see the Makefile).
 */
#include "maps.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct map_binaries binaries SEC(".maps");
struct map_processes processes SEC(".maps");
struct map_threads threads SEC(".maps");
struct map_ledger_a ledger_a SEC(".maps");
struct map_ledger_b ledger_b SEC(".maps");
struct map_stacks_told stacks_told SEC(".maps");
struct map_codes_told codes_told SEC(".maps");
struct map_pids pids SEC(".maps");
struct map_walk_scratch walk_scratch SEC(".maps");
struct map_ready_tasks ready_tasks SEC(".maps");
struct map_ready_scratch ready_scratch SEC(".maps");
struct map_tasks_scratch tasks_scratch SEC(".maps");
struct map_awaited_scratch awaited_scratch SEC(".maps");
struct map_code_scratch code_scratch SEC(".maps");
struct map_process_scratch process_scratch SEC(".maps");
struct map_thread_scratch thread_scratch SEC(".maps");
struct map_looked looked SEC(".maps");
struct map_calls calls SEC(".maps");
struct map_open_calls open_calls SEC(".maps");
struct map_no_open_calls no_open_calls SEC(".maps");
struct map_open_spans open_spans SEC(".maps");
struct map_call_wants call_wants SEC(".maps");
struct map_call_marks call_marks SEC(".maps");
struct map_histograms histograms SEC(".maps");
struct map_no_histogram no_histogram SEC(".maps");
struct map_budgets budgets SEC(".maps");
struct map_events events SEC(".maps");

__u64 tracked[TRACKED_WORDS] = {};
__u64 lost[ADDER_LOST_NR] = {};
__u64 recording_start_ns = 0;
__u32 last_serial = 0;
__u32 active_ledger = 0;
__u32 unwalked_tids[ADDER_UNWALKED_SLOTS] = {};
__u64 probe_ns = 0;
__u64 look_ns = ADDER_LOOK_NS;

const volatile __u32 select_by = ADDER_SELECT_ALL;
const volatile __u64 clock_ns = 0;
const volatile __u32 budget_ppm = 0;
const volatile __u32 call_clock = ADDER_CLOCK_NONE;
const volatile __u32 call_select = 0;
const volatile __u32 call_histograms = 0;
const volatile __u64 slow_ns = 0;
const volatile __u32 self_pid = 0;
