#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# test-long: xdp
"""Operation: unusual instances and files, live keys, the shape of the JSON output.

test-dataplanes: dpdk xdp
"""
import collections
import json
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
LAB = Path(__file__).resolve().parent.parent / "lab"
sys.path.insert(0, str(LAB))

import settings  # noqa: E402
import scenario  # noqa: E402
from lab import BIN, WAIT_S, wait_for  # noqa: E402
from netns import run  # noqa: E402
from scenario import expect, expect_equal, figure  # noqa: E402

FIRST_PORT = 9001
CLOSED_PORT = 9
NUMBER = (int, float)
SILENT = 1000
DEATH_MAX_S = 10  # 3 on a quiet node; with one queue for all each of three results takes up to 23

# server of odd.py (None: nobody listens), check, health, part of the reason
CHECKS = [
    ("ok", "HTTP:{}/", "up", ""),
    ("ok", "TCP:{}", "up", ""),
    ("http10", "HTTP:{}/", "up", ""),
    ("chunked", "HTTP:{}/", "up", ""),
    ("continue", "HTTP:{}/", "up", ""),
    ("continue404", "HTTP:{}/", "lame", "status 404"),
    ("moved", "HTTP:{}/", "lame", "status 301"),
    ("nocontent", "HTTP:{}/", "lame", "status 204"),
    ("missing", "HTTP:{}/up.html", "lame", "status 404"),
    ("broken", "HTTP:{}/", "lame", "status 500"),
    ("big", "HTTP:{}/", "up", ""),
    ("cut", "HTTP:{}/", "lame", "bad answer"),
    ("garbage", "HTTP:{}/", "lame", "not an HTTP answer"),
    ("slow", "HTTP:{}/", "down", "timed out"),
    ("slow", "TCP:{}", "up", ""),
    ("silent", "HTTP:{}/", "down", "closed without an answer"),
    ("reset", "HTTP:{}/", "down", "reset"),
    ("reset", "TCP:{}", "up", ""),
    ("tls-ok", "HTTPS:{}/", "up", ""),
    ("tls-ok", "SSL:{}", "up", ""),
    ("tls-ok", "HTTP:{}/", "down", ""),
    ("tls-missing", "HTTPS:{}/", "lame", "status 404"),
    ("tls-missing", "SSL:{}", "up", ""),
    ("missing", "SSL:{}", "lame", "TLS handshake"),
    (None, "TCP:{}", "down", "refused"),
    (None, "HTTPS:{}/", "down", "refused"),
]

EXPLAINED = f"{settings.WEB_VIPS[0]}:80"


def sluicectl(lab, *argv, timeout_s=60):
    return run(BIN / "sluicectl", "-r", lab.run_dir, *argv, check=False, timeout_s=timeout_s)


def apply(lab):
    lab.write_config()
    lab.ctl("config", "apply")


def check(target):
    return {"target": target, "interval": "1s", "timeout": "900ms", "unhealthy": 2, "healthy": 2}


def _wrong(got):
    """What differs from CHECKS, and from the worst of several checks."""
    wrong = [f"{target} at {name}: {got[f'c{n}']['health']}, \"{got[f'c{n}']['reason']}\"; expected {health}, {reason}"
             for n, (name, target, health, reason) in enumerate(CHECKS)
             if got[f"c{n}"]["health"] != health or reason not in got[f"c{n}"]["reason"]]
    several = [got[name]["health"] for name in ("worst", "lame")]
    return wrong + ([] if several == ["down", "lame"] else [f"the worst of several checks: {several}"])


def checks(lab):
    """Each kind of check gives the expected result for each unusual instance."""
    names = list(dict.fromkeys(name for name, *_ in CHECKS if name))
    ports = {name: FIRST_PORT + number for number, name in enumerate(names)} | {None: CLOSED_PORT}
    instance = lab.instances["web-1"]
    tls = lab.net.dir / "tls"
    odd = lab.net.spawn("web-1", "/usr/bin/python3", LAB / "odd.py", instance.v4, tls / "cert.pem", tls / "key.pem", FIRST_PORT, *names,
                        stdout=subprocess.PIPE)
    expect_equal(odd.stdout.readline(), b"ready\n", "what odd.py says")
    for number, (name, target, _, _) in enumerate(CHECKS):
        lab.config["pools"][f"c{number}"] = {"checks": [check(target.format(ports[name]))], "instances": {"one": {"address": instance.v4}}}
    both = [check(f"TCP:{CLOSED_PORT}"), check(f"HTTP:{ports['missing']}/"), check("TCP:80")]
    lab.config["pools"]["worst"] = {"checks": both, "instances": {"one": {"address": instance.v4}}}
    lab.config["pools"]["lame"] = {"checks": both[1:], "instances": {"one": {"address": instance.v4}}}
    apply(lab)

    def checked():
        return all(p["instances"][0]["health"] != "unknown" for p in lab.ctl("status")["pools"])
    wait_for("all to be checked", checked)
    for _ in range(2):  # and once again
        time.sleep(1.2)
        until = time.monotonic() + WAIT_S  # a busy machine keeps odd.py, too, from its CPU
        while (wrong := _wrong({p["name"]: p["instances"][0] for p in lab.ctl("status")["pools"]})) and time.monotonic() < until:
            time.sleep(0.5)
        expect(not wrong, "\n".join(wrong))
    odd.kill()


def many_dead(lab):
    """A thousand silent instances: a dead one is detected as fast as usual, and status reports late checks."""
    lab.net.exec("router", "ip", "route", "add", "blackhole", "10.66.0.0/16")
    silent = {"target": "TCP:80", "interval": "2s", "timeout": "1500ms", "unhealthy": 2, "healthy": 2}
    lab.config["pools"]["silent"] = {"checks": [silent],
                                     "instances": {f"s{n}": {"address": f"10.66.{n // 250}.{n % 250 + 1}"} for n in range(SILENT)}}
    try:
        apply(lab)
        wait_for("the silent to be known as down", lambda: lab.instance_status(f"silent/s{SILENT - 1}")["health"] == "down", 60, 0.3)
        wait_for("late checks in status", lambda: "start late" in lab.ctl("status", table=True), WAIT_S, 0.3)
        lab.instances["web-2"].cut()
        began, at = time.monotonic(), lab.sluiced.log_bytes()
        # not by status, which has a thousand entries and would be what is measured
        wait_for("web/web-2 to be down", lambda: "web/web-2: up -> down" in lab.sluiced.log_since(at), 60)
        took_s = time.monotonic() - began
        figure(f"an instance's death beside {SILENT} silent ones found after {took_s:.2f} s")
        expect(took_s <= DEATH_MAX_S, f"its death was found after {took_s:.1f} s")
    finally:
        lab.net.exec("router", "ip", "route", "del", "blackhole", "10.66.0.0/16")
        lab.config = settings.default()
        lab.write_config()
        lab.ctl("config", "apply", "--force")


def shape(lab):
    """The JSON of status has its documented shape and types."""
    status = lab.ctl("status")
    expect(isinstance(status["node"], dict), "node")
    for service in status["services"]:
        for key, kind in (("name", str), ("vip", list), ("forward", str), ("listeners", list)):
            expect(isinstance(service[key], kind), f"{key} of a service: {service[key]!r}")
        for listener in service["listeners"]:
            expect(isinstance(listener["port"], int) and isinstance(listener["pool"], str), f"listener {listener}")
    for pool in status["pools"]:
        expect(isinstance(pool["name"], str) and pool["instances"], f"pool {pool['name']}")
        for instance in pool["instances"]:
            for key, kind in (("name", str), ("address", str), ("weight", int), ("admin", str), ("health", str), ("reason", str),
                              ("flows", int), ("new_per_s", NUMBER), ("share", NUMBER)):
                expect(isinstance(instance[key], kind) and not isinstance(instance[key], bool), f"{key} of an instance: {instance[key]!r}")
        expect(abs(sum(i["share"] for i in pool["instances"]) - 1) < 1e-6, f"shares of {pool['name']}")
    for drop in lab.ctl("drops")["drops"]:
        expect(f"\n{drop['reason']} " in lab.ctl("drops", table=True), f"drops does not list {drop['reason']}")


def every_verb(lab):
    """Every verb answers in JSON; a refusal also prints its reason on stderr."""
    bad = lab.net.dir / "bad.yaml"
    bad.write_text(settings.to_yaml(lab.config).replace("flows: 100000", "flows: many"))
    for argv in (["status"], ["status", "web"], ["drops"], ["weight", "web/web-1"], ["weight", "web/web-1", "70"], ["drain", "web/web-1"],
                 ["drain", "web/web-1", "--wait", "30s"], ["maint", "web/web-1"], ["weight", "web/web-1", "default"], ["resume", "web/web-1"],
                 ["config", "check", lab.config_path], ["config", "diff"], ["config", "apply"],
                 ["config", "apply", "--confirm", "1h"], ["config", "confirm"], ["history"], ["explain", "192.0.2.1:7", EXPLAINED],
                 ["explain", "192.0.2.1", EXPLAINED, "--at", "0"], ["explain", "192.0.2.1", EXPLAINED, "-c", lab.config_path], ["flows"], ["top", "--once", "--interval", "200ms"],
                 ["flows", "--instance", "web/web-1", "--client", settings.CLIENT[0], "--service", "web", "--older", "1s", "--limit", "5"], ["events"], ["events", "--since", "1h", "--object", "web"]):
        done = sluicectl(lab, "-o", "json", *argv)
        expect_equal(done.returncode, 0, f"exit code of {argv} ({done.stderr})")
        json.loads(done.stdout.splitlines()[-1] if "--wait" in argv else done.stdout)
    for argv in (["config", "check", bad], ["config", "diff", bad], ["config", "apply", bad]):
        for output in ("table", "json"):
            done = sluicectl(lab, "-o", output, *argv)
            expect_equal(done.returncode, 1, f"exit code of {argv}")
            expect("bad.yaml:7:10: node.flows: \"many\": expected a number" in done.stderr, f"{argv} as {output} says {done.stderr!r}")


def changes_of_who_is_out(lab):
    """A change that alters no table is confirmed at once."""
    began = time.monotonic()
    for argv in (["drain", "web/web-1"], ["maint", "web/web-1"], ["weight", "web/web-1", "40"], ["config", "apply"], ["weight", "web/web-1", "default"],
                 ["maint", "web/web-1"], ["drain", "web/web-1"], ["drain", "web/web-1"], ["resume", "web/web-1"], ["resume", "web/web-1"]):
        done = sluicectl(lab, *argv)
        expect_equal(done.returncode, 0, f"exit code of {argv} ({done.stderr})")
    expect(time.monotonic() - began < 25, "the workers were waited for")  # 5 s each


def deployed(lab):
    """A deployment's commands may be repeated: each says what it finds, and exits with 0."""
    for argv, said in ((["drain", "web/web-1"], "draining"), (["drain", "web/web-1", "--wait", "30s"], "draining"),
                       (["maint", "web/web-1"], "in maintenance"), (["resume", "web/web-1"], "ready")):
        for expected in (f"web/web-1: {said}; ", f"web/web-1: already {said}; "):
            done = sluicectl(lab, *argv)
            expect_equal(done.returncode, 0, f"exit code of {argv} ({done.stderr})")
            expect(done.stdout.startswith(expected) or argv[-2] == "--wait", f"{argv} says {done.stdout!r}, not {expected!r}")


def explained(lab):
    """What explain says of a connection, recorded or still to come, is where it goes; over a drain, too."""
    held = lab.hold(connections=40, interval=1)
    connections = held.opened
    for connection in connections:
        got = lab.explain(connection)
        expect_equal(got["flow"]["table"], "found", f"the flow of {connection}")
        expect_equal((got["choice"]["why"], got["choice"]["instance"].split("/")[1]), ("record", connection["instance"]), f"explain of {connection}")
    # of 40 connections a quarter has the web service over IPv4
    found = lab.ctl("flows", "--client", settings.CLIENT[0], "--service", "web", "--limit", "1000")
    of_web = {(settings.CLIENT[0], c["port"], "web/" + c["instance"]) for c in connections if settings.WEB_VIPS[0] in c["url"]}
    listed = {(f["client"], f["client_port"], f["instance"]) for f in found["list"]}
    expect(of_web and of_web <= listed, f"flows does not list {of_web - listed}")
    expect(lab.ctl("flows")["ipv6"] >= sum("[" in c["url"] for c in connections), "flows of IPv6 are missing")
    lab.ctl("drain", "web/web-1")
    try:
        on_it = [c for c in connections if c["instance"] == "web-1"]
        expect(on_it, "web-1 has no connection")
        for connection in on_it:
            got = lab.explain(connection)
            expect_equal(got["choice"], {"instance": "web/web-1", "why": "record", "moved": False}, "a flow of a draining instance")
            expect(got["new"]["instance"] != "web/web-1", "a new connection would go to a draining instance")
            expect_equal((got["instance"]["admin"], got["instance"]["accepts"], got["instance"]["serves"]), ("drain", False, True), "its instance")
        for port in range(20000, 20030):  # none of the held ones
            expected = lab.ctl("explain", f"{settings.CLIENT[0]}:{port}", EXPLAINED)["choice"]["instance"]
            done = lab.curl(f"http://{EXPLAINED}/", "--local-port", str(port))
            expect_equal("web/" + done.stdout.strip(), expected, f"the instance of a new connection from port {port} ({done.stderr})")
    finally:
        lab.ctl("resume", "web/web-1")
    held.close()
    share = lab.ctl("explain", settings.CLIENT[0], EXPLAINED)["share"]
    expect_equal({s["instance"] for s in share}, {f"web/web-{n}" for n in range(1, 5)}, "instances of a client's connections")
    expect_equal(lab.ctl("explain", f"{settings.CLIENT[0]}:7", f"{settings.WEB_VIPS[0]}:81")["service"], None, "the service of another port")


def receipt(lab):
    """A drain that waits ends with what became of the flows."""
    held = lab.hold(settings.L2_URLS[0], connections=40, interval=1)
    on_it = sum(c["instance"] == "web-1" for c in held.opened)
    drain = lab.ctl_spawn("-o", "json", "drain", "web/web-1", "--wait", f"{WAIT_S}s")
    try:
        expect(json.loads(drain.stdout.readline())["flows"] >= on_it > 0, "the drain begins without the flows")
        held.close()
        out, err = drain.communicate(timeout=WAIT_S + 10)
        expect_equal(drain.returncode, 0, f"exit code of drain --wait ({err})")
        got = json.loads(out.splitlines()[-1])["receipt"]
        expect(got["flows"] >= on_it, f"{on_it} connections, {got}")
        expect_equal((got["left"], got["moved"], got["ended"]), (0, 0, got["flows"] + got["added"]), f"the receipt {got}")
        expect(0 <= got["half_ms"] <= got["ninety_ms"] <= got["last_ms"], f"ages of {got}")
        expect(got["workers"] and all(w["new_flows"] == 0 and w["last_new_ms"] is None for w in got["workers"]), f"new flows in {got}")
    finally:
        drain.kill()
        lab.ctl("resume", "web/web-1")


def rates(lab):
    """top shows who has most flows, and what goes where."""
    held = lab.hold(settings.L2_URLS[0], connections=40, interval=0.2)
    got = lab.ctl("top", "--once", "--interval", "1s")
    held.close()
    expect_equal(got["clients"]["clients"][0]["client"], settings.CLIENT[0], f"the client with most flows of {got['clients']}")
    expect(sum(i["packets_per_s"] for i in got["instances"]) > 50, f"packets of {got['instances']}")
    web = next(s for s in got["services"] if s["service"] == "web")
    expect(web["packets_per_s"] > 50 and web["flows"] >= 40 and not web["shared"], f"rates of {web}")


def pcapng(path):
    """(frame, comment) of each packet: draft-ietf-opsawg-pcapng, sections 3.5 and 4.3."""
    data, at = Path(path).read_bytes(), 0
    while at < len(data):
        kind, size = struct.unpack_from("<II", data, at)
        expect_equal(struct.unpack_from("<I", data, at + size - 4)[0], size, "the length behind a block")
        if kind == 6:
            captured = struct.unpack_from("<I", data, at + 20)[0]
            code, length = struct.unpack_from("<HH", data, option := at + 28 + (captured + 3) // 4 * 4)
            expect_equal(code, 1, "the first option")
            yield data[at + 28:at + 28 + captured], data[option + 4:option + 4 + length].decode()
        at += size


def is_refused(lab):
    """Whether a capture is in force: another one is refused then."""
    done = sluicectl(lab, "capture", "--count", "1", "--reason", "none_such")
    expect_equal(done.returncode, 1, "exit code of a second capture")
    return "another capture" in done.stderr


def capture_start(lab, *argv):
    """In force when this returns. The one before may not have ended yet."""
    wait_for("the end of the capture before", lambda: not is_refused(lab))
    process = lab.ctl_spawn(*argv)
    wait_for("the capture to begin", lambda: is_refused(lab))
    expect(process.poll() is None, f"capture has ended: {process.stderr.read() if process.poll() is not None else ''}")
    return process


def captured(lab):
    """Dropped packets are captured with the reasons that drops counts; forwarded ones with their instance."""
    path = os.path.join(lab.run_dir, "drops.pcapng")
    before = lab.counters().drops
    capture = capture_start(lab, "capture", "--drops", "-w", path)
    wanted = {k: n for k, n in lab.send_bad_packets()["drops"].items() if n and k not in settings.OTHERS}
    wait_for("the drops", lambda: all(lab.counters().drops[k] - before[k] >= n for k, n in wanted.items()))

    def comments():
        return collections.Counter(c.split(": ")[1].split(",")[0] for _, c in pcapng(path))
    wait_for("the dropped packets in the file", lambda: all(comments()[k] >= n for k, n in wanted.items()))
    capture.send_signal(signal.SIGINT)
    _, err = capture.communicate(timeout=WAIT_S)
    expect_equal(capture.returncode, 0, f"exit code of capture ({err})")
    after, seen = lab.counters().drops, comments()
    for reason in wanted:
        expect(wanted[reason] <= seen[reason] <= after[reason] - before[reason], f"{seen[reason]} {reason} captured, {after[reason] - before[reason]} counted")
    expect_equal(os.stat(path).st_mode & 0o777, 0o600, "the file's mode")
    expect(err.startswith(f"{sum(seen.values()):,} packets"), f"it says {err!r} of {seen}")

    capture = capture_start(lab, "-o", "json", "capture", "--instance", "web/web-1", f"src host {settings.CLIENT[0]} and tcp dst port 80")
    ports = range(31000, 31040)
    on_it = {p for p in ports if lab.curl(f"http://{EXPLAINED}/", "--local-port", str(p)).stdout.strip() == "web-1"}
    expect(0 < len(on_it) < len(ports), f"connections to web-1: {on_it}")
    got = {}
    while set(got) < on_it:
        said = capture.stdout.readline()
        expect(said, f"capture has ended: {capture.stderr.read() if not said else 0}")
        line = json.loads(said)
        if "data" in line:
            expect_equal((line["verdict"], line["instance"]), ("forward", "web/web-1"), "what became of a packet")
            frame = bytes.fromhex(line["data"])
            port = struct.unpack_from("!H", frame, 14 + (frame[14] & 15) * 4)[0]
            if port in ports:
                got[port] = line
    expect_equal(set(got), on_it, "ports of the captured packets")
    # Killed, it ends at once: the next one is not refused for long.
    capture.kill()
    capture.communicate()
    began = time.monotonic()
    wait_for("the killed capture's end", lambda: not is_refused(lab))
    figure(f"a killed capture ends within {(time.monotonic() - began) * 1000:.0f} ms")
    capture = lab.ctl_spawn("capture", "--client", settings.CLIENT[0], "-w", "/dev/full")
    _, err = capture.communicate(timeout=WAIT_S)
    expect(capture.returncode == 1 and "No space left" in err, f"on a full disk: {err}")


def live_keys(lab):
    """Timeouts and rates change without a restart; others are refused by name."""
    held = lab.hold(settings.L2_URLS[0], connections=20, interval=60)
    expect(sum(lab.flows().values()) >= 20, "connections make no flows")
    lab.config["node"].update(idle_timeout="1s", syn_timeout="1s", fin_timeout="1s", kernel_rate=5000, icmp_rate=0)
    apply(lab)
    wait_for("idle flows to be forgotten", lambda: sum(lab.flows().values()) == 0)
    held.close()
    lab.config["node"].update(flows=200000, mtu=1400)
    lab.write_config()
    done = sluicectl(lab, "config", "apply")
    expect_equal(done.returncode, 1, "exit code")
    expect("node.flows" in done.stderr and "node.mtu" in done.stderr and "restart" in done.stderr, f"it says {done.stderr!r}")


def events(lab, *argv):
    return lab.ctl("events", *argv)["events"]


def what_has_changed(lab):
    """Each change is recorded with its cause, over a crash of sluiced, and sent to who follows."""
    follower = lab.ctl_spawn("-o", "json", "events", "-f", "--object", "web/web-2")
    try:
        lab.ctl("drain", "web/web-2")
        line = json.loads(follower.stdout.readline())
        while line["what"] != "admin" or line["to"] != "drain":
            line = json.loads(follower.stdout.readline())
        expect_equal((line["object"], line["from"], line["who"]), ("web/web-2", "ready", "root"), "what the follower got")
        expect("drain, uid 0, pid " in line["cause"], f"the cause is {line['cause']!r}")
        lab.ctl("resume", "web/web-2")
        expect_equal(json.loads(follower.stdout.readline())["to"], "ready", "the follower's next event")
    finally:
        follower.kill()
        follower.wait()
    before = events(lab)
    lab.sluiced.kill(signal.SIGKILL)
    lab.sluiced.start()
    after = events(lab)
    expect_equal(after[:len(before)], before, "events after a crash")
    expect(any(e["object"] == "sluiced" and e["to"] == "started" for e in after[len(before):]), f"the start is not among {after[len(before):]}")


def configurations(lab):
    """What was in force comes back: by a rollback, and without a confirmation, whatever sluiced goes through meanwhile."""
    def apply_rate(value, *argv):
        lab.config["node"]["icmp_rate"] = value
        lab.write_config()
        lab.ctl("config", "apply", *argv)
    good = lab.config_path.read_bytes()
    probe = lab.net.dir / "probe.yaml"
    apply_rate(77)
    probe.write_bytes(lab.config_path.read_bytes())
    apply_rate(78)
    expect_equal([c["who"] for c in lab.ctl("history")["configurations"][:2]], ["root", "root"], "who has applied")
    lab.ctl("config", "rollback")
    expect_equal(lab.ctl("config", "diff", probe)["changes"], [], "what a rollback has left")
    lab.sluiced.kill(signal.SIGKILL)
    lab.sluiced.start()
    expect_equal(lab.ctl("config", "diff", probe)["changes"], [], "what a crash after a rollback has left")
    expect("was set aside" in lab.ctl("status")["node"]["config_problem"], "status does not say that the file is set aside")
    apply_rate(77)
    apply_rate(79, "--confirm", "1h")
    done = sluicectl(lab, "config", "apply", probe)
    expect_equal(done.returncode, 1, "exit code of config apply while another one waits")
    expect("waits for its confirmation" in done.stderr, f"it says {done.stderr!r}")
    lab.ctl("config", "confirm")
    apply_rate(77)
    apply_rate(79, "--confirm", "1s")
    lab.sluiced.kill(signal.SIGKILL)
    lab.sluiced.start()
    wait_for("the unconfirmed configuration to be undone", lambda: lab.ctl("config", "diff", probe)["changes"] == [])
    expect(any(e["to"] == "not confirmed" for e in events(lab, "--object", "config")), "no event says that it was undone")
    lab.config_path.write_bytes(good)
    lab.ctl("config", "apply")


def odd_files(lab):
    """An unreadable file is refused and blocks nothing."""
    good = lab.config_path.read_bytes()

    def daemon_refuses(what):
        expect_equal(sluicectl(lab, "config", "apply").returncode, 1, f"exit code of config apply of {what}")
        lab.sluiced.process.send_signal(signal.SIGHUP)
        expect_equal(sluicectl(lab, "status").returncode, 0, f"exit code of status after SIGHUP with {what}")
    lab.config_path.unlink()
    daemon_refuses("no file")
    os.mkfifo(lab.config_path)
    daemon_refuses("a fifo")
    for verb in ("check", "diff", "apply"):
        expect_equal(sluicectl(lab, "config", verb, lab.config_path).returncode, 1, f"exit code of config {verb} of a fifo")
    lab.config_path.unlink()
    lab.config_path.mkdir()
    daemon_refuses("a directory")
    lab.config_path.rmdir()
    lab.config_path.write_bytes(b"#" * (5 << 20))
    daemon_refuses("5 MiB")
    lab.config_path.write_bytes(good)
    expect_equal(sluicectl(lab, "config", "apply").returncode, 0, "exit code with the good file")


def restarted(lab):
    """After a restart status shows the running generation; the daemon's own file is recognized by any path."""
    generation = lab.ctl("status")["node"]["dataplane"]["generation"]
    lab.sluiced.kill(signal.SIGKILL)
    given = lab.arguments
    lab.arguments = ["-c", os.path.relpath(lab.config_path), *given[2:]]
    try:
        lab.sluiced.start()
        expect(lab.ctl("status")["node"]["dataplane"]["generation"] >= generation > 0, "the generation is not the one that was adopted")
        expect_equal(lab.ctl("status")["node"]["config"], f"{Path.cwd()}/{lab.arguments[1]}", "the configuration's path")
        expect(lab.ctl("config", "apply", lab.config_path)["own_file"], "its own file is another one's")
    finally:
        lab.arguments = given


if __name__ == "__main__":
    scenario.run(shape, every_verb, explained, receipt, rates, captured, changes_of_who_is_out, deployed, what_has_changed, configurations, live_keys, odd_files, restarted, checks, many_dead)
