# SPDX-License-Identifier: BSD-3-Clause
"""The lab's edge as a machine of its own: systemd boots there, with this system's files and the edge's network.

Its processes, mounts, host name and control groups are not this system's. /run/sluice is the lab's run directory,
so that the lab's sluicectl reaches the daemons.
"""
import contextlib
import os
import subprocess
import time
from pathlib import Path

CGROUP_FS = ("/sys/fs/cgroup/unified", "/sys/fs/cgroup")  # with version 1 beside it, or not
BOOT_S = 90

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
                              timeout=300, check=False)
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(map(str, argv))}: exit code {done.returncode}: {done.stdout}")
        return done

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
