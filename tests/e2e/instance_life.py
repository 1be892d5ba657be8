#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The life of an instance in its pool: taken out because it flaps.

test-dataplanes: dpdk xdp
"""
import os
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lab"))

import settings  # noqa: E402
import scenario  # noqa: E402
from lab import wait_for  # noqa: E402
from scenario import expect, expect_equal  # noqa: E402

WEB = settings.L2_URLS[0]


def fast_checks(lab):
    """Health that changes within a second, so that a scenario can wait for it."""
    for pool in lab.config["pools"].values():
        for check in pool["checks"]:
            check.update(interval="500ms", timeout="400ms", unhealthy=2, healthy=2)


def restart(lab):
    lab.sluiced.kill()
    lab.sluiced.start()


def flap(lab, name, times):
    """Change its health so often, as its up.html is renamed away and back."""
    for number in range(times):
        if number % 2:
            lab.instances[name].heal()
        else:
            lab.instances[name].lame()
        lab.wait_health(f"web/{name}", "up" if number % 2 else "lame")
    lab.instances[name].heal()
    lab.wait_health(f"web/{name}", "up")


def flapping(lab):
    """God's flapping: an instance that changes too often is drained, retried, and at last left out until an operator resumes it."""
    fast_checks(lab)
    lab.config["pools"]["web"]["flapping"] = {"times": 3, "within": "1h", "retry_in": "20s", "retry_times": 2, "retry_within": "2h"}
    lab.write_config()
    lab.ctl("config", "apply")
    path = "web/web-1"

    def state():
        return lab.instance_status(path)["flapping"]["state"]

    flap(lab, "web-1", 3)
    status = lab.instance_status(path)
    expect_equal((status["health"], status["flapping"]["state"], status["accepts"], status["serves"]), ("up", "out", False, True), "taken out")
    expect(status["reason"].startswith("flapping: out, retried in "), status["reason"])
    expect("flapping: out" in lab.ctl("status", table=True), "the table shows it")
    expect_equal({lab.instance_status(f"web/web-{n}")["flapping"]["state"] for n in (2, 3, 4)}, {"in"}, "the others")
    wait_for("it to get no requests", lambda: "web-1" not in lab.names(WEB, 40))
    before = status["flapping"]["retry_ms"]
    restart(lab)
    status = lab.instance_status(path)
    expect_equal((status["flapping"]["state"], status["accepts"]), ("out", False), "after a restart of sluiced")
    expect(status["flapping"]["retry_ms"] <= before, "its time goes on")
    wait_for("it to be retried", lambda: state() == "in" and "web-1" in lab.names(WEB, 40))
    flap(lab, "web-1", 3)
    expect_equal(state(), "left out", "the second time")
    restart(lab)
    expect_equal(state(), "left out", "after another restart")
    expect("flapping: left out until sluicectl resume" in lab.ctl("status", table=True), "the table shows it")
    lab.ctl("resume", path)
    wait_for("it to get requests again", lambda: state() == "in" and "web-1" in lab.names(WEB, 40))
    told = [(e["from"], e["to"]) for e in lab.ctl("events", "--object", path)["events"] if e["what"] == "flapping"]
    expect_equal(told, [("in", "out"), ("out", "in"), ("in", "left out"), ("left out", "in")], "the events")


if __name__ == "__main__":
    os.environ.setdefault("LC_ALL", "C.UTF-8")
    scenario.run(flapping)
