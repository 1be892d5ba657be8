# SPDX-License-Identifier: BSD-3-Clause
"""Two processes over net_memif: a device under test on one CPU, perf/pktgen on the other.

The devices are Sluice as a whole (dataplane and control plane, in a namespace of its own) and dpdk-testpmd in macswap
mode. All stay alive; those that are not measured are stopped (SIGSTOP), so that rounds of one and the other can alternate
without a restart. Each has a memif socket, and the generator connects to the one that it is to drive.
"""
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "tests/lab"))

from lab import RUN_DIR_BYTES, Lab, wait_for  # noqa: E402
from netns import run  # noqa: E402

BUILD = ROOT / os.environ.get("BUILD", "build")
PKTGEN = BUILD / "perf/pktgen/pktgen"
ASK = BUILD / "perf/memif/ask"
GENERATOR_CPU, DEVICE_CPU = 0, 1
NODE_MAC, GENERATOR_MAC = "02:ed:9e:00:00:01", "02:c1:1e:00:00:01"
HUGEPAGE_BYTES = 640 << 20
INSTANCES = 16
POOLS = {"web": "10.9.1.{}", "tun4": "10.9.2.{}", "tun6": "2001:db8:9:3::{}"}  # in the generator's order
# What packets are sent to, and what the generator expects to come back.
MODES = {
    "l2": ("l2", ["203.0.113.10:443"]),
    "l2-v6": ("l2", ["[2001:db8:f::10]:443"]),
    "ipip": ("ipip", ["203.0.113.20:80"]),
    "ipip-mixed": ("ipip", ["203.0.113.20:80", "203.0.113.20:443", "[2001:db8:f::20]:80", "[2001:db8:f::20]:443"]),
    "macswap": ("macswap", ["203.0.113.10:443"]),
}


def instance_addresses(pool):
    return [POOLS[pool].format(n if ":" not in POOLS[pool] else f"{n:x}") for n in range(1, INSTANCES + 1)]


def config(port, flows):
    pools = {pool: {"instances": {f"{pool}-{n}": {"address": address} for n, address in enumerate(instance_addresses(pool), 1)}}
             for pool in POOLS}
    return {
        "node": {
            "dataplane": "dpdk", "port": port, "cpus": str(DEVICE_CPU), "address": ["10.9.0.5/16", "2001:db8:9::5/48"],
            "flows": flows, "secret": "000102030405060708090a0b0c0d0e0f",
            "syn_timeout": "2s", "fin_timeout": "1s", "idle_timeout": "10m",
        },
        "pools": pools,
        "services": {
            "web": {"vip": ["203.0.113.10", "2001:db8:f::10"], "forward": "l2", "listeners": [{"port": 443, "pool": "web"}]},
            "tunnel": {"vip": ["203.0.113.20", "2001:db8:f::20"], "forward": "ipip",
                       "listeners": [{"port": 80, "pool": "tun4"}, {"port": 443, "pool": "tun6"}]},
        },
    }


def first(pid):
    """Before all that is not the system's: of this session, and of the session among others."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, int(task.name), -20)


def at_once(tid):
    """A thread that mostly sleeps, on the generator's CPU. On a node with more CPUs it would find an idle one."""
    with contextlib.suppress(OSError):
        os.sched_setaffinity(tid, {GENERATOR_CPU})
        os.sched_setscheduler(tid, os.SCHED_RR, os.sched_param(1))


def autogroup(nice):
    with contextlib.suppress(OSError):  # a kernel without sessions that compete
        Path("/proc/self/autogroup").write_text(str(nice), encoding="ascii")


class Device:
    """A device under test: processes that are stopped when it is not its turn."""

    def __init__(self, name, socket):
        self.name, self.socket = name, socket
        self.pids = []
        self.generator = None

    def signal(self, number):
        for pid in self.pids:
            os.kill(pid, number)


class Sluice(Lab):
    """Sluice and testpmd, each behind a memif; leaving the context removes everything."""

    def __init__(self, flows=1000000, ring_log2=10, buffer_bytes=2048):
        super().__init__()
        self.memif = f"rsize={ring_log2},bsize={buffer_bytes},socket-abstract=no"
        self.sluice = Device("sluice", self.net.dir / "sluice.sock")
        self.testpmd = Device("testpmd", self.net.dir / "testpmd.sock")
        self.config = config(self.vdev(self.sluice, "server", NODE_MAC), flows)
        self.current = None

    def vdev(self, device, role, mac):
        """The devices copy, as they must who can't trust the other end; the generator doesn't, so it is the faster one."""
        zero_copy = ",zero-copy=yes" if role == "client" else ""
        return f"net_memif0,role={role},socket={device.socket},{self.memif},mac={mac}{zero_copy}"

    def up(self):
        autogroup(-20)
        self.net.open(HUGEPAGE_BYTES)
        self.run_dir.mkdir()
        # Not on a disk, whose fsync would be measured with each change.
        run("mount", "-t", "tmpfs", "-o", f"size={RUN_DIR_BYTES},mode=0755", "sluice-lab", self.run_dir)
        self.write_config()
        self.net.add("edge")

    def down(self):
        for device in (self.sluice, self.testpmd):
            with contextlib.suppress(ProcessLookupError):
                device.signal(signal.SIGCONT)
        super().down()
        autogroup(0)

    def start(self):
        self._start_testpmd()
        self.testpmd.signal(signal.SIGSTOP)
        self.current = self.sluice
        self.dataplane.start()
        self._neighbours()
        self.sluiced.start()
        self.wait_up(30)
        self.sluice.pids = [self.dataplane.process.pid, self.sluiced.process.pid]
        for pid in self.sluice.pids:
            first(pid)
            at_once(pid)  # the main threads; the worker is another one

    def _neighbours(self):
        """What ARP would find out; permanent, so that no measurement depends on a generator that is there at the moment."""
        lines, number = [], 0
        for pool in POOLS:
            for address in instance_addresses(pool):
                lines.append(f"neigh replace {address} lladdr 02:5a:00:01:{number >> 8:02x}:{number & 255:02x} dev sluice0 "
                             "nud permanent")
                number += 1
        wait_for("sluice0", lambda: "sluice0" in self.net.exec("edge", "ip", "link").stdout)
        self.net.ip("edge", *lines)

    def _start_testpmd(self):
        # Not on the worker's CPU: a thread there that takes the memif down while the worker is in it would end both.
        with open(self.net.dir / "testpmd.log", "wb") as log:
            child = self.net.spawn(
                "edge", "dpdk-testpmd", "--lcores", f"0@{GENERATOR_CPU},1@{DEVICE_CPU}", "--main-lcore=0", "-m", "160", "--in-memory",
                "--no-telemetry", "--no-pci", "--iova-mode=va", "--log-level=*:error",
                f"--vdev={self.vdev(self.testpmd, 'server', NODE_MAC)}", "--", "--forward-mode=macswap", "--nb-cores=1",
                "--auto-start", "--rxq=1", "--txq=1", "--burst=64", "--total-num-mbufs=16384",
                stdin=subprocess.PIPE, stdout=log, stderr=log)
        wait_for("testpmd", lambda: self.testpmd.socket.exists() or child.poll() is not None, 20)
        if child.poll() is not None:
            raise RuntimeError("testpmd ended: " + (self.net.dir / "testpmd.log").read_text()[-500:])
        time.sleep(0.5)
        self.testpmd.pids = [child.pid]
        first(child.pid)

    def flow_table(self):
        """The dataplane's counters of its flow table."""
        time.sleep(0.1)  # they are gathered now and then
        return self.ctl("status")["node"]["flow_table"]

    def control_cpu_s(self):
        """CPU time that the control plane and the dataplane's main thread have used."""
        return sum(int(Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[0]) for pid in self.sluice.pids) / 1e9

    def use(self, device):
        """Let one of the devices run."""
        if self.current is not device:
            self.current.signal(signal.SIGSTOP)
            device.signal(signal.SIGCONT)
            self.current = device
            time.sleep(0.1)

    def _words(self, mode, device, predict):
        """What the generator has to know for a mode."""
        expected, vips = MODES[mode]
        words = ["--mode", expected]
        for vip in vips:
            words += ["--vip", vip]
        for pool in POOLS:
            words += ["--instances", f"{instance_addresses(pool)[0]}-{instance_addresses(pool)[-1]}"]
        return words + (["--config", self.config_path] if predict and device is self.sluice else [])

    def measure(self, mode, *options, predict=True, during=(), limit_s=300):
        """Run the generator; what it wrote, and its exit code.

        @predict: check new flows against what the tables of the configuration say: not while they change.
        @during: functions that are called while it runs, each in a thread, with a function that says so.
        """
        device = self.testpmd if mode == "macswap" else self.sluice
        path = self.net.dir / "pktgen.json"
        path.unlink(missing_ok=True)
        self.use(device)
        device.generator = device.generator or Generator(self, device)
        code, said = device.generator.run([*self._words(mode, device, predict), "--quiet", "-j", path, *options], during, limit_s)
        if code > 1 or not path.exists():
            raise RuntimeError(f"the generator has measured nothing: exit code {code}: {said.strip()}")
        data = json.loads(path.read_text())
        data["exit_code"], data["said"] = code, said
        return data


class Generator:
    """A generator that stays connected to one device: net_memif's ends may crash when the other one leaves under load."""

    def __init__(self, lab, device):
        self.device = device
        argv = [PKTGEN, "--port", lab.vdev(device, "client", GENERATOR_MAC), "--cpu", GENERATOR_CPU, "--node-mac", NODE_MAC,
                "--watch", device.pids[0], "--eal", "--single-file-segments", "--serve"]
        self.child = subprocess.Popen([str(a) for a in argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, text=True, bufsize=1,
                                      preexec_fn=lambda: os.setpriority(os.PRIO_PROCESS, 0, -20))
        lab.net.children.append(self.child)
        self._read_until("ready", 60)

    def _read_until(self, word, limit_s):
        """The rest of the line that starts with @word, and what was said before it."""
        said = ""
        watchdog = threading.Timer(limit_s, self.child.kill)
        watchdog.start()
        try:
            for line in self.child.stdout:
                if line.startswith(word):
                    return line[len(word):].strip(), said
                said += line
        finally:
            watchdog.cancel()
        raise RuntimeError(f"the generator for {self.device.name} ended: {said.strip()}")

    def run(self, words, during, limit_s):
        self.child.stdin.write(" ".join(str(w) for w in words) + "\n")
        self.child.stdin.flush()
        running = threading.Event()
        running.set()
        helpers = [threading.Thread(target=function, args=(running.is_set,)) for function in during]
        for helper in helpers:
            helper.start()
        try:
            code, said = self._read_until("done", limit_s)
        finally:
            running.clear()
            for helper in helpers:
                helper.join()
        return int(code), said
