#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Run perf/publish against a dataplane whose worker forwards at full speed: publish.py JSON [DRAINS]

The packets come from a file that DPDK's pcap driver repeats for ever; what is sent, the driver drops. The dataplane
stands in a network namespace of its own, since it makes its interface for the kernel path there.
"""
import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = HERE.parent.parent / os.environ.get("BUILD", "build")
DRIVER_MAC = bytes.fromhex("027063617000")  # of net_pcap0, which has no other
VIP = "203.0.113.10"
FLOWS = 512  # the driver keeps all of them in buffers of the worker's pool
INSTANCES = 100
READY_S = 20
NICE = -20

CONFIG = """node:
  port: "net_pcap0,rx_pcap={pcap},infinite_rx=1"
  cpus: "{cpu}"
  address: [10.0.0.5/16]
  flows: 100000
  secret: "000102030405060708090a0b0c0d0e0f"
pools:
  web:
    instances:
{instances}
services:
  www:
    vip: [{vip}]
    forward: ipip
    listeners: [ {{ port: 443, pool: web }} ]
"""


def _checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total & 0xffff) + (total >> 16)
    return ~(total + (total >> 16)) & 0xffff


def frame(n):
    """An ACK of flow n, in the smallest frame."""
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40, 0, 0x4000, 64, 6, 0, bytes([198, 18, n >> 8, n & 255]),
                     socket.inet_aton(VIP))
    ip = ip[:10] + struct.pack(">H", _checksum(ip)) + ip[12:]
    tcp = struct.pack(">HHIIBBHHH", 1024 + n, 443, 1, 1, 0x50, 0x10, 65535, 0, 0)
    return DRIVER_MAC + bytes.fromhex("02c11e0000010800") + ip + tcp + bytes(6)


def write_files(folder, cpu):
    pcap, config = folder / "flows.pcap", folder / "sluice.yaml"
    records = b"".join(struct.pack("<IIII", 0, 0, len(f), len(f)) + f for f in map(frame, range(FLOWS)))
    pcap.write_bytes(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1) + records)
    instances = "\n".join(f"      web-{n}: {{ address: 10.0.1.{n} }}" for n in range(1, INSTANCES + 1))
    config.write_text(CONFIG.format(pcap=pcap, cpu=cpu, instances=instances, vip=VIP))
    return config


def wait_ready(notify, process):
    notify.settimeout(0.1)
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        with contextlib.suppress(TimeoutError):
            if b"READY=1" in notify.recv(4096).split(b"\n"):
                return
        if process.poll() is not None:
            break
    raise RuntimeError("sluice-dataplane is not ready")


@contextlib.contextmanager
def dataplane(folder, config):
    """The real program, with the priority that a node's CPUs of its own would give it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, open(folder / "log", "wb") as log:
        notify.bind(str(folder / "notify"))
        process = subprocess.Popen(["unshare", "-n", "nice", "-n", str(NICE), BUILD / "bin/sluice-dataplane", "-c", config,
                                    "-r", folder], stdout=log, stderr=log,
                                   env={**os.environ, "NOTIFY_SOCKET": str(folder / "notify")})
        try:
            wait_ready(notify, process)
            yield
        except Exception:
            print((folder / "log").read_text(errors="replace")[-2000:], file=sys.stderr)
            raise
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(10)


def priority_take():
    """Of this session among the others; the programs take theirs within it."""
    with contextlib.suppress(OSError):  # a kernel without sessions that compete
        Path("/proc/self/autogroup").write_text(str(NICE), encoding="ascii")


def main():
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        print("publish: two CPUs are needed, one for the worker", file=sys.stderr)
        return 1
    priority_take()
    changes = sys.argv[2] if len(sys.argv) > 2 else "1000"
    with tempfile.TemporaryDirectory(prefix="sluice-publish-") as name:
        folder = Path(name)
        config = write_files(folder, cpus[-1])
        with dataplane(folder, config):
            os.sched_setaffinity(0, cpus[:-1])
            done = subprocess.run([BUILD / "perf/publish/publish", "-c", config, "-r", folder, "-n", changes, "-j",
                                   Path(sys.argv[1]).resolve()], check=False)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
