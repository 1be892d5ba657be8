#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Load: a new connection for each request, and a look at every answer.

  load.py --requests 20000 http://203.0.113.10/ 'https://[2001:db8:f::10]/'

A request fails unless status 200 and the name of an expected instance come back in time. Ends after --requests,
--seconds, SIGINT or the end of its standard input (--stdin), and prints a report as JSON. Times named *_ns are
CLOCK_MONOTONIC, so other processes can compare them with theirs. Exit code 1 if a request failed.
"""
import argparse
import collections
import itertools
import json
import signal
import socket
import ssl
import sys
import threading
import time
from urllib.parse import urlsplit

EXAMPLES_MAX = 50
SLOW_S = 0.9  # a request that took longer had to send a packet twice


class Target:
    """A URL, taken apart once."""

    def __init__(self, url):
        parts = urlsplit(url)
        self.url, self.tls = url, parts.scheme == "https"
        self.family = socket.AF_INET6 if ":" in parts.hostname else socket.AF_INET
        self.address = (parts.hostname, parts.port or (443 if self.tls else 80))
        self.path = parts.path or "/"
        self.session = None

    def request(self, keep_alive):
        return (f"GET {self.path} HTTP/1.1\r\nHost: lab.example\r\n"
                f"Connection: {'keep-alive' if keep_alive else 'close'}\r\n\r\n").encode()

    def connect(self, context, timeout_s):
        sock = socket.socket(self.family, socket.SOCK_STREAM)
        try:
            sock.settimeout(timeout_s)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.connect(self.address)
            if self.tls:
                sock = context.wrap_socket(sock, server_hostname="lab.example", session=self.session)
            return sock
        except BaseException:
            sock.close()
            raise


def tls_context():
    """Certificates are the instances' affair; this is about packets."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.options |= getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    return context


def read_answer(sock):
    """The status code and the body of one answer that says how long it is."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        if not more:
            raise EOFError("closed early" if data else "closed without an answer")
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    while len(body) < length:
        more = sock.recv(65536)
        if not more:
            raise EOFError("closed early")
        body += more
    return int(head.split(b" ", 2)[1]), body.decode(errors="replace").strip()


def kind_of(error):
    """A failure's kind in a word that a person would use."""
    for kind, name in ((ConnectionRefusedError, "refused"), (ConnectionResetError, "reset"), (BrokenPipeError, "reset"),
                       (TimeoutError, "timeout"), (ssl.SSLError, "tls"), (EOFError, "eof"), (ValueError, "answer")):
        if isinstance(error, kind):
            return name
    return type(error).__name__


class Load:
    """What all threads share."""

    def __init__(self, options):
        self.options = options
        self.targets = [Target(url) for url in options.url]
        self.context = tls_context()
        self.tickets = itertools.count()
        self.stopped = threading.Event()
        self.lock = threading.Lock()
        self.began = time.monotonic()
        self.latencies = []
        self.kinds = collections.Counter()
        self.failures = []
        self.seen = {t.url: {} for t in self.targets}

    def next_target(self):
        """The next request's target, when its time has come; None at the end."""
        ticket = next(self.tickets)
        if self.options.requests and ticket >= self.options.requests:
            return None
        if self.options.rate:
            self.stopped.wait(max(0, self.began + ticket / self.options.rate - time.monotonic()))
        late = self.options.seconds and time.monotonic() - self.began >= self.options.seconds
        return None if late or self.stopped.is_set() else self.targets[ticket % len(self.targets)]

    def ask(self, target, sock):
        sock.sendall(target.request(False))
        status, name = read_answer(sock)
        if target.tls:
            target.session = sock.session
        if status != 200:
            raise ValueError(f"status {status}")
        if self.options.expect and name not in self.options.expect:
            raise ValueError(f"unexpected instance {name[:40]!r}")
        return name

    def one(self, target):
        begin_ns = time.monotonic_ns()
        sock = None
        try:
            sock = target.connect(self.context, self.options.timeout)
            name = self.ask(target, sock)
        except (OSError, EOFError, ValueError) as error:
            self.failed(target, begin_ns, error)
            return
        finally:
            if sock:
                sock.close()
        end_ns = time.monotonic_ns()
        with self.lock:
            self.latencies.append((end_ns - begin_ns) / 1e9)
            entry = self.seen[target.url].setdefault(name, {"requests": 0, "first_ns": begin_ns, "last_ns": 0})
            entry["requests"] += 1
            entry["last_ns"] = max(entry["last_ns"], begin_ns)

    def failed(self, target, begin_ns, error):
        with self.lock:
            self.kinds[kind_of(error)] += 1
            if len(self.failures) < EXAMPLES_MAX:
                self.failures.append({"url": target.url, "kind": kind_of(error), "error": str(error), "begin_ns": begin_ns,
                                      "end_ns": time.monotonic_ns()})

    def work(self):
        while target := self.next_target():
            self.one(target)

    def run(self):
        threads = [threading.Thread(target=self.work) for _ in range(self.options.workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def report(self):
        took_s = time.monotonic() - self.began
        times = sorted(self.latencies)
        at = {f"p{p}_ms": round(times[min(len(times) - 1, len(times) * p // 100)] * 1000, 2) for p in (50, 90, 99)} if times else {}
        failed = sum(self.kinds.values())
        return {"requests": len(times) + failed, "failed": failed, "kinds": dict(self.kinds), "seconds": round(took_s, 2),
                "per_second": round(len(times) / took_s, 1), **at, "max_ms": round(times[-1] * 1000, 2) if times else 0,
                "slow": sum(t > SLOW_S for t in times), "seen": self.seen, "failures": self.failures}


def options_parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--rate", type=float, default=0, help="requests per second; as many as possible if 0")
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--timeout", type=float, default=10, help="seconds that one request may take")
    parser.add_argument("--expect", type=lambda s: set(s.split(",")), help="names of instances, with commas")
    parser.add_argument("--stdin", action="store_true", help="end when standard input ends")
    parser.add_argument("url", nargs="+")
    return parser.parse_args()


def main():
    load = Load(options_parse())
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: load.stopped.set())
    if load.options.stdin:
        threading.Thread(target=lambda: (sys.stdin.read(), load.stopped.set()), daemon=True).start()
    load.run()
    print(json.dumps(load.report()), flush=True)
    return 1 if load.kinds else 0


if __name__ == "__main__":
    sys.exit(main())
