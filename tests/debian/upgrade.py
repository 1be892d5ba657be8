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

from machine import PATIENCE_S, UNITS, Booted, settings  # noqa: E402

CONNECTIONS = 48


def upgrade(lab, debs):
    """Return the report of the load, and the held connections."""
    before = lab.pids()
    held = lab.hold(connections=CONNECTIONS, timeout=PATIENCE_S)
    load = lab.load(rate=100, workers=8, timeout=PATIENCE_S)
    time.sleep(2)
    lab.machine.run("dpkg", "-i", *debs)
    lab.wait_up()
    time.sleep(2)
    report, connections = load.stop(), held.close()
    after = lab.pids()
    same = [unit for unit in UNITS if before[unit] == after[unit] != "0"]
    if same:
        raise AssertionError(f"not restarted: {', '.join(same)}")
    return report, connections


def judge(lab, report, connections):
    lost = [c for c in connections if c["error"]]
    began, ended = lab.not_carried()
    # What was under way while nothing carried packets may fail, and nothing else.
    excused = [f for f in report["failures"] if f["begin_ns"] < ended and f["end_ns"] > began]
    print(f"{settings.DATAPLANE}: {len(lost)} of {len(connections)} connections lost, {report['failed']} of {report['requests']} "
          f"requests failed, {len(excused)} of them while there was no dataplane ({(ended - began) / 1e9:.2f} s); slowest {report['max_ms']} ms")
    for entry in [*lost, *report["failures"]][:10]:
        print(f"  {entry}")
    return not lost and report["failed"] == len(excused)


def main():
    with Booted() as lab:
        try:
            lab.machine.run("systemctl", "start", *UNITS)
            lab.wait_up()
            fine = judge(lab, *upgrade(lab, sys.argv[1:]))
        except Exception:
            print(lab.machine.journal("-n", "60"))
            raise
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
