#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# test-long
# test-timeout: 400 s
"""node.dataplane auto: XDP takes over when sluice-dataplane dies or stops, and gives the packets back."""
import json
import os
import signal
import statistics
import sys
import time
from pathlib import Path

os.environ["DATAPLANE"] = "auto"
sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lab"))

import settings  # noqa: E402
import scenario  # noqa: E402
from interfaces import detach, mac_of_edge, queue_pkts, spread  # noqa: E402
from lab import wait_for  # noqa: E402
from netns import run  # noqa: E402
from scenario import expect, expect_equal, figure  # noqa: E402
from traffic import gap_ms  # noqa: E402

ROUNDS = 5
HELD = 40
LIMIT_MS = 1000
SETTLE_S = 0.7  # of traffic after each switch


def carrier(lab):
    return lab.ctl("status")["node"]["dataplane"]["carrier"]


def wait_carrier(lab, who):
    return wait_for(f"{who} to carry", lambda: (lambda c: c["now"] == who and c)(carrier(lab)))


class Watched:
    """Open connections, new ones all the time, and a pulse, during faults of the daemons."""

    def __init__(self, lab, with_load=True):
        self.lab = lab
        self.held = lab.hold(connections=HELD, interval=0.1)
        self.load = lab.load(seconds=300, timeout=20) if with_load else None
        self.pulse = lab.pulse()
        self.switches = []  # (name, from_ns, to_ns)
        time.sleep(SETTLE_S)

    def switch(self, name, action):
        """Do it, and go on for a while."""
        began_ns = time.monotonic_ns()
        action()
        time.sleep(SETTLE_S)
        self.switches.append((name, began_ns, time.monotonic_ns()))

    def close(self):
        """Nothing may have failed. Return the gaps in ms, by name of the switch."""
        beats = self.pulse.close()
        report = self.load.stop() if self.load else {"failed": 0, "requests": 0}
        errors = [c for c in self.held.close() if c["error"]]
        expect(not errors, f"{len(errors)} of {HELD} connections were cut or moved: {errors[:3]}")
        expect_equal(report["failed"], 0, f"failed requests: {report.get('failures', [])[:3]}")
        gaps = {}
        for name, from_ns, to_ns in self.switches:
            gaps.setdefault(name, []).append(gap_ms(beats, from_ns, to_ns))
        self.requests = report["requests"]
        return gaps


def judge(gaps, what):
    """Each kind of switch within the limit; a busy machine may be late once."""
    for name, values in gaps.items():
        figure(f"{what}, {name}: gap of {statistics.median_low(values):.0f} ms (median of {len(values)}; worst {max(values):.0f} ms)")
        expect(statistics.median_low(values) < LIMIT_MS, f"{what}, {name}: gaps of {values} ms")
        expect(sum(value >= LIMIT_MS for value in values) <= 1, f"{what}, {name}: gaps of {values} ms")


def baseline(lab):
    """Books when all clients are gone, and the flows with them: of all scenarios on this port, as counts outlive both daemons."""
    wait_for("the flows to end", lambda: sum(lab.flows().values()) == 0, 40)
    return lab.account()


def killed(lab):
    """kill -9 of sluice-dataplane under load, five times: nothing fails, in either direction."""
    watched = Watched(lab)
    before = wait_carrier(lab, "dpdk")["takeovers"]
    for _ in range(ROUNDS):
        watched.switch("to XDP", lambda: lab.dataplane.kill(signal.SIGKILL))
        expect_equal(carrier(lab)["now"], "xdp", "who carries")
        lab.account(tries=16)  # at once, without a successor
        watched.switch("back to DPDK", lambda: (lab.dataplane.start(), wait_carrier(lab, "dpdk")))
    judge(watched.close(), "kill -9")
    expect(carrier(lab)["takeovers"] >= before + ROUNDS, f"only {carrier(lab)['takeovers']} takeovers")
    expect(carrier(lab)["handed_pkts"] > 0, "no packet was handed to sluice-dataplane")
    figure(f"kill -9: {HELD} connections lived on, {watched.requests:,} requests, none failed; {lab.account()}")


def stopped(lab):
    """SIGSTOP and SIGCONT of sluice-dataplane under load: packets in its queues are dropped as late."""
    watched = Watched(lab)
    for _ in range(3):
        wait_carrier(lab, "dpdk")
        watched.switch("to XDP", lambda: lab.dataplane.process.send_signal(signal.SIGSTOP))
        wait_carrier(lab, "xdp")
        lab.account(tries=16)
        watched.switch("back to DPDK", lambda: (lab.dataplane.process.send_signal(signal.SIGCONT), wait_carrier(lab, "dpdk")))
    judge(watched.close(), "SIGSTOP")
    counters = lab.account()
    expect(counters.drops["late"] > 0, "nothing was late")
    figure(f"SIGSTOP: {counters.drops['late']} packets were late; {counters}")


def drained_meanwhile(lab):
    """A stopped dataplane does not delay a drain, and gets it before it forwards again."""
    lab.dataplane.process.send_signal(signal.SIGSTOP)
    try:
        wait_carrier(lab, "xdp")
        began = time.monotonic()
        lab.ctl("drain", "web/web-1")
        took_s = time.monotonic() - began
        expect("web-1" not in lab.names(settings.L2_URLS[0], 40), "web-1 gets new flows")
    finally:
        lab.dataplane.process.send_signal(signal.SIGCONT)
    wait_carrier(lab, "dpdk")
    expect("web-1" not in lab.names(settings.L2_URLS[0], 40), "web-1 gets new flows from DPDK")
    lab.ctl("resume", "web/web-1")
    figure(f"drain while the dataplane is stopped: {took_s * 1000:.0f} ms")


def ended(lab):
    """SIGTERM of sluice-dataplane, as at an upgrade."""
    watched = Watched(lab)
    for _ in range(3):
        watched.switch("to XDP", lambda: expect_equal(lab.dataplane.kill(signal.SIGTERM), 0, "exit code"))
        watched.switch("back to DPDK", lambda: (lab.dataplane.start(), wait_carrier(lab, "dpdk")))
    judge(watched.close(), "SIGTERM")
    lab.account()


def both_killed(lab):
    """kill -9 of both daemons, in either order."""
    watched = Watched(lab)
    for first, second in ((lab.sluiced, lab.dataplane), (lab.dataplane, lab.sluiced)):
        wait_carrier(lab, "dpdk")
        watched.switch("to XDP", lambda: (first.kill(signal.SIGKILL), second.kill(signal.SIGKILL)))
        # Without sluiced nobody says that its tables are in step: it waits, and XDP goes on.
        watched.switch("the dataplane alone", lab.dataplane.start)
        watched.switch("back to DPDK", lambda: (lab.sluiced.start(), wait_carrier(lab, "dpdk")))
        lab.wait_up()
    judge(watched.close(), "both killed")
    figure(f"both killed: {lab.account()}")


def changed_meanwhile(lab):
    """Pools change twice between death and return: flows that only the table knows stay, both ways."""
    old = Watched(lab, with_load=False)
    lab.dataplane.kill(signal.SIGKILL)
    wait_carrier(lab, "xdp")
    for path in ("web/web-1", "tun4/web-3", "tun6/web-3"):
        lab.ctl("drain", path)
    for path in ("web/web-2", "tun4/web-4", "tun6/web-4"):
        lab.ctl("weight", path, "10")
    young = lab.hold(connections=HELD, interval=0.1)
    time.sleep(1)
    lab.dataplane.start()
    wait_carrier(lab, "dpdk")
    for path in ("web/web-1", "tun4/web-3", "tun6/web-3"):
        lab.ctl("resume", path)
    for path in ("web/web-3", "tun4/far-1", "tun6/far-1"):
        lab.ctl("drain", path)
    time.sleep(1)
    lab.dataplane.kill(signal.SIGKILL)
    wait_carrier(lab, "xdp")
    for path in ("web/web-2", "tun4/web-4", "tun6/web-4"):
        lab.ctl("weight", path, "default")
    time.sleep(1)
    lab.dataplane.start()
    wait_carrier(lab, "dpdk")
    time.sleep(1)
    errors = [c for c in young.close() if c["error"]]
    expect(not errors, f"{len(errors)} connections begun under XDP were cut or moved: {errors[:3]}")
    old.close()
    for path in ("web/web-3", "tun4/far-1", "tun6/far-1"):
        lab.ctl("resume", path)
    baseline(lab)


def edge_make(lab, queues, cpus):
    """The edge's link anew, with this many queues, and both daemons on it."""
    for daemon in reversed(lab.daemons):
        if daemon.running():
            daemon.kill(signal.SIGTERM)
    mac, each = mac_of_edge(lab), ("numrxqueues", queues, "numtxqueues", queues)
    # The flow table stays as it was made otherwise.
    detach(lab)
    lab.net.ip("edge", "link del edge0")
    run("ip", "link", "add", "edge0", "netns", lab.net.name("edge"), "address", mac, *each, "type", "veth",
        "peer", "name", "edge0p", *each, "netns", lab.net.name("switch"))
    lab.net.ip("switch", "link set edge0p up")
    lab.net.ip("edge", "link set edge0 up")
    lab.set_up_edge()
    lab.config["node"]["cpus"] = cpus
    lab.write_config()
    lab.sluiced.start()
    lab.dataplane.start("--idle-sleep-us", "50")  # two workers and everything else share two CPUs here
    lab.wait_up()
    wait_carrier(lab, "dpdk")


def two_queues(lab):
    """Two queues, two workers, and flows that change queues while XDP forwards."""
    edge_make(lab, 2, "0,1")
    try:
        spread(lab, True)
        watched = Watched(lab)
        before = [queue_pkts(lab, queue) for queue in (0, 1)]
        for on in (False, True):
            watched.switch("to XDP", lambda: lab.dataplane.kill(signal.SIGKILL))
            lab.ctl("drain", "web/web-1")
            spread(lab, on)
            time.sleep(1)
            watched.switch("back to DPDK", lambda: (lab.dataplane.start("--idle-sleep-us", "50"), wait_carrier(lab, "dpdk")))
            lab.ctl("resume", "web/web-1")
        judge(watched.close(), "two queues")
        got = [queue_pkts(lab, queue) - before[queue] for queue in (0, 1)]
        expect(min(got) > 500, f"packets of the two queues: {got}")
        figure(f"two queues got {got[0]:,} and {got[1]:,} packets; {baseline(lab)}")
    finally:
        edge_make(lab, 1, "1")


def queue_without_a_worker(lab):
    """Two queues, and one CPU in node.cpus: packets on the other queue are forwarded, and their flows recorded."""
    edge_make(lab, 2, "1")
    try:
        spread(lab, True)
        before = [queue_pkts(lab, queue) for queue in (0, 1)]
        watched = Watched(lab)
        watched.switch("a drain", lambda: lab.ctl("drain", "web/web-1"))
        watched.switch("to XDP", lambda: lab.dataplane.kill(signal.SIGKILL))
        watched.switch("back to DPDK", lambda: (lab.dataplane.start("--idle-sleep-us", "50"), wait_carrier(lab, "dpdk")))
        watched.switch("a restart of sluiced", lambda: (lab.sluiced.kill(signal.SIGKILL), lab.sluiced.start()))
        lab.ctl("resume", "web/web-1")
        judge(watched.close(), "a queue without a worker")
        got = [queue_pkts(lab, queue) - before[queue] for queue in (0, 1)]
        expect(min(got) > 500, f"packets of the two queues: {got}")
        note = json.dumps(lab.ctl("status")["node"])
        expect("queues 1 to 1 have no CPU in node.cpus" in note, note)
        figure(f"the queue without a worker got {got[1]:,} packets of {sum(got):,}; {baseline(lab)}")
    finally:
        edge_make(lab, 1, "1")


def said(lab):
    """Status as JSON and as a table, and the logs."""
    now = wait_carrier(lab, "dpdk")
    expect(now["takeover"] and now["why"] and now["since_s"] > 0, f"status: {now}")
    expect("carried by DPDK" in lab.ctl("status", table=True), "status as text")
    lab.dataplane.kill(signal.SIGKILL)
    wait_carrier(lab, "xdp")
    text = lab.ctl("status", table=True)
    expect("carried by XDP" in text and "not running" in text, text)
    log = lab.sluiced.log(100)
    expect("packets go to XDP: sluice-dataplane is not running" in log and "packets go to DPDK" in log, log)
    lab.dataplane.start()
    wait_carrier(lab, "dpdk")


if __name__ == "__main__":
    scenario.run(killed, stopped, drained_meanwhile, ended, both_killed, changed_meanwhile, said, two_queues, queue_without_a_worker)
