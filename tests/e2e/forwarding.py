#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The packet path from the client: both forwarding modes, MTUs, ICMP, malformed packets.

test-dataplanes: dpdk xdp
"""
import json
import re
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lab"))

import settings  # noqa: E402
import scenario  # noqa: E402
from instance import BIG_BYTES  # noqa: E402
from lab import BIN, HERE, wait_for  # noqa: E402
from scenario import expect, expect_equal, figure, note  # noqa: E402
from traffic import Capture  # noqa: E402

FUZZ_FRAMES = 20000


def answers(lab):
    """HTTP and HTTPS over IPv4 and IPv6, by l2 and all four combinations of tunnels."""
    for url in settings.URLS:
        pool = settings.NEAR if url in settings.L2_URLS else settings.TUNNELLED
        names = lab.names(url, 24)  # all at one of four: a chance of 1e-14
        expect(len(names) == 24 and set(names) <= set(pool), f"{url}: answers from {names}")
        expect(len(set(names)) > 1, f"{url}: all flows go to {names[0]}")


def client_address(lab):
    """Instances see the client's own address."""
    for url in settings.URLS:
        expect(lab.curl(url + "whoami").stdout.strip() in settings.CLIENT, f"{url}: the instance saw somebody else")


def pings(lab):
    """VIPs and the edge's own addresses answer pings through the kernel path."""
    done = lab.net.exec("client", "/usr/bin/python3", HERE / "ping.py", *settings.VIPS, *settings.EDGE, check=False)
    expect_equal(done.returncode, 0, f"no answer from {done.stderr.strip()}: exit code of ping.py")


def downloads(lab):
    """A download of a megabyte is complete."""
    for url in settings.URLS:
        got = lab.curl(url + "big", "-o", "/dev/null", "-w", "%{http_code} %{size_download}").stdout
        expect_equal(got, f"200 {BIG_BYTES}", url)


def route_mtu(lab, address):
    words = lab.net.exec("client", "ip", "route", "get", address).stdout.split()
    return int(words[words.index("mtu") + 1]) if "mtu" in words else None


def forget_mtus(lab, role):
    """What a host has learned of its paths. IPv6's flush leaves what has not expired, and a lower MTU lowers the MSS of later connections."""
    lab.net.sysctl(role, **{"net.ipv4.route.flush": 1})
    lab.net.exec(role, "ip", "-6", "route", "flush", "cache", check=False)


def uploads(lab, shim=0):
    """An upload of a megabyte through the tunnels: the edge reports the MTU to the client."""
    body = lab.net.dir / "web-1/www/big"
    for url, vip, overhead in zip(settings.IPIP_URLS, settings.TUNNEL_VIPS * 2, (20 + shim, 20 + shim, 40 + shim, 40 + shim)):
        forget_mtus(lab, "client")
        got = lab.curl(url + "upload", "-H", "Expect:", "--data-binary", f"@{body}")
        expect(got.stdout.split()[1:] == [str(BIG_BYTES)], f"{url}: {got.stdout!r} {got.stderr!r}")
        expect_equal(route_mtu(lab, vip), 1500 - overhead, f"{url}: path MTU that the client learned")


def small_client_mtu(lab):
    """Fragmentation-needed and packet-too-big from a router reach the instance that owns the flow."""
    lab.net.ip("router", "link set client0 mtu 1300")
    try:
        for url in settings.URLS:
            got = lab.curl(url + "big", "-o", "/dev/null", "-w", "%{http_code} %{size_download}").stdout
            expect_equal(got, f"200 {BIG_BYTES}", url)
    finally:
        lab.net.ip("router", "link set client0 mtu 1500")
        for name in settings.NAMES:
            forget_mtus(lab, name)


def malformed(lab):
    """Malformed packets are dropped under their names, and create no flow."""
    wait_for("flows of earlier scenarios to end", lambda: sum(lab.flows().values()) == 0)
    before = lab.counters()
    sent = lab.send_bad_packets()["drops"]
    passed = {reason: sent.pop(reason) for reason in settings.OTHERS if reason in sent}
    wait_for("the packets to be counted", lambda: sum(lab.counters().drops.values()) >= sum(before.drops.values()) + sum(sent.values()))
    after = lab.account()
    expect(after.kernel - before.kernel >= sum(passed.values()), f"{sum(passed.values())} frames are others', and the kernel did not get them")
    for reason in passed:
        expect_equal(after.drops[reason], 0, reason)
    for reason, count in sent.items():
        expect_equal(after.drops[reason] - before.drops[reason], count, reason)
    expect_equal(sum(lab.flows().values()), 0, "flows")


def damaged(lab):
    """Randomly damaged frames: nothing crashes, every packet is accounted for."""
    daemon = lab.daemons[0]
    pid = daemon.process.pid
    seed = int(time.time())
    note(f"seed {seed}")
    sent = lab.send_bad_packets(FUZZ_FRAMES, seed)
    counters = lab.account()
    expect(daemon.running() and daemon.process.pid == pid, f"{daemon.program} ended")
    figure(f"{sent['fuzz']:,} damaged frames: {counters}")
    answers(lab)


def books(lab):
    """The dataplane counted what the port received."""
    def same_moment():
        frames = lab.edge_port_received()
        counters = lab.counters()
        return (frames, counters) if lab.edge_port_received() == frames else None

    frames0, counters0 = wait_for("a quiet moment", same_moment)
    report = lab.load(requests=400).wait()
    expect_equal(report["failed"], 0, f"failed requests: {report['failures'][:3]}")
    frames1, counters1 = wait_for("a quiet moment", same_moment)
    expect_equal(counters1.received - counters0.received, frames1 - frames0, "frames received")


OUTER = re.compile(r"IP \(tos (0x[0-9a-f]+),.*proto IPIP.*\n\s+(\S+) > \S+: IP \(tos (0x[0-9a-f]+),")
SOURCES = "10.255.0.0/16"
FLOWS = 100  # over four instances: none for one of them has a chance of 3e-13
MARKED = """
import socket, sys
for _ in range(int(sys.argv[2])):
    with socket.socket() as s:
        s.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, int(sys.argv[3], 0))
        s.connect((sys.argv[1], 80))
        s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
        while s.recv(4096):
            pass
"""


def outer_headers(lab, name, tos):
    """[(outer TOS, outer source, inner TOS), ...] of what goes to an instance while a client opens flows with this TOS."""
    capture = Capture(lab.net, "switch", "-v", "-i", name, "ip proto 4")
    lab.net.exec("client", "/usr/bin/python3", "-c", MARKED, settings.TUNNEL_VIPS[0], FLOWS, tos)
    return OUTER.findall(capture.close())


def outer_dscp_and_ecn(lab):
    """The outer header has the inner packet's DSCP and ECN."""
    seen = outer_headers(lab, "web-3", "0xb8")
    expect(seen, "no tunnel packet for web-3")
    expect_equal({(outer, source) for outer, source, _ in seen}, {("0xb8", settings.EDGE[0])}, "TOS and source of outer headers")


def tunnel_sources(lab):
    """With node.tunnel_sources each flow has an outer source of its own, and instances take the network."""
    wide = [f"{host}/{bits}" for host, bits in ((settings.EDGE[0], 32), (settings.EDGE[1], 128))] + [SOURCES]
    for name in settings.TUNNELLED:
        lab.net.exec(name, BIN / "sluice-instance", "attach", "eth0", "--vip", ",".join(settings.VIPS), "--from", ",".join(wide))
    lab.config["node"]["tunnel_sources"] = SOURCES
    lab.write_config()
    lab.ctl("config", "apply")
    try:
        seen = outer_headers(lab, "web-3", "0x28")
        sources = {source for _, source, _ in seen}
        expect(all(source.startswith("10.255.") for source in sources), f"other sources: {sources}")
        # A quarter of the flows comes here, from as many of 65,536 addresses, the same for each packet of a flow.
        expect(len(sources) > 1, f"the sources do not vary: {sources}")
        expect(len(seen) >= 3 * len(sources), f"{len(sources)} sources for {len(seen)} packets")
        expect_equal({(outer, inner) for outer, _, inner in seen}, {("0x28", "0x28")}, "TOS outside and inside")
        answers(lab)
        downloads(lab)
    finally:
        del lab.config["node"]["tunnel_sources"]
        lab.write_config()
        lab.ctl("config", "apply")
    expect_equal({source for _, source, _ in outer_headers(lab, "web-3", "0")}, {settings.EDGE[0]}, "sources without it")


GUE_PORT = 9886  # tcpdump knows no protocol of this port
UDP = re.compile(rf"(\S+)\.(\d+) > \S+\.{GUE_PORT}: (\[[^]]*\]) UDP")


def instances_attach(lab, *args):
    for name in settings.TUNNELLED:
        lab.net.exec(name, BIN / "sluice-instance", "attach", "eth0", "--vip", ",".join(settings.VIPS), *args)


def unwrapped_gue(lab):
    """Packets by mix of families, of all instances."""
    sums = {}
    for name in settings.TUNNELLED:
        shown = json.loads(lab.net.exec(name, BIN / "sluice-instance", "status", "eth0", "-o", "json").stdout)["interfaces"][0]
        expect_equal(shown["counters"]["gue_header"]["pkts"], 0, f"{name}: GUE headers that it does not know")
        for mix in ("4in4", "6in4", "4in6", "6in6"):
            sums[mix] = sums.get(mix, 0) + shown["counters"][f"decap_gue_{mix}"]["pkts"]
    return sums


def gue(lab):
    """The same through GUE: each flow has a UDP source port of its own; a checksum over IPv6, none over IPv4."""
    service = lab.config["services"]["tunnel"]
    service.update(forward="gue", gue_port=GUE_PORT)
    instances_attach(lab, "--gue-port", GUE_PORT)
    lab.write_config()
    lab.ctl("config", "apply")
    try:
        expect_equal([s["gue_port"] for s in lab.ctl("status")["services"] if s["forward"] == "gue"], [GUE_PORT], "gue_port in status")
        before = unwrapped_gue(lab)
        capture = Capture(lab.net, "switch", "-vv", "-i", "web-3", f"udp dst port {GUE_PORT}")
        for _ in range(5):  # 160 flows over each of IPv4 and IPv6, a quarter of them to web-3
            answers(lab)
        client_address(lab)
        seen = UDP.findall(capture.close())
        for source, sums in ((settings.EDGE[0], "[no cksum]"), (settings.EDGE[1], "[udp sum ok]")):
            ports = {int(port) for address, port, _ in seen if address == source}
            expect_equal({said for address, _, said in seen if address == source}, {sums}, f"UDP checksums from {source}")
            expect(len(ports) > 3 and min(ports) >= 0xc000, f"source ports from {source}: {ports}")
        downloads(lab)
        uploads(lab, 12)
        after = unwrapped_gue(lab)
        expect(all(after[mix] > before[mix] for mix in after), f"not all mixes were unwrapped: {before}, {after}")
    finally:
        service.update(forward="ipip")
        del service["gue_port"]
        lab.write_config()
        lab.ctl("config", "apply")
        instances_attach(lab)
    answers(lab)


def apply(lab):
    lab.write_config()
    lab.ctl("config", "apply")


def lists_of_clients(lab):
    """The lists of a service decide who may connect; connections that there are go on, and other services do not care."""
    service = lab.config["services"]["web"]
    mine = [settings.CLIENT[0], f"{settings.CLIENT[1]}/128"]
    held = lab.hold(*settings.L2_URLS, connections=8, interval=0.2)
    service.update(allow_from=["198.51.100.0/24", "2001:db8:c::/48"])
    apply(lab)
    expect_equal({len(lab.names(url, 4)) for url in settings.L2_URLS}, {4}, "answers to an allowed client")
    service.update(deny_from=mine)
    apply(lab)
    for url in settings.L2_URLS:
        before = lab.counters().drops["client_denied"]
        expect_equal(lab.curl(url, "-m", "1.5").returncode, 28, f"{url}: exit code of curl, refused")
        expect(lab.counters().drops["client_denied"] > before, "client_denied has not risen")
    expect_equal(len(lab.names(settings.IPIP_URLS[0], 4)), 4, "answers of another service")
    got = lab.ctl("explain", f"{settings.CLIENT[0]}:40000", f"{settings.WEB_VIPS[0]}:80")
    expect_equal(got["access"], {"denied": True, "list": "deny_from", "prefix": settings.CLIENT[0]}, "explain")
    expect_equal(got["choice"]["why"], "denied", "explain")
    shown = next(s for s in lab.ctl("status")["services"] if s["name"] == "web")
    expect_equal((shown["allow_from"], shown["deny_from"]), (service["allow_from"], list(settings.CLIENT)), "status")
    errors = [c for c in held.close() if c["error"]]
    expect_equal(errors, [], "connections that ended")
    del service["allow_from"], service["deny_from"]
    apply(lab)
    answers(lab)


def affinity(lab):
    """With `affinity: client` all connections of a client go to one instance, from all listeners of the pool."""
    pool = lab.config["pools"]["web"]
    pool.update(affinity="client")
    apply(lab)
    for family in (0, 1):
        vip = settings.WEB_VIPS[family] if family == 0 else f"[{settings.WEB_VIPS[family]}]"
        urls = [url for url in settings.L2_URLS if f"//{vip}/" in url]
        names = [name for url in urls for name in lab.names(url, 12)]
        expect_equal((len(urls), len(names), len(set(names))), (2, 24, 1), f"URLs, answers and instances of {urls}")
        share = lab.ctl("explain", settings.CLIENT[family], f"{vip}:80")["share"]
        expect_equal([one["instance"] for one in share], [f"web/{names[0]}"], "explain")
    del pool["affinity"]
    apply(lab)


def baseline(lab):
    """After the clients have ended, no flow is left and every buffer is free."""
    figure(str(lab.at_rest()))


if __name__ == "__main__":
    settings.patient()
    scenario.run(answers, client_address, pings, downloads, uploads, small_client_mtu, outer_dscp_and_ecn, tunnel_sources, gue, lists_of_clients, affinity, malformed, damaged, books,
            baseline)
