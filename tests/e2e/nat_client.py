#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""`source: client`: 443 to 8443 and 80 to 80, nginx's log has the true client, and what expires is reset.

test-long
test-timeout: 300 s
test-dataplanes: dpdk
"""
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lab"))

import settings  # noqa: E402
import scenario  # noqa: E402
from instance import BIG_BYTES  # noqa: E402
from lab import wait_for  # noqa: E402
from scenario import expect, expect_equal, figure  # noqa: E402

settings.patient()
settings.CONFIG["node"]["idle_timeout"] = "2m"
LISTENERS = {"web4": 0, "web6": 1}  # pool: which of an instance's addresses
settings.CONFIG["pools"] = {
    pool: {**settings.CONFIG["pools"]["web"], "instances": {name: {"address": settings.NEAR[name][which]} for name in settings.NEAR}}
    for pool, which in LISTENERS.items()}
settings.CONFIG["services"] = {
    pool: {"vip": [settings.WEB_VIPS[which]], "forward": "nat", "source": "client",
           "listeners": [{"port": 80, "pool": pool}, {"port": 443, "instance_port": 8443, "pool": pool}]}
    for pool, which in LISTENERS.items()}
URLS = settings.L2_URLS
HELD = 64
WAIT_S = 90


def clients_by(lab, name, gateways):
    """Where an instance's packets to clients go."""
    lab.net.ip(name, f"route replace default via {gateways[0]}", f"route replace ::/0 via {gateways[1]}")


def logged(lab):
    """Every instance answers; it sees the client itself, and so does its log."""
    for name in settings.NEAR:
        clients_by(lab, name, settings.EDGE)
    for url in URLS:
        names = lab.names(url, 32)
        expect(len(names) == 32 and set(names) <= set(settings.NEAR), f"{url}: answers from {names}")
        expect(len(set(names)) > 1, f"{url}: all flows go to {names[0]}")
        client = settings.CLIENT["[" in url]
        expect_equal(lab.curl(url + "whoami").stdout.strip(), client, f"{url}: who the instance saw")
    lines = [line for name in settings.NEAR for log in [lab.net.dir / name / "access.log"] if log.exists() for line in log.read_text().splitlines()]
    expect_equal(sorted(line.split()[0] for line in lines), sorted(settings.CLIENT * 2), "clients in nginx's logs")


def bodies(lab):
    """A megabyte down and up: whole, in segments as large as the path takes."""
    body = lab.net.dir / "web-1/www/big"
    for url in URLS:
        got = lab.curl(url + "big", "-o", "/dev/null", "-w", "%{http_code} %{size_download}").stdout
        expect_equal(got, f"200 {BIG_BYTES}", url)
        got = lab.curl(url + "upload", "-H", "Expect:", "--data-binary", f"@{body}")
        expect(got.stdout.split()[1:] == [str(BIG_BYTES)], f"{url}: {got.stdout!r} {got.stderr!r}")
    lab.account()


def many(lab):
    """Requests beside each other: none fails."""
    report = lab.load(*URLS, requests=2000).wait()
    expect_equal(report["failed"], 0, f"failed requests: {report['failures'][:3]}")
    figure(f"{report['requests']} requests through nat, source: client, 0 failed; {lab.account()}")


def killed(lab):
    """kill -9 of the dataplane: replies find their clients after it."""
    held = lab.hold(*URLS, connections=HELD, interval=0.2, timeout=40)
    before = held.report()
    lab.dataplane.kill()
    lab.dataplane.start()
    lab.wait_up(WAIT_S)

    def answered():
        now = held.report()
        broken = [c for c in now if c["error"]]
        expect(not broken, f"{len(broken)} of {HELD} connections were cut: {broken[:3]}")
        return all(c["requests"] > b["requests"] for c, b in zip(now, before))
    wait_for("an answer on every connection", answered, WAIT_S)
    errors = [c for c in held.close() if c["error"]]
    expect(not errors, f"{len(errors)} of {HELD} connections were cut: {errors[:3]}")
    figure(f"dataplane killed: 0 of {HELD} connections with source: client cut")


def ask(lab, sock):
    """A request on a connection that stays open. Returns the instance."""
    sock.settimeout(10)
    sock.sendall(b"GET / HTTP/1.1\r\nHost: lab.example\r\n\r\n")
    answer = b""
    while b"\r\n\r\n" not in answer or not answer.endswith(b"\n"):
        got = sock.recv(4096)
        expect(got, f"the connection ended after {answer!r}")
        answer += got
    return answer.split()[-1].decode()


def quiet(lab, count):
    """Connections that say nothing any more, by instance."""
    held = {}
    for _ in range(count):
        sock = lab.net.socket("client")
        sock.connect((settings.WEB_VIPS[0], 80))
        held.setdefault(ask(lab, sock), []).append(sock)
    return held


def is_reset(sock, timeout_s):
    sock.settimeout(timeout_s)
    try:
        sock.recv(1)
    except ConnectionResetError:
        return True
    except TimeoutError:
        pass
    return False


def at_instance(lab, name):
    """Connections of the client that an instance has."""
    return lab.net.exec(name, "ss", "-Htn", "state", "established", "dst", settings.CLIENT[0]).stdout.splitlines()


def expired(lab):
    """A quiet connection that expires is reset at both ends."""
    held = quiet(lab, 16)
    lab.config["node"]["nat_idle_timeout"] = "2s"
    lab.write_config()
    lab.ctl("config", "apply")
    for name, socks in held.items():
        for sock in socks:
            expect(is_reset(sock, WAIT_S), f"a connection to {name} was not reset")
        wait_for(f"the end of {name}'s connections", lambda name=name: not at_instance(lab, name), WAIT_S)
    resets = lab.ctl("status")["node"]["nat"]["resets"]
    expect(resets >= 16, f"{resets} resets counted")
    lab.config["node"]["nat_idle_timeout"] = "1h"
    lab.write_config()
    lab.ctl("config", "apply")
    lab.account()


def unplugged(lab):
    """Clients of an instance that vanishes are told; the others' connections stay as they are."""
    held = quiet(lab, 80)
    lab.instances["web-1"].cut()
    for sock in held.pop("web-1"):
        expect(is_reset(sock, WAIT_S), "a connection to web-1 was not reset")
    for name, socks in held.items():
        for sock in socks:
            expect_equal(ask(lab, sock), name, "instance of a connection")
    lab.instances["web-1"].cut(False)
    lab.wait_up(WAIT_S)


def missing(lab):
    """An instance whose route to clients does not lead here: status says so."""
    clients_by(lab, "web-1", settings.ROUTER_LAN)

    def told():
        lab.net.exec("client", "curl", "-ks", "-m", "0.2", "--parallel", *[URLS[0]] * 16, check=False)
        notes = {i["name"]: i["replies"] for p in lab.ctl("status")["pools"] if p["name"] == "web4" for i in p["instances"]}
        expect(not any(note for name, note in notes.items() if name != "web-1"), f"of others: {notes}")
        return notes["web-1"]
    note = wait_for("a word about the replies of web-1", told, WAIT_S)
    expect("route to clients" in note, note)
    clients_by(lab, "web-1", settings.EDGE)
    wait_for("replies of web-1", lambda: not told_of(lab), WAIT_S)


def told_of(lab):
    lab.names(URLS[0], 16)
    return next(i["replies"] for p in lab.ctl("status")["pools"] if p["name"] == "web4" for i in p["instances"] if i["name"] == "web-1")


if __name__ == "__main__":
    scenario.run(logged, bodies, many, killed, expired, unplugged, missing)
