#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A router with a stale MAC address for a VIP gets the new one at once.

test-dataplanes: dpdk xdp
"""
import signal
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lab"))

import settings  # noqa: E402
import scenario  # noqa: E402
from interfaces import mac_of_edge  # noqa: E402
from lab import wait_for  # noqa: E402
from scenario import expect_equal  # noqa: E402

OTHER = "02:00:00:00:00:99"
NEW_VIPS = ("10.1.0.200", "2001:db8:1::200")
LIMIT_S = 10  # without an announcement 30 to 70 s


def believe(lab, addresses):
    """The router has the other machine's MAC address for these, in state reachable."""
    for address in addresses:
        lab.net.ip("router", f"neigh replace {address} lladdr {OTHER} dev lan0 nud reachable")


def wait_learned(lab, addresses):
    """Not by ARP or ND queries: nothing is sent to these addresses."""
    for address in addresses:
        wait_for(f"the router to hear of {address}",
                 lambda: mac_of_edge(lab) in lab.net.exec("router", "ip", "neigh", "show", address).stdout, LIMIT_S)


def vip_appears(lab):
    """A VIP of another machine is added: it is announced to the router, and no other address is."""
    believe(lab, [*NEW_VIPS, "10.1.0.201"])
    lab.config["services"]["web"]["vip"] = [*settings.WEB_VIPS, *NEW_VIPS]
    lab.write_config()
    lab.ctl("config", "apply")
    wait_learned(lab, NEW_VIPS)
    expect_equal(OTHER in lab.net.exec("router", "ip", "neigh", "show", "10.1.0.201").stdout, True, "an address that isn't here")


def started_again(lab):
    """After a start of the daemons: the node's own addresses, and the VIPs once its tables run."""
    lab.config["services"]["web"]["vip"] = [*settings.WEB_VIPS, *NEW_VIPS]
    lab.write_config()
    lab.ctl("config", "apply")
    for daemon in reversed(lab.daemons):
        daemon.kill(signal.SIGTERM)
    believe(lab, [*NEW_VIPS, *settings.EDGE])
    for daemon in lab.daemons:
        daemon.start()
    wait_learned(lab, [*NEW_VIPS, *settings.EDGE])


if __name__ == "__main__":
    settings.patient()
    scenario.run(vip_appears, started_again)
