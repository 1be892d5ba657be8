# SPDX-License-Identifier: BSD-3-Clause
"""A Debian guest under QEMU in the place of the lab's edge, and the NICs that it may have. No KVM is needed."""
import contextlib
import socket
import subprocess
import time
from pathlib import Path

BOOT_S = 900  # emulated, on a busy machine
MANAGEMENT = ("192.168.99.1", "192.168.99.2")  # of the switch's namespace, of the guest (tests/machines/image)
PORT_MAC = "52:54:00:00:00:05"
PORT_SLOT = 9
PORT_PCI = f"0000:00:{PORT_SLOT:02x}.0"


class Guest:
    """Use boot() once; it may be rebooted by run("reboot"). The disk is as before at the next one's boot."""

    def __init__(self, net, folder, nic, cpus, queues, iommu):
        self.net, self.folder, self.nic, self.cpus, self.queues, self.iommu = net, Path(folder), nic, cpus, queues, iommu
        self.monitor_path = net.dir / "monitor"
        self.console = net.dir / "console"
        self.process = None

    def taps_make(self, bridge):
        many = ["multi_queue"] if self.queues > 1 else []
        for tap, words in (("tap-edge", many), ("tap-mgmt", [])):
            self.net.exec("switch", "ip", "tuntap", "add", "dev", tap, "mode", "tap", *words)
        self.net.ip("switch", f"link set tap-edge master {bridge}", "link set tap-edge up", "link set tap-mgmt up",
                    f"addr add {MANAGEMENT[0]}/24 dev tap-mgmt")

    def _words(self):
        queues = [f"queues={self.queues}"] if self.queues > 1 else []
        nic = self.nic + (f",mq=on,vectors={2 * self.queues + 2}" if self.queues > 1 and self.nic.startswith("virtio") else "")
        tap = "script=no,downscript=no"
        return ["-M", "q35" + (",kernel-irqchip=split" if self.iommu else ""), "-accel", "tcg,thread=multi", "-cpu", "max",
                "-smp", self.cpus, "-m", 3072,
                *(["-device", "intel-iommu,intremap=off,caching-mode=on"] if self.iommu else []),
                "-kernel", self.folder / "vmlinuz", "-initrd", self.folder / "initrd",
                "-append", "root=/dev/vda rw console=ttyS0 quiet" + (" intel_iommu=on iommu=pt" if self.iommu else ""),
                "-drive", f"file={self.folder / 'disk.ext4'},format=raw,if=virtio,snapshot=on",
                "-netdev", f"tap,id=management,ifname=tap-mgmt,{tap}",
                "-device", "virtio-net-pci,netdev=management,mac=52:54:00:00:00:01,addr=8",
                "-netdev", ",".join([f"tap,id=port,ifname=tap-edge,{tap}", *queues]),
                "-device", f"{nic},netdev=port,id=nic,mac={PORT_MAC},addr={PORT_SLOT}",
                "-display", "none", "-serial", f"file:{self.console}", "-monitor", f"unix:{self.monitor_path},server,nowait"]

    def boot(self):
        """Return when it answers; how long that took."""
        began = time.monotonic()
        with open(self.net.dir / "qemu.log", "ab") as log:
            self.process = self.net.spawn("switch", "qemu-system-x86_64", *self._words(), stdin=subprocess.DEVNULL,
                                          stdout=log, stderr=log)
        self.wait()
        return time.monotonic() - began

    def wait(self):
        deadline = time.monotonic() + BOOT_S
        while self.run("true", check=False).returncode:
            if self.process.poll() is not None:
                raise RuntimeError(f"QEMU ended: {(self.net.dir / 'qemu.log').read_text()}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"the guest does not answer after {BOOT_S} s:\n{self.console.read_text()[-2000:]}")
            time.sleep(1)

    def run(self, command, check=True, timeout_s=300, **options):
        """Run a shell's command in the guest; return it with its output."""
        return self.net.exec("switch", "ssh", "-q", "-i", self.folder / "key", "-o", "StrictHostKeyChecking=no",
                             "-o", "UserKnownHostsFile=/dev/null", "-o", "ConnectTimeout=5", "-o", "ServerAliveInterval=5",
                             f"root@{MANAGEMENT[1]}", command, check=check, timeout_s=timeout_s, **options)

    def reboot(self):
        before = self.run("cat /proc/sys/kernel/random/boot_id").stdout
        self.run("systemctl reboot", check=False)
        deadline = time.monotonic() + BOOT_S
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                now = self.run("cat /proc/sys/kernel/random/boot_id", check=False, timeout_s=20)
                if now.returncode == 0 and now.stdout != before:
                    return
            if time.monotonic() > deadline:
                raise TimeoutError(f"the guest is not back after {BOOT_S} s")
            time.sleep(1)

    def link(self, up):
        """Pull the port's cable, or put it back."""
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.connect(str(self.monitor_path))
            monitor.recv(4096)
            monitor.sendall(f"set_link nic {'on' if up else 'off'}\n".encode())
            time.sleep(0.5)
            monitor.recv(4096)

    def port_name(self):
        """The kernel's name of the port, while the kernel has it."""
        return self.run(f"ls /sys/bus/pci/devices/{PORT_PCI}/net /sys/bus/pci/devices/{PORT_PCI}/virtio*/net 2>/dev/null | "
                        "grep -v : | grep .").stdout.split()[0]

    def bind(self, driver):
        """Give the port to a driver of DPDK, for this boot and the next ones."""
        self.run(f"modprobe {driver} && driverctl set-override {PORT_PCI} {driver}")

    def off(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
