# SPDX-License-Identifier: BSD-3-Clause
"""The lab's edge as a machine of its own: systemd boots there, with this system's files and the edge's network.

Its processes, mounts, host name and control groups are not this system's. /run/sluice is the lab's run directory,
so that the lab's sluicectl reaches the daemons.
"""
import contextlib
import os
import shutil
import subprocess
import time
from pathlib import Path

import settings
from lab import Lab
from netns import can_lock_memory

UNITS = ("sluiced", "sluice-dataplane")
CONFIG = Path("/etc/sluice/sluice.yaml")
MARK = "# an operator was here\n"

CGROUP_FS = ("/sys/fs/cgroup/unified", "/sys/fs/cgroup")  # with version 1 beside it, or not
BOOT_S = 300
COMMAND_S = 900

# With dpdk, what waits for a dataplane that starts slowly is not lost: TCP's pause before its next try is as long as all
# those before. With xdp and auto the program stays on the port.
PATIENCE_S = 120 if settings.DATAPLANE == "dpdk" else 15

# What would change the kernel that others use, or wait for devices.
MASKED = ("systemd-sysctl", "systemd-udevd", "systemd-udev-trigger", "systemd-binfmt", "systemd-modules-load", "systemd-networkd",
          "systemd-random-seed", "systemd-remount-fs", "systemd-tmpfiles-setup-dev", "getty@tty1", "console-getty", "nginx")

BOOT = """
read -r _ # until it is in its control group
exec unshare --mount --pid --cgroup --uts --ipc --fork --kill-child sh -euc '
	run_dir=$1
	shift
	mount --make-rprivate /
	mount -t proc proc /proc
	mount -t cgroup2 cgroup2 /sys/fs/cgroup
	while umount /sys/fs/bpf 2> /dev/null; do :; done # of several systemd would make the uppermost read-only
	mount -t bpf bpf /sys/fs/bpf
	mount --bind "$run_dir" /mnt
	mount -t tmpfs tmpfs /run
	mkdir /run/sluice
	mount --move /mnt /run/sluice
	mount -t tmpfs tmpfs /tmp
	hostname edge
	exec env -i container=sluice-lab PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
' sh "$1" /lib/systemd/systemd --unit=multi-user.target --show-status=no $2 < /dev/null > /dev/null 2>&1
"""


class Booted(Lab):
    """The lab with the machine's configuration file instead of one of its own; Sluice runs as its units say."""

    def __init__(self):
        super().__init__()
        self.config_path = CONFIG
        self.machine = Machine(self)
        # A busy machine is no reason for an instance to be down, and to lose its connections.
        for pool in self.config["pools"].values():
            for check in pool["checks"]:
                check.update(interval="5s", timeout="4s", unhealthy=3, healthy=2)

    def up(self):
        super().up()
        self.machine.boot()

    def down(self):
        if not self._closed:
            self.machine.off()
        super().down()

    def pids(self):
        return {unit: self.machine.show(unit, "MainPID")["MainPID"] for unit in UNITS}

    def needed(self):
        """The units that run with this dataplane."""
        return UNITS[:1] if settings.DATAPLANE == "xdp" else UNITS

    def not_carried(self, unit="sluice-dataplane"):
        """When there was no dataplane at the last restart, in nanoseconds; a moment that never was if the kernel had the packets."""
        if settings.DATAPLANE != "dpdk":
            return 0, 0
        stamps = self.machine.show(unit, "ActiveExitTimestampMonotonic", "ActiveEnterTimestampMonotonic")
        return int(stamps["ActiveExitTimestampMonotonic"]) * 1000, int(stamps["ActiveEnterTimestampMonotonic"]) * 1000

    def write_config(self, text=None):
        """Replace the file; owner, group and mode are those that it had."""
        new = self.config_path.with_suffix(".new")
        new.write_text((settings.to_yaml(self.config) if text is None else text) + MARK)
        was = self.config_path.stat()
        os.chown(new, was.st_uid, was.st_gid)
        shutil.copymode(self.config_path, new)
        new.rename(self.config_path)


class Machine:
    def __init__(self, lab):
        self.lab = lab
        top = next(Path(p) for p in CGROUP_FS if (Path(p) / "cgroup.procs").exists())
        self.cgroup = top / f"sluice-lab-{os.getpid()}"
        self.child = None

    def boot(self):
        self.cgroup.mkdir()
        masks = " ".join(f"systemd.mask={unit}.service" for unit in MASKED)
        self.child = self.lab.net.spawn("edge", "sh", "-euc", BOOT, "sh", self.lab.run_dir, masks, stdin=subprocess.PIPE)
        (self.cgroup / "cgroup.procs").write_text(str(self.child.pid))
        self.child.stdin.write(b"go\n")
        self.child.stdin.close()
        deadline = time.monotonic() + BOOT_S
        while self.state() not in ("running", "degraded"):
            if self.child.poll() is not None:
                raise RuntimeError(f"systemd ended with {self.child.returncode}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"systemd is not up after {BOOT_S} s: {self.state()}")
            time.sleep(0.2)

        if not can_lock_memory():
            for unit in UNITS:
                self.drop_in(unit, "memlock", "CapabilityBoundingSet=CAP_IPC_LOCK\nAmbientCapabilities=CAP_IPC_LOCK\n")

    def drop_in(self, unit, name, text):
        """More settings of a unit's service, until the machine is off."""
        self.run("sh", "-euc", 'mkdir -p "$0" && printf "[Service]\n%s" "$2" > "$0/$1.conf" && systemctl daemon-reload',
                 f"/run/systemd/system/{unit}.service.d", name, text)

    def init(self):
        """systemd's number here, or None."""
        with contextlib.suppress(OSError, IndexError):
            return int(Path(f"/proc/{self.child.pid}/task/{self.child.pid}/children").read_text().split()[0])
        return None

    def state(self):
        return self.run("systemctl", "is-system-running", check=False).stdout.strip() if self.init() else "not started"

    def run(self, *argv, check=True):
        """Run a command on the machine; return it with its output."""
        init = self.init()
        words = ["nsenter", "-t", str(init), "-m", "-p", "-u", "-i", "-n", "-C", "--", *map(str, argv)]
        done = subprocess.run(words, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=COMMAND_S, check=False)
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(map(str, argv))}: exit code {done.returncode}: {done.stdout}")
        return done

    def show(self, unit, *properties):
        """Properties of a unit: {"ActiveState": "active"}."""
        said = self.run("systemctl", "show", *(f"-p{name}" for name in properties), unit).stdout
        return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)

    def journal(self, *argv):
        """What systemd and the units have said."""
        said = [f"_SYSTEMD_UNIT={unit}.service" for unit in UNITS]
        return self.run("journalctl", "--no-pager", *argv, *said, "+", "_PID=1", check=False).stdout if self.init() else "no systemd"

    def off(self):
        if self.child and self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        for _ in range(50):  # until the kernel has seen the last process off
            try:
                for folder in sorted(self.cgroup.rglob("*/"), reverse=True):
                    folder.rmdir()
                self.cgroup.rmdir()
                return
            except OSError:
                time.sleep(0.1)
