#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# test-long
"""A storm: the daemons are killed and ended again and again, in a random order, under steady traffic.

test-timeout: 300 s
test-dataplanes: dpdk xdp auto

Each kind of hit comes once, and at least six come. STORM_HITS=100 makes a long one (run it by itself: the limit above is for the
short one), STORM_SEED repeats an order.

With dpdk, the pools change twice before each hit, so that neither the current tables nor the previous ones are those of the connections
that are held: only the flow tables keep them, which outlive the dataplane. Without systemd they do not outlive both daemons, so before a
hit of both the pools are as they were.
"""
import ctypes
import mmap
import os
import random
import signal
import statistics
import struct
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lab"))

import settings  # noqa: E402
import scenario  # noqa: E402
from lab import CtlError, wait_for  # noqa: E402
from scenario import expect, expect_equal, figure, note  # noqa: E402

HITS = int(os.environ.get("STORM_HITS") or (10 if settings.DATAPLANE == "auto" else 9 if settings.DATAPLANE == "dpdk" else 6))
SEED = int(os.environ.get("STORM_SEED") or random.SystemRandom().randrange(1 << 32))
HELD = 40
WAIT_S = 90  # for all to be well again; a busy machine takes half a minute to start a DPDK process
# Late on a busy machine is not silent.
CHECK = {"interval": "3s", "timeout": "2900ms", "unhealthy": 3, "healthy": 2}
PULSE_MS = 4
CALM_S = 0.3  # at most, between two hits
START_S = 0.4  # a daemon that is hit while it starts has lived for at most so long
SYS_BPF, BPF_OBJ_GET = 321, 7
BUCKET = struct.Struct("<5Q5H5HI")
FLOW_INSTANCE, SLOT_BITS, STATE = 0x0fff, 4, 7


class Storm:
    """Traffic that must not be interrupted, and the faults of the daemons meanwhile."""

    def __init__(self, lab):
        self.lab, self.random = lab, random.Random(SEED)
        self.held = lab.hold(connections=HELD, interval=0.2, timeout=30)
        self.load = lab.load(rate=100, timeout=30)
        self.pulse = lab.pulse(PULSE_MS)
        self.hits = []  # (kind, began_ns, is_over_ns, whether it ends the dataplane)

    # ---- What may happen ----

    def start(self, *daemons):
        """In either order, the second one up to half a second later."""
        for daemon in self.random.sample(daemons, len(daemons)):
            if not daemon.running():
                daemon.start(wait=False)
            if len(daemons) > 1:
                time.sleep(self.random.choice((0, self.random.uniform(0, 0.5))))

    def end(self, number, *daemons):
        """All at once."""
        daemons = self.random.sample(daemons, len(daemons))
        for daemon in daemons:
            daemon.process.send_signal(number)
        for daemon in daemons:
            daemon.process.wait(10)

    def killed(self, *daemons):
        self.end(signal.SIGKILL, *daemons)
        self.start(*daemons)

    def ended(self, *daemons):
        self.end(signal.SIGTERM, *daemons)
        self.start(*daemons)

    def killed_starting(self, *daemons):
        self.killed(*daemons)
        time.sleep(self.random.uniform(0, START_S))
        self.killed(*daemons)

    def stopped(self, daemon):
        """Stopped, as by a hypervisor; half of them never continue."""
        daemon.process.send_signal(signal.SIGSTOP)
        time.sleep(self.random.uniform(0, 0.6))
        if self.random.random() < 0.5:
            self.killed(daemon)
        else:
            daemon.process.send_signal(signal.SIGCONT)

    def kinds(self):
        """{name: (what, the daemons that it is done to)}"""
        sets = {"sluiced": (self.lab.sluiced,)}
        if settings.DATAPLANE != "xdp":
            sets["the dataplane"] = (self.lab.dataplane,)
            sets["both"] = (self.lab.sluiced, self.lab.dataplane)
        found = {f"{verb} {name}": (how, daemons) for name, daemons in sets.items()
                 for verb, how in (("kill -9 of", self.killed), ("SIGTERM of", self.ended), ("kill -9 of starting", self.killed_starting))}
        if settings.DATAPLANE == "auto":
            found["SIGSTOP of the dataplane"] = (self.stopped, sets["the dataplane"])
        return found

    def order(self):
        """Each kind as often as the others."""
        kinds = self.kinds()
        names = []
        while len(names) < HITS:
            names += self.random.sample(list(kinds), len(kinds))
        return [(name, *kinds[name]) for name in names[:HITS]]

    def pools_change(self, daemons):
        """Only the flow tables are right for the connections held; or the tables are, too."""
        if settings.DATAPLANE != "dpdk":
            return
        for weights in ({},) if len(daemons) > 1 else ({1: 5, 3: 100}, {1: 100, 2: 5, 3: 5}):
            for pool in self.lab.config["pools"].values():
                for number, entry in enumerate(pool["instances"].values(), 1):
                    entry["weight"] = weights.get(number, 60)
            self.lab.write_config()
            self.lab.ctl("config", "apply")
            wait_for("the tables", lambda: not self.lab.ctl("status")["node"]["dataplane"]["pending"], WAIT_S)

    # ---- One hit ----

    def progress(self, before):
        """Every connection that was open before has had another answer."""
        now = self.held.report()
        broken = [c for c in now if c["error"]]
        expect(not broken, f"{len(broken)} of {HELD} connections were cut or moved: {broken[:3]}")
        return all(c["requests"] > b["requests"] for c, b in zip(now, before))

    def carried(self):
        """Whether the expected dataplane forwards."""
        if settings.DATAPLANE != "auto":
            return True
        try:
            return self.lab.ctl("status")["node"]["dataplane"]["carrier"]["now"] == "dpdk"
        except CtlError:
            return False

    def hit(self, name, how, daemons):
        time.sleep(self.random.uniform(0, CALM_S))
        for daemon in self.lab.daemons:
            expect(daemon.running(), f"{daemon.program} has ended by itself, before: {name}")
        self.pools_change(daemons)
        began_ns = time.monotonic_ns()
        how(*daemons)
        self.lab.wait_up(WAIT_S)
        wait_for("the packets to be where they belong", self.carried, WAIT_S)
        before = self.held.report()
        wait_for("an answer on every connection", lambda: self.progress(before), WAIT_S)
        self.lab.account()
        note(f"{name}: all is well after {(time.monotonic_ns() - began_ns) / 1e9:.1f} s")
        self.hits.append((name, began_ns, time.monotonic_ns(), self.lab.dataplane in daemons and settings.DATAPLANE == "dpdk"))

    def run(self):
        for number, (name, how, daemons) in enumerate(self.order(), 1):
            try:
                self.hit(name, how, daemons)
            except (AssertionError, TimeoutError) as error:
                raise AssertionError(f"hit {number}, {name} (STORM_SEED={SEED} STORM_HITS={HITS}): {error}") from error

    # ---- Afterwards ----

    def gaps(self, beats):
        """For each hit, from when to when no SYN that was sent got an answer: the longest time of that."""
        found = []
        for name, began_ns, over_ns, is_outage in self.hits:
            answered = [sent for sent, got in beats if got and began_ns <= sent <= over_ns]
            edges = [began_ns, *answered, over_ns]
            begin_ns, end_ns = max(zip(edges, edges[1:]), key=lambda pair: pair[1] - pair[0])
            found.append((name, begin_ns, end_ns, is_outage))
        return found

    def judge(self):
        """Requests fail only while there was no dataplane. Return the report of the load."""
        gaps = self.gaps(self.pulse.close())
        report = self.load.stop()
        outages = [(begin_ns, end_ns) for _, begin_ns, end_ns, is_outage in gaps if is_outage]
        failures = [f for f in report["failures"]
                    if not any(f["begin_ns"] <= end_ns and f["end_ns"] >= begin_ns for begin_ns, end_ns in outages)]
        expect(not failures, f"STORM_SEED={SEED} STORM_HITS={HITS}: failed requests: {failures[:3]}")
        if not outages:
            expect_equal(report["failed"], 0, "failed requests")
        for is_outage, what in ((True, "without a dataplane"), (False, "of the longest gap")):
            ms = [(end_ns - begin_ns) / 1e6 for _, begin_ns, end_ns, is_one in gaps if is_one == is_outage]
            if ms:
                figure(f"{len(ms)} hits: {statistics.median(ms):.0f} ms {what} (median; worst {max(ms):.0f} ms)")
        return report


# ---- What the flow table holds, as against what is counted ----

def pinned(lab, name):
    """A pinned map's memory."""
    path = str(lab.bpf_dir / "sluice-edge0" / name).encode() + b"\0"
    where = ctypes.create_string_buffer(path)
    attr = ctypes.create_string_buffer(struct.pack("<QII", ctypes.addressof(where), 0, 0).ljust(128, b"\0"), 128)
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.syscall(SYS_BPF, BPF_OBJ_GET, attr, 16)
    if fd < 0:
        raise OSError(ctypes.get_errno(), f"{path}: cannot be opened")
    try:
        info = dict(line.split(":\t") for line in Path(f"/proc/self/fdinfo/{fd}").read_text().splitlines() if ":\t" in line)
        return mmap.mmap(fd, int(info["value_size"]) * int(info["max_entries"]), prot=mmap.PROT_READ)
    finally:
        os.close(fd)


def table_holds(lab):
    """Flows in the table by index of their instance."""
    holds = {}
    with pinned(lab, "flows") as memory:
        for words in BUCKET.iter_unpack(memory):
            for slot in range(5):
                if words[15] >> SLOT_BITS * slot & STATE:
                    index = words[5 + slot] & FLOW_INSTANCE
                    holds[index] = holds.get(index, 0) + 1
    return sorted(holds.values())


def counted(lab):
    return sorted(flows for flows in lab.flows().values() if flows)


def counts_match(lab):
    """Whether the counts are exactly what is in the table, at a moment when neither changes."""
    before = counted(lab)
    holds = table_holds(lab)
    return before == holds == counted(lab) and f"{sum(holds)} flows"


def books(lab, storm):
    """Exact counters: first with the surviving connections, then with none."""
    if settings.XDP:
        matched = wait_for("the counts to be what the flow table holds", lambda: counts_match(lab), WAIT_S, 0.2)
        figure(f"flow counts are what the table holds: {matched}")
    errors = [c for c in storm.held.close() if c["error"]]
    expect(not errors, f"{len(errors)} of {HELD} connections were cut or moved: {errors[:3]}")
    counters = lab.at_rest(80)  # some flows end by node.idle_timeout
    if settings.XDP:
        expect(not table_holds(lab), f"nothing is counted, and the table holds {table_holds(lab)}")
    return counters


def storm(lab):
    """Faults in a random order: no request fails, no connection is cut, counters are exact."""
    note(f"STORM_SEED={SEED} STORM_HITS={HITS}")
    began = time.monotonic()
    for pool in lab.config["pools"].values():
        for check in pool["checks"]:
            check.update(CHECK)
        for entry in pool["instances"].values():
            entry["weight"] = 60  # from which pools_change() departs
    lab.config["node"]["idle_timeout"] = "20s"  # a busy machine's dataplane may start slowly
    lab.write_config()
    lab.ctl("config", "apply")
    lab.wait_up()
    going = Storm(lab)
    going.run()
    report = going.judge()
    counters = books(lab, going)
    figure(f"{HITS} hits in {time.monotonic() - began:.0f} s: none of {HELD} connections cut, {report['requests']:,} requests, "
           f"{report['failed']} failed; {counters}")


if __name__ == "__main__":
    scenario.run(storm)
