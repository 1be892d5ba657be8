#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""sluiced is killed at random moments of a stream of ELB's commands: the state is that before or after one, and the files parse.

test-timeout: 300 s
"""
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
from tap import Points, expect, expect_equal, figure  # noqa: E402

BIN = ROOT / os.environ.get("BUILD", "build") / "bin"
KILLS = int(os.environ.get("ELB_KILLS", "30"))  # 200 of them take minutes
CONFIG = """node:
  port: lo0
  cpus: "0"
  address: ["10.9.0.5/24"]
  secret: "000102030405060708090a0b0c0d0e0f"
  flows: 1024
  vip_pool: ["203.0.113.0/24"]
instances:
""" + "".join(f"  i-{n}: {{ address: 10.9.0.{n + 10} }}\n" for n in range(100)) + "services: {}\n"


class Sluiced:
    """In a network namespace of its own, without a dataplane."""

    def __init__(self, folder):
        self.folder, self.process = folder, None

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(["unshare", "-n", BIN / "sluiced", "-c", self.folder / "sluice.yaml", "-r", self.folder / "run"],
                                            stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while self.ctl("config", "show").returncode:
            expect(self.process.poll() is None and time.monotonic() < deadline, f"no start: {(self.folder / 'log').read_text()[-2000:]}")
            time.sleep(0.02)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def ctl(self, *argv):
        return subprocess.run([BIN / "sluicectl", "-r", self.folder / "run", *argv], capture_output=True, text=True, timeout=60, check=False)


class Stream:
    """Commands, and what they make of a model of the state: the balancers and their instances."""

    def __init__(self, random_numbers):
        self.random = random_numbers
        self.state = {}

    def next(self):
        """A command and the state after it."""
        after = {name: list(ids) for name, ids in self.state.items()}
        name = f"lb{self.random.randrange(4)}"
        if name not in after:
            after[name] = []
            return ("elb-create-lb", name, "--listener", "lb-port=80,instance-port=80,protocol=TCP", "--forward", "l2"), after
        if self.random.random() < 0.15:
            del after[name]
            return ("elb-delete-lb", name, "--force"), after
        one = f"i-{self.random.randrange(100)}"
        if one in after[name]:
            after[name].remove(one)
            return ("elb-deregister-instances-from-lb", name, "--instances", one), after
        after[name].append(one)
        return ("elb-register-instances-with-lb", name, "--instances", one), after


def observed(sluiced):
    """The state as the daemon tells it."""
    done = sluiced.ctl("elb-describe-lbs", "--show-long", "--delimiter", ";")
    expect_equal(done.returncode, 0, done.stderr)
    rows = [line.split(";") for line in done.stdout.splitlines() if line.startswith("LOAD_BALANCER")]
    return {row[1]: [i for i in row[6].split(",") if i] for row in rows}


def kills():
    """After each of many kills the state is that before or after the command."""
    seed = random.randrange(1 << 32)
    stream = Stream(random.Random(seed))
    before = after = 0
    took_s = []
    with tempfile.TemporaryDirectory() as folder:
        sluiced = Sluiced(Path(folder))
        (sluiced.folder / "run").mkdir()
        (sluiced.folder / "sluice.yaml").write_text(CONFIG)
        sluiced.start()
        for number in range(KILLS):
            for _ in range(stream.random.randrange(3)):
                argv, stream.state = stream.next()
                began = time.monotonic()
                done = sluiced.ctl(*argv)
                took_s.append(time.monotonic() - began)
                expect_equal(done.returncode, 0, f"seed {seed}: {' '.join(argv)}: {done.stderr}")
            argv, then = stream.next()
            client = subprocess.Popen([BIN / "sluicectl", "-r", sluiced.folder / "run", *argv], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            # At any moment of a command, and soon after it.
            time.sleep(stream.random.random() * 1.2 * max(took_s[-5:], default=0.03))
            sluiced.kill()
            code = client.wait(60)
            sluiced.start()
            now = observed(sluiced)
            expect(now in (stream.state, then) and not (code == 0 and now != then),
                   f"seed {seed}, kill {number}: {' '.join(argv)} (exit code {code}): {now}, which is neither {stream.state} nor {then}")
            before, after = before + (now == stream.state), after + (now == then)
            stream.state = now
            log = (sluiced.folder / "log").read_text()
            expect("refused" not in log, f"seed {seed}: a file was refused: {log[-2000:]}")
        sluiced.process.terminate()
        sluiced.process.wait(10)
    figure(f"{KILLS} kills: {before} times the state before the command, {after} times that after it, never between")


if __name__ == "__main__":
    points = Points()
    points.call(kills.__doc__.rstrip("."), kills)
    sys.exit(points.done())
