# SPDX-License-Identifier: BSD-3-Clause
"""Network namespaces of one run, and everything that must not outlive it.

A run is called after the process that owns it: its namespaces are sl-PID-ROLE, its files are in
/run/sluice-lab/PID. So runs can stand side by side, and what a killed one left is found and removed.
"""
import contextlib
import ctypes
import fcntl
import os
import resource
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

RUNS = Path("/run/sluice-lab")
PREFIX = "sl-"
HUGEPAGES = Path("/proc/sys/vm/nr_hugepages")
HUGEPAGE_BYTES = 2 << 20
PR_SET_PDEATHSIG = 1
CLONE_NEWNET = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def run(*argv, check=True, timeout_s=180, **options):
    """Run a command to its end and return it, with its output as text."""
    done = subprocess.run([str(a) for a in argv], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          stdin=options.pop("stdin", subprocess.DEVNULL if "input" not in options else None),
                          timeout=timeout_s, check=False, **options)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(map(str, argv))}: exit code {done.returncode}: {done.stderr.strip()}")
    return done


def can_lock_memory():
    """LimitMEMLOCK=infinity of the units; a machine without CAP_SYS_RESOURCE gets CAP_IPC_LOCK in its place."""
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        return True
    return False


def _started(pid):
    """When a process began, so that a number used again is not taken for its former owner."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return None


def _hugepages(key):
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1])
    return 0


def _remove_namespaces(run_id):
    mine = [line.split()[0] for line in run("ip", "netns", "list").stdout.splitlines()
            if line.startswith(f"{PREFIX}{run_id}-")]
    for name in mine:
        for pid in run("ip", "netns", "pids", name, check=False).stdout.split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
    for name in mine:
        run("ip", "netns", "del", name, check=False)


def _give_back_hugepages(folder):
    """Lower the number by what this run had added, but never below what is in use."""
    with contextlib.suppress(OSError, ValueError):
        added = int((folder / "hugepages").read_text())
        deadline = time.monotonic() + 2  # pages of a process that was just killed come back with a delay
        while _hugepages("HugePages_Free") < added and time.monotonic() < deadline:
            time.sleep(0.05)
        added = min(added, _hugepages("HugePages_Free"))
        HUGEPAGES.write_text(str(int(HUGEPAGES.read_text()) - added))


@contextlib.contextmanager
def _lock():
    RUNS.mkdir(mode=0o755, exist_ok=True)
    with open(RUNS / "lock", "w", encoding="ascii") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield


def _remove(run_id):
    folder = RUNS / str(run_id)
    _remove_namespaces(run_id)
    for mount in sorted((line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()
                         if line.split()[1].startswith(f"{folder}/")), reverse=True):
        run("umount", "-l", mount, check=False)
    _give_back_hugepages(folder)
    shutil.rmtree(folder, ignore_errors=True)


def _remove_stale():
    """Under the lock."""
    for folder in RUNS.iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                if _started(folder.name) != (folder / "owner").read_text():
                    _remove(folder.name)


def remove_stale():
    """Remove what runs whose owner is dead have left behind."""
    with _lock():
        _remove_stale()


class Network:
    """The namespaces and processes of this run."""

    def __init__(self):
        self.run_id = os.getpid()
        self.dir = RUNS / str(self.run_id)
        self.children = []

    def open(self, hugepage_bytes):
        if os.geteuid() != 0:
            raise RuntimeError("network namespaces need root")
        with _lock():
            _remove_stale()
            self.dir.mkdir(mode=0o755)
            (self.dir / "owner").write_text(_started(self.run_id))
            need = hugepage_bytes // HUGEPAGE_BYTES - _hugepages("HugePages_Free")
            if need > 0:
                total = int(HUGEPAGES.read_text())
                HUGEPAGES.write_text(str(total + need))
                got = int(HUGEPAGES.read_text()) - total
                (self.dir / "hugepages").write_text(str(got))
                if got < need:
                    raise RuntimeError(f"the kernel gave {got} of {need} hugepages of 2 MiB; free some memory")

    def close(self):
        for child in self.children:
            if child.poll() is None:
                child.kill()
        for child in self.children:
            child.wait()
        with _lock():
            _remove(self.run_id)

    def name(self, role):
        return f"{PREFIX}{self.run_id}-{role}"

    def add(self, role, **sysctls):
        """A namespace where IPv6 addresses work at once and nothing is configured by itself."""
        run("ip", "netns", "add", self.name(role))
        self.ip(role, "link set lo up")
        self.sysctl(role, **{"net.ipv6.conf.all.accept_dad": 0, "net.ipv6.conf.default.accept_dad": 0,
                             "net.ipv6.conf.default.accept_ra": 0, **sysctls})

    def sysctl(self, role, **values):
        self.exec(role, "sysctl", "-qw", *(f"{key}={value}" for key, value in values.items()))

    def ip(self, role, *lines):
        run("ip", "-n", self.name(role), "-batch", "-", input="\n".join(lines) + "\n")

    def link(self, role, dev, peer_role, peer_dev):
        """A veth pair between two namespaces, up on both sides, with one queue each.

        A veth takes XDP programs only if it has as many receive queues as its peer has transmit queues, and
        net_af_xdp of DPDK 22.11 sees one queue of a veth at most.
        """
        one = ("numrxqueues", 1, "numtxqueues", 1)
        run("ip", "link", "add", dev, "netns", self.name(role), *one, "type", "veth", "peer", "name", peer_dev, *one,
            "netns", self.name(peer_role))
        self.ip(role, f"link set {dev} up")
        self.ip(peer_role, f"link set {peer_dev} up")

    def exec(self, role, *argv, **options):
        return run("ip", "netns", "exec", self.name(role), *argv, **options)

    def socket(self, role):
        """A TCP socket in a namespace."""
        with open(f"/run/netns/{self.name(role)}") as there, open("/proc/self/ns/net") as here:
            if _libc.setns(there.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), f"setns to {role}")
            try:
                return socket.socket()
            finally:
                _libc.setns(here.fileno(), CLONE_NEWNET)

    def spawn(self, role, *argv, **options):
        """Start a process in a namespace; close() ends it, and so does the death of this process."""
        child = subprocess.Popen(["ip", "netns", "exec", self.name(role), *map(str, argv)],
                                 preexec_fn=_die_with_parent, **options)
        self.children.append(child)
        return child
