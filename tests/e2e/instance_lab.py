# SPDX-License-Identifier: BSD-3-Clause
"""A client, a hand-made balancer and an instance, in three network namespaces on one bridge.

The balancer is this process: it takes what the client sends to a VIP off a packet socket, wraps it in
IPv4 or IPv6 (or only changes the MAC address) and sends it to the instance, which answers the client.
"""
import ctypes
import ctypes.util
import json
import os
import select
import socket
import subprocess
import threading
import time
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAM = (ROOT / (os.environ.get("BUILD") or "build") / "bin" / "sluice-instance").resolve()

PREFIX = f"sl-inst-{os.getpid()}"
NET, CLIENT, BALANCER, HOST = (f"{PREFIX}-{n}" for n in ("net", "cl", "lb", "host"))

CLIENT4, CLIENT6 = "10.77.0.7", "2001:db8:77::7"
BALANCER4, BALANCER6 = "10.77.0.5", "2001:db8:77::5"
HOST4, HOST6 = "10.77.0.2", "2001:db8:77::2"
VIP4, VIP6 = "10.9.9.9", "2001:db8:9::9"
TUNNEL_MTU = 1600
GUE_PORT = 6080

CLONE_NEWNET = 0x40000000
ETH_P_ALL, ETH_P_IP, ETH_P_IPV6 = 3, 0x0800, 0x86DD
PROTO = {ETH_P_IP: 4, ETH_P_IPV6: 41}

libc = ctypes.CDLL(ctypes.util.find_library("c"), use_errno=True)


def sh(*argv, check=True, **kw):
    return subprocess.run([str(a) for a in argv], check=check, text=True, capture_output=True, **kw)


def ns(name, *argv, **kw):
    return sh("ip", "netns", "exec", name, *argv, **kw)


def in_ns(name, make):
    """Call make() with this thread in a namespace; sockets made there stay there."""
    with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{name}") as there:
        if libc.setns(there.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        try:
            return make()
        finally:
            libc.setns(home.fileno(), CLONE_NEWNET)


def instance(*argv):
    """sluice-instance on the instance, each call an `ip netns exec` of its own."""
    return ns(HOST, PROGRAM, *argv, check=False)


def status(iface="eth0"):
    done = instance("status", iface, "-o", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["interfaces"][0]


def counters():
    return {name: c["pkts"] for name, c in status()["counters"].items()}


def sysctl(name):
    return int(ns(HOST, "sysctl", "-n", name).stdout)


def addresses(dev="lo"):
    links = json.loads(ns(HOST, "ip", "-j", "addr", "show", "dev", dev).stdout)
    return {a["local"] for link in links for a in link.get("addr_info", []) if "local" in a}


def mac(name, dev="eth0"):
    return bytes.fromhex(in_ns(name, lambda: mac_text(name, dev)).replace(":", ""))


def mac_text(name, dev):
    return json.loads(sh("ip", "-n", name, "-j", "link", "show", "dev", dev).stdout)[0]["address"]


def plug(name, dev, mtu, *addrs):
    """A veth from the bridge to dev in a namespace. What it sends has real checksums and sizes."""
    port = f"{name.rsplit('-', 1)[1]}-{dev}"
    sh("ip", "link", "add", port, "netns", NET, "mtu", TUNNEL_MTU, "type", "veth", "peer", "name", dev, "netns", name)
    sh("ip", "-n", NET, "link", "set", port, "master", "br0", "up")
    sh("ip", "-n", name, "link", "set", dev, "mtu", mtu, "up")
    for a in addrs:
        sh("ip", "-n", name, "addr", "add", a, "dev", dev, *(["nodad"] if ":" in a else []))
    ns(name, "ethtool", "-K", dev, "tx", "off", "tso", "off", "gso", "off", check=False)


def up():
    for name in (NET, CLIENT, BALANCER, HOST):
        sh("ip", "netns", "add", name)
        sh("ip", "-n", name, "link", "set", "lo", "up")
    sh("ip", "-n", NET, "link", "add", "br0", "mtu", TUNNEL_MTU, "type", "bridge", "mcast_snooping", 0)
    sh("ip", "-n", NET, "link", "set", "br0", "up")
    # Where Docker has loaded br_netfilter, bridges drop malformed and oversized packets themselves.
    for table in ("iptables", "ip6tables", "arptables"):
        ns(NET, "sysctl", "-qw", f"net.bridge.bridge-nf-call-{table}=0", check=False)
    plug(CLIENT, "eth0", 1500, CLIENT4 + "/24", CLIENT6 + "/64")
    plug(BALANCER, "eth0", TUNNEL_MTU, BALANCER4 + "/24", BALANCER6 + "/64")
    plug(HOST, "eth0", TUNNEL_MTU, HOST4 + "/24", HOST6 + "/64")
    # The balancer's own kernel shall not tell clients that it has no route.
    sh("ip", "-n", BALANCER, "route", "add", "blackhole", "10.9.9.0/24")
    sh("ip", "-n", BALANCER, "route", "add", "blackhole", "2001:db8:9::/64")
    sh("ip", "-n", CLIENT, "route", "add", "10.9.9.0/24", "via", BALANCER4)
    sh("ip", "-n", CLIENT, "route", "add", "2001:db8:9::/64", "via", BALANCER6)


def down():
    for name in (HOST, BALANCER, CLIENT, NET):
        sh("ip", "netns", "del", name, check=False)


def ip4_sum(header):
    total = sum(int.from_bytes(header[i:i + 2], "big") for i in range(0, len(header), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return (~total & 0xFFFF).to_bytes(2, "big")


def gue(inner, proto):
    """UDP without a checksum, from a port that follows from the packet's addresses and ports; GUE variant 0."""
    port = 0xC000 | zlib.crc32(inner[8:44]) & 0x3FFF
    return b"".join(n.to_bytes(2, "big") for n in (port, GUE_PORT, 12 + len(inner), 0)) + bytes([0, proto, 0, 0]) + inner


def wrap(outer, inner, ethertype, in_gue=False):
    """The inner packet in an outer header of version 4 or 6: (packet, its ethertype)."""
    proto = PROTO[ethertype]
    if in_gue:
        inner, proto = gue(inner, proto), 17
    if outer == 6:
        head = b"\x60\0\0\0" + len(inner).to_bytes(2, "big") + bytes([proto, 64])
        head += socket.inet_pton(socket.AF_INET6, BALANCER6) + socket.inet_pton(socket.AF_INET6, HOST6)
        return head + inner, ETH_P_IPV6
    head = b"\x45\0" + (20 + len(inner)).to_bytes(2, "big") + b"\0\0\x40\0" + bytes([64, proto])
    tail = socket.inet_aton(BALANCER4) + socket.inet_aton(HOST4)
    return head + ip4_sum(head + b"\0\0" + tail) + tail + inner, ETH_P_IP


class Balancer(threading.Thread):
    """outer: 4 or 6, or None for l2. gue: IPIP in UDP."""

    def __init__(self):
        super().__init__(daemon=True)
        self.outer = 4
        self.gue = False
        self.sock = in_ns(BALANCER, lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)))
        self.sock.bind(("eth0", ETH_P_ALL))
        self.to_host = mac(HOST) + mac(BALANCER)
        self.own = mac(BALANCER)
        self.dest = {ETH_P_IP: (slice(30, 34), b"\x0a\x09\x09"), ETH_P_IPV6: (slice(38, 54), bytes.fromhex("20010db800090000"))}
        self.last = b""  # of the client's packets, as it came
        self.quit = os.pipe()
        self.start()

    def send(self, packet, ethertype):
        self.sock.send(self.to_host + ethertype.to_bytes(2, "big") + packet)

    def forward(self, frame):
        ethertype = int.from_bytes(frame[12:14], "big")
        where, prefix = self.dest.get(ethertype, (None, None))
        if not where or frame[:6] != self.own or not frame[where].startswith(prefix):
            return
        packet = self.last = frame[14:]
        if self.outer:
            packet, ethertype = wrap(self.outer, packet, ethertype, self.gue)
        self.send(packet, ethertype)

    def run(self):
        while True:
            ready, _, _ = select.select([self.sock, self.quit[0]], [], [])
            if self.quit[0] in ready:
                return
            frame, origin = self.sock.recvfrom(65535)
            if origin[2] != socket.PACKET_OUTGOING:
                self.forward(frame)

    def stop(self):
        os.write(self.quit[1], b"x")
        self.join()


class EchoServer(threading.Thread):
    """Sends back what it gets, on a TCP port of the instance, whatever the address."""

    def __init__(self, port=80):
        super().__init__(daemon=True)
        self.sock = in_ns(HOST, lambda: socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True))
        self.start()

    def run(self):
        while True:
            conn, _ = self.sock.accept()
            threading.Thread(target=self.serve, args=(conn,), daemon=True).start()

    @staticmethod
    def serve(conn):
        with conn:
            try:
                while data := conn.recv(65536):
                    conn.sendall(data)
            except OSError:
                pass


def connect(vip, timeout_s=3, port=80):
    return in_ns(CLIENT, lambda: socket.create_connection((vip, port), timeout=timeout_s))


def exchange(conn, data):
    """Send data and read as much back; whether it is the same."""
    sender = threading.Thread(target=conn.sendall, args=(data,))
    sender.start()
    back = bytearray()
    while len(back) < len(data):
        got = conn.recv(65536)
        if not got:
            break
        back += got
    sender.join()
    return bytes(back) == data


def talk(vip, size=300_000, port=80):
    """A TCP connection to the VIP that carries size bytes there and back; False if it can't."""
    try:
        with connect(vip, port=port) as conn:
            return exchange(conn, os.urandom(size))
    except OSError:
        return False


def ping(vip, timeout_s=2):
    """One ICMP echo from the client, answered by the VIP itself."""
    v6 = ":" in vip
    family, proto = (socket.AF_INET6, socket.IPPROTO_ICMPV6) if v6 else (socket.AF_INET, socket.IPPROTO_ICMP)
    body = os.urandom(2) + b"\0\1" + os.urandom(40)
    request = bytes([128 if v6 else 8, 0]) + (b"\0\0" if v6 else ip4_sum(bytes([8, 0]) + body)) + body
    with in_ns(CLIENT, lambda: socket.socket(family, socket.SOCK_RAW, proto)) as sock:
        sock.sendto(request, (vip, 0))
        end = time.monotonic() + timeout_s
        while (left := end - time.monotonic()) > 0 and select.select([sock], [], [], left)[0]:
            reply, (source, *_) = sock.recvfrom(2048)
            reply = reply if v6 else reply[20:]
            if reply[0] == (129 if v6 else 0) and reply[4:] == body:
                return source == vip
    return False


def resolves(addr):
    """Whether a neighbour answers the client's ARP or ND question for addr."""
    ns(CLIENT, "ip", "neigh", "flush", "all")
    family = socket.AF_INET6 if ":" in addr else socket.AF_INET
    with in_ns(CLIENT, lambda: socket.socket(family, socket.SOCK_DGRAM)) as sock:
        sock.sendto(b"", (addr, 9))
    time.sleep(0.5)
    return "lladdr" in ns(CLIENT, "ip", "neigh", "show", addr).stdout
