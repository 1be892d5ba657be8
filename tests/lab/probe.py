#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Which instance a source port reaches: probe.py FIRST COUNT URL ...

Connects from each port in turn, once per URL, and resets the connection, so that the same ports can be used again at
once. The choice is a function of addresses and ports, so two runs agree unless the tables differ. Prints JSON:
{"URL PORT": "instance"}.
"""
import json
import socket
import struct
import sys

from load import Target, read_answer, tls_context


def ask(target, port, context):
    with socket.socket(target.family, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.settimeout(10)
        sock.bind(("::" if target.family == socket.AF_INET6 else "0.0.0.0", port))
        sock.connect(target.address)
        stream = context.wrap_socket(sock, server_hostname="lab.example") if target.tls else sock
        try:
            stream.sendall(target.request(True))
            return read_answer(stream)[1]
        finally:
            if target.tls:
                stream.close()


def main():
    first, count, urls = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    context = tls_context()
    print(json.dumps({f"{t.url} {port}": ask(t, port, context) for t in map(Target, urls) for port in range(first, first + count)}))


if __name__ == "__main__":
    main()
