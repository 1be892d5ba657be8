#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The packages are removed and purged on a machine where they work: removal.py PACKAGE...

DATAPLANE chooses the dataplane.
"""
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1] / "lab")]

from machine import CONFIG, MARK, UNITS, Booted, settings  # noqa: E402
from scenario import expect, expect_equal  # noqa: E402

VIP = settings.WEB_VIPS[0]


def left_in(machine):
    """What is still there of daemons that ran: processes, interfaces and addresses, programs, pins (not the kernel's own), sockets."""
    said = machine.run("sh", "-c", "pgrep -a sluice; ip -br link show dev sluice0 2>/dev/null; ip -d link show edge0 | grep -w xdp; "
                       f"ip -br addr | grep -w {VIP}; find /sys/fs/bpf -mindepth 1 ! -name '*.debug'; find /run/sluice -type s", check=False).stdout
    return said.split("\n")[:-1]


def state_kept():
    return CONFIG.read_text().endswith(MARK) and Path("/var/lib/sluice").is_dir()


def main():
    packages = sys.argv[1:]
    with Booted() as lab:
        machine = lab.machine
        machine.run("systemctl", "start", *UNITS)
        lab.wait_up()
        expect(left_in(machine), "this test can't see what is there")
        machine.run("dpkg", "--remove", *packages)
        expect_equal(left_in(machine), [], f"{settings.DATAPLANE}: what a removal leaves")
        expect(state_kept(), "a removal takes the configuration or the state with it")
        machine.run("dpkg", "--purge", *packages)
        expect_equal(left_in(machine), [], f"{settings.DATAPLANE}: what a purge leaves")


if __name__ == "__main__":
    main()
