# SPDX-License-Identifier: BSD-3-Clause
"""load.py, hold.py and pulse.py as processes of the client's namespace; tcpdump in any."""
import json
import re
import signal
import subprocess
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
READ_S = 60
GONE = "ZXx"


def _words(options):
    for key, value in options.items():
        yield f"--{key}"
        if value is not True:
            yield str(value)


def _state(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


class Load:
    """Requests under way, each on a connection of its own; begins at once."""

    def __init__(self, net, urls, **options):
        self.process = net.spawn("client", "/usr/bin/python3", HERE / "load.py", "--stdin", *_words(options), *urls,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def wait(self, timeout_s=180):
        """The report, when the requests are done."""
        out = self.process.stdout.read() if self.process.wait(timeout_s) in (0, 1) else ""
        self.process.stdin.close()
        return json.loads(out)

    def stop(self):
        """The report, now."""
        out, _ = self.process.communicate(timeout=180)
        return json.loads(out)


class Holder:
    """Long-lived connections; all are open when this returns."""

    def __init__(self, net, urls, **options):
        self.process = net.spawn("client", "/usr/bin/python3", HERE / "hold.py", *_words(options), *urls,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.opened = json.loads(self.process.stdout.readline())

    def report(self):
        self.process.stdin.write("\n")
        return json.loads(self.process.stdout.readline())

    def close(self):
        """Close them all; the last report."""
        out, _ = self.process.communicate(timeout=180)
        return json.loads(out.splitlines()[-1])


class Pulse:
    """A SYN every few milliseconds to a VIP; under way when this returns."""

    def __init__(self, net, source, vip, port, period_ms):
        self.process = net.spawn("client", "/usr/bin/python3", HERE / "pulse.py", source, vip, port, period_ms,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        json.loads(self.process.stdout.readline())

    def close(self):
        """[(sent_ns, answered_ns or 0), ...]"""
        out, _ = self.process.communicate(timeout=180)
        return [tuple(beat) for beat in json.loads(out.splitlines()[-1])]


class Capture:
    """tcpdump in a namespace; listens when this returns."""

    COUNTS = re.compile(r"(\d+) packets? captured\n(\d+) packets? received by filter\n(\d+) packets? dropped")
    ROOM = ("-s", "2048", "-B", "32768")  # for 16,000 packets until it gets its CPU

    def __init__(self, net, role, *argv):
        self.path = net.dir / f"capture-{len(net.children)}"
        with open(self.path, "wb") as out:
            self.process = net.spawn(role, "tcpdump", "--immediate-mode", "-l", "-nn", *self.ROOM, *argv, stdout=out, stderr=subprocess.PIPE, text=True)
        while "listening on" not in (line := self.process.stderr.readline()):
            if not line:
                raise RuntimeError("tcpdump does not start")

    def close(self):
        """What it says of all packets until now: at SIGINT it would throw away what it has not read yet."""
        # It sleeps only when its ring is empty. Its counts are no condition: "received" has what came before the filter.
        deadline = time.monotonic() + READ_S
        while (state := _state(self.process.pid)) != "S":
            if state in GONE or time.monotonic() > deadline:
                raise RuntimeError(f"tcpdump does not come to rest: {state}")
            time.sleep(0.01)
        self.process.send_signal(signal.SIGINT)
        counts = self.COUNTS.search(self.process.communicate(timeout=60)[1])
        if int(counts[3]):
            raise RuntimeError(f"tcpdump: {' '.join(counts[0].split())}")
        return self.path.read_text()


def gap_ms(beats, from_ns, to_ns):
    """The longest time in which no SYN was sent that got an answer, of those sent between two moments."""
    answered = [sent_ns for sent_ns, answered_ns in beats if answered_ns and from_ns <= sent_ns <= to_ns]
    edges = [from_ns, *answered, to_ns]
    return max(b - a for a, b in zip(edges, edges[1:])) / 1e6
