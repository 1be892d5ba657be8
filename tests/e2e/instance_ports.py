#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# test-long
"""sluice-instance maps ports with direct server return, and lowers the MSS that clients are told."""
import os
import signal
import socket
import sys
import tempfile
from pathlib import Path

os.environ["PATH"] += ":/usr/sbin:/sbin"
sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1] / "support")]
from instance_lab import *  # noqa: E402,F403
from tap import Points, figure  # noqa: E402

from scapy.all import ICMP, IP, TCP, ICMPv6PacketTooBig, IPv6  # noqa: E402

VIP4B = "10.9.9.8"
ROUTER4, ROUTER6 = "10.77.0.250", "2001:db8:77::250"
PORT, OTHER_PORT, SERVER_PORT, SERVER_PORT_B = 443, 444, 8443, 8444
VIPS = ("--vip", f"{VIP4},{VIP6},{VIP4B}")
MAPS = ("--map", f"{PORT}:{SERVER_PORT}", "--map", f"{PORT}:{SERVER_PORT_B}@{VIP4B}")
TIMESTAMPS = 12  # bytes of TCP options that the MSS does not count
OTHER_FILTER = """
struct __sk_buff;
__attribute__((section("tc"), used)) int other(struct __sk_buff *skb)
{
	return 0;
}
"""
tap = Points()


def attach(*args):
    done = instance("attach", "eth0", *args)
    assert done.returncode == 0, done.stderr
    return done.stdout


def qdiscs():
    return ns(HOST, "tc", "qdisc", "show", "dev", "eth0").stdout


def host_state():
    return addresses("lo"), "xdp" in ns(HOST, "ip", "link", "show", "eth0").stdout, qdiscs()


def mapped():
    """{(vip, port): (packets in, packets out)}"""
    return {(m["vip"], m["port"]): (m["in"]["pkts"], m["out"]["pkts"]) for m in status()["maps"]}


def test_traffic(balancer, mode):
    for outer, gue in ((None, False), (4, False), (6, False), (4, True), (6, True)):
        balancer.outer, balancer.gue = outer, gue
        for vip, key in ((VIP4, None), (VIP6, None), (VIP4B, VIP4B)):
            before = mapped()
            worked = talk(vip, port=PORT)
            grew = {k: tuple(b - a for a, b in zip(before[k], n)) for k, n in mapped().items() if n != before[k]}
            tap.ok(worked and set(grew) == {(key, PORT)} and min(grew[key, PORT]) > 20,
                   f"{mode}: 300 kB to {vip}:{PORT} and back, outer {outer}{', GUE' * gue}", worked, grew)
    balancer.outer, balancer.gue = 4, False
    tap.ok(talk(VIP4) and talk(VIP6), f"{mode}: a port that is not mapped")


def learnt_mtu(address, source):
    return ns(HOST, "ip", "route", "get", address, "from", source).stdout


def test_path_mtu(balancer):
    """A router's error about a reply quotes the listener's port: the instance's socket learns from it."""
    for vip, client, error in (
            (VIP4, CLIENT4, lambda tcp: IP(src=ROUTER4, dst=VIP4) / ICMP(type=3, code=4, nexthopmtu=1300) /
             IP(src=VIP4, dst=CLIENT4, flags="DF") / tcp),
            (VIP6, CLIENT6, lambda tcp: IPv6(src=ROUTER6, dst=VIP6) / ICMPv6PacketTooBig(mtu=1300) / IPv6(src=VIP6, dst=CLIENT6) / tcp)):
        with connect(vip, port=PORT) as conn:
            exchange(conn, b"x" * 1000)
            head = 40 if ":" in vip else 20
            before = learnt_mtu(client, vip)
            for _ in range(100):  # the instance takes it only if it quotes what the client has acknowledged last
                acked = int.from_bytes(balancer.last[head + 8:head + 12], "big")
                packet = bytes(error(TCP(sport=PORT, dport=conn.getsockname()[1], seq=acked, flags="A")))
                balancer.send(*wrap(4, packet, ETH_P_IPV6 if ":" in vip else ETH_P_IP))
                if "mtu 1300" in (after := learnt_mtu(client, vip)):
                    break
                time.sleep(0.02)
            tap.ok("mtu" not in before and "mtu 1300" in after and exchange(conn, b"y" * 50_000), f"{vip}: path MTU learnt", before, after)
    ns(HOST, "ip", "route", "flush", "cache")
    ns(HOST, "ip", "-6", "route", "flush", "cache")


def told_mss(vip):
    with connect(vip, port=PORT) as conn:
        return conn.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG) + TIMESTAMPS


def test_mss():
    got = []
    for options, mss4, mss6 in (((), 1460, 1440), (("--mss", "1200"), 1200, 1200), (("--mss", "9000"), 1460, 1440)):
        attach(*VIPS, *MAPS, *options)
        got.append((told_mss(VIP4), told_mss(VIP6)) == (mss4, mss6))
    tap.ok(all(got), "the MSS of SYN+ACKs is lowered to --mss, and never raised", got)
    ns(HOST, "ip", "link", "set", "eth0", "mtu", 1500)
    said = attach(*VIPS, *MAPS, "--mss", "auto")
    got = (told_mss(VIP4), told_mss(VIP6), status()["mss"])
    tap.ok(got == (1408, 1388, {"ipv4": 1408, "ipv6": 1388}) and "1408, over IPv6 1388" in said, "--mss auto leaves room for IPv6 and GUE", got, said)
    ns(HOST, "ip", "link", "set", "eth0", "mtu", TUNNEL_MTU)
    attach(*VIPS, "--mss", "1000")
    with connect(VIP4) as conn:
        tap.ok(conn.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG) == 1000 - TIMESTAMPS and not status()["maps"], "--mss without --map")


def test_change():
    attach(*VIPS, *MAPS)
    with connect(VIP4, port=PORT) as conn:
        said = attach(*VIPS, *MAPS, "--map", f"{OTHER_PORT}:{SERVER_PORT_B}@{VIP4}")
        steps = [exchange(conn, b"a" * 5000), talk(VIP4, port=OTHER_PORT), not talk(VIP6, 10, port=OTHER_PORT)]
        tap.ok(all(steps) and f"+ port {OTHER_PORT}:{SERVER_PORT_B}@{VIP4}" in said, "a mapping comes, a connection stays", steps, said)
        said = attach(*VIPS, *MAPS)
        steps = [exchange(conn, b"b" * 5000), not talk(VIP4, 10, port=OTHER_PORT)]
        tap.ok(all(steps) and f"- port {OTHER_PORT}:{SERVER_PORT_B}@{VIP4}" in said, "a mapping goes, a connection stays", steps, said)
    said = attach(*VIPS, *MAPS)
    tap.ok("nothing to change" in said, "the same again changes nothing", said)
    said = attach(*VIPS, "--map", f"{PORT}:{SERVER_PORT_B}")
    tap.ok(talk(VIP4, port=PORT) and mapped()[None, PORT][1] > 0 and len(mapped()) == 1, "a port's other instance port", said, mapped())


def test_filter():
    """Filters of others stay, and their qdisc; ours is missed."""
    attach(*VIPS, *MAPS)
    tap.ok("clsact" in qdiscs(), "the qdisc is there")
    ns(HOST, "tc", "filter", "del", "dev", "eth0", "egress")
    tap.ok(any("filter" in w for w in status()["warnings"]), "status misses the filter", status()["warnings"])
    attach(*VIPS, *MAPS)
    tap.ok(talk(VIP4, port=PORT) and not status()["warnings"], "attach again puts it back", status()["warnings"])
    with tempfile.TemporaryDirectory() as tmp:
        other = Path(tmp) / "other.o"
        sh("clang", "-target", "bpf", "-O2", "-c", "-x", "c", "-", "-o", other, input=OTHER_FILTER)
        ns(HOST, "tc", "filter", "add", "dev", "eth0", "ingress", "bpf", "direct-action", "object-file", other, "section", "tc")
    attach(*VIPS)
    kept = "clsact" in qdiscs() and "other" in ns(HOST, "tc", "filter", "show", "dev", "eth0", "ingress").stdout
    tap.ok(kept and not status()["maps"] and not talk(VIP4, 10, port=PORT), "the qdisc stays with another's filter", qdiscs())
    ns(HOST, "tc", "qdisc", "del", "dev", "eth0", "clsact")
    attach(*VIPS, *MAPS)
    ns(HOST, "ip", "link", "add", "away", "type", "veth", "peer", "name", "away0")
    ns(HOST, "ip", "addr", "add", "10.66.0.1/24", "dev", "away")
    ns(HOST, "ip", "link", "set", "away", "up")
    ns(HOST, "ip", "route", "add", "192.0.2.0/24", "via", "10.66.0.2")
    tap.ok(any("keep the instance's ports" in w for w in status()["warnings"]), "status warns of replies by another link", status()["warnings"])
    ns(HOST, "ip", "link", "del", "away")


def test_killed_anywhere(before):
    left, met = [], 0
    for i in range(40):
        verb = ["detach", "eth0"] if i & 1 else ["attach", "eth0", *VIPS, *MAPS]
        if i & 1:
            attach(*VIPS, *MAPS)
        with subprocess.Popen(["ip", "netns", "exec", HOST, PROGRAM, *verb], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as victim:
            time.sleep(0.004 + i * 0.001)
            victim.kill()
        met += "clsact" in qdiscs()
        instance("detach", "eth0")
        left += [(i, host_state())] if host_state() != before else []
    tap.ok(not left, "killed at 40 moments of attach and detach: nothing stays behind", left[:3])
    figure(f"{met} of 40 met a filter")


def entries():
    """{(VIP's family, port, way)} of the map."""
    maps = [m for m in json.loads(ns(HOST, "bpftool", "-j", "map", "show").stdout) if m.get("name") == "instance_ports"]
    rows = json.loads(ns(HOST, "bpftool", "-j", "map", "dump", "id", max(m["id"] for m in maps)).stdout)
    keys = [bytes(int(b, 16) for b in row["key"]) for row in rows]
    return {(int.from_bytes(k[:4], "little"), int.from_bytes(k[20:22], "big"), int.from_bytes(k[22:], "little")) for k in keys}


def test_changed_anywhere():
    """Killed on the way between two sets of ports: the next attach brings exactly its own."""
    sets = {"443:8443,80:8080": {(0, 443, 0), (0, 8443, 1), (0, 80, 0), (0, 8080, 1)}, "443:8443": {(0, 443, 0), (0, 8443, 1)}}
    one, two = sets
    attach(*VIPS, "--map", one)
    wrong, began = [], time.monotonic()
    attach(*VIPS, "--map", two)
    whole_s = time.monotonic() - began
    for i in range(40):
        attach(*VIPS, "--map", one)
        with subprocess.Popen(["ip", "netns", "exec", HOST, PROGRAM, "attach", "eth0", *VIPS, "--map", two], stdout=subprocess.DEVNULL) as victim:
            time.sleep(whole_s * (0.3 + i * 0.02))
            victim.kill()
        for ports in (two, one):
            attach(*VIPS, "--map", ports)
            wrong += [(i, entries())] if entries() != sets[ports] else []
    tap.ok(not wrong, "killed at 40 moments of a change of ports: the next attach sets them all", wrong[:3])


def test_program_gone(before):
    """Somebody takes the program off: detach takes off what is left."""
    attach(*VIPS, *MAPS)
    for vip in (VIP4, VIP6, VIP4B):
        ns(HOST, "ip", "addr", "del", f"{vip}/{128 if ':' in vip else 32}", "dev", "lo")
    ns(HOST, "ip", "link", "set", "eth0", "xdp", "off")
    done = instance("detach", "eth0")
    tap.ok(done.returncode == 0 and "taken off" in done.stdout and host_state() == before, "the filter of a program that is gone", done.stdout, host_state())


USAGE = [
    (("--map", "443"), "'443' is neither"),
    (("--map", "443:0"), "'443:0' is neither"),
    (("--map", "443:8443x"), "is neither"),
    (("--map", "65536:80"), "is neither"),
    (("--map", "443:8443@10.9.9"), "is neither"),
    (("--map", "443:8443@10.9.9.1"), "none of the VIPs"),
    (("--map", "443:443"), "to itself"),
    (("--map", "443:8443,443:8444"), "one port would go to two"),
    (("--map", "443:8443,444:8443"), "a reply's port could come from two"),
    (("--map", f"443:8443,444:8443@{VIP4}"), "a reply's port could come from two"),
    (("--mss", "535"), "'535' is neither"),
    (("--mss", "automatic"), "'automatic' is neither"),
]


def story(balancer):
    before = host_state()
    for args, word in USAGE:
        done = instance("attach", "eth0", *VIPS, *args)
        tap.ok(done.returncode == 2 and word in done.stderr, f"{' '.join(args)}: refused", done.returncode, done.stderr)
    tap.ok(host_state() == before, "none of these changed anything", before, host_state())
    attach(*VIPS, *MAPS)
    test_traffic(balancer, "native")
    test_path_mtu(balancer)
    test_mss()
    test_change()
    test_filter()
    tap.ok(instance("detach", "eth0").returncode == 0 and host_state() == before, "detach leaves nothing behind", before, host_state())
    attach(*VIPS, *MAPS, "--mode", "generic")
    test_traffic(balancer, "generic")
    instance("detach", "eth0")
    test_killed_anywhere(before)
    test_changed_anywhere()
    instance("detach", "eth0")
    test_program_gone(before)


def main():
    if os.geteuid():
        print("1..0 # SKIP network namespaces need root")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        up()
        for port in (80, SERVER_PORT, SERVER_PORT_B):
            EchoServer(port)
        balancer = Balancer()
        story(balancer)
        balancer.stop()
    finally:
        down()
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
