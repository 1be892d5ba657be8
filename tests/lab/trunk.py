# SPDX-License-Identifier: BSD-3-Clause
"""The lab with a trunk: the edge's port has VLAN 10, where the router sends the VIPs, and VLAN 20 with the web-N.

    client --- router --- VLAN 10 (br-up) ---+
                 |                           +--- edge
                 +------- VLAN 20 (br-lan) --+
                 |          +-- web-1 .. web-4
                 +------- br-far: far-1, far-2

Where the kernel has no VLAN interfaces, the edge's are links of the same names with a BPF program in their place.
"""
import json

import lab as plain
import settings
from lab import HERE, ROOT, Lab, wait_for
from netns import run

VLAN_UP, VLAN_LAN = 10, 20
ROUTER_UP = ("10.3.0.1", "2001:db8:3::1")
EDGE_UP = ("10.3.0.5", "2001:db8:3::5")
PORT = "edge0" if settings.XDP else "sluice0"
NAMES = {vlan: f"{PORT}.{vlan}" for vlan in (VLAN_UP, VLAN_LAN)}
NAT_VIPS = ("203.0.113.30", "2001:db8:f::30")
NAT_URLS = [f"{scheme}://{host}/" for scheme in ("http", "https") for host in (NAT_VIPS[0], f"[{NAT_VIPS[1]}]")]
HAS_NAT = settings.DATAPLANE == "dpdk"


def configure():
    node = settings.CONFIG["node"]
    del node["address"], node["gateway"]
    node["networks"] = [
        {"vlan": VLAN_UP, "address": [f"{EDGE_UP[0]}/24", f"{EDGE_UP[1]}/64"], "gateway": list(ROUTER_UP)},
        {"vlan": VLAN_LAN, "address": [f"{settings.EDGE[0]}/24", f"{settings.EDGE[1]}/64"]},
    ]
    if HAS_NAT:
        settings.CONFIG["services"]["nat"] = {
            "vip": list(NAT_VIPS),
            "forward": "nat",
            "listeners": [{"port": 80, "pool": "web"}, {"port": 443, "instance_port": 8443, "pool": "web"}],
        }


class TrunkLab(Lab):
    def _make_switch(self):
        super()._make_switch()
        self.net.ip("switch", "link add br-up type bridge mcast_snooping 0", "link set br-up up")

    def _make_router(self):
        super()._make_router()
        self.net.link("router", "up0", "switch", "r-up0")
        self.net.ip("switch", "link set r-up0 master br-up")
        self.net.ip("router", f"addr add {ROUTER_UP[0]}/24 dev up0", f"addr add {ROUTER_UP[1]}/64 dev up0 nodad")
        self.route_vips(*EDGE_UP)

    def route_vips(self, v4, v6):
        super().route_vips(v4, v6)
        self.net.ip("router", *(f"route replace {vip} via {v6 if ':' in vip else v4}" for vip in NAT_VIPS))

    def set_up_edge(self):
        super().set_up_edge()
        self.net.ip("switch", "link set edge0p nomaster")
        # In the frame, where XDP and its sockets see it, not beside it.
        self.net.exec("switch", "ethtool", "-K", "edge0p", "txvlan", "off")
        ports = {}
        for vlan, bridge in ((VLAN_UP, "br-up"), (VLAN_LAN, "br-lan")):
            self.net.ip("switch", f"link add v{vlan} type veth peer name b{vlan}", f"link set v{vlan} up",
                        f"link set b{vlan} up master {bridge}")
            ports[vlan] = f"v{vlan}"
        self._join("switch", "edge0p", ports, 0)
        self.real = self._has_vlans()
        if not self.real:
            for vlan, name in NAMES.items():
                self.net.ip("edge", f"link add {name} type veth peer name tag{vlan}", f"link set tag{vlan} up")
            if settings.XDP:
                self.plumb()

    def _has_vlans(self):
        probe = self.net.exec("switch", "ip", "link", "add", "link", "edge0p", "name", "probe", "type", "vlan", "id", "7", check=False)
        if probe.returncode == 0:
            self.net.ip("switch", "link del probe")
        return probe.returncode == 0

    def _index(self, role, dev):
        return json.loads(self.net.exec(role, "ip", "-j", "link", "show", dev).stdout)[0]["ifindex"]

    def _program(self, role, dev, name, **defines):
        path = self.net.dir / f"{name}.o"
        run("clang", "-O2", "-Wall", "-target", "bpf", "-I", ROOT, "-I", f"/usr/include/{plain.os.uname().machine}-linux-gnu",
            *(f"-D{key}={value}" for key, value in defines.items()), "-c", HERE / "tag.bpf.c", "-o", path)
        self.net.exec(role, "tc", "qdisc", "replace", "dev", dev, "clsact")
        self.net.exec(role, "tc", "filter", "replace", "dev", dev, "ingress", "prio", "1", "handle", "1", "bpf", "da", "object-file", path,
                      "section", "classifier")

    def _join(self, role, trunk, links, flags, inner=None):
        """Join a trunk with the links of its VLANs; @inner: what frames with a tag are given to, if not those."""
        trunk_index = self._index(role, trunk)
        for vlan, link in links.items():
            self._program(role, link, f"{role}-{link}", VLAN=vlan, TRUNK=trunk_index)
        to = {vlan: self._index(role, (inner or links)[vlan]) for vlan in links}
        self._program(role, trunk, f"{role}-{trunk}", VLAN1=VLAN_UP, LINK1=to[VLAN_UP], VLAN2=VLAN_LAN, LINK2=to[VLAN_LAN], FLAGS=flags)

    def plumb(self):
        """The edge's port is there, perhaps again: join it with the links in place of its VLAN interfaces."""
        if self.real:
            return
        mac = self.net.exec("edge", "cat", f"/sys/class/net/{PORT}/address").stdout.strip()
        for name in NAMES.values():
            self.net.ip("edge", f"link set {name} address {mac}")
        self._join("edge", PORT, {vlan: f"tag{vlan}" for vlan in NAMES}, "BPF_F_INGRESS", NAMES)

    def start_dataplane(self):
        self.dataplane.start()
        if not settings.XDP:
            self.plumb()

    def start(self):
        for daemon in self.daemons:
            if daemon is self.dataplane:
                self.start_dataplane()
            else:
                daemon.start()
        self.wait_up()

    def drops(self, reason):
        return self.counters().drops[reason]

    def wait_drops(self, reason, least):
        return wait_for(f"{least} drops for {reason}", lambda: self.drops(reason) >= least)
