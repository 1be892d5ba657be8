#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Upgrade the packages on a machine under load: upgrade.py DEB...

Both daemons run as the installed units say, under systemd. Long-lived connections and requests go on while dpkg
replaces the packages and restarts the units. DATAPLANE chooses the dataplane. Exit code 1 if a connection is lost, or
if a request fails while a dataplane runs.
"""
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1] / "lab")]

import settings  # noqa: E402
from lab import Lab  # noqa: E402
from machine import Machine  # noqa: E402

UNITS = ("sluiced", "sluice-dataplane")
CONFIG = Path("/etc/sluice/sluice.yaml")
CONNECTIONS = 48
MARK = "# an operator was here\n"


class Booted(Lab):
    """The lab with the machine's configuration file instead of one of its own."""

    def __init__(self):
        super().__init__()
        self.config_path = CONFIG
        # A busy machine is no reason for an instance to be down, and to lose its connections.
        for pool in self.config["pools"].values():
            for check in pool["checks"]:
                check.update(interval="5s", timeout="4s", unhealthy=3, healthy=2)

    def write_config(self, text=None):
        super().write_config((settings.to_yaml(self.config) if text is None else text) + MARK)


def pids(machine):
    return {unit: machine.run("systemctl", "show", "-P", "MainPID", unit).stdout.strip() for unit in UNITS}


def upgrade(lab, machine, debs):
    """Return the report of the load, the held connections, and when the units were not all there."""
    before = pids(machine)
    held = lab.hold(connections=CONNECTIONS)
    load = lab.load(rate=100, workers=8)
    time.sleep(2)
    began_ns = time.monotonic_ns()
    machine.run("dpkg", "-i", *debs)
    lab.wait_up(60)
    ended_ns = time.monotonic_ns()
    time.sleep(2)
    report, connections = load.stop(), held.close()
    after = pids(machine)
    same = [unit for unit in UNITS if before[unit] == after[unit] != "0"]
    if same:
        raise AssertionError(f"not restarted: {', '.join(same)}")
    return report, connections, (began_ns, ended_ns)


def judge(report, connections, during):
    lost = [c for c in connections if c["error"]]
    # Where nothing else carries packets meanwhile, what begins in the gap may fail, and nothing else.
    excused = [f for f in report["failures"] if settings.DATAPLANE == "dpdk" and during[0] <= f["begin_ns"] <= during[1]]
    print(f"{settings.DATAPLANE}: {len(lost)} of {len(connections)} connections lost, {report['failed']} of {report['requests']} "
          f"requests failed, {len(excused)} of them while no dataplane ran; slowest {report['max_ms']} ms")
    for entry in [*lost, *report["failures"]][:10]:
        print(f"  {entry}")
    return not lost and report["failed"] == len(excused)


def main():
    with Booted() as lab:
        machine = Machine(lab)
        try:
            machine.boot()
            machine.run("systemctl", "start", *UNITS)
            lab.wait_up(60)
            fine = judge(*upgrade(lab, machine, sys.argv[1:]))
        except Exception:
            print(machine.run("journalctl", "--no-pager", "-n", "60", check=False).stdout if machine.init() else "no systemd")
            raise
        finally:
            machine.off()
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
