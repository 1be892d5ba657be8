#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Translation: 443 to 8443 and 80 to 80, for IPv4 and IPv6 clients, and through kills of what has the records.

test-timeout: 500 s
test-dataplanes: dpdk xdp auto
test-long: auto
"""
import signal
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
settings.CONFIG["services"] = {
    "web": {
        "vip": list(settings.WEB_VIPS),
        "forward": "nat",
        "listeners": [{"port": 80, "pool": "web"}, {"port": 443, "instance_port": 8443, "pool": "web"}],
    },
}
for unused in ("tun4", "tun6"):
    del settings.CONFIG["pools"][unused]
URLS = settings.L2_URLS
HELD = 64
WAIT_S = 90
REQUESTS = 2000
KILLS = 10 if settings.XDP else 1


def answers(lab):
    """Every instance answers, and sees the node as the client."""
    for url in URLS:
        names = lab.names(url, 32)
        expect(len(names) == 32 and set(names) <= set(settings.NEAR), f"{url}: answers from {names}")
        expect(len(set(names)) > 1, f"{url}: all flows go to {names[0]}")
        expect_equal(lab.curl(url + "whoami").stdout.strip(), settings.EDGE[0], f"{url}: who the instance saw")


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
    report = lab.load(*URLS, requests=REQUESTS).wait()
    expect_equal(report["failed"], 0, f"failed requests: {report['failures'][:3]}")
    figure(f"{report['requests']} requests through nat, 0 failed; {lab.account()}")


def taken_over(lab):
    """The dataplanes take over from each other, one killed or ended, sluiced killed as well: connections go on by their ports, new ones do not fail."""
    def wait_carrier(who):
        wait_for(f"{who} to carry", lambda: lab.ctl("status")["node"]["dataplane"]["carrier"]["now"] == who, WAIT_S)

    def answered(before):
        now = held.report()
        broken = [c for c in now if c["error"]]
        expect(not broken, f"{len(broken)} of {HELD} connections were cut: {broken[:3]}")
        return all(c["requests"] > b["requests"] for c, b in zip(now, before))

    def settled(who):
        wait_carrier(who)
        before = held.report()
        wait_for(f"an answer on every connection by {who}", lambda: answered(before), WAIT_S)
    wait_carrier("dpdk")
    held = lab.hold(*URLS, connections=HELD, interval=0.2, timeout=40)
    load = lab.load(*URLS, seconds=300, timeout=20)
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
        lab.dataplane.kill(number)
        settled("xdp")
        lab.sluiced.kill()
        settled_by_xdp = held.report()
        wait_for("an answer on every connection without both", lambda: answered(settled_by_xdp), WAIT_S)
        lab.sluiced.start()
        lab.dataplane.start()
        settled("dpdk")
    report = load.stop()
    expect_equal(report["failed"], 0, f"failed requests: {report['failures'][:3]}")
    errors = [c for c in held.close() if c["error"]]
    expect(not errors, f"{len(errors)} of {HELD} connections were cut: {errors[:3]}")
    lab.account()
    figure(f"6 takeovers, 3 each way: 0 of {HELD} connections through nat cut, {report['requests']} requests, 0 failed")


def explained(lab):
    """explain knows the address and port of a connection, and --reverse leads back from there."""
    held = lab.hold(*URLS, connections=40, interval=1)
    ports = set()
    for connection in held.opened:
        got = lab.explain(connection)
        headers = got["headers"]
        expect_equal((got["choice"]["why"], got["choice"]["instance"]), ("record", "web/" + connection["instance"]), f"explain of {connection}")
        expect_equal((headers["chosen"], headers["src"]), (True, settings.EDGE[0]), f"the headers of {connection}")
        expect_equal(headers["dst_port"], 8443 if connection["url"].startswith("https") else 80, "the port at the instance")
        ports.add((connection["instance"], headers["src_port"]))
        for what in (f"{headers['src']}:{headers['src_port']}", f"{got['choice']['instance']}:{headers['src_port']}"):
            back = lab.ctl("explain", "--reverse", what)["connections"]
            clients = [(c["client"], c["client_port"], c["instance"]) for c in back]
            expect((got["client"], connection["port"], got["choice"]["instance"]) in clients, f"{what} leads to {clients}, not to {connection}")
    expect_equal(len(ports), len(held.opened), "ports of the connections")
    expect(lab.ctl("explain", "--reverse", f"web/{held.opened[0]['instance']}")["count"] >= 1, "an instance has no connection")
    held.close()


def killed(lab):
    """kill -9 of the dataplane, under XDP of sluiced, ten times: connections go on by the ports that they had."""
    daemon = lab.sluiced if settings.XDP else lab.dataplane  # with auto: taken_over() has both
    held = lab.hold(*URLS, connections=HELD, interval=0.2, timeout=40)
    before = held.report()
    for _ in range(KILLS):
        daemon.kill()
        daemon.start()
        lab.wait_up(WAIT_S)
    report = lab.load(*URLS, requests=REQUESTS).wait()
    expect_equal(report["failed"], 0, f"failed requests after the kills: {report['failures'][:3]}; {lab.account()}")

    def answered():
        now = held.report()
        broken = [c for c in now if c["error"]]
        expect(not broken, f"{len(broken)} of {HELD} connections were cut: {broken[:3]}")
        return all(c["requests"] > b["requests"] for c, b in zip(now, before))
    wait_for("an answer on every connection", answered, WAIT_S)
    errors = [c for c in held.close() if c["error"]]
    expect(not errors, f"{len(errors)} of {HELD} connections were cut: {errors[:3]}")
    figure(f"{daemon.program} killed {KILLS} times: 0 of {HELD} connections through nat cut")


if __name__ == "__main__":
    scenario.run(answers, bodies, many, explained, killed, *((taken_over,) if settings.DATAPLANE == "auto" else ()))
