#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""ping.py [--bytes N] [--once] ADDRESS ...: exit code 1, and the address on stderr, if one doesn't answer three echo requests.

--bytes: of payload. --once: one answer to any of them is enough.
"""
import argparse
import os
import socket
import struct
import sys
import time

PAYLOAD = b"sluice lab ping!"
TRIES = 3


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ping(address, number, payload, timeout_s=2):
    six = ":" in address
    request, reply = (128, 129) if six else (8, 0)
    family, proto = (socket.AF_INET6, socket.IPPROTO_ICMPV6) if six else (socket.AF_INET, socket.IPPROTO_ICMP)
    echo = struct.pack("!HH", os.getpid() & 0xFFFF, number) + payload
    head = struct.pack("!BBH", request, 0, 0)
    if not six:  # the kernel fills in ICMPv6's own
        head = struct.pack("!BBH", request, 0, checksum(head + echo))
    with socket.socket(family, socket.SOCK_RAW, proto) as sock:
        sock.sendto(head + echo, (address, 0))
        deadline = time.monotonic() + timeout_s
        while (left_s := deadline - time.monotonic()) > 0:
            sock.settimeout(left_s)
            try:
                data, sender = sock.recvfrom(65536)
            except TimeoutError:
                break
            data = data if six else data[(data[0] & 15) * 4:]
            if sender[0] == address and data[0] == reply and data[4:] == echo:
                return True
    return False


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bytes", type=int, default=len(PAYLOAD))
    parser.add_argument("--once", action="store_true")
    parser.add_argument("address", nargs="+")
    args = parser.parse_args()
    payload = (PAYLOAD * (args.bytes // len(PAYLOAD) + 1))[:args.bytes & ~1]
    enough = any if args.once else all
    deaf = [a for a in args.address if not enough(ping(a, n, payload) for n in range(TRIES))]
    print(*deaf, file=sys.stderr)
    return 1 if deaf else 0


if __name__ == "__main__":
    sys.exit(main())
