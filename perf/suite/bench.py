# SPDX-License-Identifier: BSD-3-Clause
"""The benchmarks, and how one is run: a program that writes JSON, in a time limit, with the memory that it needs."""
import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / os.environ.get("BUILD", "build")
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "tests/lab"))

import machine  # noqa: E402
import read_cpus  # noqa: E402
import read_cycles  # noqa: E402
import read_memif  # noqa: E402
import read_publish  # noqa: E402
import read_xdp  # noqa: E402
from netns import Network  # noqa: E402


@dataclasses.dataclass
class Bench:
    """argv gets the path of the JSON file that it is to write as {json}."""
    name: str
    what: str
    argv: list
    read: object  # JSON to {key: Figure}
    limit_s: int
    hugepages_mb: int = 0
    check_argv: list | None = None  # a shorter run, for ratios alone


@dataclasses.dataclass
class Outcome:
    """What became of one run."""
    bench: Bench
    seconds: float = 0
    others_cpus: float = 0  # what else was running
    error: str = ""
    data: dict | None = None
    figures: dict = dataclasses.field(default_factory=dict)
    output: str = ""

    def as_json(self):
        return {"what": self.bench.what, "seconds": round(self.seconds, 1),
                "others_cpus": round(self.others_cpus, 2), "error": self.error,
                "argv": [str(a) for a in self.bench.argv]}


# Programs to measure the XDP program beside, as NAME=PATH of a pin, with spaces between: "katran=/sys/fs/bpf/katran".
PEERS = [word for peer in os.environ.get("XDP_PEERS", "").split() for word in ("--peer", peer)]

MEMIF = {  # a part each, so that one that fails doesn't take the others with it
    "rate": ("as fast as it goes over memif, in turns with testpmd's macswap", 90),
    "latency": ("zero-loss rates, and latency at shares of them", 230),
    "flood": ("SYNs from spoofed sources beside established traffic", 60),
    "change": ("a change of the pool every 10 ms under load", 60),
    "cps": ("whole life cycles of connections over memif", 60),
    "search": ("zero-loss rates of frame sizes, flows and modes (RFC 2544)", 240),
}
# Where no packet may be lost, rings as deep as those of a NIC: they bridge what a hypervisor takes of the CPUs.
MEMIF_RINGS = {"latency": ["--ring", "12"], "search": ["--ring", "12"]}


def memif(part, what, limit_s):
    return Bench(f"memif-{part}", what, [ROOT / "perf/memif/run", "--only", part, "--rounds", "3", *MEMIF_RINGS.get(part, []), "-j", "{json}"],
                 read_memif.read, limit_s, 0,  # it takes its own hugepages
                 [ROOT / "perf/memif/run", "--only", part, "--rounds", "5", "-j", "{json}"] if part == "rate" else None)


def benches():
    """In the order in which they run: the short ones first, so that the limit of all spares most of them."""
    perf = BUILD / "perf"
    xdp = [perf / "xdp/xdp_bench", "--rounds", "5", *PEERS, "--json", "{json}"]
    full = [*xdp, "--hit", "--full"]
    return [
        Bench("cpus", "what the CPUs do by themselves, which bounds the rest", [perf / "cpus/cpus", "-j", "{json}"], read_cpus.read, 30),
        Bench("cycles", "cycles per packet in the process, stage by stage",
              [perf / "cycles/cycles", "-j", "{json}"], read_cycles.read, 240, 1100,
              [perf / "cycles/cycles", "-j", "{json}", "-r", "11"]),
        Bench("publish", "from a change to the last worker's acknowledgement",
              [HERE / "publish.py", "{json}"], read_publish.read, 60, 256),
        Bench("xdp", "the XDP program, in nanoseconds above a bare XDP_TX",
              xdp, read_xdp.read, 60, 0, xdp),
        Bench("xdp-full", "the same in a full table", full, read_xdp.read_full, 60, 0, full if PEERS else None),
        *(memif(part, *about) for part, about in MEMIF.items()),
    ]


@contextlib.contextmanager
def hugepages(megabytes):
    """So many free ones, given back afterwards (also by the next run, if this one is killed)."""
    if not megabytes:
        yield
        return
    network = Network()
    network.open(megabytes << 20)
    try:
        yield
    finally:
        network.close()


class Runner:
    """Runs benchmarks one after the other; ends what it started when it ends itself."""

    def __init__(self, folder, verbose=False):
        self.folder, self.verbose = folder, verbose
        self.child = None
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda n, _: sys.exit(128 + n))

    def run(self, bench, argv=None, limit_s=None):
        """Return an Outcome, whatever happens."""
        outcome = Outcome(bench)
        path = self.folder / f"{bench.name}.json"
        path.unlink(missing_ok=True)
        began, noise = time.monotonic(), machine.Noise()
        try:
            with hugepages(bench.hugepages_mb):
                self._run([str(a).replace("{json}", str(path)) for a in argv or bench.argv], outcome, limit_s or bench.limit_s)
        except (OSError, RuntimeError) as e:
            outcome.error = str(e)
        self._read(outcome, path)
        outcome.others_cpus = noise.others_cpus()
        outcome.seconds = time.monotonic() - began
        return outcome

    @staticmethod
    def _read(outcome, path):
        """Also of a run that failed in the end: what it measured until then is shown beside the failure."""
        try:
            outcome.data = json.loads(path.read_text())
            outcome.figures = outcome.bench.read(outcome.data)
        except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, ZeroDivisionError) as e:
            outcome.error = outcome.error or f"what it wrote cannot be read: {type(e).__name__}: {e}"

    def _run(self, argv, outcome, limit_s):
        log = self.folder / f"{outcome.bench.name}.log"
        with open(log, "w+b") as out:
            self.child = subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                          start_new_session=True)
            try:
                self._wait(limit_s)
            finally:
                self._end()
                outcome.output = log.read_text(errors="replace")
        if self.child.returncode:
            last = (outcome.output.strip().splitlines() or ["it said nothing"])[-1]
            raise RuntimeError(f"exit code {self.child.returncode}: {last}")

    def _wait(self, limit_s):
        try:
            self.child.wait(limit_s)
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"not done after {limit_s:.0f} s") from None

    def _end(self):
        """Also what it has left behind in its session."""
        for number, grace_s in ((signal.SIGTERM, 10), (signal.SIGKILL, 5)):
            if self.child.poll() is None:
                with contextlib.suppress(subprocess.TimeoutExpired, ProcessLookupError):
                    os.killpg(self.child.pid, number)
                    self.child.wait(grace_s)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.child.pid, signal.SIGKILL)
