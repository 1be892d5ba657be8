#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# test-long
"""The flow tables of a DPDK dataplane outlive it: kill -9, a new binary, a planned restart.

test-timeout: 300 s
test-dataplanes: dpdk
"""
import signal
import statistics
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lab"))

import settings  # noqa: E402
import scenario  # noqa: E402
from lab import wait_for  # noqa: E402
from scenario import expect, expect_equal, figure, note  # noqa: E402

settings.patient()
settings.CONFIG["node"]["idle_timeout"] = "2m"  # a busy machine's dataplane may start slowly
HELD = 64
PULSE_MS = 4
WAIT_S = 90


def kept(lab):
    """What status says of the last start: (flows, whence or why none)."""
    dataplane = lab.ctl("status")["node"]["dataplane"]
    return dataplane["flows_kept"], dataplane["flows_kept_note"]


def shift(lab):
    """Change the pools twice: then neither the current tables nor the previous ones are those of connections from before."""
    for weights in ({1: 5, 3: 100}, {1: 100, 2: 5, 3: 5}):
        for pool in lab.config["pools"].values():
            for number, name in enumerate(pool["instances"], 1):
                pool["instances"][name]["weight"] = weights.get(number, 60)
        lab.write_config()
        lab.ctl("config", "apply")
        wait_for("the tables", lambda: not lab.ctl("status")["node"]["dataplane"]["pending"], WAIT_S)


def hold(lab, connections=HELD):
    """Connections from before the pools changed."""
    held = lab.hold(connections=connections, interval=0.2, timeout=40)
    shift(lab)
    return held


def answered(held, before):
    now = held.report()
    broken = [c for c in now if c["error"]]
    expect(not broken, f"{len(broken)} of {len(now)} connections were cut or moved: {broken[:3]}")
    return all(c["requests"] > b["requests"] for c, b in zip(now, before))


def go_on(lab, held, what):
    """Every connection has had another answer, from the instance that it has."""
    lab.wait_up(WAIT_S)
    before = held.report()
    wait_for(f"an answer on every connection, {what}", lambda: answered(held, before), WAIT_S)


def gap_ms(beats, began_ns):
    """The longest time after @began_ns in which no SYN that was sent got an answer."""
    edges = [began_ns, *(sent for sent, got in beats if got and sent >= began_ns)]
    return max((b - a) / 1e6 for a, b in zip(edges, edges[1:]))


def counted(lab):
    return sum(lab.flows().values())


def killed(lab):
    """kill -9 and SIGTERM of the dataplane, after the pools have changed: no connection moves."""
    held, gaps, starts = hold(lab), [], []
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
        before = counted(lab)
        pulse = lab.pulse(PULSE_MS)
        time.sleep(0.3)
        began_ns = time.monotonic_ns()
        lab.dataplane.kill(number)
        lab.dataplane.start()
        go_on(lab, held, f"after signal {number}")
        gaps.append(gap_ms(pulse.close(), began_ns))
        starts.append(lab.dataplane.ready_s * 1000)
        flows, whence = kept(lab)
        expect(flows >= HELD, f"{flows} flows kept of {before}, with {HELD} connections open: {whence}")
        expect_equal(whence, "from sluiced", "who kept them")
        lab.account()
        note(f"signal {number}: {before} flows before, {flows} kept, 0 of {HELD} connections moved, {gaps[-1]:.0f} ms without traffic")
    errors = [c for c in held.close() if c["error"]]
    expect(not errors, f"{len(errors)} of {HELD} connections were cut or moved: {errors[:3]}")
    counters = lab.at_rest(WAIT_S)
    figure(f"dataplane killed {len(gaps)} times: {statistics.median(gaps):.0f} ms without traffic (median; worst {max(gaps):.0f}; "
           f"its start took {statistics.median(starts):.0f}), {HELD} connections, 0 moved; {counters}")


def sluiced_first(lab):
    """sluiced is killed and comes back, then the dataplane is: sluiced has got the tables again."""
    held = hold(lab)
    lab.sluiced.kill()
    lab.sluiced.start()
    lab.wait_up(WAIT_S)
    lab.dataplane.kill()
    # It reads the pools as they are, and uses its predecessor's tables until sluiced has said more.
    lab.dataplane.start()
    go_on(lab, held, "after both, one after the other")
    expect_equal(kept(lab)[1], "from sluiced", "who kept them")
    errors = [c for c in held.close() if c["error"]]
    expect(not errors, f"{len(errors)} of {HELD} connections were cut or moved: {errors[:3]}")


def removed_meanwhile(lab):
    """Instances join and leave while there is no dataplane: indices of the flows still mean the same instances."""
    held = hold(lab, 160)  # half of them to this pool: none at web-2 has a chance of 1e-10
    lab.dataplane.kill()
    gone = lab.config["pools"]["web"]["instances"].pop("web-2")
    lab.config["pools"]["web"]["instances"]["another"] = gone  # the same server, but not the same instance
    lab.write_config()
    lab.ctl("config", "apply")
    lab.dataplane.start()
    lab.wait_up(WAIT_S)
    before = held.report()
    expect(any(c["instance"] == "web-2" for c in before), "no connection was web-2's")

    def progress():
        pairs = [(b, c) for b, c in zip(before, held.report()) if b["instance"] != "web-2"]
        bad = [c for _, c in pairs if c["error"]]
        expect(not bad, f"{len(bad)} connections of instances that stay were cut or moved: {bad[:3]}")
        return all(c["requests"] > b["requests"] for b, c in pairs)
    wait_for("an answer on every connection of the others", progress, WAIT_S)
    held.close()


def changed(lab):
    """Another size or secret: it says so and starts empty. So it does if nobody has kept anything."""
    cases = [("flows", 50000, "none: node.flows has changed"),
             ("secret", "ff0102030405060708090a0b0c0d0e0f", "none: node.secret has changed")]
    for key, value, why in cases:
        held = lab.hold(connections=8, interval=0.2, timeout=40)
        lab.dataplane.kill()
        lab.config["node"][key] = value
        lab.write_config()
        lab.dataplane.start()
        # node keys are in force after a restart of both
        lab.sluiced.kill()
        lab.sluiced.start()
        lab.wait_up(WAIT_S)
        expect_equal(kept(lab), (0, why), f"with another node.{key}")
        held.close()
    held = hold(lab)
    for daemon in (lab.sluiced, lab.dataplane):
        daemon.kill()
    for daemon in (lab.dataplane, lab.sluiced):
        daemon.start()
    lab.wait_up(WAIT_S)
    expect_equal(kept(lab), (0, "none: neither sluiced nor systemd had any"), "both killed at once")
    time.sleep(1)
    moved = sum(bool(c["error"]) for c in held.close())
    expect(moved, "no connection was cut without the flow tables, so the other scenarios have shown nothing")
    figure(f"without systemd, both killed at once: {moved} of {HELD} connections cut, as the pools have changed twice")


if __name__ == "__main__":
    scenario.run(killed, sluiced_first, removed_meanwhile, changed)
