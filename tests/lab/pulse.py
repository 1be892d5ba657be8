#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A SYN every millisecond, or so many, to one VIP, and which of them were answered: how long a gap lasts.

  pulse.py 198.51.100.2 203.0.113.10 80 1

Runs until its standard input ends. Prints a line of JSON when it has begun, and at its end one with
[[sent_ns, answered_ns or 0], ...]; times are CLOCK_MONOTONIC. Each SYN has a source port of its own, below those
that the kernel uses; the kernel answers the instance's SYN-ACK with a RST.
"""
import json
import select
import socket
import struct
import sys
import time

PORTS = range(1100, 29000)
SYN, SYN_ACK = 0x02, 0x12
LAST_S = 1.5  # what was sent last gets so long to be answered


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


class Pulse:
    def __init__(self, source, vip, port, period_ms):
        self.vip, self.port, self.period_ns = vip, port, period_ms * 1_000_000
        self.pseudo = socket.inet_aton(source) + socket.inet_aton(vip) + struct.pack("!BBH", 0, socket.IPPROTO_TCP, 20)
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.sock.setblocking(False)
        self.last = {}  # source port: index of its newest SYN
        self.beats = []

    def send(self, now_ns):
        source_port = PORTS[len(self.beats) % len(PORTS)]
        head = struct.pack("!HHIIBBHHH", source_port, self.port, len(self.beats), 0, 5 << 4, SYN, 64240, 0, 0)
        head = head[:16] + struct.pack("!H", checksum(self.pseudo + head)) + head[18:]
        self.last[source_port] = len(self.beats)
        self.beats.append([now_ns, 0])
        try:
            self.sock.sendto(head, (self.vip, 0))
        except OSError:
            pass  # unanswered, that is all

    def receive(self):
        while True:
            try:
                packet = self.sock.recv(128)
            except BlockingIOError:
                return
            tcp = packet[(packet[0] & 15) * 4:]
            if len(tcp) < 20 or packet[12:16] != socket.inet_aton(self.vip) or tcp[13] & 0x3f != SYN_ACK:
                continue
            index = self.last.get(struct.unpack("!H", tcp[2:4])[0])
            if index is not None and struct.unpack("!I", tcp[8:12])[0] == index + 1 and not self.beats[index][1]:
                self.beats[index][1] = time.monotonic_ns()

    def run(self):
        print(json.dumps({"began_ns": time.monotonic_ns()}), flush=True)
        next_ns, end_ns = time.monotonic_ns(), None
        while end_ns is None or time.monotonic_ns() < end_ns:
            now_ns = time.monotonic_ns()
            if end_ns is None and now_ns >= next_ns:
                self.send(now_ns)
                next_ns = max(next_ns + self.period_ns, now_ns)
            wait_s = max(0, (next_ns if end_ns is None else end_ns) - time.monotonic_ns()) / 1e9
            ready, _, _ = select.select([self.sock] + ([sys.stdin] if end_ns is None else []), [], [], wait_s)
            if self.sock in ready:
                self.receive()
            if sys.stdin in ready and not sys.stdin.readline():
                end_ns = time.monotonic_ns() + int(LAST_S * 1e9)
        print(json.dumps(self.beats), flush=True)


if __name__ == "__main__":
    Pulse(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])).run()
