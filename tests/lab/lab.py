# SPDX-License-Identifier: BSD-3-Clause
"""The lab: a client, a router, an edge with Sluice, and six instances, in network namespaces.

                          bridge br-lan (1500 bytes)
    client --- router ------+-- edge      edge0, driven by sluice-dataplane through AF_XDP, or an XDP program on it
                  |         +-- web-1 .. web-4
                  |
                  +------ bridge br-far
                            +-- far-1, far-2

The router sends the VIPs to the edge; instances answer the client through the router, not through the edge.
DATAPLANE=xdp in the environment makes it the XDP dataplane; then there is no sluice-dataplane. With DATAPLANE=auto
there are both.
"""
import atexit
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import settings
from instance import Instance, make_tls
from netns import Network, run
from traffic import Holder, Load, Pulse

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BIN = ROOT / os.environ.get("BUILD", "build") / "bin"
HUGEPAGE_BYTES = 0 if settings.XDP else 1 << 30
RUN_DIR_BYTES = 32 << 20 if settings.XDP else 1 << 20
# How long a condition may take on a busy machine; what must be faster says so itself.
READY_TIMEOUT_S = 60
WAIT_S = 30


class CtlError(Exception):
    """sluicectl did not exit with 0."""

    def __init__(self, argv, done):
        self.code, self.why = done.returncode, (done.stderr or done.stdout).strip()
        super().__init__(f"sluicectl {' '.join(map(str, argv))}: exit code {self.code}: {self.why}")


def wait_for(what, condition, timeout_s=WAIT_S, pause_s=0.05):
    """Return the first true value of condition(), or fail with what was waited for."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout_s} s")
        time.sleep(pause_s)


class Counters:
    """The counters of one moment."""

    def __init__(self, data):
        self.received, self.transmitted, self.kernel = (data[key] for key in ("received", "transmitted", "kernel"))
        self.drops = {entry["reason"]: entry["packets"] for entry in data["drops"]}
        self.gap = self.received - self.transmitted - self.kernel - sum(self.drops.values())

    def __str__(self):
        return (f"received {self.received:,} = transmitted {self.transmitted:,} + kernel {self.kernel:,} + "
                f"drops {sum(self.drops.values()):,}" + (f", and {self.gap:,} unaccounted for" if self.gap else ""))


class Daemon:
    """One program of ours in the edge's namespace; may be started again and again."""

    def __init__(self, lab, program):
        self.lab, self.program = lab, program
        self.path = BIN / program
        self.prefix = []  # what runs it, as other user for example
        self.environment = {}
        self.process = None
        self.ready_s = None
        self.log_path = lab.net.dir / f"{program}.log"

    def start(self, *extra, wait=True):
        """Start; with @wait return when it says READY=1 to the notify socket. ready_s is how long that took."""
        path = self.lab.net.dir / f"{self.program}.notify"
        path.unlink(missing_ok=True)
        began = time.monotonic()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, open(self.log_path, "ab") as log:
            notify.bind(str(path))
            path.chmod(0o777)  # it may run as another user
            self.process = self.lab.net.spawn("edge", *self.lab.bpf_fs, *self.prefix, self.path, *self.lab.arguments, *extra,
                                              stdout=log, stderr=log,
                                              stdin=subprocess.DEVNULL, env={**os.environ, "NOTIFY_SOCKET": str(path), **self.environment})
            if wait:
                self._wait_ready(notify, began)
        return self

    def _wait_ready(self, notify, began):
        notify.settimeout(0.1)
        while time.monotonic() - began < READY_TIMEOUT_S:
            with contextlib.suppress(TimeoutError):
                if b"READY=1" in notify.recv(4096).split(b"\n"):
                    self.ready_s = time.monotonic() - began
                    return
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.program} ended with {self.process.returncode}:\n{self.log(20)}")
        raise TimeoutError(f"{self.program} is not ready after {READY_TIMEOUT_S} s:\n{self.log(20)}")

    def kill(self, number=signal.SIGKILL, timeout_s=30):
        """Send a signal and wait for the end. Return the exit code (negative: the signal)."""
        self.process.send_signal(number)
        return self.process.wait(timeout_s)

    def running(self):
        return self.process is not None and self.process.poll() is None

    def log_bytes(self):
        """How long its log is now; for log_since()."""
        return self.log_path.stat().st_size if self.log_path.exists() else 0

    def log_since(self, position):
        with open(self.log_path, "rb") as log:
            log.seek(position)
            return log.read().decode(errors="replace")

    def log(self, lines=40):
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:]) if self.log_path.exists() else ""


def compile_bpf(source, program):
    run("clang", "-O2", "-Wall", "-target", "bpf", "-I", ROOT, "-I", f"/usr/include/{os.uname().machine}-linux-gnu",
        "-c", source, "-o", program)


class Lab:
    """Use as a context: leaving it removes everything, also after an exception or a signal."""

    def __init__(self):
        self.net = Network()
        self.config = settings.default()
        self.config_path = self.net.dir / "sluice.yaml"
        self.run_dir = self.net.dir / "run"
        self.arguments = ["-c", self.config_path, "-r", self.run_dir]
        # Each "ip netns exec" has mounts of its own; what is pinned has to outlive them.
        self.bpf_dir = self.net.dir / "bpf"
        self.bpf_fs = ["sh", "-c", 'mount --bind "$0" /sys/fs/bpf && exec "$@"', self.bpf_dir] if settings.XDP else []
        self.dataplane = Daemon(self, "sluice-dataplane")
        self.sluiced = Daemon(self, "sluiced")
        # In the order in which they start.
        self.daemons = {"dpdk": (self.dataplane, self.sluiced), "xdp": (self.sluiced,),
                        "auto": (self.sluiced, self.dataplane)}[settings.DATAPLANE]
        self.instances = {}
        self.buffers = None
        self.healed = 0
        self._closed = False

    def __enter__(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._signalled)
        atexit.register(self.down)
        try:
            self.up()
        except BaseException:
            self.down()
            raise
        return self

    def __exit__(self, *_):
        self.down()

    def _signalled(self, number, _frame):
        sys.exit(128 + number)

    def up(self):
        """Namespaces, links and instances; not yet Sluice."""
        self.net.open(HUGEPAGE_BYTES)
        self.run_dir.mkdir()
        # A file system of its own, so that a full one is nobody else's trouble.
        run("mount", "-t", "tmpfs", "-o", f"size={RUN_DIR_BYTES},mode=0755", "sluice-lab", self.run_dir)
        if settings.XDP:
            self.bpf_dir.mkdir()
            run("mount", "-t", "bpf", "sluice-lab", self.bpf_dir)
        self.write_config()
        make_tls(self.net.dir / "tls")
        self._make_switch()
        self._make_router()
        self._make_client()
        self._make_edge()
        for name in settings.NAMES:
            self._make_instance(name)
        for instance in self.instances.values():
            wait_for(f"nginx of {instance.name}", instance.is_up)

    def down(self):
        """Idempotent. A second Ctrl-C must not leave half of it behind."""
        if self._closed:
            return
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        self._closed = True
        for daemon in (self.sluiced, self.dataplane):
            if daemon.running():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    daemon.kill(signal.SIGTERM, 3)
        self.net.close()

    def _make_switch(self):
        self.net.add("switch")
        # Bridged packets would otherwise pass the host's IP checks, and malformed ones vanish there.
        self.net.sysctl("switch", **{f"net.bridge.bridge-nf-call-{table}": 0 for table in ("iptables", "ip6tables", "arptables")})
        for bridge in ("br-lan", "br-far"):
            self.net.ip("switch", f"link add {bridge} type bridge mcast_snooping 0", f"link set {bridge} up")

    def _make_router(self):
        self.net.add("router", **{"net.ipv4.ip_forward": 1, "net.ipv6.conf.all.forwarding": 1, "net.ipv4.conf.all.rp_filter": 0,
                                  "net.ipv4.conf.default.rp_filter": 0, "net.ipv4.conf.all.send_redirects": 0,
                                  "net.ipv4.conf.default.send_redirects": 0})
        for dev, bridge, addresses in (("lan0", "br-lan", settings.ROUTER_LAN), ("far0", "br-far", settings.ROUTER_FAR)):
            self.net.link("router", dev, "switch", f"r-{dev}")
            self.net.ip("switch", f"link set r-{dev} master {bridge}")
            self.net.ip("router", f"addr add {addresses[0]}/24 dev {dev}", f"addr add {addresses[1]}/64 dev {dev} nodad")
        self.route_vips(*settings.EDGE)

    def route_vips(self, v4, v6):
        """Where the router sends the VIPs: to the edge, or past it straight to an instance."""
        self.net.ip("router", *(f"route replace {vip} via {v6 if ':' in vip else v4}" for vip in settings.VIPS))

    def _make_client(self):
        self.net.add("client", **{"net.ipv4.ip_local_port_range": "30000 65000"})
        self.net.link("client", "eth0", "router", "client0")
        v4, v6 = settings.CLIENT
        via4, via6 = settings.ROUTER_CLIENT
        self.net.ip("router", f"addr add {via4}/24 dev client0", f"addr add {via6}/64 dev client0 nodad")
        self.net.ip("client", f"addr add {v4}/24 dev eth0", f"addr add {v6}/64 dev eth0 nodad",
                    f"route add default via {via4}", f"route add ::/0 via {via6}")

    def _make_edge(self):
        self.net.add("edge")
        self.net.link("edge", "edge0", "switch", "edge0p")
        self.set_up_edge()

    def set_up_edge(self):
        """The edge's link, which exists, as the lab needs it."""
        if settings.XDP:
            program = self.net.dir / "pass.o"
            if not program.exists():
                compile_bpf(HERE / "pass.bpf.c", program)
            self.net.exec("switch", "ip", "link", "set", "edge0p", "xdpdrv", "object", program, "section", "xdp")
        else:
            # The addresses live on sluice0; the port itself must stay silent.
            self.net.sysctl("edge", **{"net.ipv6.conf.edge0.disable_ipv6": 1})
        # What leaves the bridge for XDP needs finished checksums and frames of at most the MTU.
        self.net.exec("switch", "ethtool", "-K", "edge0p", "tx", "off", "tso", "off", "gso", "off")
        self.net.ip("switch", "link set edge0p master br-lan")

    def _make_instance(self, name):
        near = name in settings.NEAR
        v4, v6 = (settings.NEAR if near else settings.FAR)[name]
        gateways = settings.ROUTER_LAN if near else settings.ROUTER_FAR
        instance = self.instances[name] = Instance(self.net, name, v4, v6, gateways)
        instance.create("br-lan" if near else "br-far")
        instance.take_vips(settings.VIPS, BIN / "sluice-instance")
        instance.start()

    def write_config(self, text=None):
        """Replace the file as an operator's tool would: whole, by rename."""
        new = self.config_path.with_suffix(".new")
        new.write_text(settings.to_yaml(self.config) if text is None else text)
        new.rename(self.config_path)

    def start(self):
        """Both daemons, until every instance is up in every pool and carries traffic."""
        for daemon in self.daemons:
            daemon.start()
        self.wait_up()

    def wait_up(self, timeout_s=READY_TIMEOUT_S):
        """Until every instance is up in every pool, its next hop is known, and the tables that say so are in force."""
        wanted = {f"{pool}/{name}" for pool, entry in self.config["pools"].items() for name in entry["instances"]}

        def reached():
            with contextlib.suppress(CtlError):
                status = self.ctl("status")
                return not status["node"]["dataplane"]["pending"] and wanted == {
                    f"{p['name']}/{i['name']}" for p in status["pools"] for i in p["instances"]
                    if i["health"] == "up" and i["next_hop"]["resolved"]}
        wait_for("all instances to be up", reached, timeout_s)

    def ctl(self, *argv, table=False, timeout_s=60):
        """Run sluicectl; what it prints, as data (or with @table as text for people). CtlError if it refuses."""
        words = [] if table else ["-o", "json"]
        done = run(BIN / "sluicectl", "-r", self.run_dir, *words, *argv, check=False, timeout_s=timeout_s)
        if done.returncode:
            raise CtlError(argv, done)
        return done.stdout if table else json.loads(done.stdout) if done.stdout.strip() else None

    def explain(self, connection):
        """What is said of a held connection (hold.py)."""
        url = connection["url"]
        client = settings.CLIENT["[" in url]
        client = f"[{client}]" if "[" in url else client
        vip = url.split("//")[1].strip("/")
        return self.ctl("explain", f"{client}:{connection['port']}", f"{vip}:{443 if url.startswith('https') else 80}")

    def ctl_spawn(self, *argv):
        """The same without waiting for its end."""
        return self.net.spawn("edge", BIN / "sluicectl", "-r", self.run_dir, *argv, text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def instance_status(self, path):
        pool, name = path.split("/")
        for entry in self.ctl("status")["pools"]:
            if entry["name"] == pool:
                return next((i for i in entry["instances"] if i["name"] == name), None)
        return None

    def wait_health(self, path, health, timeout_s=WAIT_S):
        def reached():
            with contextlib.suppress(CtlError):
                status = self.instance_status(path)
                return status and status["health"] == health
        return wait_for(f"{path} to be {health}", reached, timeout_s)

    def flows(self):
        """Flows per instance, all pools: {"web/web-1": 3}."""
        return {f"{p['name']}/{i['name']}": i["flows"] for p in self.ctl("status")["pools"] for i in p["instances"]}

    def counters(self):
        """What the dataplane counted: received, transmitted, to the kernel, and each drop by name."""
        return Counters(self.ctl("drops"))

    def account(self, tries=40):
        """The counters at a moment when each packet had reached its end; an error if there is no such moment.

        Checks and ARP go on all the time, so a packet may just be on its way; a lost one stays lost at every try.
        """
        for _ in range(tries):
            counters = self.counters()
            if counters.gap == 0:
                return counters
            time.sleep(0.05)
        raise AssertionError(f"packets are missing: {counters}")

    def at_rest(self, timeout_s=WAIT_S):
        """The counters when the clients are gone: no flow is left, every buffer is back, every packet had its end.

        Checks go on, so a buffer or two may just be on its way; a lost one is missing at every look.
        """
        wait_for("the flows to end", lambda: sum(self.flows().values()) == 0, timeout_s)

        def buffers():
            mbufs = self.ctl("status")["node"]["mbufs"]
            return mbufs if mbufs["free"] >= mbufs["baseline"] else None
        self.buffers = wait_for("the buffers to come back", buffers, timeout_s)
        return self.account()

    def heal(self):
        """Back to the state after start(), whatever a scenario has left; cheap if it left nothing."""
        self.healed += 1
        for instance in self.instances.values():
            instance.heal()
        self.net.sysctl("client", **{"net.ipv4.route.flush": 1, "net.ipv6.route.flush": 1})
        fresh = not all(daemon.running() for daemon in self.daemons)
        self.config = settings.default()
        changed = self.config_path.read_text() != settings.to_yaml(self.config)
        if changed:
            self.write_config()
        for daemon in self.daemons:
            if not daemon.running():
                daemon.start()
        if fresh or changed:
            self.ctl("config", "apply", "--force")
        for pool in self.ctl("status")["pools"]:
            for instance in pool["instances"]:
                if instance["admin"] != "ready" and instance.get("removed_in_ms") is None:
                    self.ctl("resume", f"{pool['name']}/{instance['name']}")
        self.wait_up()

    def edge(self, *argv, **options):
        """Run a program of ours, or one that looks at what they have pinned, in the edge's namespace."""
        return self.net.exec("edge", *self.bpf_fs, *argv, **options)

    def edge_program(self):
        """The id of the XDP program on the port, or None."""
        link = json.loads(self.net.exec("edge", "ip", "-j", "link", "show", "edge0").stdout)[0]
        return link["xdp"]["prog"]["id"] if "xdp" in link else None

    def edge_program_off(self):
        """Take our XDP program off the port, as somebody might by mistake."""
        self.edge("bpftool", "link", "detach", "pinned", "/sys/fs/bpf/sluice-edge0/link")

    def edge_hook(self, program=None):
        """Put another XDP program on the port, or take it off."""
        what = ("object", program, "section", "xdp") if program else ("off",)
        self.net.exec("edge", "ip", "link", "set", "edge0", "xdpdrv", *what)

    def edge_port_received(self):
        """Frames that the port was given, as the kernel counts them."""
        done = self.net.exec("edge", "ip", "-j", "-s", "link", "show", "edge0")
        return json.loads(done.stdout)[0]["stats64"]["rx"]["packets"]

    def probe(self, *urls, count=50):
        """{"URL PORT": instance}: where fixed source ports of the client lead now; others in each scenario."""
        first = 20000 + self.healed * 100 % 10000
        done = self.net.exec("client", "/usr/bin/python3", HERE / "probe.py", first, count, *(urls or settings.URLS))
        return json.loads(done.stdout)

    def send_bad_packets(self, fuzz=0, seed=1):
        mac = self.net.exec("edge", "cat", "/sys/class/net/edge0/address").stdout.strip()
        done = self.net.exec("router", "/usr/bin/python3", HERE / "packets.py", "lan0", mac, *settings.WEB_VIPS, fuzz, seed)
        return json.loads(done.stdout)

    def curl(self, url, *argv, **options):
        return self.net.exec("client", "curl", "-ksS", "-m", "10", *argv, url, check=False, **options)

    def names(self, url, count):
        """The instances that answer, one connection each."""
        return self.curl(url, *[url] * (count - 1), "-H", "Connection: close").stdout.split()

    def load(self, *urls, **options):
        return Load(self.net, urls or settings.URLS, **{"expect": ",".join(settings.NAMES), **options})

    def pulse(self, period_ms=1):
        return Pulse(self.net, settings.CLIENT[0], settings.WEB_VIPS[0], 80, period_ms)

    def hold(self, *urls, **options):
        return Holder(self.net, urls or settings.URLS, **options)
