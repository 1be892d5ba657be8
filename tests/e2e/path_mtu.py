#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# test-long: xdp
"""Path MTUs below the port's: ICMP errors of routers about tunnels, routes with an MTU, clients without path MTU discovery.

test-dataplanes: dpdk xdp
"""
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lab"))

import settings  # noqa: E402
import scenario  # noqa: E402
from instance import BIG_BYTES  # noqa: E402
from lab import HERE, wait_for  # noqa: E402
from scenario import expect, expect_equal, figure  # noqa: E402

NARROW = 1400
SOURCES = "10.255.0.0/16"
HEADERS = {url: header for url, header in zip(settings.IPIP_URLS, (20, 20, 40, 40))}
DEVICE = "edge0" if settings.XDP else "sluice0"  # of the edge's routes


def forget(lab):
    """The client has no cached path MTU."""
    lab.net.sysctl("client", **{"net.ipv4.route.flush": 1, "net.ipv6.route.flush": 1})
    lab.net.exec("client", "ip", "-6", "route", "flush", "cache", check=False)


def upload(lab, url):
    got = lab.curl(url + "upload", "-m", "8", "-H", "Expect:", "--data-binary", f"@{lab.net.dir / 'web-1/www/big'}")
    expect(got.stdout.split()[1:] == [str(BIG_BYTES)], f"{url}: upload: {got.stdout!r} {got.stderr!r}")


def client_mtu(lab, address):
    words = lab.net.exec("client", "ip", "route", "get", address).stdout.split()
    return int(words[words.index("mtu") + 1]) if "mtu" in words else None


def far_only(lab):
    """Tunnels lead to the instances behind the router alone."""
    for pool, family in (("tun4", 0), ("tun6", 1)):
        lab.config["pools"][pool]["instances"] = {n: {"address": a[family]} for n, a in settings.FAR.items()}
    lab.write_config()
    lab.ctl("config", "apply")
    lab.wait_up()


def mtus(lab, source):
    """{"tun4/far-1": bytes} of the instances whose MTU is known from @source."""
    return {f"{p['name']}/{i['name']}": i["mtu"]["bytes"] for p in lab.ctl("status")["pools"] for i in p["instances"]
            if i["mtu"]["from"] == source}


def vip(url):
    return settings.TUNNEL_VIPS["[" in url]


def routers_say(lab):
    """Behind a link of 1400 bytes uploads succeed through all four tunnels: errors of routers reach the client"""
    far_only(lab)
    lab.net.ip("router", f"link set far0 mtu {NARROW}")
    try:
        for url, header in HEADERS.items():
            forget(lab)
            upload(lab, url)
            expect_equal(client_mtu(lab, vip(url)), NARROW - header, f"{url}: path MTU that the client learned")
        learned = mtus(lab, "path")
        expect(learned and set(learned.values()) == {NARROW}, f"learned: {learned}")
        errors = lab.ctl("status")["node"]["tunnel_errors"]
        figure(f"tunnel errors: {errors}")
        expect(errors["learned"] == len(learned) and errors["relayed"] > 0, f"tunnel errors: {errors}")
        # Others hear it from the edge alone.
        for url in HEADERS:
            forget(lab)
            upload(lab, url)
        lab.account()
    finally:
        lab.net.ip("router", "link set far0 mtu 1500")


def sources_hear(lab):
    """Errors come back to the sources of node.tunnel_sources, too"""
    narrow = NARROW - 20
    lab.config["node"]["tunnel_sources"] = SOURCES
    far_only(lab)
    lab.net.ip("router", f"link set far0 mtu {narrow}", f"route add {SOURCES} via {settings.EDGE[0]}")
    try:
        for url in (url for url, header in HEADERS.items() if header == 20):
            forget(lab)
            upload(lab, url)
            expect_equal(client_mtu(lab, vip(url)), narrow - 20, f"{url}: path MTU that the client learned")
    finally:
        del lab.config["node"]["tunnel_sources"]
        lab.write_config()
        lab.ctl("config", "apply")
        lab.net.ip("router", "link set far0 mtu 1500", f"route del {SOURCES}")


def routes_say(lab):
    """The MTU of a route applies to the tunnel, without errors of routers"""
    far_only(lab)
    lab.net.ip("router", f"link set far0 mtu {NARROW}")
    far4, far6 = "10.2.0.0/24", "2001:db8:2::/64"
    via4, via6 = settings.ROUTER_LAN
    names = sorted(f"{pool}/{name}" for pool in ("tun4", "tun6") for name in settings.FAR)
    try:
        for mtu in (NARROW - 20, NARROW):
            lab.net.ip("edge", f"route replace {far4} via {via4} dev {DEVICE} mtu {mtu}",
                       f"route replace {far6} via {via6} dev {DEVICE} mtu {mtu}")
            wait_for(f"all to have an MTU of {mtu}", lambda: mtus(lab, "route") == dict.fromkeys(names, mtu))
        heard = lab.ctl("status")["node"]["tunnel_errors"]["heard"]
        for url, header in HEADERS.items():
            forget(lab)
            upload(lab, url)
            expect_equal(client_mtu(lab, vip(url)), NARROW - header, f"{url}: path MTU that the client learned")
        expect_equal(lab.ctl("status")["node"]["tunnel_errors"]["heard"], heard, "errors of routers")
    finally:
        lab.net.ip("edge", f"route del {far4}", f"route del {far6}")
        lab.net.ip("router", "link set far0 mtu 1500")
    wait_for("the MTU to be the port's again", lambda: not mtus(lab, "route"))


def without_df(lab):
    """A client that sets no DF uploads through the tunnels"""
    lab.net.sysctl("client", **{"net.ipv4.ip_no_pmtu_disc": 1})
    try:
        before = lab.account()
        for url in HEADERS:
            if vip(url) == settings.TUNNEL_VIPS[0]:
                forget(lab)
                upload(lab, url)
        expect_equal(lab.account().drops["too_big"], before.drops["too_big"], "dropped as too_big")
    finally:
        lab.net.sysctl("client", **{"net.ipv4.ip_no_pmtu_disc": 0})


def pings(lab):
    """Large pings of VIPs are answered: in fragments, also after a router has reported packet too big"""
    def ping(*argv):
        done = lab.net.exec("client", "/usr/bin/python3", HERE / "ping.py", *argv, check=False)
        expect_equal(done.returncode, 0, f"ping {argv}: no answer from {done.stderr.strip()}: exit code")
    ping("--bytes", "4000", *settings.VIPS)
    vip6 = settings.TUNNEL_VIPS[1]
    lab.net.ip("router", f"route add {settings.CLIENT[1]}/128 dev client0 mtu {NARROW}")
    try:
        # The first answer is too big, and the kernel that sent it hears so.
        ping("--bytes", "1440", "--once", vip6)
        ping("--bytes", "1440", vip6)
    finally:
        lab.net.ip("router", f"route del {settings.CLIENT[1]}/128 dev client0")


if __name__ == "__main__":
    settings.patient()
    # What routers have said is believed for ten minutes: they come after the routes.
    scenario.run(routes_say, routers_say, sources_hear, without_df, pings)
