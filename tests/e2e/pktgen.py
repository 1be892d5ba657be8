#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The traffic generator finds faults: a dataplane with each kind of fault, and one without any."""
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True

BUILD = Path(os.environ.get("BUILD", "build"))
FORWARDER, PKTGEN = BUILD / "tests/faulty/forwarder", BUILD / "perf/pktgen/pktgen"
VIP = "203.0.113.10:443"
VIPS = (VIP, "[2001:db8::10]:443")
PERIOD = 50000
PACKETS = 200000
FLOWS = 5000
OPENING = 2 * FLOWS  # packets
MILLION = 1000000
LIMIT_S = 60

CONFIG = """
node: {{ port: "net_memif0", cpus: "0", address: ["10.0.0.5/16"], table_slots: 1021, secret: "30313233343536373839616263646500" }}
pools:
  pool:
    instances:
{instances}
services:
  service: {{ vip: ["203.0.113.10", "2001:db8::10"], forward: ipip, listeners: [{{ port: 443, pool: pool }}] }}
""".format(instances="\n".join(f"      i{n}: {{ address: 10.0.1.{n} }}" for n in range(8)))

# What is done, in which mode, how often, to how many packets; which faults of the generator's, and how many, are to be
# found: a number, or None for "some". Nothing else may be.
CASES = [
    ("none", "ipip", PERIOD, PACKETS, {}),
    ("none", "l2", PERIOD, PACKETS, {}),
    ("outer_checksum", "ipip", PERIOD, PACKETS, {"outer_checksum": 4}),
    ("outer_length", "ipip", PERIOD, PACKETS, {"outer_length": 4}),
    ("outer_source", "ipip", PERIOD, PACKETS, {"outer": 4}),
    ("mac", "ipip", PERIOD, PACKETS, {"ethernet": 4}),
    ("mac", "l2", PERIOD, PACKETS, {"moved": None}),
    ("inner_ttl", "ipip", PERIOD, PACKETS, {"inner": 4}),
    ("inner_checksum", "ipip", PERIOD, PACKETS, {"inner_checksum": 4}),
    ("sequence", "ipip", PERIOD, PACKETS, {"signature": 4}),
    ("payload", "ipip", PERIOD, PACKETS, {"payload": 4}),
    ("payload", "l2", PERIOD, PACKETS, {"payload": 4}),
    ("padding", "ipip", PERIOD, PACKETS, {"length": 4}),
    ("padding", "l2", PERIOD, PACKETS, {"length": 4}),
    ("duplicate", "ipip", PERIOD, PACKETS, {"duplicate": 4}),
    ("reordered", "ipip", PERIOD, PACKETS, {"reordered": 3, "lost": 1}),
    ("lost", "ipip", MILLION, 2 * MILLION, {"lost": 2}),
    ("moved", "ipip", PERIOD, PACKETS, {"moved": 1}),
    ("swapped", "ipip", PERIOD, PACKETS, {"moved": None}),
    ("swapped", "ipip", 1, PACKETS, {"unexpected": None}),
    ("forgets", "ipip", PERIOD, PACKETS, {"moved": None}),
]


@contextlib.contextmanager
def forwarder(folder, mode, fault, period):
    socket = folder / "memif.sock"
    socket.unlink(missing_ok=True)
    device = f"net_memif0,role=server,socket={socket},socket-abstract=no,mac=02:ed:9e:00:00:01,bsize=256"
    child = subprocess.Popen([FORWARDER, device, mode, fault, str(period)], stdin=subprocess.DEVNULL)
    try:
        yield socket
    finally:
        child.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(5)
        child.kill()
        child.wait()


def generate(folder, socket, mode, packets, vips):
    """Run the generator; its exit code, what it wrote and what it said."""
    report = folder / "report.json"
    report.unlink(missing_ok=True)
    config = folder / "sluice.yaml"
    config.write_text(CONFIG)
    device = f"net_memif0,role=client,socket={socket},socket-abstract=no,mac=02:c1:1e:00:00:01,bsize=256"
    argv = [PKTGEN, "--port", device, "--no-huge", "--mode", mode, "--node-mac", "02:ed:9e:00:00:01", "--instances",
            "10.0.1.0-10.0.1.7", "--instance-mac", "02:00:00:00:00:00", "--flows", FLOWS, "--packets", packets, "--no-loss",
            "--quiet", "--yield", "--config", config, "--drain", 3000, "-j", report, "--open-rate", "200k"]
    for vip in vips:
        argv += ["--vip", vip]
    done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_S,
                          check=False)
    if not report.exists():
        raise AssertionError(f"no report: {done.stdout}{done.stderr}")
    return done.returncode, json.loads(report.read_text()), done.stdout + done.stderr


def found(report):
    """All faults by name that either phase has seen, and what was lost."""
    counts = {}
    for phase in ("opened", "result"):
        for name, count in {**report[phase]["faults"], "lost": report[phase]["lost"]}.items():
            if count:
                counts[name] = counts.get(name, 0) + count
    return counts


def check(folder, case):
    fault, mode, period, packets, wanted = case
    with forwarder(folder, mode, fault, period) as socket:
        code, report, said = generate(folder, socket, mode, packets, [VIP] if fault != "none" else VIPS)
    got = found(report)
    if set(got) != set(wanted) or any(count not in (None, got[name]) for name, count in wanted.items()):
        raise AssertionError(f"found {got or 'nothing'}, not {wanted or 'nothing'}\n{said}")
    if code != (1 if wanted else 0):
        raise AssertionError(f"exit code {code}\n{said}")
    if report["result"]["tx"]["pkts"] < packets:
        raise AssertionError(f"it sent only {report['result']['tx']['pkts']} packets")


def main():
    failed, slowest = 0, (0, "")
    with tempfile.TemporaryDirectory() as folder:
        for number, case in enumerate(CASES, 1):
            fault, mode, period, _, wanted = case
            name = f"{mode}: {fault}, one in {period:,}: found as {', '.join(wanted) or 'nothing at all'}"
            began = time.monotonic()
            try:
                check(Path(folder), case)
                print(f"ok {number} - {name}", flush=True)
            except (AssertionError, subprocess.TimeoutExpired) as error:
                failed += 1
                print(f"not ok {number} - {name}")
                print("\n".join(f"# {line}" for line in str(error).splitlines()), flush=True)
            slowest = max(slowest, (time.monotonic() - began, name))
    print(f"# the slowest took {slowest[0]:.1f} s: {slowest[1]}")
    print(f"1..{len(CASES)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
