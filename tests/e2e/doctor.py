#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""sluicectl doctor beside running daemons: nothing false while the lab is healthy, and each fault by its name.

test-long: xdp
test-dataplanes: dpdk xdp
"""
import contextlib
import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lab"))

import settings  # noqa: E402
import scenario  # noqa: E402
from lab import BIN, wait_for  # noqa: E402
from scenario import expect, expect_equal  # noqa: E402


def doctor(lab):
    """Return the exit code and what is wrong: (check, object, found)."""
    done = lab.net.exec("edge", BIN / "sluicectl", "-r", lab.run_dir, "-o", "json", "doctor", check=False)
    report = json.loads(done.stdout)
    expect(report["running"], "it does not know that sluiced runs")
    expect_equal(report["ok"], done.returncode == 0, "ok, and the exit code")
    return report


def wrong(report):
    return [(f["check"], f["object"], f["found"]) for f in report["checks"] if f["result"] == "wrong"]


def healthy(lab):
    """Nothing is wrong, and all that takes packets was tested with some."""
    lab.config_path.chmod(0o640)
    report = doctor(lab)
    expect_equal(wrong(report), [], "wrong")
    tested = {f["check"] for f in report["checks"] if f["how"] == "tested" and f["result"] == "ok"}
    expect_equal(tested, {"address_duplicates", "next_hops", "path_mtu"}, "tested")


@contextlib.contextmanager
def broken(lab, namespace, command, undo):
    lab.net.ip(namespace, command)
    try:
        yield
    finally:
        lab.net.ip(namespace, undo)


def faults(lab):
    """Each fault is named with its object, and after it nothing is wrong again."""
    near, vip, own = settings.NEAR["web-4"][0], settings.WEB_VIPS[0], settings.EDGE[0]
    for namespace, command, undo, check, thing in (
            ("web-4", f"addr del {near}/24 dev eth0", f"addr add {near}/24 dev eth0", "next_hops", near),
            ("switch", f"addr add {own}/24 dev br-lan", f"addr del {own}/24 dev br-lan", "address_duplicates", own)):
        with broken(lab, namespace, command, undo):
            found = [(c, o) for c, o, _ in wrong(doctor(lab))]
            expect((check, thing) in found, f"{command}: it says {found}")
    iface = lab.ctl("status")["node"]["dataplane"]["kernel_iface"]
    expect(iface, "no interface with the node's addresses")
    wait_for("the VIP to be there", lambda: vip in lab.net.exec("edge", "ip", "addr", "show", "dev", iface).stdout)
    wait_for("nothing to be wrong again", lambda: not wrong(doctor(lab)))


if __name__ == "__main__":
    scenario.run(healthy, faults)
