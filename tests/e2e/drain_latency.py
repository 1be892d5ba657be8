#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""From a drain to the last acknowledgement of the workers, as sluiced measures it.

The clock starts when the daemon has the whole command, and stops when the dataplane has seen the last worker pass
the change: what "took_us" says in the answer of a drain. On a node these programs have their CPUs to themselves; here
they have a priority, so that what else runs on the machine isn't measured. Under XDP the last acknowledgement is that of a
thread that has run on each CPU.

test-dataplanes: dpdk xdp
"""
import contextlib
import json
import os
import socket
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lab"))

import settings  # noqa: E402
import scenario  # noqa: E402
from scenario import expect, expect_equal, figure, note  # noqa: E402

PAIRS = 200
INSTANCE = "web/web-1"
AIM_US = 100
P90_MAX_US = 1000  # on two CPUs that everything in the lab shares, and a build beside it
PAUSE_S = 0.004
NICE = -20


class Control:
    """One connection to control.sock: a line with a request, a line with its answer."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(10)
        self.socket.connect(str(path))
        self.lines = self.socket.makefile("r", encoding="utf-8")

    def ask(self, **request):
        self.socket.sendall(json.dumps(request).encode() + b"\n")
        answer = json.loads(self.lines.readline())
        expect(answer["ok"], f"{request} was refused: {answer}")
        return answer["result"]

    def close(self):
        self.lines.close()
        self.socket.close()


def set_priority(pid, nice):
    """Of a process among those of its session, and of its session among the others."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.setpriority(os.PRIO_PROCESS, int(task.name), nice)
    with contextlib.suppress(OSError):  # a kernel without sessions that compete
        Path(f"/proc/{pid}/autogroup").write_text(str(nice), encoding="ascii")


@contextlib.contextmanager
def priority(*daemons):
    """Under XDP the event loop is of real time, too: on a busy machine a nice value does not wake it at once.

    Not with sluice-dataplane: its main thread has to run in between, on the same CPU here.
    """
    loop = daemons[-1].process.pid
    for daemon in daemons:
        set_priority(daemon.process.pid, NICE)
    if settings.XDP:
        os.sched_setscheduler(loop, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    try:
        yield
    finally:
        if settings.XDP:
            os.sched_setscheduler(loop, os.SCHED_OTHER, os.sched_param(0))
        for daemon in daemons:
            set_priority(daemon.process.pid, 0)


def measure(control, verb):
    began = time.monotonic()
    result = control.ask(verb=verb, instance=INSTANCE)
    expect_equal(result["dataplane"], True, f"{verb}: dataplane in the answer")
    expect_equal(result["before"], "ready" if verb == "drain" else "drain", f"{verb}: state before")
    expect(result["workers"] >= 1, f"{verb}: no worker has acknowledged it")
    return result["took_us"], (time.monotonic() - began) * 1e6


def describe(values_us):
    ordered = sorted(values_us)
    return (f"median {ordered[len(ordered) // 2]:.0f}, p90 {ordered[len(ordered) * 9 // 10]:.0f}, "
            f"worst {ordered[-1]:.0f} microseconds")


def drain_latency(lab):
    """200 drains over one connection, each acknowledged by all workers."""
    drains, resumes = [], []
    with contextlib.closing(Control(lab.run_dir / "control.sock")) as control, priority(*lab.daemons):
        for _ in range(PAIRS):
            drains.append(measure(control, "drain"))
            time.sleep(PAUSE_S)
            resumes.append(measure(control, "resume"))
            time.sleep(PAUSE_S)  # the table of a resume is built and published meanwhile
    took_us = [took for took, _ in drains]
    figure(f"drain to the workers' last ack, {PAIRS} times: {describe(took_us)}"
           f" (aim: median under {AIM_US})")
    note(f"the same until the client has its answer: {describe(answer for _, answer in drains)}")
    note(f"resume, which builds a table first, to the last ack: {describe(took for took, _ in resumes)}")
    p90_us = sorted(took_us)[PAIRS * 9 // 10]
    expect(p90_us <= P90_MAX_US, f"nine in ten took up to {p90_us:.0f} microseconds; {P90_MAX_US} are allowed")


if __name__ == "__main__":
    settings.patient()
    scenario.run(drain_latency)
