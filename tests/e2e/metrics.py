#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# test-long
"""Metrics: curl and promtool read them, a Prometheus scrapes them and lets an alert fire, and nothing waits for them.

test-dataplanes: dpdk xdp
"""
import json
import re
import statistics
import subprocess
import sys
import threading
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lab"))

import scenario  # noqa: E402
import settings  # noqa: E402
from lab import wait_for  # noqa: E402
from netns import run  # noqa: E402
from scenario import expect, expect_equal, figure  # noqa: E402

ADDRESS = "127.0.0.1:9627"
OPEN = "application/openmetrics-text; version=1.0.0"
SAMPLE = re.compile(r"(\w+)(?:\{(.*)\})? (\S+)")
LABEL = re.compile(r'(\w+)="((?:\\.|[^"\\])*)"')
CLIENTS = 1000
DRAINS = 40


def apply(lab):
    lab.write_config()
    lab.ctl("config", "apply")


def serve(lab, place=ADDRESS):
    lab.config["node"]["metrics"] = place
    apply(lab)


def get(lab, query="", *argv, place=ADDRESS):
    """The answer of curl in the edge's namespace."""
    done = lab.net.exec("edge", "curl", "-sS", "-m", "20", *argv, f"http://{place}/metrics{query}", check=False)
    expect_equal(done.returncode, 0, f"curl {query}: {done.stderr}")
    return done.stdout


def samples(text):
    """{(name, labels): value}; an error if one comes twice."""
    found = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, labels, value = SAMPLE.fullmatch(line).groups()
        key = (name, frozenset(LABEL.findall(labels or "")))
        expect(key not in found, f"twice: {line}")
        found[key] = float(value)
    return found


def value(found, name, **labels):
    return found[(f"sluice_{name}", frozenset(labels.items()))]


def formats(lab):
    """promtool finds nothing wrong, each documented metric comes, and nothing secret."""
    serve(lab)
    lab.names(settings.URLS[0], 5)
    text = get(lab)
    done = run("promtool", "check", "metrics", input=text, check=False)
    expect_equal((done.returncode, done.stdout + done.stderr), (0, ""), "promtool check metrics")
    documented = set(re.findall(r"^\| `(sluice_\w+)`", (ROOT / "docs/metrics.md").read_text(), re.M))
    typed = set(re.findall(r"^# TYPE (\w+)", text, re.M))
    expect_equal(typed, documented, "metrics")
    expect(lab.config["node"]["secret"] not in text, "the secret is served")
    opened = get(lab, "", "-H", f"Accept: {OPEN}")
    expect(opened.endswith("\n# EOF\n"), f"OpenMetrics ends with {opened[-40:]!r}")
    # The older format has the same samples.
    expect_equal(set(samples(opened)), set(samples(text)), "samples")


def truth(lab):
    """They say what sluicectl says."""
    serve(lab)
    lab.names(settings.URLS[0], 20)
    lab.ctl("maint", "web/web-3")
    found, status = samples(get(lab)), lab.ctl("status")
    for pool in status["pools"]:
        expect_equal(value(found, "pool_instances", pool=pool["name"]), len(pool["instances"]), "instances")
        for instance in pool["instances"]:
            labels = {"pool": pool["name"], "instance": instance["name"]}
            for state in ("up", "lame", "down", "unknown"):
                expect_equal(value(found, "instance_health", state=state, **labels), instance["health"] == state, f"{labels} {state}")
            for state in ("ready", "drain", "maint"):
                expect_equal(value(found, "instance_admin", state=state, **labels), instance["admin"] == state, f"{labels} {state}")
            for name, key in (("instance_new_flows_total", "new_flows"), ("instance_share_ratio", "share"),
                              ("instance_weight", "weight")):
                got, wanted = value(found, name, **labels), instance[key]
                expect(abs(got - wanted) <= 1e-6 + 0.0 * wanted, f"{labels} {name}: {got}, not {wanted}")
    expect(sum(v for (name, _), v in found.items() if name == "sluice_instance_new_flows_total") >= 20, "no flow was counted")
    drops = {entry["reason"] for entry in lab.ctl("drops")["drops"]}
    expect_equal({dict(labels)["reason"] for name, labels in found if name == "sluice_dropped_packets_total"}, drops, "drop reasons")
    without = samples(get(lab, "?scope=instance&no-maint"))
    expect(without and all(dict(labels)["instance"] != "web-3" for _, labels in without
                           if dict(labels)["pool"] == "web"), "web/web-3 is there in spite of no-maint")
    expect_equal({name.split("_")[1] for name, _ in without}, {"instance"}, "of scope=instance")


def places(lab):
    """A socket in the file system serves, too, and a place can change while it runs."""
    path = lab.run_dir / "metrics.sock"
    serve(lab, str(path))
    done = run("curl", "-sS", "-m", "20", "--unix-socket", path, "http://sluice/metrics?scope=process")
    expect("sluice_build_info{" in done.stdout, done.stdout)
    expect_equal(path.stat().st_mode & 0o777, 0o660, "mode of the socket")
    serve(lab)
    expect(not path.exists(), "the socket is still there")
    get(lab)
    del lab.config["node"]["metrics"]
    apply(lab)
    done = lab.net.exec("edge", "curl", "-sS", "-m", "5", f"http://{ADDRESS}/metrics", check=False)
    expect_equal(done.returncode, 7, "curl without node.metrics")


PROMETHEUS = """
global: {{ scrape_interval: 1s, evaluation_interval: 1s }}
rule_files: [ {rules} ]
scrape_configs:
  - job_name: sluice
    honor_labels: true
    static_configs: [ {{ targets: [ "{address}" ], labels: {{ node: edge-1 }} }} ]
"""


def prometheus(lab):
    """A Prometheus scrapes; an alert fires when an instance dies, and is resolved when it is back."""
    serve(lab)
    folder = lab.net.dir / "prometheus"
    folder.mkdir()
    rules = (ROOT / "config/prometheus/sluice.rules.yml").read_text()
    (folder / "rules.yml").write_text(re.sub(r"for: \w+", "for: 1s", rules))
    (folder / "prometheus.yml").write_text(PROMETHEUS.format(rules=folder / "rules.yml", address=ADDRESS))
    with open(folder / "log", "wb") as log:
        process = lab.net.spawn("edge", "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                                "--web.listen-address=127.0.0.1:9090", stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def ask(path):
        done = lab.net.exec("edge", "curl", "-sS", "-m", "5", f"http://127.0.0.1:9090/api/v1/{path}", check=False)
        return json.loads(done.stdout)["data"] if done.returncode == 0 and done.stdout.startswith("{") else None

    def firing():
        alerts = ask("alerts") or {"alerts": []}
        return {a["labels"].get("instance") for a in alerts["alerts"]
                if a["labels"]["alertname"] == "SluiceInstanceDown" and a["state"] == "firing"}
    try:
        wait_for("Prometheus to scrape", lambda: any(t["health"] == "up" for t in (ask("targets") or {}).get("activeTargets", [])))
        lab.instances["web-2"].kill()
        wait_for("the alert to fire", lambda: firing() == {"web-2"})
        lab.instances["web-2"].start()
        wait_for("the alert to be resolved", lambda: not firing())
        text = (folder / "log").read_text()
        expect("Error on ingesting" not in text and "level=error" not in text, text[-2000:])
    finally:
        process.terminate()
        process.wait(20)


# Connections begin without waiting for each other; what the kernel has established gets a part of a request, a whole one, or a long one.
FLOOD = """
import socket, sys, time
WORDS = (b"GET /metr", b"", b"GET /metrics HTTP/1.1\\r\\n\\r\\n", b"X" * 60000)
clients = [socket.socket() for _ in range(int(sys.argv[1]))]
for client in clients:
    client.setblocking(False)
    client.connect_ex(("127.0.0.1", 9627))
for _ in range(20):
    for number, client in enumerate(clients):
        try:
            client.send(WORDS[number % 4])
        except OSError:
            pass
    time.sleep(0.05)
print(len(clients), flush=True)
sys.stdin.readline()
"""


def resident_kb(lab):
    text = Path(f"/proc/{lab.sluiced.process.pid}/status").read_text()
    return int(re.search(r"^VmRSS:\s+(\d+)", text, re.M)[1])


def flood(lab):
    """A thousand clients that are silent, slow or greedy: checks stay on time, memory bounded, and others are served."""
    serve(lab)
    before_kb, stats = resident_kb(lab), lab.ctl("status")["node"]["checks"]
    process = lab.net.spawn("edge", "/usr/bin/python3", "-c", FLOOD, CLIENTS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        process.stdout.readline()
        found = samples(get(lab))
        expect(value(found, "http_clients") <= 64, f"{value(found, 'http_clients')} clients")
        now = lab.ctl("status")["node"]["checks"]
        expect_equal((now["late"], now["down"], now["errors"]), (0, stats["down"], stats["errors"]), "late, failed checks, errors")
        grown_kb = resident_kb(lab) - before_kb
        figure(f"{CLIENTS} clients: sluiced grew by {grown_kb} kB")
        expect(grown_kb < 32 << 10, f"sluiced grew by {grown_kb} kB")
    finally:
        process.stdin.close()
        process.wait(20)
    wait_for("the clients to be gone", lambda: value(samples(get(lab)), "http_clients") <= 2)


def drains(lab):
    """How long drains take, in microseconds."""
    took = []
    for _ in range(DRAINS):
        took.append(lab.ctl("drain", "web/web-1")["took_us"])
        lab.ctl("resume", "web/web-1")
    return statistics.median(took)


def no_delay(lab):
    """Drains take as long while four clients scrape without a pause."""
    serve(lab)
    done = threading.Event()

    def scrape():
        while not done.is_set():
            get(lab)
    quiet_us = drains(lab)
    threads = [threading.Thread(target=scrape) for _ in range(4)]
    for thread in threads:
        thread.start()
    busy_us = drains(lab)
    done.set()
    for thread in threads:
        thread.join()
    figure(f"median of a drain {quiet_us:.0f} us, with four clients that scrape {busy_us:.0f} us")
    # Curls take CPU of the machine; a scrape in the way would add tens of milliseconds.
    expect(busy_us < 10 * quiet_us + 5000, f"{busy_us} us, without scrapes {quiet_us} us")


if __name__ == "__main__":
    scenario.run(formats, truth, places, prometheus, flood, no_delay)
