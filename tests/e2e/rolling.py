#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# test-long
"""Operations under load, in a minute: no request may fail.

test-timeout: 300 s
test-dataplanes: dpdk xdp
"""
import signal
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lab"))

import settings  # noqa: E402
import scenario  # noqa: E402
from scenario import expect, expect_equal, figure  # noqa: E402

REQUESTS = 20000
RESTARTS = 10
APPLIES = 10
HELD = 80
HELD_INTERVAL_S = 0.5
DRAINED = {"web/web-1", "tun4/far-1", "tun6/far-1"}
LAME = {"web/web-4", "tun4/web-4", "tun6/web-4"}
GRACE_NS = 1_000_000_000  # from a check's verdict to the moment when the status says so


def pool_of(url):
    return "web" if url in settings.L2_URLS else "tun6" if url.startswith("https") else "tun4"


def last_begin_ns(report, path):
    """When the last request began that this instance answered for this pool."""
    pool, name = path.split("/")
    return max((seen[name]["last_ns"] for url, seen in report["seen"].items() if pool_of(url) == pool and name in seen), default=0)


def held_by(connections, paths):
    return [c for c in connections if f"{pool_of(c['url'])}/{c['instance']}" in paths]


def drain_and_lame(lab):
    """Drain one instance, make another lame. Return when each was out of the tables."""
    out_ns = {}
    for path in DRAINED:
        lab.ctl("drain", path)
        out_ns[path] = time.monotonic_ns()
    lab.instances["web-4"].lame()
    for path in LAME:
        lab.wait_health(path, "lame")
        out_ns[path] = time.monotonic_ns()
    return out_ns


def restart_and_apply(lab):
    """Kill sluiced and start it again, and change the configuration, in turn."""
    for number in range(max(RESTARTS, APPLIES)):
        if number < RESTARTS:
            lab.sluiced.kill(signal.SIGKILL)
            time.sleep(0.2)  # traffic without a control plane
            lab.sluiced.start()
        if number < APPLIES:
            lab.config["pools"]["web"]["instances"]["web-2"]["weight"] = 100 - 5 * (number + 1)
            lab.write_config()
            lab.ctl("config", "apply")


def operations(lab):
    """20,000 requests while sluiced is killed ten times, the file applied ten times, one drained, one lame: none fails."""
    held = lab.hold(connections=HELD)
    load = lab.load(requests=REQUESTS, workers=12)
    beside = lab.load(rate=60, workers=4)  # to the end, however long that takes
    time.sleep(1)
    out_ns = drain_and_lame(lab)
    restart_and_apply(lab)
    report, also = load.wait(), beside.stop()
    at_rest = held.close()

    expect_equal(report["requests"], REQUESTS, "requests")
    for one in (report, also):
        expect_equal(one["failed"], 0, f"failed requests ({one['kinds']}): {one['failures'][:5]}")
    for path, moment_ns in out_ns.items():
        late_ns = max(last_begin_ns(report, path), last_begin_ns(also, path)) - moment_ns
        expect(late_ns <= (0 if path in DRAINED else GRACE_NS), f"{path}: a new flow {late_ns / 1e6:.1f} ms after it was out")
    errors = [c for c in at_rest if c["error"]]
    expect(not errors, f"long-lived connections: {errors[:3]}")
    for what, paths in (("drained", DRAINED), ("lame", LAME)):
        expect(held_by(at_rest, paths), f"no long-lived connection was on the {what} instance: nothing is shown")
    figure(f"{report['requests']:,} requests, {report['failed']} failed, {report['per_second']} a second, median {report['p50_ms']} ms, "
           f"p99 {report['p99_ms']} ms, {report['slow']} slower than 0.9 s")
    figure(f"{HELD} long-lived connections lived on, {len(held_by(at_rest, DRAINED))} on the drained and "
           f"{len(held_by(at_rest, LAME))} on the lame instance")
    for path in DRAINED | LAME:
        expect_equal(lab.instance_status(path)["admin"], "drain" if path in DRAINED else "ready", f"admin state of {path} after the restarts")


def check_death(lab, name, kill, died):
    """Kill an instance under load and count the connections that end."""
    held = lab.hold(connections=2 * HELD, interval=HELD_INTERVAL_S)  # so many that some are on the smallest share
    load = lab.load(rate=150, workers=12, timeout=5)
    time.sleep(1)
    killed_ns = time.monotonic_ns()
    kill()
    paths = [f"{pool}/{name}" for pool, entry in lab.config["pools"].items() if name in entry["instances"]]
    for path in paths:
        lab.wait_health(path, "down")
    down_ns = time.monotonic_ns()
    time.sleep(2.5)
    report, connections = load.stop(), held.close()

    late = [f for f in report["failures"] if f["begin_ns"] > down_ns]
    expect(not late, f"requests that began after the check said down: {late[:3]}")
    early = [f for f in report["failures"] if f["end_ns"] < killed_ns]
    expect(not early, f"requests that failed before anything happened: {early[:3]}")
    for path in paths:
        expect(last_begin_ns(report, path) <= down_ns, f"{path} answered a new flow after it was down")
    hurt = [c for c in connections if c["error"]]
    expect(all(c["instance"] == name for c in hurt), f"connections of other instances suffer: {[c for c in hurt if c['instance'] != name][:3]}")
    expect(hurt and len(hurt) == sum(c["instance"] == name for c in connections), f"{len(hurt)} connections of {name} noticed")
    slowest_s = max(c["error_ns"] - killed_ns for c in hurt) / 1e9
    figure(f"{name} {died}: down after {(down_ns - killed_ns) / 1e9:.2f} s; its {len(hurt)} long-lived connections ended within "
           f"{slowest_s:.2f} s; {report['failed']} of {report['requests']:,} requests failed, all before it was down")
    return slowest_s, (down_ns - killed_ns) / 1e9


def killed(lab):
    """An instance is killed outright: only its own connections fail, no new one lands there once it is down."""
    check_death(lab, "web-3", lab.instances["web-3"].kill, "killed")


def unplugged(lab):
    """An instance vanishes silently: another one resets its clients' connections."""
    slowest_s, down_s = check_death(lab, "web-2", lab.instances["web-2"].cut, "unplugged")
    # A client learns of it when it sends again what nobody answered. Each pause is twice the one before, so the first time
    # after the check said down comes before twice that time, counted from its first try. That one, or the RST in answer to
    # it, may be lost as any packet may; the next one comes before four times that time.
    limit_s = 4 * (down_s + HELD_INTERVAL_S) + 1
    expect(slowest_s <= limit_s, f"a client had to wait {slowest_s:.1f} s, not {limit_s:.1f} at most")


def comes_back(lab):
    """A dead instance that comes back gets new flows again."""
    lab.instances["web-1"].kill()
    lab.wait_health("web/web-1", "down")
    lab.instances["web-1"].start()
    lab.wait_health("web/web-1", "up")
    expect("web-1" in lab.probe(*settings.L2_URLS[:1]).values(), "web-1 gets no flow")


def drain_wait(lab):
    """drain --wait ends when the last flow has ended, not before."""
    held = lab.hold(settings.L2_URLS[0], connections=HELD)
    mine = [c for c in held.opened if c["instance"] == "web-1"]
    expect(mine, "no connection is on web-1: nothing is shown")
    waiter = lab.ctl_spawn("drain", "web/web-1", "--wait", "60s")
    time.sleep(1.5)
    expect(waiter.poll() is None, f"drain --wait ended with {waiter.poll()} while {len(mine)} connections were open")
    expect_equal([c for c in held.close() if c["error"]], [], "long-lived connections")
    out, err = waiter.communicate(timeout=30)
    expect_equal(waiter.returncode, 0, f"exit code of drain --wait: {err}")
    expect_equal(lab.instance_status("web/web-1")["flows"], 0, f"flows afterwards; it said: {out}")


def books(lab):
    """Afterwards every packet is accounted for, no flow is left and every buffer is free."""
    figure(str(lab.at_rest()))


if __name__ == "__main__":
    scenario.run(operations, killed, unplugged, comes_back, drain_wait, books)
