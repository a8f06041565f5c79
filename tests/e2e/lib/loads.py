# SPDX-License-Identifier: BSD-2-Clause
"""Cases of programs that go on until they are ended: under load while adder records the whole host,
its seconds are those that the kernel and the programs' own counters tell; and how much they get done
beside it."""
import os
import statistics
import subprocess
import time

import accounts
import adder
import programs
from harness import case

SLICE_SECONDS, SLICES = 1, 3  # of load; the throughput is their median
A_HURT = 1.5  # times the CPU time of a request, on a machine that may be busy; mostly 1.0 to 1.1
# For what is under way as the load ends: the recording begins and ends in peace.
IDLE_SECONDS, IDLE_SHARE, MOST_SECONDS = 0.3, 0.1, 10


def wait_for_peace(program):
    """Until it uses next to no CPU, as a busy machine may make it wait for one."""
    before, deadline = cpu(program), time.monotonic() + MOST_SECONDS
    while time.monotonic() < deadline:
        time.sleep(IDLE_SECONDS)
        after = cpu(program)
        if after - before < IDLE_SHARE * IDLE_SECONDS:
            return
        before = after


def cpu(program):
    return accounts.processes_cpu(program.pids())


class Slice:
    """A second's load: .done, how many requests were answered, and .cost, the program's CPU time for
    one, which is the same on a busy machine (but that of a process that has ended by then is not in
    it)."""

    def __init__(self, program, load):
        before = cpu(program)
        self.done = load(program, SLICE_SECONDS)
        self.cost = (cpu(program) - before) / max(1, self.done)


def median(slices, what):
    return statistics.median(getattr(x, what) for x in slices)


class Measured:
    """Requests in each slice of load, without adder and with it; what adder, the kernel and the
    counters say of those with it."""

    def __init__(self, program, load):
        load(program, SLICE_SECONDS)  # warms it up
        self.plain = [Slice(program, load) for _ in range(SLICES - 1)]
        wait_for_peace(program)
        before, self.counted_before = accounts.threads_cpu(program.pids()), program.counters()
        with adder.Recording() as recording:
            self.loaded = [Slice(program, load) for _ in range(SLICES)]
            wait_for_peace(program)
        pids, self.counted = program.pids(), program.counters()
        self.cpu = before, accounts.threads_cpu(pids)
        self.plain.append(Slice(program, load))
        pids |= {pid for pid, _ in self.counted}
        self.samples = [s for s in recording.profile.samples if s.labels["pid"] in pids]
        self.estimated = accounts.unwalked(recording.profile)


def judge(program, load, states, unit, unanswered=None, at_most=0):
    """@states: the state in which a function waits, if it does.  @unanswered: so many requests of a
    slice may be calls without an answer; None: a call is no request.  @at_most: times the CPU time
    that a request takes without adder; 0: it is not known."""
    m = Measured(program, load)
    wrong = list(accounts.wrong_sums(m.samples)) + list(accounts.wrong_cpu(m.samples, *m.cpu))
    if unanswered is not None:
        done = sum(x.done for x in m.loaded)
        wrong += accounts.wrong_calls(m.counted_before, m.counted, done, done + SLICES * unanswered)
    wrong += accounts.wrong_functions(m.samples, m.counted_before, m.counted, states, m.estimated)
    plain, loaded = (median(x, "done") / SLICE_SECONDS for x in (m.plain, m.loaded))
    cost = median(m.loaded, "cost") / median(m.plain, "cost")
    if at_most and cost > at_most:
        wrong.append("CPU time for one of the %s: %.2f of what it is without adder" % (unit, cost))
    assert not wrong, "; ".join(wrong)
    return "%.0f %s/s, with adder %.0f: %.2f; CPU for one: %.2f; %.0f %% of the switches walked" % (
        plain, unit, loaded, loaded / plain, cost, 100 - 100 * m.estimated)


def add_case(start, run):
    run.__name__ = start.__name__
    case(alone=True)(run)
    return start


def web(url, at_most=A_HURT, **states):
    """A case: a web server, loaded at @url."""
    def mark(start):
        def run():
            with programs.running(start) as program:
                programs.wait_for_answer(program, url)
                return judge(program, lambda p, s: programs.wrk(p, url, s), states, "requests",
                             programs.CONNECTIONS, at_most)
        return add_case(start, run)
    return mark


def fed(client, unit, at_most=A_HURT, **states):
    """A case: what one of programs/ feeds for the seconds that it is given; it prints how often it
    was answered.  @client: its arguments, in which {port} is the program's."""
    def feed(program, seconds):
        command = client.format(port=program.port).split()
        done = subprocess.run(
            [programs.PYTHON, os.path.join(programs.APPS, command[0]), str(seconds)] + command[1:],
            env=program.env, cwd=program.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            timeout=seconds + 40)
        assert done.returncode == 0, "%s; the program: %s" % (
            done.stderr.decode()[-300:], program.log())
        return int(done.stdout.split()[-1])

    def mark(start):
        def run():
            with programs.running(start) as program:
                return judge(program, feed, states, unit, 0, at_most)
        return add_case(start, run)
    return mark


def loop(at_most=0, **states):
    """A case: a program that works by itself; its throughput is the calls that it counts."""
    def calls(program, seconds):
        before = sum(c for c, _, _ in program.counters().values())
        with open(program.env["GATE"], "w"):
            time.sleep(seconds)
        os.remove(program.env["GATE"])
        return sum(c for c, _, _ in program.counters().values()) - before

    def mark(start):
        def start_behind_gate(program):
            program.env["GATE"] = program.folder + "/gate"
            start(program)
            programs.wait_for_counters(program)

        def run():
            with programs.running(start_behind_gate) as program:
                return judge(program, calls, states, "calls", at_most=at_most)
        return add_case(start, run)
    return mark
