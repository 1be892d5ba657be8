#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# test-long
"""Both daemons with no more rights than their systemd units give them: users, capabilities, system calls, files.

test-timeout: 600 s
test-dataplanes: dpdk xdp
"""
import contextlib
import grp
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lab"))

import settings  # noqa: E402
import scenario  # noqa: E402
from lab import BIN, ROOT, wait_for  # noqa: E402
from netns import can_lock_memory, run  # noqa: E402
from scenario import expect, expect_equal, figure  # noqa: E402

UNITS = ROOT / "config/systemd"
OPERATORS = "games"  # a group of every Debian, in the place of sluice
IDS = {"root": 0, "sluice": grp.getgrnam(OPERATORS).gr_gid, "sluiced": 61102, "sluice-dataplane": 61103}
STRANGER = 61104
CAP_NET_ADMIN, CAP_BPF = 1 << 12, 1 << 39
POLITE = {"sluice-dataplane": ("--idle-sleep-us", "50"), "sluiced": ()}


def unit(program):
    """The settings of a unit's service: {"User": ["sluiced"], ...}."""
    found = {}
    for line in (UNITS / f"{program}.service").read_text().splitlines():
        key, equal, value = line.partition("=")
        if equal and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


def own_lock(lab):
    """The lab's /run/xdp in the place of this machine's."""
    return ["sh", "-c", 'mkdir -p /run/xdp && mount --bind "$0" /run/xdp && exec "$@"', lab.net.dir / "xdp"]


def groups_of(user):
    lines = [line.split() for line in (UNITS / "sluice.sysusers.conf").read_text().splitlines()]
    return [IDS[words[2]] for words in lines if words[:2] == ["m", user]]


def setpriv(program):
    """The command that gives a program what its unit does."""
    service = unit(program)
    user = service["User"][0]

    def words(key):
        names = service[key][0].split() + ([] if can_lock_memory() else ["CAP_IPC_LOCK"])
        return ",".join(["-all", *("+" + name.removeprefix("CAP_").lower() for name in names)])
    return ["setpriv", "--reuid", IDS[user], "--regid", IDS[user], "--groups", ",".join(map(str, groups_of(user))),
            "--inh-caps", words("AmbientCapabilities"), "--ambient-caps", words("AmbientCapabilities"),
            "--bounding-set", words("CapabilityBoundingSet"), "--no-new-privs",
            "sh", "-c", f'umask {service["UMask"][0]} && exec "$@"', "sh"]


def files_as_installed(lab):
    """The directories as systemd-tmpfiles sets them up, here for the lab."""
    paths = {"/run/sluice": lab.run_dir, "/etc/sluice/sluice.yaml": lab.config_path, "/sys/fs/bpf": lab.bpf_dir, "/run/xdp": lab.net.dir / "xdp"}
    paths["/run/xdp"].mkdir()
    for line in (UNITS / "sluice.tmpfiles.conf").read_text().splitlines():
        if line.startswith("#"):
            continue
        _, path, mode, user, group, *_ = line.split()
        with contextlib.suppress(FileNotFoundError):  # the lab has no BPF file system for dpdk
            os.chown(paths[path], IDS[user], IDS[group])
            os.chmod(paths[path], int(mode, 8))


def prepare(lab):
    """As after an installation. The programs must be where these users can read them."""
    folder = lab.net.dir / "bin"
    folder.mkdir(exist_ok=True)
    os.chmod(lab.net.dir, 0o755)
    for daemon in lab.daemons:
        daemon.path = Path(shutil.copy(BIN / daemon.program, folder))
        daemon.prefix = own_lock(lab) + setpriv(daemon.program)
    shutil.copy(BIN / "sluicectl", folder)
    lab.config["node"]["control_group"] = OPERATORS
    lab.write_config()
    files_as_installed(lab)


def start(lab, *daemons):
    for daemon in daemons or lab.daemons:
        if daemon.program == "sluice-dataplane":  # ExecStartPre=+
            lab.edge(daemon.path, *lab.arguments, "--hugepages", "reserve")
        daemon.start(*POLITE[daemon.program])
    lab.wait_up()


def answers(lab):
    """All requests are answered eventually; checks that time out on a busy machine do not matter here."""
    wait_for("all of 60 requests to be answered", lambda: lab.load(requests=60, timeout=10).wait()["failed"] == 0, 60)


def rights(daemon):
    """Of each thread: the user, and the capabilities in all sets but the bounding one."""
    for task in Path(f"/proc/{daemon.process.pid}/task").iterdir():
        status = dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines() if ":\t" in line)
        yield int(status["Uid"].split()[0]), max(int(status[key], 16) for key in ("CapPrm", "CapEff", "CapInh", "CapAmb")), status["NoNewPrivs"]


def carries_traffic(lab):
    """They start, forward to all kinds of services, drain and resume, and account for every packet."""
    prepare(lab)
    start(lab)
    answers(lab)
    lab.ctl("drain", "web/web-1")
    expect("web-1" not in lab.names(settings.URLS[0], 30), "a drained instance gets connections")
    lab.ctl("resume", "web/web-1")
    lab.wait_up()
    answers(lab)
    figure(str(lab.at_rest()))


def keeps_little(lab):
    """All threads of the dataplane have CAP_NET_ADMIN alone; neither daemon is root."""
    for daemon in lab.daemons:
        wanted = unit(daemon.program)
        for uid, capabilities, no_new_privileges in rights(daemon):
            expect_equal(uid, IDS[wanted["User"][0]], f"user of {daemon.program}")
            expect_equal(no_new_privileges, "1", f"NoNewPrivs of {daemon.program}")
            if daemon is lab.dataplane:
                expect_equal(capabilities, CAP_NET_ADMIN | (CAP_BPF if settings.DATAPLANE == "auto" else 0), "its capabilities")
            elif settings.DATAPLANE == "dpdk":
                expect(not capabilities & CAP_BPF, "sluiced keeps CAP_BPF, and has no use for it")


def operators_get_in(lab):
    """Members of the group may use sluicectl, others may not; and neither may write in the run directory."""
    for group, is_in in ((IDS["sluice"], True), (STRANGER, False)):
        done = run("setpriv", "--reuid", STRANGER, "--regid", group, "--clear-groups", lab.net.dir / "bin/sluicectl", "-r", lab.run_dir, "status",
                   check=False)
        expect_equal(done.returncode == 0, is_in, f"whether group {group} may use sluicectl ({done.stderr})")
    for name in ("dataplane.sock", "control.sock"):
        if (lab.run_dir / name).exists():
            mode = (lab.run_dir / name).stat().st_mode & 0o777
            expect_equal(mode, 0o660, f"mode of {name}")
    done = run("setpriv", "--reuid", STRANGER, "--regid", IDS["sluice"], "--clear-groups", "touch", lab.run_dir / "x", check=False)
    expect(done.returncode != 0, "an operator may write in the run directory")
    if lab.dataplane in lab.daemons:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
            pid = os.fork()
            if pid == 0:
                os.setgroups([])
                os.setgid(IDS["sluice"])
                os.setuid(STRANGER)
                with contextlib.suppress(PermissionError):
                    client.connect(str(lab.run_dir / "dataplane.sock"))
                    os._exit(1)
                os._exit(0)
            expect_equal(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0, "whether an operator is kept out of dataplane.sock")


def come_back(lab):
    """Each killed, each terminated, and both: they start again, and leave nothing on the port."""
    for number in (signal.SIGKILL, signal.SIGTERM):
        for daemon in lab.daemons:
            daemon.kill(number)
            start(lab, daemon)
            answers(lab)
            if settings.DATAPLANE == "dpdk" and daemon is lab.dataplane:
                kept = lab.ctl("status")["node"]["dataplane"]["flows_kept_note"]
                expect_equal(kept, "from sluiced", "who kept the flow tables, as another user")
    for daemon in reversed(lab.daemons):
        expect_equal(daemon.kill(signal.SIGTERM), 0, f"exit code of {daemon.program}")
    if settings.DATAPLANE == "dpdk":
        expect_equal(lab.edge_program(), None, "the XDP program that is left on the port")
    start(lab)
    answers(lab)


def allowed_calls(program):
    """System calls that a unit's filter lets through."""
    calls, todo = set(), [word for value in unit(program)["SystemCallFilter"] for word in value.split()]
    while todo:
        word = todo.pop()
        if not word.startswith("@"):
            calls.add(word)
            continue
        listed = run("systemd-analyze", "syscall-filter", "--no-pager", word).stdout.splitlines()
        todo += [line.strip() for line in listed[1:] if line.strip() and not line.strip().startswith("#")]
    return calls


def calls_are_allowed(lab):
    """They make no system call that their filter refuses, and no socket of another family."""
    for daemon in reversed(lab.daemons):
        daemon.kill(signal.SIGTERM)
    for daemon in lab.daemons:
        known = subprocess.run(["strace", "-e", "trace=?" + ",?".join(sorted(allowed_calls(daemon.program))), "-o", "/dev/null", "true"],
                               check=False, capture_output=True, text=True)
        expect_equal(known.returncode, 0, f"what strace says: {known.stderr}")
        # Only what is not allowed stops the program. DPDK asks for I/O ports, and does without where it gets none.
        refused = "trace=!?" + ",?".join(sorted((allowed_calls(daemon.program) | {"iopl"}) - {"socket"}))
        daemon.prefix = [*own_lock(lab), "strace", "-f", "--seccomp-bpf", "-qq", "-e", "signal=none", "-e", refused, "-o", lab.net.dir / f"{daemon.program}.calls",
                         *setpriv(daemon.program)]
    try:
        start(lab)
        answers(lab)
        lab.ctl("drain", "web/web-1")
        lab.ctl("resume", "web/web-1")
    finally:
        for daemon in reversed(lab.daemons):  # not strace, which would let go of it
            with contextlib.suppress(ValueError, OSError):
                os.kill(int((lab.run_dir / ("dataplane.pid" if daemon is lab.dataplane else "sluiced.pid")).read_text()), signal.SIGTERM)
            daemon.process.wait(20)
    for daemon in lab.daemons:
        made = (lab.net.dir / f"{daemon.program}.calls").read_text().splitlines()
        sockets = {found[1] for line in made if (found := re.search(r" socket\((\w+),", line))}
        refused = [line for line in made if " socket(" not in line and "socket resumed" not in line]
        expect(not refused, f"{daemon.program} makes calls that are refused: {refused[:5]}")
        expect(sockets, f"{daemon.program} makes no socket at all")
        wrong = {{"AF_LOCAL": "AF_UNIX"}.get(family, family) for family in sockets} - set(unit(daemon.program)["RestrictAddressFamilies"][0].split())
        expect(not wrong, f"{daemon.program} makes sockets of {wrong}")


def watchdog(lab):
    """Both notify the watchdog, but not while the event loop, a worker or the main thread hangs."""
    for daemon in lab.daemons:
        daemon.prefix = own_lock(lab) + setpriv(daemon.program)
    start(lab)
    for daemon in reversed(lab.daemons):
        daemon.kill(signal.SIGTERM)
    for daemon in lab.daemons:
        path = lab.net.dir / f"{daemon.program}.fed"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(str(path))
            os.chmod(path, 0o777)
            daemon.environment = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "1000000"}
            daemon.start(*POLITE[daemon.program], wait=False)
            try:
                _watchdog(daemon, notify)
            finally:
                daemon.environment = {}


def _feeds(notify, seconds):
    count, end = 0, time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        notify.settimeout(left)
        with contextlib.suppress(TimeoutError):
            count += b"WATCHDOG=1" in notify.recv(4096).split(b"\n")
    return count


def _watchdog(daemon, notify):
    wait_for("the first feed", lambda: _feeds(notify, 1) > 0)
    for thread in Path(f"/proc/{daemon.process.pid}/task").iterdir():
        name = (thread / "comm").read_text().strip()
        is_main = int(thread.name) == daemon.process.pid
        if not is_main and "worker" not in name:
            continue
        # Stops one thread alone: as long as gdb's ancestor, ptrace, holds it.
        with subprocess.Popen([sys.executable, "-c", HOLD, thread.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            expect_equal(holder.stdout.readline(), b"held\n", "what the holder says")
            _feeds(notify, 1.2)  # what was on its way, and the interval in which it was stopped
            expect_equal(_feeds(notify, 2), 0, f"feeds of {daemon.program} while {'its main thread' if is_main else name} is stopped")
            holder.stdin.close()
        wait_for(f"a feed after {name} goes on", lambda: _feeds(notify, 1) > 0)


HOLD = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long] * 4
tid = int(sys.argv[1])
if libc.ptrace(0x4206, tid, 0, 0) or libc.ptrace(0x4207, tid, 0, 0):  # PTRACE_SEIZE, PTRACE_INTERRUPT
    sys.exit(os.strerror(ctypes.get_errno()))
os.waitpid(tid, 0x40000000)
print("held", flush=True)
sys.stdin.read()
libc.ptrace(17, tid, 0, 0)  # PTRACE_DETACH
"""


if __name__ == "__main__":
    scenario.run(carries_traffic, keeps_little, operators_get_in, come_back, calls_are_allowed, watchdog, bare=True)
