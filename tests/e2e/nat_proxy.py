#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""`proxy_protocol: v2`: nginx's log has the true client, checks send the header, bodies are whole, and no kill loses a connection.

test-timeout: 300 s
test-dataplanes: dpdk
"""
import hashlib
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lab"))

import settings  # noqa: E402
import scenario  # noqa: E402
from lab import wait_for  # noqa: E402
from scenario import expect, expect_equal, figure  # noqa: E402

settings.patient()
settings.CONFIG["node"]["idle_timeout"] = "2m"
WEB = settings.CONFIG["pools"]["web"]
# nginx refuses connections without the header on these ports.
CHECKS = [{**WEB["checks"][0], "target": target} for target in ("HTTP:8081/up.html", "TCP:8444", "SSL:8444", "HTTPS:8444/up.html")]
POOLS = {"web4": 0, "web6": 1}  # pool: which of an instance's addresses
settings.CONFIG["pools"] = {
    pool: {"proxy_protocol": "v2", "checks": CHECKS, "instances": {name: {"address": settings.NEAR[name][which]} for name in settings.NEAR}}
    for pool, which in POOLS.items()}
# Clients of both families, to instances of both.
settings.CONFIG["services"] = {
    "web": {"vip": list(settings.WEB_VIPS), "forward": "nat",
            "listeners": [{"port": 80, "instance_port": 8081, "pool": "web4"}, {"port": 443, "instance_port": 8444, "pool": "web6"}]},
}
URLS = settings.L2_URLS
HELD = 64
WAIT_S = 90
BYTES = 6 << 20
REQUESTS = 2000


def body(lab):
    """Some megabytes that repeat nowhere; every instance has them, too."""
    path = lab.net.dir / "body"
    if not path.exists():
        path.write_bytes(b"".join(hashlib.sha256(str(n).encode()).digest() for n in range(BYTES // 32)))
        for name in settings.NEAR:
            (lab.net.dir / name / "www/body").write_bytes(path.read_bytes())
    return path


def logged(lab):
    """Every instance answers; it is told of the client, and so is its log."""
    for url in URLS:
        names = lab.names(url, 32)
        expect(len(names) == 32 and set(names) <= set(settings.NEAR), f"{url}: answers from {names}")
        expect(len(set(names)) > 1, f"{url}: all flows go to {names[0]}")
        client = settings.CLIENT["[" in url]
        expect_equal(lab.curl(url + "whoami").stdout.strip(), client, f"{url}: who the instance saw")
    lines = [line for name in settings.NEAR for log in [lab.net.dir / name / "access.log"] if log.exists() for line in log.read_text().splitlines()]
    expect_equal(sorted(line.split()[0] for line in lines), sorted(settings.CLIENT * 2), "clients in nginx's logs")
    lab.account()


def checked(lab):
    """Checks of all types pass on ports that demand the header; without it they fail."""
    pools = {pool["name"]: pool for pool in lab.ctl("status")["pools"]}
    for pool in POOLS:
        expect_equal(pools[pool]["proxy_protocol"], "v2", f"proxy_protocol of {pool}")
        health = {instance["name"]: instance["health"] for instance in pools[pool]["instances"]}
        expect_equal(health, {name: "up" for name in settings.NEAR}, f"health of {pool}")
    bare = lab.edge("curl", "-sS", "-m", "5", f"http://{settings.NEAR['web-1'][0]}:8081/up.html", check=False)
    expect(bare.stdout.strip() != "up", f"nginx answers without the header: {bare.stdout!r}")


def whole(lab, url, *argv):
    """A transfer in the background."""
    return lab.net.spawn("client", "curl", "-ksS", "-m", "120", *argv, url, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def transfers(lab, *argv):
    """All bodies, down and up, at once. Return: what is to be called at the end."""
    path, down, up = body(lab), {}, {}
    for i, url in enumerate(URLS):
        down[url] = (whole(lab, url + "body", *argv, "-o", lab.net.dir / f"got-{i}"), lab.net.dir / f"got-{i}")
        up[url] = whole(lab, url + "upload", *argv, "-H", "Expect:", "--data-binary", f"@{path}")

    def end():
        want = hashlib.sha256(path.read_bytes()).hexdigest()
        for url in URLS:
            child, got = down[url]
            _, error = child.communicate(timeout=150)
            expect_equal((child.returncode, hashlib.sha256(got.read_bytes()).hexdigest()), (0, want), f"{url}: a body from there; {error}")
            out, error = up[url].communicate(timeout=150)
            expect(up[url].returncode == 0 and out.split()[1:] == [str(BYTES)], f"{url}: a body to there: {out!r} {error!r}")
    return end


def bodies(lab):
    """Megabytes down and up are whole."""
    transfers(lab)()
    lab.account()


def many(lab):
    """Requests beside each other: none fails."""
    report = lab.load(*URLS, requests=REQUESTS).wait()
    expect_equal(report["failed"], 0, f"failed requests: {report['failures'][:3]}")
    figure(f"{report['requests']} requests with a PROXY header, 0 failed; {lab.account()}")


def killed(lab):
    """kill -9 of sluice-dataplane in the middle of transfers: they end whole, and no connection is cut."""
    held = lab.hold(*URLS, connections=HELD, interval=0.2, timeout=40)
    before = held.report()
    end = transfers(lab, "--limit-rate", "600k")
    for _ in range(2):
        time.sleep(1)  # into the transfers, which take ten times as long
        lab.dataplane.kill()
        lab.dataplane.start()
        lab.wait_up(WAIT_S)
    end()

    def answered():
        now = held.report()
        broken = [c for c in now if c["error"]]
        expect(not broken, f"{len(broken)} of {HELD} connections were cut: {broken[:3]}")
        return all(c["requests"] > b["requests"] for c, b in zip(now, before))
    wait_for("an answer on every connection", answered, WAIT_S)
    errors = [c for c in held.close() if c["error"]]
    expect(not errors, f"{len(errors)} of {HELD} connections were cut: {errors[:3]}")
    figure(f"sluice-dataplane killed twice: 0 of {HELD} connections with a PROXY header cut, {2 * len(URLS)} bodies of {BYTES >> 20} MiB whole")


if __name__ == "__main__":
    scenario.run(logged, checked, bodies, many, killed)
