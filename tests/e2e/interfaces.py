#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# test-long
"""Changes of the interfaces of a running dataplane, signals to the process, another secret, two workers.

test-dataplanes: dpdk xdp
"""
import os
import re
import signal
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lab"))

import settings  # noqa: E402
import scenario  # noqa: E402
from instance import BIG_BYTES  # noqa: E402
from lab import BIN, HERE, ROOT, wait_for  # noqa: E402
from netns import run  # noqa: E402
from scenario import expect, expect_equal, figure  # noqa: E402

BACK_S = 3  # of which a second is the router's, which asks once a second for a MAC address that was not answered
POLITE = ("--idle-sleep-us", "50")  # two workers and everything else share two CPUs here


def carries(lab):
    return lab.curl(settings.URLS[0], "-m", "1").returncode == 0


def answers(lab, count=80):
    report = lab.load(requests=count, timeout=5).wait()
    expect_equal(report["failed"], 0, f"failed requests: {report['failures'][:3]}")


def pings(lab):
    return lab.net.exec("client", "/usr/bin/python3", HERE / "ping.py", *settings.VIPS, *settings.EDGE, check=False).returncode == 0


def port(lab):
    return lab.ctl("status")["node"]["dataplane"]


def leaves_tags_in(lab):
    """Whether the NIC keeps VLAN tags in frames."""
    return "rx-vlan-offload: off" in lab.net.exec("edge", "ethtool", "-k", "edge0").stdout


def mac_of_edge(lab):
    return lab.net.exec("edge", "cat", "/sys/class/net/edge0/address").stdout.strip()


def make_edge(lab, mac, queues):
    """The edge's link as the lab makes it, but with this many queues."""
    both = ("numrxqueues", queues, "numtxqueues", queues)
    run("ip", "link", "add", "edge0", "netns", lab.net.name("edge"), "address", mac, *both, "type", "veth",
        "peer", "name", "edge0p", *both, "netns", lab.net.name("switch"))
    lab.net.ip("switch", "link set edge0p up")
    lab.set_up_edge()
    lab.net.ip("edge", "link set edge0 up")


def kernel_interface_deleted(lab):
    """sluice0 deleted: it is created again, with its addresses; services are not interrupted."""
    lab.net.ip("edge", "link del sluice0")
    wait_for("pings to be answered again", lambda: pings(lab))
    wait_for("a word about it", lambda: "sluice0 was deleted" in lab.dataplane.log())
    answers(lab)
    lab.wait_up()
    figure(str(lab.at_rest()))


def kernel_interface_readdressed(lab):
    """Another program, as udev may, changes the MAC address of sluice0: it is restored, and reported by log and status."""
    mac = mac_of_edge(lab)
    for times in (1, 2):
        lab.net.ip("edge", "link set sluice0 address 02:00:00:00:ed:9e")
        wait_for("the port's address", lambda: lab.net.exec("edge", "cat", "/sys/class/net/sluice0/address").stdout.strip() == mac)
        wait_for("the count in status", lambda n=times: lab.ctl("status")["node"]["dataplane"]["kernel_mac_reset"] == n)
    expect("02:00:00:00:ed:9e" in lab.dataplane.log(), f"the log says only:\n{lab.dataplane.log(5)}")
    expect("sluice0: MAC address changed" in lab.ctl("status", table=True), "status does not say it")
    expect(pings(lab), "pings are not answered")
    answers(lab)


def kernel_interface_taken(lab):
    """A failing start: status shows the reason; repeated failures are delayed; a later start works as usual."""
    lab.dataplane.kill(signal.SIGTERM)
    lab.net.ip("edge", "link add sluice0 type veth peer name sluice0p")
    try:
        for waits in (False, True):
            lab.dataplane.start("--hold-off", "30", wait=False)
            wait_for("the reason in status", lambda: "sluice0 exists" in lab.ctl("status")["node"]["dataplane"]["start_failed"])
            if not waits:
                expect_equal(lab.dataplane.process.wait(10), 1, "exit code")
        expect("sluice-dataplane does not start: sluice0 exists" in lab.ctl("status", table=True), "status does not say it to people")
        expect_equal(lab.dataplane.process.wait(20), 1, "exit code")
        kept = lab.run_dir / "dataplane.failed"
        for times in range(2, 7):  # 2, 4, 8, 16 and 30 s, but a signal ends the wait
            lab.dataplane.start("--hold-off", "30", wait=False)
            wait_for("the count", lambda n=times: kept.read_text().startswith(f"{n} "))
            time.sleep(1 if times == 6 else 0)
            expect(lab.dataplane.running(), "it does not wait")
            lab.dataplane.kill(signal.SIGTERM)
    finally:
        lab.net.ip("edge", "link del sluice0")
    lab.dataplane.start()
    lab.wait_up()
    expect_equal(lab.ctl("status")["node"]["dataplane"]["start_failed"], "", "start_failed of one that runs")
    answers(lab)


def addresses_flushed(lab):
    """The port's addresses are flushed: only ours are restored; services are not interrupted."""
    lab.net.ip("edge", "addr add 192.0.2.77/24 dev edge0", "addr flush dev edge0 scope host",
               "addr flush dev edge0 scope global", "addr add 192.0.2.78/24 dev edge0")
    answers(lab)
    wait_for("pings to be answered again", lambda: pings(lab))
    shown = lab.net.exec("edge", "ip", "addr", "show", "edge0").stdout
    expect("192.0.2.78/24" in shown and "192.0.2.77" not in shown, f"addresses of others: {shown}")
    lab.net.ip("edge", "addr del 192.0.2.78/24 dev edge0")
    lab.wait_up()
    figure(str(lab.at_rest()))


def _down_and_up(lab, role, dev):
    """Return after how many seconds a packet was answered again."""
    pulse = lab.pulse()
    lab.net.ip(role, f"link set {dev} down")
    expect(not carries(lab), f"{dev} is down, and there is traffic")
    iface = "edge0" if settings.XDP else "sluice0"
    wait_for("no link", lambda: "LOWER_UP" not in lab.net.exec("edge", "ip", "link", "show", iface).stdout)
    wait_for("the link in status", lambda: port(lab)["link"] == "down" and "no link" in port(lab)["ailment"])
    expect("the port has no link" in lab.ctl("status", table=True), "not a word in the table")
    lab.net.ip(role, f"link set {dev} up")
    began_ns = time.monotonic_ns()
    wait_for("traffic", lambda: carries(lab))
    back_s = min(sent_ns for sent_ns, answered_ns in pulse.close() if answered_ns and sent_ns > began_ns) / 1e9 - began_ns / 1e9
    lab.wait_up()
    wait_for("the link in status", lambda: (port(lab)["link"], port(lab)["ailment"]) == ("up", ""))
    return back_s


def port_down_and_up(lab):
    """The port down and up again, from either end: traffic resumes within three seconds."""
    for role, dev in (("edge", "edge0"), ("switch", "edge0p")):
        back_s = []
        # A busy machine may be late; what waits for a timer would be late each time.
        while not back_s or (back_s[-1] > BACK_S and len(back_s) < 4):
            back_s.append(_down_and_up(lab, role, dev))
        figure(f"traffic {min(back_s):.2f} s after {dev} was set up again")
        expect(min(back_s) <= BACK_S, f"traffic only {back_s} s after {dev} was set up again")
    lab.at_rest()


def port_deleted(lab):
    """The port deleted: the dataplane exits and logs the reason; the next start uses the new port."""
    mac = mac_of_edge(lab)
    lab.net.ip("edge", "link del edge0")
    code = wait_for("the dataplane to end", lambda: lab.dataplane.process.poll() is not None and [lab.dataplane.process.returncode])[0]
    expect_equal(code, 1, "exit code")
    expect("edge0 was deleted" in lab.dataplane.log(), f"it says only:\n{lab.dataplane.log(5)}")
    make_edge(lab, mac, 1)
    lab.dataplane.start()
    wait_for("traffic", lambda: carries(lab))
    lab.wait_up()
    answers(lab)


def port_made_again(lab):
    """The port deleted and created again: sluiced logs it and uses the new one; no flow has moved."""
    mac, before = mac_of_edge(lab), lab.probe(count=10)
    held = lab.hold(connections=40, interval=0.2)
    at = lab.sluiced.log_bytes()
    lab.net.ip("edge", "link del edge0")

    def said():  # which of the two depends on what it finds gone first: the port, or the program on it
        new = lab.sluiced.log_since(at)
        return "the port was deleted" in new or "edge0: No such device" in new
    wait_for("a word about it", said)
    problem = lab.ctl("status")["node"]["dataplane"]["problem"]
    expect("edge0" in problem or "port" in problem, f"status says {problem!r}")
    time.sleep(1)
    make_edge(lab, mac, 1)
    began = time.monotonic()
    wait_for("traffic", lambda: carries(lab))
    figure(f"traffic {time.monotonic() - began:.2f} s after the port was made again")
    lab.wait_up()
    time.sleep(3)
    errors = [c for c in held.close() if c["error"]]
    expect(not errors, f"{len(errors)} connections were cut: {errors[:3]}")
    expect_equal(lab.probe(count=10), before, "instances of fixed source ports")
    answers(lab)


def port_of_another_address(lab):
    """The port's MAC address changes: packets to the new one are accepted, and answers to checks arrive."""
    mac = mac_of_edge(lab)
    for address in ("02:00:00:00:ed:9e", mac):
        lab.net.ip("edge", f"link set edge0 address {address}")
        lab.net.exec("router", "ip", "neigh", "flush", "dev", "lan0")
        wait_for("traffic", lambda: carries(lab))
        wait_for("the address in status", lambda: port(lab)["mac"] == address)
        lab.wait_up()
        answers(lab)
        expect(pings(lab), "pings are not answered")


def port_of_another_mtu(lab):
    """The MTU of the whole network changes: clients get ICMP errors, and uploads succeed."""
    big = f"@{lab.instances['web-1'].dir / 'www/big'}"
    links = (("edge", "edge0"), ("switch", "edge0p"), ("router", "lan0"))
    for mtu in (1400, 1500):
        for role, dev in links:
            lab.net.ip(role, f"link set {dev} mtu {mtu}")
        wait_for("the MTU in status", lambda: port(lab)["mtu"] == mtu)
        wait_for("the tables that say so", lambda: not port(lab)["pending"])
        for url in (settings.L2_URLS[0], settings.IPIP_URLS[0]):
            done = lab.curl(url + "upload", "-m", "10", "-o", "/dev/null", "-w", "%{http_code}", "--data-binary", big)
            expect_equal(done.stdout, "200", f"an upload to {url} with an MTU of {mtu}")
        if not settings.XDP:
            shown = lab.net.exec("edge", "cat", "/sys/class/net/sluice0/mtu").stdout.strip()
            expect_equal(shown, str(mtu), "MTU of sluice0")
    answers(lab)


def port_of_too_small_mtu(lab):
    """An MTU of the port too small for IPv6 in a tunnel: status reports it until it is corrected."""
    for mtu, words in ((1310, "service tunnel with its IPv6 VIP needs 1320"), (1500, "")):
        lab.net.ip("edge", f"link set edge0 mtu {mtu}")
        wait_for(f"a word, or none, about an MTU of {mtu}", lambda w=words, m=mtu: port(lab)["mtu"] == m and bool(port(lab)["mtu_note"]) == bool(w))
        expect(words in port(lab)["mtu_note"] and words in lab.ctl("status", table=True), f"status says {port(lab)['mtu_note']!r}")
    lab.wait_up()
    answers(lab)


def no_descriptors_left(lab):
    """No file descriptors left: nothing existing is reported as gone, and nothing goes down."""
    at, held = {daemon: daemon.log_bytes() for daemon in lab.daemons}, lab.hold(connections=40, interval=0.2)
    pids = [daemon.process.pid for daemon in lab.daemons]
    for pid in pids:
        run("prlimit", "--pid", pid, f"--nofile={len(os.listdir(f'/proc/{pid}/fd'))}:")
    try:
        time.sleep(3)  # 150 looks at the port
        answers(lab)
    finally:
        for pid in pids:
            run("prlimit", "--pid", pid, "--nofile=4096:")
    errors = [c for c in held.close() if c["error"]]
    expect(not errors, f"{len(errors)} connections were cut: {errors[:3]}")
    for daemon in lab.daemons:
        said = daemon.log_since(at[daemon])
        for word in ("deleted", "was removed", "replaced", "no link", "ending", "stopping", "No such device", "begins empty", "-> down"):
            expect(word not in said, f"{daemon.program} says {word!r}:\n{said[-800:]}")
    lab.wait_up()
    answers(lab)
    lab.at_rest()


def other_names(lab):
    """The port by an alternative name with a dot, and renamed while it runs: it is the same interface."""
    for daemon in reversed(lab.daemons):
        daemon.kill(signal.SIGTERM)
    if settings.XDP:
        detach(lab)
    lab.net.ip("edge", "link property add dev edge0 altname uplink-of-site7.908")
    lab.config["node"]["port"] = "uplink-of-site7.908"
    lab.write_config()
    try:
        for daemon in lab.daemons:
            daemon.start()
        lab.wait_up()
        answers(lab)
        at = {daemon: daemon.log_bytes() for daemon in lab.daemons}
        for old, new in (("edge0", "wan.9"), ("wan.9", "edge0")):
            lab.net.ip("edge", f"link set {old} down", f"link set {old} name {new}", f"link set {new} up")
            wait_for("traffic", lambda: carries(lab))
            lab.wait_up()
            answers(lab)
            expect(pings(lab), "pings are not answered")
        for daemon in lab.daemons:
            said = daemon.log_since(at[daemon])
            expect("deleted" not in said and "No such device" not in said, f"{daemon.program} says:\n{said[-800:]}")
    finally:
        for daemon in reversed(lab.daemons):
            daemon.kill(signal.SIGTERM)
        if settings.XDP:
            detach(lab)
        lab.config["node"]["port"] = "edge0"
        lab.write_config()
        lab.net.ip("edge", "link property del dev edge0 altname uplink-of-site7.908")
        for daemon in lab.daemons:
            daemon.start()
        lab.wait_up()


def stopped_for_a_while(lab):
    """SIGSTOP for three seconds under load: no instance goes down, no flow moves, counters are exact."""
    daemon = lab.daemons[0]
    held = lab.hold(connections=40, interval=0.2)
    load = lab.load(requests=1500, timeout=20)
    time.sleep(1)
    before = lab.sluiced.log_bytes()
    daemon.process.send_signal(signal.SIGSTOP)
    time.sleep(3)
    daemon.process.send_signal(signal.SIGCONT)
    report = load.wait()
    expect_equal(report["failed"], 0, f"failed requests: {report['failures'][:3]}")
    if not settings.XDP:  # there it was the checks themselves that stood still
        wait_for("checks to be resumed", lambda: "checks resumed" in lab.sluiced.log_since(before))
    errors = [c for c in held.close() if c["error"]]
    expect(not errors, f"{len(errors)} connections were cut: {errors[:3]}")
    expect("-> down" not in lab.sluiced.log_since(before), "an instance was called down")
    lab.wait_up()
    answers(lab)
    figure(str(lab.at_rest()))


def ended_under_load(lab):
    """SIGTERM under load: the dataplane exits at once with 0 and leaves nothing behind."""
    expect(leaves_tags_in(lab), "rxvlan is still on")
    load = lab.load(requests=2000, timeout=20)
    time.sleep(1)
    began = time.monotonic()
    expect_equal(lab.dataplane.kill(signal.SIGTERM), 0, "exit code")
    took_s = time.monotonic() - began
    figure(f"the dataplane ended {took_s:.1f} s after SIGTERM under load")
    expect("sluice0" not in lab.net.exec("edge", "ip", "link").stdout, "sluice0 is still there")
    expect("xdp" not in lab.net.exec("edge", "ip", "link", "show", "edge0").stdout, "the XDP program is still there")
    expect(not leaves_tags_in(lab), "rxvlan was on before, and is still off")
    lab.dataplane.start()
    report = load.wait()
    expect_equal(report["failed"], 0, f"failed requests: {report['failures'][:3]}")


def detached_under_load(lab):
    """After SIGTERM the program forwards; --detach removes what is ours, and nothing else; repeating it is no error."""
    load = lab.load(requests=2000, timeout=20)
    time.sleep(1)
    expect_equal(lab.sluiced.kill(signal.SIGTERM), 0, "exit code")
    report = load.wait()
    expect_equal(report["failed"], 0, f"failed requests without sluiced: {report['failures'][:3]}")
    lab.net.ip("edge", "addr add 192.0.2.77/24 dev edge0")
    expect(leaves_tags_in(lab), "rxvlan is on again, while the program runs")
    detach(lab)
    expect(not leaves_tags_in(lab), "rxvlan was on before, and is still off")
    expect_equal(lab.edge_program(), None, "XDP program on the port")
    shown = lab.net.exec("edge", "ip", "-o", "addr", "show", "edge0").stdout
    expect(settings.EDGE[0] not in shown and not any(vip in shown for vip in settings.VIPS), f"addresses of ours:\n{shown}")
    expect("192.0.2.77/24" in shown and "fe80::" in shown, f"addresses of others:\n{shown}")
    expect_equal(lab.net.exec("edge", "ip", "route", "show", "proto", "83").stdout, "", "routes of ours")
    expect_equal(list(lab.bpf_dir.glob("sluice-*/*")), [], "pins")
    detach(lab)
    lab.net.ip("edge", "addr del 192.0.2.77/24 dev edge0")
    lab.sluiced.start()
    done = lab.edge(BIN / "sluiced", "--detach", *lab.arguments, check=False)
    expect(done.returncode == 1 and "in use by sluiced" in done.stderr, f"--detach under a running sluiced: {done.returncode} {done.stderr!r}")
    lab.wait_up()
    answers(lab)


def detach(lab):
    done = lab.edge(BIN / "sluiced", "--detach", *lab.arguments, check=False)
    expect_equal(done.returncode, 0, f"exit code of --detach ({done.stderr!r})")


def cpu_not_listed(lab):
    """Packets on a CPU that is not in node.cpus: reported; no request fails; counters are exact."""
    lab.sluiced.kill(signal.SIGTERM)
    lab.config["node"]["cpus"] = "0"
    lab.write_config()
    before = lab.sluiced.log_bytes()
    lab.sluiced.start()
    lab.wait_up()
    expect("flow table" in lab.sluiced.log_since(before), "not a word about the flow table that begins empty")
    load = lab.load(requests=1200, timeout=20)
    wait_for("a note", lambda: "packets arrive on CPU 1" in lab.ctl("status")["node"]["dataplane"]["note"])
    expect("packets arrive on CPU 1" in lab.sluiced.log_since(before), "not a word in the log")
    expect_equal(lab.ctl("status")["node"]["dataplane"]["cpus"], [0], "CPUs in status")
    report = load.wait()
    expect_equal(report["failed"], 0, f"failed requests: {report['failures'][:3]}")
    figure(str(lab.account()))
    lab.sluiced.kill(signal.SIGTERM)


def cpu_not_there(lab):
    """A CPU in node.cpus that does not exist: reported, and the others do the work."""
    lab.sluiced.kill(signal.SIGTERM)
    lab.config["node"]["cpus"] = "0,1,99"
    lab.write_config()
    before = lab.sluiced.log_bytes()
    lab.sluiced.start()
    lab.wait_up()
    expect("not online: CPU 99;" in lab.sluiced.log_since(before), "not a word in the log")
    expect("not online: CPU 99;" in port(lab)["note"] and "not online: CPU 99;" in lab.ctl("status", table=True), "not a word in status")
    expect_equal(port(lab)["cpus"], [0, 1], "CPUs in status")
    answers(lab)
    lab.sluiced.kill(signal.SIGTERM)


def another_secret(lab):
    """sluiced restarted with another secret: refused, and no flow moves, until the dataplane is restarted too."""
    held = lab.hold(connections=60, interval=0.2)
    lab.sluiced.kill(signal.SIGTERM)
    lab.config["node"]["secret"] = "ff" + lab.config["node"]["secret"][2:]
    lab.write_config()
    lab.sluiced.start()
    dataplane = wait_for("a refusal", lambda: (lambda d: d["refused"] and d)(lab.ctl("status")["node"]["dataplane"]))
    expect("node.secret" in dataplane["problem"], f"status says only: {dataplane['problem']!r}")
    time.sleep(3)
    errors = [c for c in held.close() if c["error"]]
    expect(not errors, f"{len(errors)} connections were cut: {errors[:3]}")
    for secret in (lab.config["node"]["secret"], settings.default()["node"]["secret"]):
        for daemon in reversed(lab.daemons):
            daemon.kill(signal.SIGTERM)
        if settings.XDP:
            detach(lab)
        lab.config["node"]["secret"] = secret
        lab.write_config()
        for daemon in lab.daemons:
            daemon.start()
        lab.wait_up()
        answers(lab)


def spread(lab, on):
    """Every other pair of source ports to the second queue, as a NIC's RSS would distribute flows; or all to the first."""
    program = lab.net.dir / "queues.o"
    run("clang", "-O2", "-Wall", "-target", "bpf", "-I", ROOT, "-I", f"/usr/include/{os.uname().machine}-linux-gnu",
        "-c", HERE.parent / "e2e/queues.bpf.c", "-o", program)
    lab.net.exec("switch", "tc", "qdisc", "replace" if on else "del", "dev", "edge0p", "clsact")
    if on:
        lab.net.exec("switch", "tc", "filter", "add", "dev", "edge0p", "egress", "bpf", "da", "obj", program)


def queue_pkts(lab, queue):
    text = lab.net.exec("edge", "ethtool", "-S", "edge0").stdout
    return int(re.search(rf"rx_queue_{queue}_xdp_packets: (\d+)", text)[1])


def two_workers(lab):
    """Two workers: both forward, one without flows is reported, ICMP errors find the other one's flows, flows that change queues stay."""
    for daemon in (lab.sluiced, lab.dataplane):
        daemon.kill(signal.SIGTERM)
    mac = mac_of_edge(lab)
    lab.net.ip("edge", "link del edge0")
    make_edge(lab, mac, 2)
    lab.config["node"]["cpus"] = "0,1"
    lab.write_config()
    lab.dataplane.start(*POLITE)
    lab.sluiced.start()
    lab.wait_up()
    try:
        _one_of_two_workers(lab)
        _two_workers(lab)
    finally:
        for daemon in (lab.sluiced, lab.dataplane):
            daemon.kill(signal.SIGTERM)
        lab.net.ip("edge", "link del edge0")
        make_edge(lab, mac, 1)


def _one_of_two_workers(lab):
    """All flows on the first queue, then on both; status shows it."""
    at = lab.sluiced.log_bytes()
    lab.net.exec("switch", "ethtool", "-L", "edge0p", "tx", "1")
    answers(lab, 200)
    wait_for("a word about the idle worker", lambda: "no flows on CPU 1 of node.cpus" in port(lab)["spread"], 30)
    expect("no flows on CPU 1 of node.cpus" in lab.ctl("status", table=True), "status does not say it to people")
    expect("no flows on CPU 1 of node.cpus" in lab.sluiced.log_since(at), "not a word in the log")
    lab.net.exec("switch", "ethtool", "-L", "edge0p", "tx", "2")
    spread(lab, True)
    answers(lab, 80)
    wait_for("no word more about it", lambda: port(lab)["spread"] == "")


def _two_workers(lab):
    before = [queue_pkts(lab, queue) for queue in (0, 1)]
    answers(lab, 800)
    got = [queue_pkts(lab, queue) - before[queue] for queue in (0, 1)]
    expect(min(got) > 500, f"packets of the two queues: {got}")
    lab.net.ip("router", "link set client0 mtu 1300")
    try:
        for url in settings.L2_URLS * 3:
            done = lab.curl(url + "big", "-o", "/dev/null", "-w", "%{http_code} %{size_download}").stdout
            expect_equal(done, f"200 {BIG_BYTES}", url)
    finally:
        lab.net.ip("router", "link set client0 mtu 1500")
    held = lab.hold(connections=60, interval=0.2)
    lab.ctl("drain", "web/web-1")
    spread(lab, False)
    time.sleep(1.5)
    spread(lab, True)
    time.sleep(1)
    errors = [c for c in held.close() if c["error"]]
    expect(not errors, f"{len(errors)} connections did not outlive a change of queues: {errors[:3]}")
    lab.ctl("resume", "web/web-1")
    figure(f"two workers got {got[0]:,} and {got[1]:,} packets; {lab.at_rest()}")


if __name__ == "__main__":
    if settings.XDP:
        scenario.run(addresses_flushed, port_down_and_up, port_made_again, port_of_another_address, port_of_another_mtu,
                port_of_too_small_mtu, no_descriptors_left, other_names, stopped_for_a_while, detached_under_load,
                another_secret, cpu_not_listed, cpu_not_there)
    else:
        scenario.run(kernel_interface_deleted, kernel_interface_readdressed, kernel_interface_taken, port_down_and_up,
                port_of_another_address, port_of_another_mtu, port_of_too_small_mtu, no_descriptors_left, other_names, port_deleted, stopped_for_a_while,
                ended_under_load, another_secret, two_workers)
