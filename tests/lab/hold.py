#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Long-lived connections: keep each open, ask every half second, and notice when anything changes.

  hold.py --connections 40 http://203.0.113.10/ 'https://[2001:db8:f::10]/'

Prints a line of JSON when all are open, one for each line read from standard input, and one at its end. A
connection that breaks, or that another instance answers, keeps its error and is not opened again.
"""
import argparse
import json
import sys
import threading
import time

from load import Target, kind_of, read_answer, tls_context


class Held:
    """One connection."""

    def __init__(self, number, target):
        self.number, self.target = number, target
        self.instance, self.port, self.requests, self.error, self.error_ns = None, None, 0, None, None

    def ask(self, sock):
        sock.sendall(self.target.request(True))
        status, name = read_answer(sock)
        if status != 200:
            raise ValueError(f"status {status}")
        if self.instance not in (None, name):
            raise ValueError(f"{name} answers instead of {self.instance}")
        self.instance = name
        self.requests += 1

    def hold(self, context, options, opened, stopped):
        sock = None
        try:
            sock = self.target.connect(context, options.timeout)
            self.port = sock.getsockname()[1]
            self.ask(sock)
            opened.release()
            while not stopped.wait(options.interval):
                self.ask(sock)
        except (OSError, EOFError, ValueError) as error:
            self.error, self.error_ns = f"{kind_of(error)}: {error}", time.monotonic_ns()
            opened.release()
        finally:
            if sock:
                sock.close()

    def report(self):
        return {"url": self.target.url, "instance": self.instance, "port": self.port, "requests": self.requests,
                "error": self.error, "error_ns": self.error_ns}


def options_parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--connections", type=int, default=40)
    parser.add_argument("--interval", type=float, default=0.5, help="seconds between requests")
    parser.add_argument("--timeout", type=float, default=10)
    parser.add_argument("url", nargs="+")
    return parser.parse_args()


def main():
    options = options_parse()
    context = tls_context()
    targets = [Target(url) for url in options.url]
    held = [Held(i, targets[i % len(targets)]) for i in range(options.connections)]
    opened, stopped = threading.Semaphore(0), threading.Event()
    threads = [threading.Thread(target=h.hold, args=(context, options, opened, stopped)) for h in held]
    for thread in threads:
        thread.start()
    for _ in threads:
        opened.acquire()
    print(json.dumps([h.report() for h in held]), flush=True)
    for _ in sys.stdin:
        print(json.dumps([h.report() for h in held]), flush=True)
    stopped.set()
    for thread in threads:
        thread.join()
    print(json.dumps([h.report() for h in held]), flush=True)
    return 1 if any(h.error for h in held) else 0


if __name__ == "__main__":
    sys.exit(main())
