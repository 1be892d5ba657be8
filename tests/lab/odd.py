#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Servers that answer health checks in odd ways: odd.py ADDRESS CERT KEY FIRST-PORT NAME ...

Each NAME of ANSWERS gets the next port. A line is printed when all of them listen.
"""
import socket
import ssl
import struct
import sys
import threading
import time

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nup\n"

# What is sent when a request has come, in pieces with a pause between them; TLS if the name begins with tls.
ANSWERS = {
    "ok": [OK],
    "http10": [b"HTTP/1.0 200 OK\r\n\r\nup\n"],
    "chunked": [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nup\n\r\n0\r\n\r\n"],
    "continue": [b"HTTP/1.1 100 Continue\r\n\r\n", OK],
    "continue404": [b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"],
    "moved": [b"HTTP/1.1 301 Moved\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n"],
    "nocontent": [b"HTTP/1.1 204 No Content\r\n\r\n"],
    "missing": [b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"],
    "broken": [b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"],
    "slow": [b"", OK],
    "cut": [b"HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\nup\n"],
    "garbage": [b"SSH-2.0-OpenSSH_9.2\r\n"],
    "silent": [b""],
    "reset": [],
    "big": [b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (4 << 20)],
    "tls-ok": [OK],
    "tls-missing": [b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"],
}
SLOW_S = 1.5


def answer(conn, name):
    conn.settimeout(5)
    conn.recv(65536)
    if name == "reset":
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    for number, piece in enumerate(ANSWERS[name]):
        if number and name == "slow":
            time.sleep(SLOW_S)
        conn.sendall(piece)


def serve(listener, name, context):
    def one(conn):
        try:
            with conn if context is None else context.wrap_socket(conn, server_side=True) as talk:
                answer(talk, name)
        except OSError:
            pass  # who checks may leave at any moment

    while True:
        threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()


def main():
    address, cert, key, first, *names = sys.argv[1:]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    for port, name in enumerate(names, int(first)):
        listener = socket.create_server((address, port), backlog=64)
        threading.Thread(target=serve, args=(listener, name, context if name.startswith("tls") else None), daemon=True).start()
    print("ready", flush=True)
    threading.Event().wait()


main()
