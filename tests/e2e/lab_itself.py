#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# test-long
"""The lab without Sluice: it works, and leaves nothing behind."""
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lab"))

import scenario  # noqa: E402
from lab import HERE, wait_for  # noqa: E402
from netns import RUNS, remove_stale, run  # noqa: E402
from scenario import expect, expect_equal, figure  # noqa: E402
from traffic import Capture  # noqa: E402

REQUESTS = 3000
ANOTHER = f"""
import sys, time
sys.path.insert(0, {str(HERE)!r})
from lab import Lab
with Lab():
    print("up", flush=True)
    time.sleep(60)
"""
PORT, OTHER_PORT = 9, 10
CAPTURES, DATAGRAMS_SENT = 10, 500
DATAGRAMS = """
import itertools, socket, sys, time
to, port, pause_s, *count = sys.argv[1:]
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    for _ in range(int(count[0])) if count else itertools.count():
        s.sendto(b"x", (to, int(port)))
        time.sleep(float(pause_s))
"""


def direct(lab):
    """Directly to an instance, without the edge: no request fails, long-lived connections survive."""
    web = lab.instances["web-1"]
    lab.route_vips(web.v4, web.v6)
    held = lab.hold(connections=40)
    report = lab.load(requests=REQUESTS, expect="web-1").wait()
    expect_equal(report["failed"], 0, f"failed requests: {report['failures'][:3]}")
    expect_equal([c for c in held.close() if c["error"]], [], "long-lived connections")
    figure(f"without a balancer: {report['requests']:,} requests, {report['per_second']} a second, median {report['p50_ms']} ms")


def notices(lab):
    """Load and long-lived connections detect another instance, and a dead one."""
    one, two = lab.instances["web-1"], lab.instances["web-2"]
    lab.route_vips(one.v4, one.v6)
    held = lab.hold(connections=8)
    lab.route_vips(two.v4, two.v6)
    expect_equal(lab.load(requests=16, expect="web-1").wait()["kinds"], {"answer": 16}, "kinds of failures")
    two.kill()
    expect_equal(lab.load(requests=16).wait()["kinds"], {"refused": 16}, "kinds of failures")
    two.heal()
    wait_for("broken connections", lambda: all(c["error"] for c in held.report()))
    held.close()


def another():
    """Another run of the lab, which is up when this returns."""
    child = subprocess.Popen(["/usr/bin/python3", "-B", "-c", ANOTHER], stdout=subprocess.PIPE, text=True)
    expect_equal(child.stdout.readline(), "up\n", "what the other run says")
    return child


def remains(pid):
    names = [line.split()[0] for line in run("ip", "netns", "list").stdout.splitlines() if line.startswith(f"sl-{pid}-")]
    mounts = [line for line in Path("/proc/mounts").read_text().splitlines() if f"{RUNS}/{pid}/" in line]
    return names + mounts + [str(RUNS / str(pid))] * (RUNS / str(pid)).exists()


def alive(pid):
    """Neither ended nor a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def captures(lab):
    """A capture has each packet of its filter, and ends beside packets that came before the filter."""
    to = lab.instances["web-1"].v4
    others = lab.net.spawn("client", "/usr/bin/python3", "-c", DATAGRAMS, to, OTHER_PORT, 0.0002)
    try:
        for _ in range(CAPTURES):
            capture = Capture(lab.net, "switch", "-i", "web-1", f"udp dst port {PORT}")
            lab.net.exec("client", "/usr/bin/python3", "-c", DATAGRAMS, to, PORT, 0, DATAGRAMS_SENT)
            expect_equal(capture.close().count("UDP, length 1"), DATAGRAMS_SENT, "captured packets")
    finally:
        others.kill()
        others.wait()


def stops(_lab):
    """Ctrl-C, and a second one at once, leave nothing behind."""
    child = another()
    expect(remains(child.pid), "nothing was there in the first place")
    child.send_signal(signal.SIGINT)
    time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    child.wait(20)
    expect_equal(remains(child.pid), [], "what is left")


def dies(_lab):
    """Leftovers of a killed run are removed by the next one; those of other runs are kept."""
    child = another()
    nginx = [int(p) for p in run("ip", "netns", "pids", f"sl-{child.pid}-web-1").stdout.split()]
    child.kill()
    child.wait()
    remove_stale()
    expect_equal(remains(child.pid), [], "what is left")
    expect(nginx and not any(map(alive, nginx)), "its nginx lives on")
    expect(remains(os.getpid()), "this run's own things are gone")


if __name__ == "__main__":
    scenario.run(direct, notices, captures, stops, dies, bare=True)
