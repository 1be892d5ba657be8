#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The life of an instance in its pool: taken out because it flaps, removed while it has connections.

test-long
test-timeout: 600 s

test-dataplanes: dpdk xdp
"""
import contextlib
import os
import socket
import sys
import threading
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


def deregistered(lab):
    """An instance that is removed drains: its connections live on until its time is over, through restarts, or until it is put back."""
    path = "web/web-4"
    lab.config["pools"]["web"]["drain"] = "45s"
    lab.write_config()
    lab.ctl("config", "apply")
    held = lab.hold(*settings.L2_URLS, connections=40, interval=0.2, timeout=20)  # none at web-4 has a chance of 1e-5
    mine = {c["port"] for c in held.report() if c["instance"] == "web-4"}
    expect(mine, "no connection is web-4's")
    entry = lab.config["pools"]["web"]["instances"].pop("web-4")

    def of_mine(report):
        return [c for c in report if c["port"] in mine]

    def remove():
        lab.write_config()
        plan = lab.ctl("config", "diff")["plan"]
        expect_equal((plan["flows_moved"], plan["flows_drained"] > 0), (0, True), "the plan")
        lab.ctl("config", "apply")
        status = lab.instance_status(path)
        expect_equal((status["admin"], status["accepts"], status["serves"]), ("drain", False, True), "it drains")
        expect(0 < status["removed_in_ms"] <= 45000, f"its countdown: {status['removed_in_ms']}")
        expect("removed, drained for " in lab.ctl("status", table=True), "the table shows it")

    def answered(what):
        before = of_mine(held.report())
        wait_for(what, lambda: all(c["requests"] > b["requests"] for b, c in zip(before, of_mine(held.report()))))
        expect_equal([c["error"] for c in held.report() if c["error"]], [], what)

    remove()
    wait_for("it to get no new connections", lambda: "web-4" not in lab.names(WEB, 40))
    answered("an answer on every connection while it drains")
    lab.config["pools"]["web"]["instances"]["web-4"] = entry
    lab.write_config()
    lab.ctl("config", "apply")
    expect_equal(lab.instance_status(path)["removed_in_ms"], None, "put back")
    wait_for("it to get new connections again", lambda: "web-4" in lab.names(WEB, 40))
    answered("an answer on every connection after it was put back")

    del lab.config["pools"]["web"]["instances"]["web-4"]
    remove()
    left = lab.instance_status(path)["removed_in_ms"]
    restart(lab)
    expect(0 < lab.instance_status(path)["removed_in_ms"] <= left, "its time goes on over a restart of sluiced")
    answered("an answer on every connection after a restart of sluiced")
    if settings.DATAPLANE == "dpdk":
        lab.dataplane.kill()
        lab.dataplane.start()
        wait_for("the dataplane to be connected", lambda: lab.ctl("status")["node"]["dataplane"]["running"])
        expect(0 < lab.instance_status(path)["removed_in_ms"] <= left, "and over one of the dataplane")
        answered("an answer on every connection after a restart of the dataplane")
    wait_for("its time to be over", lambda: lab.instance_status(path) is None, timeout_s=90)
    wait_for("its connections to end", lambda: all(c["error"] for c in of_mine(held.report())))
    others = [c for c in held.close() if c["port"] not in mine and c["error"]]
    expect_equal(others, [], "connections of the others that broke")
    told = [(e["from"], e["to"]) for e in lab.ctl("events", "--object", path)["events"] if e["what"] == "instance"]
    expect_equal(told[-4:], [("configured", "draining"), ("draining", "configured"), ("configured", "draining"), ("draining", "removed")], "the events")


def unused(lab):
    """One without flows is removed early."""
    lab.config["pools"]["web"]["drain"] = "1h"
    del lab.config["pools"]["web"]["instances"]["web-4"]
    lab.write_config()
    lab.ctl("config", "apply")
    wait_for("it to be removed", lambda: lab.instance_status("web/web-4") is None, timeout_s=60)


def minimum(lab):
    """With fewer instances up than minimum_up the VIPs are not announced, existing flows stay, and the VIPs come back."""
    fast_checks(lab)
    lab.config["pools"]["web"]["minimum_up"] = "75%"
    lab.write_config()
    lab.ctl("config", "apply")
    vip = settings.WEB_VIPS[0]
    iface = lab.ctl("status")["node"]["dataplane"]["kernel_iface"]

    def is_there():
        return f" {vip}/32" in lab.edge("ip", "-o", "addr", "show", "dev", iface).stdout

    def told():
        return [e["to"] for e in lab.ctl("events", "--object", "web")["events"] if e["what"] == "vips"]

    wait_for("the VIP", is_there)
    held = lab.hold(WEB, connections=40, interval=0.2, timeout=20)
    for name in ("web-1", "web-2"):
        lab.instances[name].lame()
    wait_for("the VIP to be withdrawn", lambda: not is_there())
    pool = next(p for p in lab.ctl("status")["pools"] if p["name"] == "web")["minimum"]
    expect_equal((pool["need"], pool["up"], pool["vips"]), (3, 2, "withdrawn"), "the status")
    expect("(minimum_up 75%), so its VIPs are not announced" in lab.ctl("status", table=True), "the table shows it")
    before = held.report()
    wait_for("an answer on every connection", lambda: all(c["requests"] > b["requests"] for b, c in zip(before, held.report())))
    lab.instances["web-1"].heal()
    wait_for("the VIP to come back", is_there)
    expect_equal([c["error"] for c in held.close() if c["error"]], [], "connections that broke")
    expect_equal(told(), ["withdrawn", "held", "announced"], "the events")
    lab.instances["web-2"].heal()


class Agent:
    """An agent on an instance that answers with a line."""

    def __init__(self, lab, name, port, line):
        self.line = line
        self.socket = lab.net.socket(name)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("0.0.0.0", port))
        self.socket.listen(16)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection = self.socket.accept()[0]
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.sendall(self.line)

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def agent(lab):
    """An agent's words: share of new flows and state, beside the operator's own; after its end they stay."""
    agents = {name: Agent(lab, name, 9707, b"up 100%\n") for name in settings.NEAR}
    lab.config["pools"]["web"].update(agent=9707, agent_interval="1s")
    lab.write_config()
    lab.ctl("config", "apply")
    path = "web/web-1"

    def has(**wanted):
        status = lab.instance_status(path)
        return all({**status, **(status["agent"] or {}), "health": status["health"]}[key] == value for key, value in wanted.items())

    agents["web-1"].line = b"50%\r\n"
    wait_for("half of its share", lambda: has(percent=50) and 0.1 < lab.instance_status(path)["share"] < 0.18)
    held = lab.hold(WEB, connections=40, interval=0.2, timeout=20)
    agents["web-1"].line = b"drain # until tonight\n"
    wait_for("its drain", lambda: has(accepts=False, serves=True, health="up"))
    status = lab.instance_status(path)
    expect_equal((status["agent"]["admin"], status["reason"]), ("drain", 'its agent says "drain # until tonight"'), "the status")
    wait_for("it to get no requests", lambda: "web-1" not in lab.names(WEB, 40))
    wait_for("it to be kept", lambda: '"drain"' in (Path(lab.run_dir) / "health.json").read_text())
    restart(lab)
    expect_equal(lab.instance_status(path)["accepts"], False, "after a restart of sluiced")
    before = held.report()
    wait_for("an answer on every connection", lambda: all(c["requests"] > b["requests"] for b, c in zip(before, held.report())))
    expect_equal([c["error"] for c in held.close() if c["error"]], [], "connections that broke")
    lab.ctl("drain", path)
    agents["web-1"].line = b"ready up 100%\n"
    wait_for("the agent's ready", lambda: lab.instance_status(path)["agent"]["said"] == "ready up 100%")
    expect_equal(lab.instance_status(path)["accepts"], False, "the operator's drain")
    lab.ctl("resume", path)
    wait_for("it to get requests again", lambda: "web-1" in lab.names(WEB, 40))
    agents["web-1"].line = b"stopped # by hand\n"
    wait_for("it to be down", lambda: has(health="down", accepts=False, serves=False))
    agents["web-1"].line = b"\x16\x03\x01"
    wait_for("its problem", lambda: has(problem="byte 0x16, which is not text"))
    expect_equal(lab.instance_status(path)["health"], "down", "what it said before")
    agents["web-1"].line = b"up\n"
    wait_for("it to get requests again", lambda: "web-1" in lab.names(WEB, 40))
    told = [e["to"] for e in lab.ctl("events", "--object", path)["events"] if e["what"] == "agent"]
    told = [to for to in told if to != "failing"]  # also when this machine is too busy to answer in time
    expect_equal(told, ["drain, up", "ready, up", "ready, down", "ready, up"], "the events")
    for one in agents.values():
        one.close()


if __name__ == "__main__":
    os.environ.setdefault("LC_ALL", "C.UTF-8")
    scenario.run(flapping, deregistered, unused, minimum, agent)
