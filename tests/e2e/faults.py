#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# test-long
"""Killed daemons, wrong files, a full disk, unprivileged users of the socket.

test-dataplanes: dpdk xdp
"""
import contextlib
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lab"))

import settings  # noqa: E402
import scenario  # noqa: E402
from lab import BIN, HERE, CtlError, wait_for  # noqa: E402
from netns import run  # noqa: E402
from scenario import expect, expect_equal, figure  # noqa: E402

NOBODY = 65534
HELD = 80


def refused(lab, *argv, code=1):
    """The command must end with this exit code. Return what it says about why."""
    try:
        lab.ctl(*argv)
    except CtlError as error:
        expect_equal(error.code, code, f"exit code of {' '.join(map(str, argv))} ({error.why})")
        expect(error.why, f"{' '.join(map(str, argv))} says nothing about why")
        return error.why
    raise AssertionError(f"{' '.join(map(str, argv))} was not refused")


def answers(lab, count=80):
    report = lab.load(requests=count, timeout=5).wait()
    expect_equal(report["failed"], 0, f"failed requests: {report['failures'][:3]}")


def expect_same_places(before, after, what):
    moved = {k: (v, after.get(k)) for k, v in before.items() if after.get(k) != v}
    expect(not moved, f"{what}: {len(moved)} of {len(before)} ports lead elsewhere: {dict(list(moved.items())[:3])}")


def control_dies(lab):
    """kill -9 of sluiced: new flows are forwarded, and after its restart no slot has changed."""
    lab.ctl("weight", "web/web-2", "30")
    lab.ctl("drain", "web/web-4")
    lab.config["pools"]["tun4"]["instances"]["far-2"]["weight"] = 50
    lab.write_config()
    lab.ctl("config", "apply")
    before = lab.probe()
    lab.sluiced.kill(signal.SIGKILL)
    refused(lab, "status", code=3)
    expect_same_places(before, lab.probe(), "without sluiced")
    lab.sluiced.start()
    expect_same_places(before, lab.probe(), "right after the restart")
    lab.wait_up()
    expect_same_places(before, lab.probe(), "when all checks have passed")
    expect_equal(lab.instance_status("web/web-4")["admin"], "drain", "admin state")
    expect_equal(lab.ctl("weight", "web/web-2")["weight"], 30, "weight")
    lab.ctl("weight", "web/web-2", "default")


def control_stands_still(lab):
    """sluiced stopped for longer than a check's timeout: answers that arrived meanwhile count."""
    slow = {"target": "HTTP:9001/", "interval": "2s", "timeout": "1900ms", "unhealthy": 2, "healthy": 2}  # answers after 1.5 s
    odd = lab.net.spawn("web-1", "/usr/bin/python3", HERE / "odd.py", lab.instances["web-1"].v4, lab.net.dir / "tls/cert.pem",
                        lab.net.dir / "tls/key.pem", 9001, "slow", stdout=subprocess.PIPE)
    expect_equal(odd.stdout.readline(), b"ready\n", "what odd.py says")
    lab.config["pools"]["slow"] = {"checks": [slow], "instances": {"one": {"address": lab.instances["web-1"].v4}}}
    lab.write_config()
    lab.ctl("config", "apply")
    lab.wait_health("slow/one", "up")
    try:
        at = lab.sluiced.log_bytes()
        wait_for("a slow check to begin", lambda: lab.instance_status("slow/one")["checks"][0]["last_ms"] > 700)
        lab.sluiced.process.send_signal(signal.SIGSTOP)
        time.sleep(2.5)
        lab.sluiced.process.send_signal(signal.SIGCONT)
        wait_for("its result", lambda: lab.instance_status("slow/one")["checks"][0]["last_ms"] < 700)
        said = lab.sluiced.log_since(at)
        expect("timed out" not in said and "-> down" not in said, f"checks are late because sluiced was:\n{said}")
    finally:
        odd.kill()


def control_dies_often(lab):
    """kill -9 of sluiced at any moment of its start leaves a dataplane that forwards and a state that loads."""
    before = lab.probe(count=10)
    for delay_ms in (1, 3, 10, 20, 40, 80, 160):
        lab.sluiced.kill(signal.SIGKILL)
        lab.sluiced.start(wait=False)
        time.sleep(delay_ms / 1000)
    lab.sluiced.kill(signal.SIGKILL)
    expect_same_places(before, lab.probe(count=10), "after seven unfinished starts")
    lab.sluiced.start()
    lab.wait_up()
    expect_same_places(before, lab.probe(count=10), "at last")


def restart_dataplane(lab, away_s):
    """Kill the dataplane, start it again, and compare long-lived connections."""
    before = lab.probe(count=10)
    held = lab.hold(connections=HELD, interval=0.2)
    lab.dataplane.kill(signal.SIGKILL)
    time.sleep(away_s)
    began = time.monotonic()
    lab.dataplane.start()
    process_s = time.monotonic() - began
    wait_for("traffic", lambda: lab.curl(settings.URLS[0], "-m", "1").returncode == 0)
    traffic_s = time.monotonic() - began
    lab.wait_up()
    time.sleep(3 + away_s)  # by then every connection has sent its lost packets again
    errors = [c for c in held.close() if c["error"]]
    expect(not errors, f"{len(errors)} of {HELD} long-lived connections: {errors[:3]}")
    expect_same_places(before, lab.probe(count=10), "afterwards")
    return process_s, traffic_s


def dataplane_dies(lab):
    """kill -9 of the dataplane: flows reach their old instances after the restart."""
    process_s, traffic_s = restart_dataplane(lab, 0)
    figure(f"dataplane started after kill -9: ready after {process_s:.2f} s, traffic after {traffic_s:.2f} s, {HELD} connections lived on")


def dataplane_away(lab):
    """Three seconds without a dataplane: no instance goes down, and connections survive."""
    restart_dataplane(lab, 3)


def program_taken_off(lab):
    """The XDP program is detached from the port while sluiced runs: it is attached again at once."""
    before, program = lab.probe(count=10), lab.edge_program()
    held = lab.hold(connections=HELD, interval=5)
    lab.edge_program_off()
    began = time.monotonic()
    wait_for("another program", lambda: lab.edge_program() not in (None, program) or "removed from the port" in lab.sluiced.log(60))
    wait_for("traffic", lambda: lab.curl(settings.URLS[0], "-m", "1").returncode == 0)
    took_s = time.monotonic() - began
    wait_for("a request on every connection", lambda: all(c["error"] or c["requests"] > 1 for c in held.report()))
    errors = [c for c in held.close() if c["error"]]
    # Until it is back, the kernel resets what it gets for the VIPs.
    expect(len(errors) < HELD / 2, f"{len(errors)} of {HELD} long-lived connections: {errors[:3]}")
    figure(f"XDP program taken off: traffic again after {took_s:.2f} s, {len(errors)} of {HELD} connections had sent something meanwhile")
    expect_same_places(before, lab.probe(count=10), "afterwards")
    answers(lab)


def program_away(lab):
    """Another program on the hook for three seconds: it is reported, no instance goes down, no flow moves."""
    before, log = lab.probe(count=10), lab.sluiced.log_bytes()
    lab.sluiced.kill(signal.SIGKILL)
    lab.edge_program_off()
    lab.edge_hook(lab.net.dir / "pass.o")
    lab.sluiced.start()
    problem = wait_for("a word about it", lambda: lab.ctl("status")["node"]["dataplane"]["problem"])
    expect("held by program 'pass'" in problem, f"status says only: {problem!r}")
    time.sleep(3)
    lab.edge_hook()
    wait_for("traffic", lambda: lab.curl(settings.URLS[0], "-m", "1").returncode == 0)
    lab.wait_up()
    expect("-> down" not in lab.sluiced.log_since(log), "an instance was called down")
    expect_same_places(before, lab.probe(count=10), "afterwards")


def not_needed(lab):
    """sluice-dataplane logs one line that it is not needed, and exits as its unit expects; sluiced restarts alone."""
    done = lab.edge(BIN / "sluice-dataplane", *lab.arguments, check=False, timeout_s=60)
    expect_equal(done.returncode, 78, "exit code of sluice-dataplane")
    expect(len(done.stderr.splitlines()) == 1 and "sluiced" in done.stderr, f"it says {done.stderr!r}")
    program = lab.edge_program()
    expect_equal(lab.sluiced.kill(signal.SIGTERM), 0, "exit code of sluiced on SIGTERM")
    expect_equal(lab.edge_program(), program, "the program without sluiced")
    answers(lab)
    lab.sluiced.start()
    lab.wait_up()
    answers(lab)


def either_order(lab):
    """The daemons start in either order."""
    for first, second in ((lab.sluiced, lab.dataplane), (lab.dataplane, lab.sluiced)):
        for daemon in (lab.sluiced, lab.dataplane):
            expect_equal(daemon.kill(signal.SIGTERM), 0, f"exit code of {daemon.program} on SIGTERM")
        first.start()
        time.sleep(0.5)
        second.start()
        lab.wait_up()
        wait_for("traffic", lambda: lab.curl(settings.URLS[0], "-m", "1").returncode == 0)
        answers(lab)


def second_copy(lab):
    """A second copy of a daemon does not start and logs the reason; the first one continues."""
    for daemon in lab.daemons:
        done = lab.edge(BIN / daemon.program, *lab.arguments, check=False, timeout_s=60)
        expect(done.returncode == 1, f"{daemon.program}: exit code {done.returncode}")
        expect(str(daemon.process.pid) in done.stderr or "already" in done.stderr or "running" in done.stderr,
               f"{daemon.program} says only: {done.stderr}")
        expect(daemon.running(), f"the first {daemon.program} ended")
    answers(lab)


def half_written(lab):
    """A truncated or invalid file: error with file, line and column; the running state is unchanged."""
    good = lab.config_path.read_text()
    before, status = lab.probe(count=10), lab.ctl("status")
    cases = {"half": good[:len(good) * 2 // 3].rsplit(":", 1)[0] + ": [", "empty": "", "key": good.replace("forward: l2", "foward: l2"),
             "range": good.replace("flows: 100000", "flows: 12"), "restart": good.replace("flows: 100000", "flows: 200000"),
             "udp": good.replace("forward: l2", "forward: l2\n    protocol: udp"), "cut": good[:good.index("services:")],
             "cut in a pool": good[:good.index("    instances:")] + "    instances:\n"}
    for name, text in cases.items():
        lab.write_config(text)
        why = refused(lab, "config", "apply")
        if name != "restart":
            expect(f"{lab.config_path.name}:" in why, f"{name}: no place in the file: {why}")
            done = run(BIN / "sluicectl", "config", "check", lab.config_path, check=False)
            expect_equal(done.returncode, 1, f"exit code of config check of {name}")
        lab.sluiced.process.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    expect(lab.sluiced.running(), "sluiced ended")
    expect_equal([p["name"] for p in lab.ctl("status")["pools"]], [p["name"] for p in status["pools"]], "pools")
    expect_same_places(before, lab.probe(count=10), "afterwards")
    lab.write_config(good)
    expect_equal(run(BIN / "sluicectl", "config", "check", lab.config_path, check=False).returncode, 0, "exit code of config check of the good file")


def removed(lab):
    """A configuration that removes most instances is refused by apply and SIGHUP, and applied with --force."""
    good = lab.config_path.read_text()
    path, before = lab.config_path, sorted(lab.flows())
    for what, text in (("all services", good[:good.index("services:")] + "services: {}\n"),
                       ("of 12 instances", settings.to_yaml({**lab.config, "pools": {
                           name: {**pool, "instances": dict([*pool["instances"].items()][:1])} for name, pool in lab.config["pools"].items()}}))):
        lab.write_config(text)
        expect_equal(run(BIN / "sluicectl", "config", "check", path, check=False).returncode, 0, f"{what}: exit code of config check")
        why = refused(lab, "config", "apply")
        expect(what in why and "--force" in why, f"{what}: it says {why!r}")
        expect(lab.ctl("config", "diff")["needs_force"], f"{what}: config diff does not say that it needs --force")
        position = lab.sluiced.log_bytes()
        lab.sluiced.process.send_signal(signal.SIGHUP)
        wait_for("SIGHUP to be refused", lambda: "refused: would remove" in lab.sluiced.log_since(position))
        expect_equal(sorted(lab.flows()), before, f"{what}: instances afterwards")
    lab.ctl("config", "apply", "--force")
    expect_equal(len(lab.flows()), 3, "instances after --force")
    lab.write_config(good)
    lab.ctl("config", "apply")


def reload_signal(lab):
    """SIGHUP applies the file."""
    del lab.config["pools"]["web"]["instances"]["web-1"]
    lab.config["pools"]["web"]["instances"]["web-2"]["weight"] = 0
    lab.write_config()
    lab.sluiced.process.send_signal(signal.SIGHUP)
    wait_for("web-1 to leave", lambda: lab.instance_status("web/web-1") is None)
    expect_equal(set(lab.probe(*settings.L2_URLS).values()), {"web-3", "web-4"}, "instances of the pool")


def two_at_once(lab):
    """Two concurrent sluicectl: both succeed, and the state is complete."""
    for number in range(15):
        both = [lab.ctl_spawn("weight", "web/web-1", str(10 + number)), lab.ctl_spawn("drain" if number % 2 else "resume", "web/web-2")]
        for process in both:
            _, err = process.communicate(timeout=10)
            expect_equal(process.returncode, 0, f"exit code: {err}")
    expect_equal(lab.ctl("weight", "web/web-1")["weight"], 24, "weight")
    expect_equal(lab.instance_status("web/web-2")["admin"], "ready", "admin state")
    lab.ctl("weight", "web/web-1", "default")


def disk_full(lab):
    """A full disk: a change that cannot be stored is refused and not made."""
    filler = lab.run_dir / "filler"
    with filler.open("wb", buffering=0) as f, contextlib.suppress(OSError):
        while f.write(b"x" * 4096):
            pass
    try:
        why = refused(lab, "drain", "web/web-1")
        expect("space" in why.lower(), f"it says only: {why}")
        expect_equal(lab.instance_status("web/web-1")["admin"], "ready", "admin state")
        answers(lab)
    finally:
        filler.unlink()
    lab.ctl("drain", "web/web-1")
    lab.sluiced.kill(signal.SIGKILL)
    lab.sluiced.start()
    expect_equal(lab.instance_status("web/web-1")["admin"], "drain", "admin state after a restart")


def strangers(lab):
    """An unprivileged user is refused, by the socket's mode and by credentials."""
    sock = lab.run_dir / "control.sock"
    expect_equal(oct(sock.stat().st_mode & 0o777), "0o660", "mode of the socket")
    words = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", BIN / "sluicectl", "-r", lab.run_dir, "drain", "web/web-1"]
    modes = {path: path.stat().st_mode & 0o777 for path in (lab.run_dir, sock)}
    for opened in (False, True):
        if opened:
            lab.run_dir.chmod(0o777)
            sock.chmod(0o666)
        done = run(*words, check=False)
        expect_equal(done.returncode, 1, f"exit code ({done.stderr.strip()})")
        expect(done.stderr.strip(), "no word about why")
    for path, mode in modes.items():
        path.chmod(mode)
    expect_equal(lab.instance_status("web/web-1")["admin"], "ready", "admin state")


def all_down(lab):
    """All instances of a pool down: open treats all as up, drop drops."""
    web = lab.config["pools"]["web"]
    web["checks"] = [{"target": "TCP:9", "interval": "300ms", "timeout": "200ms", "unhealthy": 2, "healthy": 2}]
    lab.write_config()
    lab.ctl("config", "apply")
    for name in web["instances"]:
        lab.wait_health(f"web/{name}", "down")
    expect_equal(lab.load(*settings.L2_URLS, requests=40).wait()["failed"], 0, "failed requests with all_down: open")
    web["all_down"] = "drop"
    lab.write_config()
    lab.ctl("config", "apply")
    before = lab.counters().drops["no_instance"]
    expect(lab.curl(settings.L2_URLS[0], "-m", "1.5").returncode == 28, "a request got an answer with all_down: drop")
    expect(lab.account().drops["no_instance"] > before, "no_instance has not risen")
    expect_equal(lab.load(*settings.IPIP_URLS, requests=40).wait()["failed"], 0, "failed requests of the other service")


def admin_verbs(lab):
    """maint takes an instance out of service at once; weight 0; resume."""
    held = lab.hold(settings.L2_URLS[0], connections=HELD)
    mine = [c for c in held.opened if c["instance"] == "web-1"]
    expect(mine, "no connection is on web-1: nothing is shown")
    lab.ctl("maint", "web/web-1")
    expect("web-1" not in lab.probe(*settings.L2_URLS).values(), "web-1 in maintenance gets new flows")
    time.sleep(1.5)
    errors = [c for c in held.close() if c["error"]]
    expect_equal(len(errors), len(mine), "connections of web-1 that were moved and reset")
    lab.ctl("resume", "web/web-1")
    lab.ctl("weight", "web/web-2", "0")
    seen = set(lab.probe(*settings.L2_URLS).values())
    expect_equal(seen, {"web-1", "web-3", "web-4"}, "instances")
    lab.ctl("weight", "web/web-2", "default")


def exit_codes(lab):
    """sluicectl: 0 done, 1 refused, 2 usage, 3 no daemon."""
    expect("web-1" in lab.ctl("status", table=True), "the table has no web-1")
    expect("received" in lab.ctl("drops", table=True), "drops says nothing of received packets")
    refused(lab, "drain", "web/nobody")
    refused(lab, "drain", "nothing/web-1")
    refused(lab, "config", "check", lab.net.dir / "nowhere.yaml")
    for words in (["fly"], ["drain"], ["drain", "web/web-1", "--wiat"], ["weight", "web/web-1", "heavy"], []):
        refused(lab, *words, code=2)
    done = run(BIN / "sluicectl", "-r", lab.net.dir / "nowhere", "status", check=False)
    expect_equal(done.returncode, 3, f"exit code without a daemon ({done.stderr.strip()})")


if __name__ == "__main__":
    dataplane = (program_taken_off, program_away, not_needed) if settings.XDP else (dataplane_dies, dataplane_away, either_order)
    scenario.run(exit_codes, admin_verbs, control_dies, control_stands_still, control_dies_often, *dataplane, second_copy, half_written, removed, reload_signal, two_at_once,
            disk_full, strangers, all_down)
