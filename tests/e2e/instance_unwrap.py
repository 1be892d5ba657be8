#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# test-long
"""sluice-instance end to end: real TCP and ICMP through all tunnels; what is no business of it
passes and is counted; attach changes in place; detach leaves nothing behind."""
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ["PATH"] += ":/usr/sbin:/sbin"
sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1] / "support")]
from instance_lab import *  # noqa: E402,F403
from tap import Points  # noqa: E402

from scapy.all import (  # noqa: E402
    ICMP, IP, TCP, UDP, IPv6, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, Raw)

VIP4B = "10.9.9.8"
SYSCTLS = {"net.ipv4.conf.eth0.arp_ignore": 1, "net.ipv4.conf.eth0.arp_announce": 2}
OTHER_XDP = """
#include <linux/bpf.h>
__attribute__((section("xdp"), used)) int xdp_other(struct xdp_md *ctx)
{
	return XDP_PASS;
}
"""
tap = Points()


def attach(*args):
    done = instance("attach", "eth0", *args)
    assert done.returncode == 0, done.stderr
    return done


def host_state():
    return (addresses("lo"), {s: sysctl(s) for s in SYSCTLS}, "xdp" in ns(HOST, "ip", "link", "show", "eth0").stdout)


def moved(before):
    """Counters that grew, but for background traffic."""
    now = counters()
    return {k: now[k] - before[k] for k in now if now[k] != before[k] and k != "not_tunnel"}


def wait_moved(before, reason):
    for _ in range(50):
        if moved(before).get(reason):
            break
        time.sleep(0.02)
    return moved(before)


# ---- Real traffic ---------------------------------------------------------------------------------

def test_traffic(balancer, mode):
    for outer, vip, reason in ((4, VIP4, "decap_4in4"), (4, VIP6, "decap_6in4"), (6, VIP4, "decap_4in6"), (6, VIP6, "decap_6in6"),
                               (4, VIP4, "decap_gue_4in4"), (4, VIP6, "decap_gue_6in4"), (6, VIP4, "decap_gue_4in6"),
                               (6, VIP6, "decap_gue_6in6")):
        balancer.outer, balancer.gue = outer, "gue" in reason
        before = counters()
        worked = ping(vip), talk(vip)
        grew = moved(before)
        tap.ok(worked == (True, True) and set(grew) == {reason} and grew[reason] > 200,
               f"{mode}: ping and 300 kB of TCP there and back, {reason}", worked, grew)
    balancer.gue = False


def test_l2(balancer):
    balancer.outer = None
    before = counters()
    worked = talk(VIP4), talk(VIP6)
    grew = moved(before)
    tap.ok(worked == (True, True) and set(grew) == {"direct"}, "l2: the same VIPs without a tunnel", worked, grew)
    vip = status()["vips"][0]
    tap.ok(vip["address"] == VIP4 and vip["direct"]["pkts"] > 100 and vip["tunnel"]["pkts"] > 100,
           "status counts tunnel and direct packets of each VIP", vip)
    balancer.outer = 4


def test_arp_silence():
    """ARP and ND queries for the VIP are not answered; those for the host's own address are."""
    ns(CLIENT, "ip", "route", "add", VIP4 + "/32", "dev", "eth0")
    ns(CLIENT, "ip", "route", "add", VIP6 + "/128", "dev", "eth0")
    got = [resolves(a) for a in (VIP4, VIP6, HOST4, HOST6)]
    ns(CLIENT, "ip", "route", "del", VIP4 + "/32", "dev", "eth0")
    ns(CLIENT, "ip", "route", "del", VIP6 + "/128", "dev", "eth0")
    tap.ok(got == [False, False, True, True], "no ARP or ND answer for a VIP, but for the host", got)


# ---- Single packets -------------------------------------------------------------------------------

def o4(**kw):
    return IP(src=BALANCER4, dst=HOST4, **kw)


def o6(**kw):
    return IPv6(src=BALANCER6, dst=HOST6, **kw)


def i4(dst=VIP4):
    return IP(src=CLIENT4, dst=dst) / UDP(sport=1, dport=9) / Raw(b"x" * 40)


def i6(dst=VIP6):
    return IPv6(src=CLIENT6, dst=dst) / UDP(sport=1, dport=9) / Raw(b"x" * 40)


def raw(packet, cut=None, **patch):
    """Bytes of a packet, patched at offsets, then cut."""
    data = bytearray(bytes(packet))
    for where, value in patch.items():
        data[int(where[2:])] = value
    return bytes(data[:cut])


LIMIT = Raw(bytes([4, 0, 4, 1, 4, 1, 1, 0]))  # tunnel encapsulation limit of 4, padded; then IPv4
PACKETS = [
    ("4 in 4", o4(proto=4) / i4(), "decap_4in4"),
    ("4 in 4, padded", raw(o4(proto=4) / i4()) + b"\xee" * 200, "decap_4in4"),
    ("4 in 4 behind IPv4 options", o4(proto=4, options=[b"\x01"] * 8) / i4(), "decap_4in4"),
    ("4 in 6 behind an encapsulation limit", o6(nh=60) / LIMIT / i4(), "decap_4in6"),
    ("ICMP error in 4 in 4", o4(proto=4) / IP(src=CLIENT4, dst=VIP4) /
     ICMP(type=3, code=4, nexthopmtu=1400) / IP(src=VIP4, dst=CLIENT4) / TCP(sport=80, dport=5), "decap_4in4"),
    ("fragment of 4 in 4", o4(proto=4, flags="MF") / i4(), "fragment"),
    ("later fragment of 6 in 4", o4(proto=41, frag=64) / i6(), "fragment"),
    ("fragment header before 4", o6(nh=44) / IPv6ExtHdrFragment(nh=4, m=1) / i4(), "fragment"),
    ("hop-by-hop before 6", o6(nh=0) / IPv6ExtHdrHopByHop(nh=41) / i6(), "ext_header"),
    ("inner destination no VIP", o4(proto=4) / i4("10.9.9.77"), "inner_not_vip"),
    ("inner destination the host", o4(proto=4) / i4(HOST4), "inner_not_vip"),
    ("inner IPv6 destination no VIP", o6(nh=41) / i6("2001:db8:9::77"), "inner_not_vip"),
    ("outer destination a VIP", IP(src=BALANCER4, dst=VIP4, proto=4) / i4(), "outer_vip"),
    ("outer destination multicast", IP(src=BALANCER4, dst="224.0.0.18", proto=4) / i4(), "not_local"),
    ("bad outer checksum", o4(proto=4, chksum=1) / i4(), "outer_malformed"),
    ("outer IHL 4", raw(o4(proto=4) / i4(), at0=0x44), "outer_malformed"),
    ("outer longer than the frame", o4(proto=4, len=1400) / i4(), "outer_malformed"),
    ("outer IPv6 longer than the frame", o6(nh=41, plen=1400) / i6(), "outer_malformed"),
    ("protocol 4, inner IPv6", o4(proto=4) / i6(), "inner_malformed"),
    ("protocol 41, inner IPv4", o4(proto=41) / i4(), "inner_malformed"),
    ("inner longer than the outer", o4(proto=4) / IP(src=CLIENT4, dst=VIP4, len=1000) / UDP(), "inner_malformed"),
    ("inner header cut", o4(proto=4) / Raw(raw(i4(), cut=19)), "inner_malformed"),
    ("inner IPv6 header cut", o6(nh=41) / Raw(raw(i6(), cut=39)), "inner_malformed"),
    ("no inner packet", o4(proto=4), "inner_malformed"),
    ("CE on a flow without ECN", o4(proto=4, tos=3) / i4(), "drop_ce"),
    ("UDP to the VIP", i4(), "direct"),
]


def test_packets(balancer):
    for name, packet, reason in PACKETS:
        data = bytes(packet)
        before = counters()
        balancer.send(data, ETH_P_IP if data[0] >> 4 == 4 else ETH_P_IPV6)
        grew = wait_moved(before, reason)
        tap.ok(grew == {reason: 1}, f"{name}: {reason}", grew)


def test_icmp_error_arrives(balancer):
    def received():
        rows = [r.split() for r in Path(f"/proc/{probe.pid}/net/snmp").read_text().splitlines() if r.startswith("IcmpMsg")]
        return int(dict(zip(rows[0], rows[1])).get("InType3", 0)) if len(rows) == 2 else 0

    with subprocess.Popen(["ip", "netns", "exec", HOST, "sleep", "60"]) as probe:
        time.sleep(0.2)
        before = received()
        balancer.send(bytes(PACKETS[4][1]), ETH_P_IP)
        time.sleep(0.2)
        tap.ok(received() == before + 1, "an ICMP error in the tunnel reaches the instance's stack")
        probe.terminate()


def test_forwarding_host(balancer):
    """A router does not unwrap tunnels that it forwards."""
    ns(HOST, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
    ns(HOST, "ip", "route", "add", "10.88.0.0/24", "via", CLIENT4)
    ns(HOST, "ip", "route", "add", "2001:db8:88::/64", "via", CLIENT6)
    for name, packet, ethertype in (
            ("IPv4", IP(src=BALANCER4, dst="10.88.0.1", proto=4) / i4(), ETH_P_IP),
            ("IPv6", IPv6(src=BALANCER6, dst="2001:db8:88::1", nh=41) / i6(), ETH_P_IPV6)):
        before = counters()
        balancer.send(bytes(packet), ethertype)
        grew = wait_moved(before, "not_local")
        tap.ok(grew == {"not_local": 1}, f"forwarding host: another's {name} tunnel passes", grew)
    for outer in (4, 6):
        balancer.outer = outer
        tap.ok(talk(VIP4) and talk(VIP6), f"forwarding host: its own IPv{outer} tunnels are unwrapped", counters())
    ns(HOST, "sysctl", "-qw", "net.ipv4.ip_forward=0", "net.ipv6.conf.all.forwarding=0")


# ---- attach, detach, status -----------------------------------------------------------------------

def test_change_in_place(balancer):
    balancer.outer = 4
    program = status()["program_id"]
    with connect(VIP4) as conn:
        steps = [exchange(conn, b"a" * 5000)]
        said = attach("--vip", f"{VIP4},{VIP4B}", "--from", f"{BALANCER4},2001:db8:77::/64")
        steps += [exchange(conn, b"b" * 5000), talk(VIP4B), VIP6 not in addresses()]
        tap.ok(all(steps) and f"+ VIP {VIP4B}" in said.stdout and f"- VIP {VIP6}" in said.stdout,
               "attach again: a VIP comes, one goes, a connection stays", steps, said.stdout)
        attach("--vip", f"{VIP4},{VIP4B}", "--from", "10.77.0.99")
        before = counters()
        steps = [not talk(VIP4, 100)]
        grew = moved(before)
        tap.ok(all(steps) and set(grew) == {"source"}, "--from without the balancer: passed and counted", steps, grew)
        tap.ok(any("--from" in h for h in status()["hints"]), "status hints at the missing balancer", status()["hints"])
        attach("--vip", f"{VIP4},{VIP6}", "--from", f"{BALANCER4},2001:db8:77::/64")
        steps = [exchange(conn, b"c" * 5000), talk(VIP4), talk(VIP6)]
        balancer.outer = 6
        steps += [talk(VIP4), talk(VIP6)]
        tap.ok(all(steps), "--from with address and prefix: unwrapped, the connection lives on", steps)
    said = attach("--vip", f"{VIP4},{VIP6}", "--from", f"{BALANCER4},2001:db8:77::/64")
    tap.ok("nothing to change" in said.stdout and status()["program_id"] == program,
           "the same attach again changes nothing; still the same program", said.stdout)
    balancer.gue = True
    common = ("--vip", f"{VIP4},{VIP6}", "--from", f"{BALANCER4},2001:db8:77::/64")
    said = attach(*common, "--gue-port", "7000")
    steps = [status()["gue_port"] == 7000, not talk(VIP4, 100)]
    attach(*common)
    steps += [status()["gue_port"] == 6080, talk(VIP4)]
    tap.ok(all(steps) and "GUE on UDP port 7000, was GUE on UDP port 6080" in said.stdout, "another port of GUE, and back", steps, said.stdout)
    balancer.gue = False


def test_attach_records():
    lo, sysctls, xdp = host_state()
    tap.ok({VIP4, VIP6} <= lo and sysctls == SYSCTLS and xdp, "attach: VIPs on lo, ARP quiet, program on", lo, sysctls)
    shown = status()
    tap.ok(shown["mode"] == "native" and not shown["warnings"] and shown["vips"][0]["added"],
           "status of a healthy instance has no warnings", shown["warnings"], shown["mode"])
    said = instance("status").stdout
    tap.ok("eth0: attached since" in said and "native mode" in said and VIP6 in said, "status as table", said)


def test_detach(before):
    done = instance("detach", "eth0")
    tap.ok(done.returncode == 0 and host_state() == before, "detach restores addresses, sysctls, hook",
           done.stderr, before, host_state())
    again = instance("detach", "eth0")
    tap.ok(again.returncode == 1 and "nothing of Sluice" in again.stderr, "detach twice: refused", again.stderr)
    tap.ok(not talk(VIP4, 100), "after detach nothing is unwrapped")
    one = instance("status", "eth0")
    all_ = instance("status", "-o", "json")
    tap.ok(one.returncode == 1 and all_.returncode == 0 and '"interfaces": []' in all_.stdout,
           "status with nothing attached", one.stderr, all_.stdout)


def test_own_settings_stay(before):
    """Settings from before attach are restored by detach; those changed meanwhile stay."""
    ns(HOST, "ip", "addr", "add", VIP4 + "/32", "dev", "lo")
    ns(HOST, "sysctl", "-qw", "net.ipv4.conf.eth0.arp_ignore=2")
    attach("--vip", f"{VIP4},{VIP6}")
    kept = sysctl("net.ipv4.conf.eth0.arp_ignore") == 2
    ns(HOST, "sysctl", "-qw", "net.ipv4.conf.eth0.arp_announce=1")
    done = instance("detach", "eth0")
    tap.ok(kept and addresses() == before[0] | {VIP4} and sysctl("net.ipv4.conf.eth0.arp_ignore") == 2 and
           sysctl("net.ipv4.conf.eth0.arp_announce") == 1 and "left as it is" in done.stderr,
           "an operator's address and sysctls are not touched", kept, addresses(), {s: sysctl(s) for s in SYSCTLS}, done)
    ns(HOST, "ip", "addr", "del", VIP4 + "/32", "dev", "lo")
    ns(HOST, "sysctl", "-qw", "net.ipv4.conf.eth0.arp_ignore=0", "net.ipv4.conf.eth0.arp_announce=0")


def test_no_addr_warnings():
    attach("--vip", VIP4, "--no-addr", "--no-sysctl")
    ns(HOST, "sysctl", "-qw", "net.ipv4.conf.eth0.rp_filter=1")
    warnings = "\n".join(status()["warnings"])
    tap.ok(VIP4 not in addresses() and all(w in warnings for w in ("on no interface", "answers ARP", "rp_filter")),
           "--no-addr --no-sysctl leave the host alone; status warns of each trap", warnings)
    ns(HOST, "sysctl", "-qw", "net.ipv4.conf.eth0.rp_filter=0")
    instance("detach", "eth0")


def test_failed_attach(before):
    ns(HOST, "sysctl", "-qw", "net.ipv6.conf.lo.disable_ipv6=1")
    lo = addresses()
    done = instance("attach", "eth0", "--vip", f"{VIP4},{VIP6}")
    state = host_state()
    tap.ok(done.returncode == 1 and VIP6 in done.stderr and state == (lo, *before[1:]),
           "attach that fails halfway leaves nothing", done.stderr, state)
    ns(HOST, "sysctl", "-qw", "net.ipv6.conf.lo.disable_ipv6=0")


def test_two_interfaces(before):
    plug(HOST, "eth1", 1500, "10.77.1.2/24")
    attach("--vip", VIP4)
    other = instance("attach", "eth1", "--vip", VIP4)
    shown = instance("status").stdout
    both = VIP4 in addresses() and "eth0: attached" in shown and "eth1: attached" in shown
    instance("detach", "eth0")
    one = VIP4 in addresses()
    instance("detach", "eth1")
    tap.ok(other.returncode == 0 and both and one and host_state() == before,
           "two interfaces share a VIP; the last one takes it along", other.stderr, both, one, addresses())
    sh("ip", "-n", HOST, "link", "del", "eth1")


def test_other_program(before):
    with tempfile.TemporaryDirectory() as tmp:
        source, obj = Path(tmp) / "other.c", Path(tmp) / "other.o"
        source.write_text(OTHER_XDP)
        sh("clang", "-O2", "-g", "-target", "bpf", f"-I/usr/include/{os.uname().machine}-linux-gnu", "-c", source, "-o", obj)
        ns(HOST, "ip", "link", "set", "dev", "eth0", "xdpgeneric", "obj", obj, "sec", "xdp")
    lo, sysctls, _ = host_state()
    done = instance("attach", "eth0", "--vip", VIP4)
    tap.ok(done.returncode == 1 and "xdp_other" in done.stderr and (lo, sysctls) == before[:2],
           "another XDP program on the hook: named, nothing changed", done.stderr)
    gone = instance("detach", "eth0")
    tap.ok(gone.returncode == 1 and "xdp_other" in gone.stderr and host_state()[2], "detach leaves it on", gone.stderr)
    ns(HOST, "ip", "link", "set", "dev", "eth0", "xdpgeneric", "off")


def test_jumbo():
    """A veth whose peer's MTU needs multi-buffer frames does not accept a single-buffer program."""
    for name, dev in ((NET, "host-eth0"), (HOST, "eth0")):
        sh("ip", "-n", name, "link", "set", dev, "mtu", 9000)
    attach("--vip", f"{VIP4},{VIP6}")
    shown = status()
    worked = talk(VIP4), talk(VIP6)
    tap.ok(shown["mode"] == "native" and shown["frags"] and worked == (True, True),
           "MTU 9000: native mode with fragments", shown["mode"], shown["frags"], worked)
    instance("detach", "eth0")
    for name, dev in ((NET, "host-eth0"), (HOST, "eth0")):
        sh("ip", "-n", name, "link", "set", dev, "mtu", TUNNEL_MTU)


def test_no_native_driver():
    sh("ip", "-n", HOST, "link", "add", "br9", "up", "type", "bridge")
    refused = instance("attach", "br9", "--vip", VIP4, "--mode", "native")
    done = instance("attach", "br9", "--vip", VIP4)
    tap.ok(refused.returncode == 1 and "br9 takes no native XDP" in refused.stderr and done.returncode == 0 and
           "generic mode" in done.stderr and status("br9")["mode"] == "generic",
           "a driver without XDP: generic mode, and said so", refused.stderr, done.stderr)
    instance("detach", "br9")
    sh("ip", "-n", HOST, "link", "del", "br9")


def test_killed_anywhere(before):
    """kill -9 at any moment of attach or detach: a detach afterwards still cleans up."""
    argv = ["ip", "netns", "exec", HOST, PROGRAM]
    left = []
    for i in range(60):
        verb = ["detach", "eth0"] if i & 1 else ["attach", "eth0", "--vip", f"{VIP4},{VIP6},{VIP4B}"]
        if i & 1:
            attach("--vip", f"{VIP4},{VIP6}")
        with subprocess.Popen(argv + verb, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as victim:
            time.sleep(0.002 + i * 0.0005)
            victim.kill()
        if i % 3 == 0:
            attach("--vip", VIP4)
        instance("detach", "eth0")
        left += [(i, host_state())] if host_state() != before else []
    tap.ok(not left, "killed at 60 moments of attach and detach: nothing stays behind", left[:3])


def test_at_the_same_time(before):
    argv = ["ip", "netns", "exec", HOST, PROGRAM, "attach", "eth0", "--vip"]
    running = [subprocess.Popen(argv + [f"10.9.9.{i},{VIP6}"], stdout=subprocess.DEVNULL) for i in range(20, 28)]
    codes = [r.wait() for r in running]
    vips = {v["address"] for v in status()["vips"]}
    tap.ok(not any(codes) and len(vips) == 2 and addresses() == before[0] | vips,
           "eight attaches at once: one of them stands, whole", codes, vips, addresses())
    instance("detach", "eth0")


USAGE = [
    ((), 2, "usage"),
    (("frobnicate",), 2, "no verb 'frobnicate'"),
    (("attach",), 2, "needs the interface"),
    (("attach", "eth0"), 2, "--vip"),
    (("attach", "eth0", "--vip"), 2, "--vip"),
    (("attach", "eth0", "--vip", "10.9.9"), 2, "'10.9.9' is not"),
    (("attach", "eth0", "--vip", "10.9.9.9,"), 2, "'' is not"),
    (("attach", "eth0", "--vip", "127.0.0.2"), 2, "loopback"),
    (("attach", "eth0", "--vip", VIP4, "--from", "10.0.0.1/8"), 2, "10.0.0.1/8"),
    (("attach", "eth0", "--vip", VIP4, "--mode", "fast"), 2, "fast"),
    (("attach", "eth0", "eth1", "--vip", VIP4), 2, "eth1"),
    (("attach", "eth7", "--vip", VIP4), 1, "no interface 'eth7'"),
    (("detach",), 2, "needs the interface"),
    (("detach", "eth0", "--vip", VIP4), 2, "vip"),
    (("status", "-o", "xml"), 2, "xml"),
    (("detach", "eth0"), 1, "nothing of Sluice"),
]


def test_usage(before):
    for args, code, word in USAGE:
        done = instance(*args)
        tap.ok(done.returncode == code and word in done.stderr and not done.stdout,
               f"'{' '.join(args)}': exit {code}", done.returncode, done.stderr)
    helped = instance("--help")
    tap.ok(helped.returncode == 0 and "attach" in helped.stdout, "--help", helped.stderr)
    user = ns(HOST, "setpriv", "--reuid", "65534", "--clear-groups", PROGRAM, "status", check=False)
    tap.ok(user.returncode == 1 and "root" in user.stderr, "not root: refused", user.stderr)
    tap.ok(host_state() == before, "none of these changed anything")


def story(balancer):
    before = host_state()
    test_usage(before)
    tap.ok(not talk(VIP4, 100), "before attach nothing is unwrapped")
    attach("--vip", VIP4, "--vip", VIP6)
    test_attach_records()
    test_traffic(balancer, "native")
    test_l2(balancer)
    test_arp_silence()
    test_packets(balancer)
    test_icmp_error_arrives(balancer)
    test_forwarding_host(balancer)
    test_change_in_place(balancer)
    tap.ok(talk(VIP4), "still unwrapping after all of that")
    test_detach(before)
    attach("--vip", f"{VIP4},{VIP6}", "--mode", "generic")
    test_traffic(balancer, "generic")
    instance("detach", "eth0")
    test_own_settings_stay(before)
    test_no_addr_warnings()
    test_failed_attach(before)
    test_two_interfaces(before)
    test_other_program(before)
    test_jumbo()
    test_no_native_driver()
    test_killed_anywhere(before)
    test_at_the_same_time(before)
    tap.ok(host_state() == before, "the host is as it was before the first attach", before, host_state())


def main():
    if os.geteuid():
        print("1..0 # SKIP network namespaces need root")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        up()
        EchoServer()
        balancer = Balancer()
        story(balancer)
        balancer.stop()
    finally:
        down()
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
