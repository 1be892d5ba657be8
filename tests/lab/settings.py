# SPDX-License-Identifier: BSD-3-Clause
"""Addresses of the lab, and the configuration file that goes with them."""
import copy
import os
import re
import sys

CLIENT = ("198.51.100.2", "2001:db8:c::2")
ROUTER_CLIENT = ("198.51.100.1", "2001:db8:c::1")
ROUTER_LAN = ("10.1.0.1", "2001:db8:1::1")
ROUTER_FAR = ("10.2.0.1", "2001:db8:2::1")
EDGE = ("10.1.0.5", "2001:db8:1::5")
WEB_VIPS = ("203.0.113.10", "2001:db8:f::10")
TUNNEL_VIPS = ("203.0.113.20", "2001:db8:f::20")
VIPS = WEB_VIPS + TUNNEL_VIPS

# The web-N stand on the edge's LAN, the far-N behind the router.
NEAR = {f"web-{n}": (f"10.1.0.{10 + n}", f"2001:db8:1::{10 + n}") for n in range(1, 5)}
FAR = {f"far-{n}": (f"10.2.0.{10 + n}", f"2001:db8:2::{10 + n}") for n in range(1, 3)}
TUNNELLED = {**{name: NEAR[name] for name in ("web-3", "web-4")}, **FAR}
NAMES = [*NEAR, *FAR]

L2_URLS = [f"{scheme}://{host}/" for scheme in ("http", "https") for host in (WEB_VIPS[0], f"[{WEB_VIPS[1]}]")]
# Port 80 goes through tunnels over IPv4, port 443 through tunnels over IPv6: with IPv4 and IPv6 clients all four mixes.
IPIP_URLS = [f"{scheme}://{host}/" for scheme in ("http", "https") for host in (TUNNEL_VIPS[0], f"[{TUNNEL_VIPS[1]}]")]
URLS = L2_URLS + IPIP_URLS


DATAPLANE = os.environ.get("DATAPLANE") or "dpdk"
if DATAPLANE not in ("dpdk", "xdp", "auto"):
    sys.exit(f"DATAPLANE is dpdk, xdp or auto, not {DATAPLANE}")
XDP = DATAPLANE in ("xdp", "auto")  # a program on the port, which stays the kernel's
# Drop reasons whose packets are the kernel's on a port that others use too.
OTHERS = ("l2_other_host", "l2_vlan_depth") if XDP else ()

PLAIN = re.compile(r"[a-z][a-z0-9-]*|[0-9]+m?s|[0-9]+m")  # text that YAML takes as it is, and durations


def _check(target):
    return {"target": target, "interval": "700ms", "timeout": "600ms", "unhealthy": 3, "healthy": 2}


CONFIG = {
    "node": {
        "dataplane": DATAPLANE,
        "port": "edge0",
        # A veth runs an XDP program on the CPU of whoever sends.
        "cpus": "0-1" if DATAPLANE == "xdp" else "1",
        "address": [f"{EDGE[0]}/24", f"{EDGE[1]}/64"],
        "gateway": list(ROUTER_LAN),
        "flows": 100000,
        "secret": "000102030405060708090a0b0c0d0e0f",
        "idle_timeout": "10s",
        "fin_timeout": "2s",
        "syn_timeout": "3s",
    },
    "pools": {
        "web": {
            "checks": [_check("HTTP:80/up.html"), _check("TCP:443")],
            "instances": {name: {"address": NEAR[name][0]} for name in NEAR},
        },
        "tun4": {
            "checks": [_check("HTTP:80/up.html")],
            "instances": {name: {"address": v4} for name, (v4, _) in TUNNELLED.items()},
        },
        "tun6": {
            "checks": [_check("HTTPS:443/up.html")],
            "instances": {name: {"address": v6} for name, (_, v6) in TUNNELLED.items()},
        },
    },
    "services": {
        "web": {
            "vip": list(WEB_VIPS),
            "forward": "l2",
            "listeners": [{"port": 80, "pool": "web"}, {"port": 443, "pool": "web"}],
        },
        "tunnel": {
            "vip": list(TUNNEL_VIPS),
            "forward": "ipip",
            "listeners": [{"port": 80, "pool": "tun4"}, {"port": 443, "pool": "tun6"}],
        },
    },
}


def default():
    return copy.deepcopy(CONFIG)


def patient():
    """For a test that waits for no change of health: a busy machine may keep an instance from answering for a second or two."""
    for pool in CONFIG["pools"].values():
        for check in pool["checks"]:
            check.update(interval="3s", timeout="2900ms")


def _inline(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k}: {_inline(v)}" for k, v in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_inline(v) for v in value) + "]"
    if isinstance(value, str) and not PLAIN.fullmatch(value):
        return f'"{value}"'
    return str(value)


def _leaf(value):
    if isinstance(value, dict):
        return not value or not any(isinstance(v, (dict, list)) for v in value.values())
    return not (isinstance(value, list) and any(isinstance(v, dict) for v in value))


def to_yaml(config, indent=0):
    """Enough YAML for this file: blocks, with the innermost mappings on one line."""
    pad, text = "  " * indent, ""
    for key, value in config.items():
        if _leaf(value) and (indent or not value or not isinstance(value, dict)):
            text += f"{pad}{key}: {_inline(value)}\n"
        elif isinstance(value, list):
            text += f"{pad}{key}:\n" + "".join(f"{pad}  - {_inline(v)}\n" for v in value)
        else:
            text += f"{pad}{key}:\n" + to_yaml(value, indent + 1)
    return text
