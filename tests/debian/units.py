#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The installed units under systemd: what they are allowed, and start, reload, restart, kill, hang and stop.

DATAPLANE chooses the dataplane.
"""
import re
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1] / "lab")]

from lab import wait_for  # noqa: E402
from machine import PATIENCE_S, UNITS, Booted, settings  # noqa: E402
from scenario import expect, expect_equal  # noqa: E402

MOST = 2.5  # of systemd's 10
CONNECTIONS = 24
PORT = 8080
FILTERED = "2"  # the mode in which system calls are filtered


def answers(lab):
    """All requests are answered, sooner or later: on a busy machine checks time out, and that is not the matter here."""
    wait_for("all of 60 requests to be answered", lambda: lab.load(requests=60, timeout=10).wait()["failed"] == 0, 60)


def listeners(lab):
    """The ports in use of the first service's first address."""
    return {listener["port"] for service in lab.ctl("status")["services"] if service["name"] == "web" for listener in service["listeners"]}


def starts(lab):
    """Both start, and what is not needed ends without a fault."""
    lab.machine.run("systemctl", "start", *UNITS)
    lab.wait_up()
    for unit in UNITS:
        state = lab.machine.show(unit, "ActiveState", "Result", "NRestarts")
        expect_equal(state, {"ActiveState": "active" if unit in lab.needed() else "inactive", "Result": "success", "NRestarts": "0"}, unit)
    answers(lab)


def rights(lab):
    """They run as their users, with filtered system calls and few capabilities."""
    for unit in lab.needed():
        pid = lab.pids()[unit]
        status = dict(re.findall(r"^(\w+):\s*(.*)$", lab.machine.run("cat", f"/proc/{pid}/status").stdout, re.M))
        uid = lab.machine.run("id", "-u", unit).stdout.strip()
        expect(uid != "0" and set(status["Uid"].split()) == {uid}, f"{unit} runs as {status['Uid']}, its user is {uid}")
        expect_equal((status["NoNewPrivs"], status["Seccomp"]), ("1", FILTERED), f"NoNewPrivs and Seccomp of {unit}")
        bounds = lab.machine.show(unit, "CapabilityBoundingSet")["CapabilityBoundingSet"].split()
        expect(int(status["CapEff"], 16).bit_count() <= len(bounds), f"{unit} has capabilities {status['CapEff']}, its unit allows {bounds}")


def exposure(lab):
    """systemd rates each of them 2.5 or better."""
    for unit in UNITS:
        said = lab.machine.run("systemd-analyze", "security", "--no-pager", f"{unit}.service", check=False).stdout
        rate = float(re.search(r"Overall exposure level for \S+: ([\d.]+)", said)[1])
        print(f"  {unit}: {rate}")
        expect(rate <= MOST, f"{unit} is rated {rate}")


def carries(lab):
    """Traffic, a drain and a resume; every packet is accounted for."""
    answers(lab)
    lab.ctl("drain", "web/web-1")
    expect("web-1" not in lab.names(settings.URLS[0], 30), "a drained instance gets connections")
    lab.ctl("resume", "web/web-1")
    lab.wait_up()
    print(f"  {lab.at_rest(40)}")


def reloads(lab):
    """A reload takes a changed file, and fails with one that is refused, which changes nothing."""
    before = lab.pids()
    lab.config["services"]["web"]["listeners"].append({"port": PORT, "pool": "web"})
    lab.write_config()
    lab.machine.run("systemctl", "reload", "sluiced")
    expect(PORT in listeners(lab), "a reload has not taken the new listener")
    lab.write_config("node: { port: nowhere }\n")
    done = lab.machine.run("systemctl", "reload", "sluiced", check=False)
    expect(done.returncode != 0, "a reload of a refused file succeeds")
    expect(PORT in listeners(lab), "a refused file has changed something")
    del lab.config["services"]["web"]["listeners"][-1]
    lab.write_config()
    lab.machine.run("systemctl", "reload", "sluiced")
    expect(PORT not in listeners(lab), "a reload has not taken the listener back")
    expect_equal(lab.pids(), before, "the processes")
    answers(lab)


def under_load(lab, what, action, seconds=120):
    """No connection is lost, and no request fails, when action() replaces what runs."""
    before = lab.pids()
    held, load = lab.hold(connections=CONNECTIONS, timeout=PATIENCE_S), lab.load(rate=50, workers=8, timeout=PATIENCE_S)
    time.sleep(0.5)
    action()
    wait_for(f"{what}: new processes", lambda: all(p not in ("0", before[u]) for u, p in lab.pids().items() if u in lab.needed()), seconds)
    lab.wait_up()
    time.sleep(1)  # a connection that went elsewhere is reset at its next packet
    report, errors = load.stop(), [c["error"] for c in held.close() if c["error"]]
    expect(not errors, f"{what}: {len(errors)} of {CONNECTIONS} connections lost: {errors[:3]}")
    expect_equal(report["failed"], 0, f"{what}: of {report['requests']} requests failed, {report['failures'][:3]}")


def restarts(lab):
    """A restart of both, and a kill of both, cost no connection."""
    under_load(lab, "restart", lambda: lab.machine.run("systemctl", "restart", *lab.needed()))
    under_load(lab, "kill", lambda: lab.machine.run("systemctl", "kill", "--signal=KILL", *lab.needed()))
    if settings.DATAPLANE == "dpdk":
        dataplane = lab.ctl("status")["node"]["dataplane"]
        expect_equal(dataplane["flows_kept_note"], "from systemd", "who kept the flow tables when both were killed")
        expect(dataplane["flows_kept"] >= CONNECTIONS, f"{dataplane['flows_kept']} flows kept, with {CONNECTIONS} connections open")


def hangs(lab):
    """The watchdog ends those that hang, and they come back."""
    asked = max(float(re.sub(r"s$", "", lab.machine.show(unit, "WatchdogUSec")["WatchdogUSec"])) for unit in UNITS)
    before = lab.pids()
    lab.machine.run("systemctl", "kill", "--signal=STOP", "--kill-whom=main", *lab.needed())
    wait_for("the watchdog", lambda: all(p not in ("0", before[u]) for u, p in lab.pids().items() if u in lab.needed()), asked + 30)
    lab.wait_up()
    for unit in lab.needed():
        expect(re.search("watchdog", lab.machine.journal(), re.I), f"no watchdog of {unit} in the journal")
    answers(lab)


def stops(lab):
    """A stop leaves no process and no fault, and they start again."""
    lab.machine.run("systemctl", "stop", *UNITS)
    for unit in UNITS:
        expect_equal(lab.machine.show(unit, "ActiveState", "Result"), {"ActiveState": "inactive", "Result": "success"}, unit)
    left = lab.machine.run("pgrep", "-l", "sluice", check=False).stdout
    expect(not left, f"still there: {left}")
    lab.machine.run("systemctl", "start", *UNITS)
    lab.wait_up()
    answers(lab)


def takes_drop_in(lab):
    """net_af_packet starts with its drop-in, and checks get through."""
    lab.machine.drop_in("sluice-dataplane", "af-packet", Path("/usr/share/doc/sluice/examples/dataplane-af-packet.conf").read_text().partition("[Service]\n")[2])
    lab.machine.run("systemctl", "stop", *UNITS)
    lab.config["node"]["port"] = "net_af_packet0,iface=edge0"
    lab.write_config()
    lab.machine.run("systemctl", "start", *UNITS)
    lab.wait_up()  # requests are another matter: the kernel of such a port hears them, too


def main():
    with Booted() as lab:
        for scenario in (starts, rights, exposure, carries, reloads, restarts, hangs, stops, *([takes_drop_in] if settings.DATAPLANE == "dpdk" else [])):
            name, began = scenario.__doc__.splitlines()[0].rstrip("."), time.monotonic()
            try:
                scenario(lab)
            except Exception:
                print(f"not ok - {settings.DATAPLANE}: {name}")
                print(lab.machine.journal("-n", "60"), lab.machine.run("sluicectl", "status", check=False).stdout)
                raise
            print(f"ok - {settings.DATAPLANE}: {name} ({time.monotonic() - began:.1f} s)", flush=True)


if __name__ == "__main__":
    main()
