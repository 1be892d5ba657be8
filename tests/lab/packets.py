#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Packets that no client should send: packets.py IFACE EDGE_MAC VIP4 VIP6 [FUZZ_COUNT SEED]

Sends a few of each kind, then FUZZ_COUNT frames with random damage. Prints as JSON how many of each drop reason the
dataplane must have counted, and how many damaged ones were sent.
"""
import collections
import json
import random
import socket
import struct
import sys
import time

SOURCE4, SOURCE6 = "198.51.100.77", "2001:db8:c::77"
REPEAT = 5
SYN, FIN, RST, ACK = 0x02, 0x01, 0x04, 0x10


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Maker:
    """Frames to one edge. Every argument may lie."""

    def __init__(self, mac, edge_mac, vip4, vip6):
        self.mac, self.edge_mac = mac, edge_mac
        self.vip4, self.vip6 = socket.inet_pton(socket.AF_INET, vip4), socket.inet_pton(socket.AF_INET6, vip6)

    def ether(self, payload, kind=0x0800, to=None):
        return (to or self.edge_mac) + self.mac + struct.pack("!H", kind) + payload

    def ip4(self, payload, source=None, proto=6, version_length=0x45, total=None, ttl=64, fragment=0x4000, bad_sum=0, options=b""):
        source = source or socket.inet_pton(socket.AF_INET, SOURCE4)
        head = [version_length, 0, 20 + len(options) + len(payload) if total is None else total, 1, fragment, ttl, proto, 0, source, self.vip4]
        head[7] = checksum(struct.pack("!BBHHHBBH4s4s", *head) + options) ^ bad_sum
        return struct.pack("!BBHHHBBH4s4s", *head) + options + payload

    def ip6(self, payload, source=None, proto=6, hops=64, length=None, version=6):
        source = source or socket.inet_pton(socket.AF_INET6, SOURCE6)
        return struct.pack("!IHBB16s16s", version << 28, len(payload) if length is None else length, proto, hops, source, self.vip6) + payload

    @staticmethod
    def tcp(sport=40000, dport=80, flags=SYN, offset=5, tail=b""):
        return struct.pack("!HHIIBBHHH", sport, dport, 1, 0, offset << 4, flags, 1024, 0, 0) + tail


def bad_frames(m):
    """(drop reason, frame) pairs: each must be counted under exactly this reason."""
    tcp, icmp_toobig = m.tcp(), struct.pack("!BBHHH", 3, 4, 0, 0, 1400)
    yield "l2_other_host", m.ether(m.ip4(tcp), to=b"\x02\x00\x00\xfe\xed\x01")
    yield "l2_broadcast", m.ether(m.ip4(tcp), to=b"\xff" * 6)
    yield "ip_truncated", m.ether(m.ip4(tcp)[:12])
    yield "ip_truncated", m.ether(m.ip6(tcp)[:39], 0x86DD)
    yield "ip_malformed", m.ether(m.ip4(tcp, version_length=0x55))
    yield "ip_malformed", m.ether(m.ip4(tcp, version_length=0x44))
    yield "ip_malformed", m.ether(m.ip4(tcp, version_length=0x4F))
    yield "ip_malformed", m.ether(m.ip4(tcp, total=19))
    yield "ip_malformed", m.ether(m.ip4(tcp, total=1400))
    yield "ip_malformed", m.ether(m.ip6(tcp, length=1400), 0x86DD)
    yield "ip_malformed", m.ether(m.ip6(tcp, version=4), 0x86DD)
    yield "ip_checksum", m.ether(m.ip4(tcp, bad_sum=0x0100))
    yield "ip_ttl", m.ether(m.ip4(tcp, ttl=0))
    yield "ip_ttl", m.ether(m.ip6(tcp, hops=0), 0x86DD)
    yield "ip_source", m.ether(m.ip4(tcp, source=m.vip4))
    yield "ip_source", m.ether(m.ip4(tcp, source=b"\xff" * 4))
    yield "ip_source", m.ether(m.ip6(tcp, source=m.vip6), 0x86DD)
    yield "ip_fragment", m.ether(m.ip4(tcp, fragment=0x2000))
    yield "ip_fragment", m.ether(m.ip4(tcp, fragment=0x0008))
    yield "l4_truncated", m.ether(m.ip4(tcp[:13]))
    yield "l4_truncated", m.ether(m.ip6(tcp[:13]), 0x86DD)
    yield "tcp_malformed", m.ether(m.ip4(m.tcp(offset=4)))
    yield "tcp_malformed", m.ether(m.ip4(m.tcp(offset=15)))
    yield "tcp_malformed", m.ether(m.ip6(m.tcp(sport=0)), 0x86DD)
    yield "tcp_flags", m.ether(m.ip4(m.tcp(flags=SYN | FIN)))
    yield "tcp_flags", m.ether(m.ip4(m.tcp(flags=SYN | RST)))
    yield "tcp_flags", m.ether(m.ip6(m.tcp(flags=0)), 0x86DD)
    yield "icmp_malformed", m.ether(m.ip4(icmp_toobig + b"\x45\x00\x00", proto=1))


def good_frames(m):
    """What the damage starts from. Source ports of their own, and no listener: nothing here becomes a connection."""
    yield m.ether(m.ip4(m.tcp(sport=50001, flags=ACK, tail=b"x" * 40)))
    yield m.ether(m.ip6(m.tcp(sport=50002, flags=ACK, tail=b"x" * 40)), 0x86DD)
    yield m.ether(m.ip4(m.tcp(sport=50003), options=b"\x07\x04\x00\x00"))
    yield m.ether(m.ip6(struct.pack("!BB6s", 6, 0, b"\x01\x04\0\0\0\0") + m.tcp(sport=50004), proto=0), 0x86DD)
    yield struct.pack("!6s6sHH", m.edge_mac, m.mac, 0x8100, 5) + m.ether(m.ip4(m.tcp(sport=50005)))[12:]
    quote = m.ip4(b"")[:12] + m.vip4 + socket.inet_pton(socket.AF_INET, SOURCE4) + m.tcp(sport=80, dport=50006)[:8]
    yield m.ether(m.ip4(struct.pack("!BBHHH", 3, 4, 0, 0, 1400) + quote, proto=1))


def damaged(frames, count, seed):
    """Flip, overwrite, cut or lengthen, after the MAC addresses, so that all of them reach the port."""
    rng = random.Random(seed)
    for _ in range(count):
        frame = bytearray(rng.choice(frames))
        for _ in range(rng.randint(1, 4)):
            frame[rng.randrange(12, len(frame))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        if rng.random() < 0.4:
            del frame[rng.randrange(14, len(frame)):]
        elif rng.random() < 0.2:
            frame += rng.randbytes(rng.randrange(1, 900))
        yield bytes(frame)


def main():
    iface, edge_mac, vip4, vip6 = sys.argv[1], bytes.fromhex(sys.argv[2].replace(":", "")), sys.argv[3], sys.argv[4]
    count, seed = (int(a) for a in sys.argv[5:7]) if len(sys.argv) > 6 else (0, 0)
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sock.bind((iface, 0))
    maker = Maker(sock.getsockname()[4], edge_mac, vip4, vip6)
    wanted = collections.Counter()
    for reason, frame in bad_frames(maker):
        for _ in range(REPEAT):
            sock.send(frame)
            wanted[reason] += 1
    for number, frame in enumerate(damaged(list(good_frames(maker)), count, seed)):
        sock.send(frame)
        if number % 64 == 0:
            time.sleep(0.002)
    print(json.dumps({"drops": wanted, "fuzz": count}))


if __name__ == "__main__":
    main()
