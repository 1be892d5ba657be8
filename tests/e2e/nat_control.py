#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""`forward: nat` from the control plane's side: memory, addresses, what status says.

test-dataplanes: dpdk
"""
import signal
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lab"))

import scenario  # noqa: E402
import settings  # noqa: E402
from interfaces import mac_of_edge  # noqa: E402
from lab import CtlError, wait_for  # noqa: E402
from scenario import expect, expect_equal  # noqa: E402

OTHER = "02:00:00:00:00:99"  # a machine that is not there
NAT = ("10.1.0.210", "2001:db8:1::210")
VIP = "203.0.113.30"


def with_nat(lab, **node):
    """The lab's file with one more service, port 8000 to 80."""
    lab.config = settings.default()
    lab.config["node"].update(node)
    lab.config["services"]["nat"] = {"vip": [VIP], "forward": "nat", "listeners": [{"port": 8000, "instance_port": 80, "pool": "web"}]}
    lab.write_config()


def apply_nat(lab, **node):
    with_nat(lab, **node)
    lab.ctl("config", "apply", "--force")


def nat(lab):
    return lab.ctl("status")["node"]["nat"]


def addresses(lab):
    """{"10.1.0.5": whether it gets new flows}"""
    return {entry["address"]: entry["accepts"] for entry in nat(lab)["addresses"]}


def on_interface(lab, address):
    return f" {address}/" in lab.net.exec("edge", "ip", "-o", "addr", "show", "dev", "sluice0").stdout


def first_service(lab):
    """The first service with nat needs a restart of the dataplane, and apply says so."""
    with_nat(lab)
    expect(lab.ctl("config", "diff")["plan"]["restarts"] > 0, "config diff says nothing of a restart")
    try:
        lab.ctl("config", "apply")
        raise AssertionError("config apply was not refused")
    except CtlError as error:
        expect("forward: nat" in error.why and "restart of sluice-dataplane" in error.why, error.why)
    expect_equal(nat(lab), None, "nat in status")
    lab.dataplane.kill(signal.SIGTERM)
    lab.dataplane.start()
    lab.ctl("config", "apply")
    wait_for("the tables", lambda: not lab.ctl("status")["node"]["dataplane"]["pending"])
    expect_equal(addresses(lab), dict.fromkeys(settings.EDGE, True), "addresses")
    expect_equal(nat(lab)["note"], "", "note")
    service = next(s for s in lab.ctl("status")["services"] if s["name"] == "nat")
    expect_equal((service["forward"], service["source"], service["listeners"][0]["instance_port"]), ("nat", "node", 80), "the service")
    expect("of ports 1024-32767 in use, 2 addresses\n" in lab.ctl("status", table=True), "the table says nothing of nat")


def announced(lab):
    """NAT addresses that are not the node's own: announced, answered for, and no port of theirs is the kernel's."""
    for address in NAT:
        lab.net.ip("router", f"neigh replace {address} lladdr {OTHER} dev lan0 nud reachable")
    apply_nat(lab, nat_addresses=list(NAT))
    for address in NAT:
        wait_for(f"the router to hear of {address}",
                 lambda a=address: mac_of_edge(lab) in lab.net.exec("router", "ip", "neigh", "show", a).stdout, 10)
    wait_for("these addresses alone", lambda: addresses(lab) == dict.fromkeys(NAT, True))
    lab.net.ip("router", f"neigh del {NAT[0]} dev lan0")
    before = lab.counters().drops["nat_unknown"]
    done = lab.net.exec("router", "curl", "-sS", "-m", "2", f"http://{NAT[0]}:9627/", check=False)
    expect_equal(done.returncode, 28, f"curl, which must time out ({done.stderr})")
    expect(mac_of_edge(lab) in lab.net.exec("router", "ip", "neigh", "show", NAT[0]).stdout, "nobody answers ARP")
    expect(lab.counters().drops["nat_unknown"] > before, "SYNs to a NAT address are not counted as nat_unknown")


def taken_away(lab):
    """An address without flows that leaves the file leaves the interface, too."""
    apply_nat(lab, nat_addresses=list(NAT))
    wait_for("the address", lambda: on_interface(lab, NAT[0]))
    apply_nat(lab, nat_addresses=[NAT[1], settings.EDGE[0]])
    wait_for("the address to leave", lambda: not on_interface(lab, NAT[0]))
    wait_for("its index to be free", lambda: addresses(lab) == {NAT[1]: True, settings.EDGE[0]: True})
    expect(on_interface(lab, NAT[1]), "another address left, too")


def local_ports(lab):
    """Ports that the kernel may choose as well are named, as long as it may."""
    apply_nat(lab)
    lab.net.sysctl("edge", **{"net.ipv4.ip_local_port_range": "20000 60999"})
    wait_for("the note", lambda: "ip_local_port_range, 20000-60999:" in nat(lab)["note"])
    expect("ip_local_port_range, 20000-60999:" in lab.ctl("status", table=True), "the table does not say so")
    lab.net.sysctl("edge", **{"net.ipv4.ip_local_port_range": "32768 60999"})
    wait_for("the note to go", lambda: nat(lab)["note"] == "")


def restarted(lab):
    """A restarted sluiced continues with the same addresses at the same indices: nothing is published."""
    apply_nat(lab, nat_addresses=list(NAT))
    wait_for("these addresses alone", lambda: addresses(lab) == dict.fromkeys(NAT, True))
    # In the file's order a new table would have them the other way round.
    apply_nat(lab, nat_addresses=list(reversed(addresses(lab))))
    wait_for("the tables", lambda: not lab.ctl("status")["node"]["dataplane"]["pending"])
    before = nat(lab)["addresses"]
    lab.sluiced.kill()
    lab.sluiced.start()
    wait_for("the tables", lambda: not lab.ctl("status")["node"]["dataplane"]["pending"])
    expect_equal(nat(lab)["addresses"], before, "addresses, in the order of their indices")


if __name__ == "__main__":
    settings.patient()
    scenario.run(first_service, announced, taken_away, local_ports, restarted)
