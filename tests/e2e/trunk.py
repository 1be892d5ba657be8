#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A trunk: clients and routers on one VLAN, instances on another, from the client.

test-long: xdp auto
test-timeout: 400 s
test-dataplanes: dpdk xdp auto
"""
import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lab"))

import settings  # noqa: E402
import scenario  # noqa: E402
import trunk  # noqa: E402
from instance import BIG_BYTES  # noqa: E402
from lab import HERE, wait_for  # noqa: E402
from scenario import expect, expect_equal, figure, note  # noqa: E402

settings.patient()
trunk.configure()
scenario.Lab = trunk.TrunkLab

SEND = """
import sys
from scapy.all import Dot1Q, Ether, IP, TCP, sendp
mac, vip, count, vlans = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:]
heads = [Ether(dst=mac) if vlan == "untagged" else Ether(dst=mac) / Dot1Q(vlan=int(vlan)) for vlan in vlans]
sendp([head / IP(src="198.51.100.9", dst=vip) / TCP(sport=20000 + n, dport=80, flags="S") for head in heads for n in range(count)],
      iface="edge0p", verbose=0)
"""


def answers(lab):
    """HTTP and HTTPS over IPv4 and IPv6, by l2 and tunnels, from one VLAN to the other and back."""
    for url in settings.URLS:
        pool = settings.NEAR if url in settings.L2_URLS else settings.TUNNELLED
        names = lab.names(url, 16)
        expect(len(names) == 16 and set(names) <= set(pool), f"{url}: answers from {names}")
    for path, vlan in (("web/web-1", trunk.VLAN_LAN), ("tun4/web-3", trunk.VLAN_LAN), ("tun4/far-1", trunk.VLAN_UP),
                       ("tun6/web-4", trunk.VLAN_LAN), ("tun6/far-2", trunk.VLAN_UP)):
        expect_equal(lab.instance_status(path)["next_hop"]["vlan"], vlan, f"VLAN of {path}")


def translated(lab):
    """Through nat, IPv4 and IPv6 clients: the instances see the edge's address on their own VLAN, and answers come back by the client's."""
    if not trunk.HAS_NAT:
        note(f"no forward: nat on {settings.DATAPLANE}")
        return
    body = lab.net.dir / "web-1/www/big"
    for url in trunk.NAT_URLS:
        names = lab.names(url, 16)
        expect(len(names) == 16 and set(names) <= set(settings.NEAR), f"{url}: answers from {names}")
        expect_equal(lab.curl(url + "whoami").stdout.strip(), settings.EDGE[0], f"{url}: who the instance saw")
        got = lab.curl(url + "upload", "-H", "Expect:", "--data-binary", f"@{body}")
        expect(got.stdout.split()[1:] == [str(BIG_BYTES)], f"{url}: {got.stdout!r} {got.stderr!r}")


def pings(lab):
    """VIPs and the edge's addresses on both VLANs answer pings through the kernel path."""
    done = lab.net.exec("client", "/usr/bin/python3", HERE / "ping.py", *settings.VIPS, *settings.EDGE, *trunk.EDGE_UP, check=False)
    expect_equal(done.returncode, 0, f"no answer from {done.stderr.strip()}: exit code of ping.py")


def uploads(lab):
    """An upload of a megabyte through the tunnels: the client is told the MTU on its own VLAN."""
    body = lab.net.dir / "web-1/www/big"
    for url in settings.IPIP_URLS:
        got = lab.curl(url + "upload", "-H", "Expect:", "--data-binary", f"@{body}")
        expect(got.stdout.split()[1:] == [str(BIG_BYTES)], f"{url}: {got.stdout!r} {got.stderr!r}")
    expect(lab.ctl("status")["node"]["icmp_errors"] > 0, "no ICMP error was sent")


def foreign_tags(lab):
    """SYNs of other VLANs, and untagged ones, are dropped by name; nothing is unaccounted for."""
    mac = lab.net.exec("edge", "cat", "/sys/class/net/edge0/address").stdout.strip()
    before = lab.drops("l2_vlan_unknown")
    lab.net.exec("switch", "/usr/bin/python3", "-c", SEND, mac, settings.WEB_VIPS[0], 25, 30, 4094, 0, "untagged")
    lab.wait_drops("l2_vlan_unknown", before + 100)
    expect_equal(lab.drops("l2_vlan_unknown"), before + 100, "drops for l2_vlan_unknown")
    lab.account()


def announced(lab):
    """A service of one network is not reached from another, and has no address there."""
    lab.config["services"]["web"]["networks"] = [trunk.VLAN_LAN]
    lab.write_config()
    lab.ctl("config", "apply")
    before = lab.drops("l2_vlan_service")
    wait_for("drops for l2_vlan_service", lambda: lab.curl(settings.L2_URLS[0], "-m", "1").returncode and
             lab.drops("l2_vlan_service") > before)
    shown = lab.net.exec("edge", "ip", "-j", "addr", "show", "dev", trunk.NAMES[trunk.VLAN_UP]).stdout
    held = {a["local"] for a in json.loads(shown)[0]["addr_info"]}
    expect(settings.WEB_VIPS[0] not in held and settings.TUNNEL_VIPS[0] in held, f"addresses on VLAN {trunk.VLAN_UP}: {held}")
    expect_equal(len(lab.names(settings.IPIP_URLS[0], 4)), 4, "answers of the other service")


def drain(lab):
    """A drained instance gets no new connection, and keeps those that it has."""
    held = lab.hold(connections=32, interval=0.2, timeout=40)
    lab.ctl("drain", "web/web-1")
    names = [name for url in settings.L2_URLS for name in lab.names(url, 16)]
    expect("web-1" not in names and len(names) == 64, f"answers from {names}")
    errors = [c for c in held.close() if c["error"]]
    expect(not errors, f"{len(errors)} connections were cut or moved: {errors[:3]}")


def restarts(lab):
    """sluiced, and the dataplane if it is a process, are killed under load: no connection moves."""
    held = lab.hold(connections=32, interval=0.2, timeout=60)
    lab.sluiced.kill()
    expect_equal(len(lab.names(settings.URLS[0], 8)), 8, "answers without sluiced")
    lab.sluiced.start()
    lab.wait_up()
    if lab.dataplane in lab.daemons:
        lab.dataplane.kill()
        lab.start_dataplane()
        lab.wait_up()
    for url in settings.URLS:
        expect_equal(len(lab.names(url, 8)), 8, f"answers of {url}")
    errors = [c for c in held.close() if c["error"]]
    expect(not errors, f"{len(errors)} connections were cut or moved: {errors[:3]}")
    figure(f"trunk on {settings.DATAPLANE}: {lab.account()}")


if __name__ == "__main__":
    scenario.run(answers, translated, pings, uploads, foreign_tags, announced, drain, restarts)
