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

import read_cycles  # noqa: E402
import read_publish  # noqa: E402
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

    def exists(self):
        return os.access(self.argv[0], os.X_OK)


@dataclasses.dataclass
class Outcome:
    """What became of one run."""
    bench: Bench
    seconds: float = 0
    error: str = ""
    data: dict | None = None
    figures: dict = dataclasses.field(default_factory=dict)
    output: str = ""

    def as_json(self):
        return {"what": self.bench.what, "seconds": round(self.seconds, 1), "error": self.error,
                "argv": [str(a) for a in self.bench.argv]}


def benches():
    """In the order in which they run; what this tree doesn't have is left out by the caller, aloud."""
    perf = BUILD / "perf"
    return [
        Bench("cycles", "cycles per packet in the process, stage by stage",
              [perf / "cycles/cycles", "-j", "{json}"], read_cycles.read, 240, 1100,
              [perf / "cycles/cycles", "-j", "{json}", "-r", "11"]),
        Bench("publish", "from a change to the last worker's acknowledgement",
              [HERE / "publish.py", "{json}"], read_publish.read, 60, 256),
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
        began = time.monotonic()
        try:
            with hugepages(bench.hugepages_mb):
                self._run([str(a).format(json=path) for a in argv or bench.argv], outcome, limit_s or bench.limit_s)
            outcome.data = json.loads(path.read_text())
            outcome.figures = bench.read(outcome.data)
        except (OSError, RuntimeError, ValueError, KeyError, IndexError, TypeError, ZeroDivisionError) as e:
            outcome.error = f"{type(e).__name__}: {e}" if not isinstance(e, RuntimeError) else str(e)
        outcome.seconds = time.monotonic() - began
        return outcome

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
