# SPDX-License-Identifier: BSD-3-Clause
"""A Debian guest under QEMU in the place of the lab's edge, and the NICs that it may have. No KVM is needed."""
import contextlib
import socket
import subprocess
import time
from pathlib import Path

BOOT_S = 900  # emulated, on a busy machine
MEMORY_MB = 2048
MANAGEMENT = ("192.168.99.1", "192.168.99.2")  # of the switch's namespace, of the guest (tests/machines/image)
SHELL_PORT = 1000
PORT_MAC = "52:54:00:00:00:05"
PORT_SLOT = 9
PORT_PCI = f"0000:00:{PORT_SLOT:02x}.0"
# What udev would load and nothing here uses, and what costs an emulated CPU seconds at boot.
UNUSED = ("aesni_intel", "cfg80211", "evdev", "ghash_clmulni_intel", "i2c_i801", "iTCO_wdt", "lpc_ich", "parport_pc", "pcspkr", "ppdev",
          "psmouse", "serio_raw", "sha512_ssse3")
KERNEL_WORDS = ("root=/dev/vda rw console=ttyS0 quiet mitigations=off audit=0 fsck.mode=skip no_timer_check cryptomgr.notests "
                f"modprobe.blacklist={','.join(UNUSED)}")


class Guest:
    """Use boot() once, and reboot() as often as you like. The disk is as before at the next one's boot."""

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
        nic = self.nic
        if self.nic == "virtio-net-pci":
            nic += (f",mq=on,vectors={2 * self.queues + 2}" if self.queues > 1 else "") + (",iommu_platform=on,disable-legacy=on" if self.iommu else "")
        tap = "script=no,downscript=no"
        return ["-nodefaults", "-M", "q35" + (",kernel-irqchip=split" if self.iommu else ""), "-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max,la57=off",
                "-smp", self.cpus, "-m", MEMORY_MB,
                *(["-device", "intel-iommu,intremap=on,caching-mode=on"] if self.iommu else []),
                "-kernel", self.folder / "vmlinuz", "-initrd", self.folder / "initrd",
                "-append", KERNEL_WORDS + (" intel_iommu=on iommu=pt" if self.iommu else ""),
                "-drive", f"file={self.folder / 'disk.ext4'},format=raw,if=virtio,snapshot=on,cache=unsafe",
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

    def wait(self, old_boot=""):
        """Until it answers, and is not that boot any more."""
        deadline = time.monotonic() + BOOT_S
        while not (now := self.boot_id()) or now == old_boot:
            if self.process.poll() is not None:
                raise RuntimeError(f"QEMU ended: {(self.net.dir / 'qemu.log').read_text()}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"the guest does not answer after {BOOT_S} s:\n{self.console.read_text(errors='replace')[-2000:]}")
            time.sleep(1)

    def boot_id(self):
        """Another one after each boot; None if it does not answer."""
        with contextlib.suppress(OSError):
            return self.run("cat /proc/sys/kernel/random/boot_id", timeout_s=30).stdout
        return None

    def run(self, command, check=True, timeout_s=300, input=""):
        """Run a shell's command in the guest; return it with its output."""
        script = (f"{{ {command}\n}} 2> /run/said.$$ <<'END-OF-INPUT'\n{input}END-OF-INPUT\n"
                  "printf '\\0%s\\0' $?; cat /run/said.$$; rm /run/said.$$\n")
        with self.net.socket("switch") as shell:
            shell.settimeout(timeout_s)
            shell.connect((MANAGEMENT[1], SHELL_PORT))
            shell.sendall(script.encode())
            shell.shutdown(socket.SHUT_WR)
            said = b"".join(iter(lambda: shell.recv(65536), b"")).decode(errors="replace")
        if said.count("\0") != 2:
            raise ConnectionResetError(f"{command}: no answer")
        out, code, error = said.split("\0")
        if check and code != "0":
            raise RuntimeError(f"{command}: exit code {code}: {error.strip()}")
        return subprocess.CompletedProcess(command, int(code), out, error)

    def reboot(self):
        before = self.boot_id()
        with contextlib.suppress(OSError):
            self.run("systemctl reboot", check=False, timeout_s=30)
        self.wait(before)

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
        """Give the port to a driver of DPDK, or (None) to the kernel's as after a boot; for this boot and the next ones."""
        self.run(f"[ ! -e /sys/bus/pci/devices/{PORT_PCI}/driver ] || echo {PORT_PCI} > /sys/bus/pci/devices/{PORT_PCI}/driver/unbind; " +
                 (f"modprobe {driver}; driverctl set-override {PORT_PCI} {driver}" if driver else
                  f"driverctl unset-override {PORT_PCI}; [ -e /sys/bus/pci/devices/{PORT_PCI}/driver ] || "
                  f"echo {PORT_PCI} > /sys/bus/pci/drivers_probe; udevadm settle"))

    def cpus_online(self, count):
        """As if it had no more."""
        self.run("; ".join(f"echo {int(cpu < count)} > /sys/devices/system/cpu/cpu{cpu}/online" for cpu in range(1, self.cpus)) or "true")

    def off(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
