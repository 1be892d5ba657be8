#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# test-long
"""The traffic generator finds faults: a dataplane with each kind of fault, and one without any."""
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from tap import Points  # noqa: E402

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
    ("none", "l2", PERIOD, PACKETS, {}, "--size", "imix"),
    ("none", "ipip", PERIOD, PACKETS, {}, "--size", "64:7,594:4,1458:1", "--zipf", 1),
    ("outer_checksum", "ipip", PERIOD, PACKETS, {"outer_checksum": 4}),
    ("outer_length", "ipip", PERIOD, PACKETS, {"outer_length": 4}),
    ("outer_source", "ipip", PERIOD, PACKETS, {"outer": 4}),
    ("mac", "ipip", PERIOD, PACKETS, {"ethernet": 4}),
    ("mac", "l2", PERIOD, PACKETS, {"moved": None}),
    ("inner_ttl", "ipip", PERIOD, PACKETS, {"inner": 4}),
    ("other_client", "ipip", PERIOD, PACKETS, {"inner": 4}),
    ("other_client", "l2", PERIOD, PACKETS, {"inner": 4}),
    ("no_tunnel", "ipip", PERIOD, PACKETS, {"outer": 4}),
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
    ("none", "ipip", PERIOD, PACKETS, {}, "--flood", 100),
    ("swapped", "ipip", PERIOD, PACKETS, {"unexpected": None}, "--flood", 100),
]

# What is refused, and a word of why.
REFUSED = [
    (["--flows", "-5"], "--flows"),
    (["--flows", "1e12"], "--flows"),
    (["--rate", "nan"], "--rate"),
    (["--size", "63"], "--size"),
    (["--size", "9601"], "--size"),
    (["--cps", "1e9", "--flows", "100"], "--cps"),
    (["--seed", "many"], "--seed"),
    (["--cpu", "1000"], "--cpu"),
    (["--watch", "2e9"], "--watch"),
    (["--vip", "203.0.113.10:70000"], "--vip"),
    (["--clients", "127.255.255.0"], "--clients"),
    (["--clients", "255.255.255.0"], "--clients"),
    (["--config", "/nowhere.yaml"], "/nowhere.yaml"),
]


@contextlib.contextmanager
def forwarder(folder, mode, fault, period):
    socket = folder / "memif.sock"
    socket.unlink(missing_ok=True)
    device = f"net_memif0,role=server,socket={socket},socket-abstract=no,mac=02:ed:9e:00:00:01,bsize=2048"
    child = subprocess.Popen([FORWARDER, device, mode, fault, str(period)], stdin=subprocess.DEVNULL)
    try:
        yield socket
    finally:
        child.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(5)
        child.kill()
        child.wait()


def pktgen_argv(*options):
    return [str(a) for a in (PKTGEN, "--no-huge", "--node-mac", "02:ed:9e:00:00:01", "--instances", "10.0.1.0-10.0.1.7",
                             "--instance-mac", "02:00:00:00:00:00", "--quiet", "--yield", *options)]


def pktgen(*options, limit_s=LIMIT_S):
    """Run the generator; its exit code, and what it said."""
    done = subprocess.run(pktgen_argv(*options), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=limit_s, check=False)
    return done.returncode, done.stdout


def memif(socket):
    return f"net_memif0,role=client,socket={socket},socket-abstract=no,mac=02:c1:1e:00:00:01,bsize=2048"


def generate(folder, socket, mode, packets, vips, more):
    """Run the generator against a forwarder; its exit code, what it wrote and what it said."""
    report = folder / "report.json"
    report.unlink(missing_ok=True)
    config = folder / "sluice.yaml"
    config.write_text(CONFIG)
    targets = [word for vip in vips for word in ("--vip", vip)]
    code, said = pktgen("--port", memif(socket), "--mode", mode, "--flows", FLOWS, "--packets", packets, "--no-loss", "--config", config,
                        "--drain", 3000, "-j", report, "--open-rate", "200k", *targets, *more)
    if not report.exists():
        raise AssertionError(f"no report: {said}")
    return code, json.loads(report.read_text()), said


def found(report):
    """All faults by name that either phase has seen, and what was lost."""
    counts = {}
    for phase in ("opened", "result"):
        for name, count in {**report[phase]["faults"], "lost": report[phase]["lost"]}.items():
            if count:
                counts[name] = counts.get(name, 0) + count
    return counts


def check_fault(folder, case):
    fault, mode, period, packets, wanted, *more = case
    with forwarder(folder, mode, fault, period) as socket:
        code, report, said = generate(folder, socket, mode, packets, [VIP] if fault != "none" else VIPS, more)
    got = found(report)
    if set(got) != set(wanted) or any(count not in (None, got[name]) for name, count in wanted.items()):
        raise AssertionError(f"found {got or 'nothing'}, not {wanted or 'nothing'}\n{said}")
    if code != (1 if wanted else 0):
        raise AssertionError(f"exit code {code}\n{said}")
    if report["result"]["tx"]["pkts"] < packets:
        raise AssertionError(f"it sent only {report['result']['tx']['pkts']} packets")


def check_search(folder):
    """Faults of all trials count, but those that are tolerated."""
    words = ("--vip", VIP, "--mode", "ipip", "--flows", FLOWS, "--open-rate", "100k", "--search", "--search-max", "100k", "--trial", 0.3,
             "--search-time", 1)
    for more, wanted in (((), 1), (("--tolerate", "reordered"), 0)):
        with forwarder(folder, "ipip", "reordered", 1000) as socket:
            code, said = pktgen("--port", memif(socket), *words, *more)
        if code != wanted or "zero loss" not in said:
            raise AssertionError(f"{' '.join(more) or 'nothing tolerated'}: exit code {code}\n{said}")


def check_noisy(_):
    """Foreign packets arrive all the time; the run ends nevertheless."""
    code, said = pktgen("--port", "net_null0", "--vip", VIP, "--flows", 100, "--packets", 1000, "--drain", 50, limit_s=30)
    if code != 1 or "lost 1000 " not in said or "nothing came back" not in said:
        raise AssertionError(f"exit code {code}\n{said}")


def check_killed(folder):
    """A device killed within a run is reported."""
    with forwarder(folder, "ipip", "none", 1) as socket:
        argv = pktgen_argv("--port", memif(socket), "--vip", VIP, "--mode", "ipip", "--flows", 100, "--rate", "10k", "--time", 3)
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        watchdog = threading.Timer(LIMIT_S, child.kill)
        watchdog.start()
        said = child.stdout.readline()  # the flows are open
    said += child.stdout.read()
    code = child.wait()
    watchdog.cancel()
    # The driver itself doesn't always survive it: it frees the rings while they are in use.
    if code != -signal.SIGSEGV and (code != 3 or "has lost its link" not in said):
        raise AssertionError(f"exit code {code}\n{said}")


def check_refused(_):
    """Invalid options are refused with a message."""
    for words, why in REFUSED:
        code, said = pktgen("--port", "net_ring0", "--vip", VIP, "--packets", 1, *words)
        if code != 2 or why not in said:
            raise AssertionError(f"{' '.join(words)}: exit code {code}: {said}")


def points():
    """What is checked: a name, a function of a folder."""
    for case in CASES:
        fault, mode, period, _, wanted, *more = case
        name = " ".join(str(w) for w in [f"{mode}: {fault}, one in {period:,}", *more])
        yield f"{name}: found as {', '.join(wanted) or 'nothing at all'}", lambda folder, case=case: check_fault(folder, case)
    for check in (check_search, check_noisy, check_killed, check_refused):
        yield check.__doc__.rstrip("."), check


def main():
    tap, slowest = Points(), (0, "")
    with tempfile.TemporaryDirectory() as folder:
        for name, check in points():
            began = time.monotonic()
            tap.call(name, check, Path(folder))
            slowest = max(slowest, (time.monotonic() - began, name))
    print(f"# the slowest took {slowest[0]:.1f} s: {slowest[1]}")
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
