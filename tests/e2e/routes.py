#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# test-long: xdp
"""Routes to instances beyond a default route: rules by source address, nexthop objects.

test-dataplanes: dpdk xdp
"""
import contextlib
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lab"))

import settings  # noqa: E402
import scenario  # noqa: E402
from lab import wait_for  # noqa: E402
from scenario import expect_equal, figure  # noqa: E402

IFACE = "edge0" if settings.XDP else "sluice0"
TABLE = 100
FAR = {"tun4/far-1": settings.ROUTER_LAN[0], "tun6/far-1": settings.ROUTER_LAN[1]}
OTHER_ROUTER = "10.1.0.2"
FOLLOW_S = 5  # what is not heard of is asked for again after 15


def mac(lab, role, dev):
    return lab.net.exec(role, "cat", f"/sys/class/net/{dev}/address").stdout.strip()


def next_hop(lab, path):
    return lab.instance_status(path)["next_hop"]


def answers(lab, count=40):
    report = lab.load(requests=count, timeout=5).wait()
    expect_equal(report["failed"], 0, f"failed requests: {report['failures'][:3]}")


@contextlib.contextmanager
def second_uplink(lab):
    """All that is not on the link goes out by another interface, to nobody; a table of its own knows the link and its gateways."""
    lab.net.ip("edge", "link add mgmt0 type veth peer name mgmt1", "link set mgmt1 up", "link set mgmt0 up",
               "addr add 10.77.0.9/24 dev mgmt0", "addr add 2001:db8:77::9/64 dev mgmt0 nodad",
               "route add default via 10.77.0.1 dev mgmt0 metric 5000", "route add ::/0 via 2001:db8:77::1 dev mgmt0 metric 5000",
               f"route add 10.1.0.0/24 dev {IFACE} table {TABLE}", f"route add 2001:db8:1::/64 dev {IFACE} table {TABLE}",
               f"route add default via {settings.ROUTER_LAN[0]} dev {IFACE} table {TABLE}",
               f"route add ::/0 via {settings.ROUTER_LAN[1]} dev {IFACE} table {TABLE}")
    try:
        yield
    finally:
        lab.net.ip("edge", "link del mgmt0")
        for family in ("-4", "-6"):
            lab.net.exec("edge", "ip", family, "route", "flush", "table", TABLE)


def set_rules(lab, verb):
    for family, source in zip(("-4", "-6"), settings.EDGE):
        lab.net.exec("edge", "ip", family, "rule", verb, "from", source, "lookup", TABLE)


def rule(lab):
    """The gateway is in a table that a rule selects by node.address: checks and tunnels use it, and follow the rule."""
    with second_uplink(lab):
        set_rules(lab, "add")
        try:
            lab.config["node"]["gateway"] = []
            lab.write_config()
            lab.ctl("config", "apply")
            for times in (1, 2):
                for path in FAR:
                    lab.wait_health(path, "up")
                    wait_for(f"the next hop of {path}", lambda p=path: next_hop(lab, p).get("mac") == mac(lab, "router", "lan0"))
                lab.instances["far-1"].lame()  # who hears that has asked by the right way
                for path in FAR:
                    lab.wait_health(path, "lame")
                lab.instances["far-1"].lame(False)
                for path in FAR:
                    lab.wait_health(path, "up")
                answers(lab)
                if times == 1:
                    set_rules(lab, "del")
                    for path in FAR:
                        lab.wait_health(path, "down")
                        expect_equal(next_hop(lab, path)["resolved"], False, f"next hop of {path} without a rule: resolved")
                    set_rules(lab, "add")
        finally:
            set_rules(lab, "del")


@contextlib.contextmanager
def second_router(lab):
    """The router has another port on the link, with an address and a MAC address of its own."""
    lab.net.link("router", "lan1", "switch", "r-lan1")
    lab.net.ip("switch", "link set r-lan1 master br-lan")
    lab.net.ip("router", f"addr add {OTHER_ROUTER}/32 dev lan1")
    lab.net.sysctl("router", **{"net.ipv4.conf.lan0.arp_ignore": 1, "net.ipv4.conf.lan1.arp_ignore": 1, "net.ipv4.conf.lan1.rp_filter": 0})
    try:
        yield
    finally:
        lab.net.ip("router", "link del lan1")
        lab.net.sysctl("router", **{"net.ipv4.conf.lan0.arp_ignore": 0})


def nexthop(lab):
    """The gateway of a route is a nexthop object: its replacement takes effect at once, without a change of the route."""
    gateways = {settings.ROUTER_LAN[0]: "lan0", OTHER_ROUTER: "lan1"}
    lab.net.sysctl("edge", **{"net.ipv4.nexthop_compat_mode": 0})
    with second_router(lab):
        lab.net.ip("edge", f"nexthop add id 1 via {settings.ROUTER_LAN[0]} dev {IFACE}", "route add 10.2.0.0/24 nhid 1")
        took = []
        try:
            for gateway in [OTHER_ROUTER, settings.ROUTER_LAN[0]] * 2:
                lab.net.ip("edge", f"nexthop replace id 1 via {gateway} dev {IFACE}")
                began = time.monotonic()
                wait_for(f"{gateway} as next hop", lambda g=gateway: next_hop(lab, "tun4/far-1").get("mac") == mac(lab, "router", gateways[g]), FOLLOW_S)
                took.append(time.monotonic() - began)
                answers(lab)
        finally:
            lab.net.ip("edge", "route del 10.2.0.0/24", "nexthop del id 1")
            lab.net.sysctl("edge", **{"net.ipv4.nexthop_compat_mode": 1})
    figure(f"a nexthop object replaced four times, followed after {', '.join(f'{s:.2f}' for s in took)} s")


if __name__ == "__main__":
    scenario.run(rule, nexthop)
