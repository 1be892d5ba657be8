# SPDX-License-Identifier: BSD-3-Clause
"""What a figure was measured on, and with."""
import contextlib
import os
import platform
import re
import resource
import subprocess
import time
from pathlib import Path


def _read(path):
    with contextlib.suppress(OSError):
        return Path(path).read_text(errors="replace").strip()
    return ""


def _said(*argv):
    """The first line that a program prints, or nothing."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(argv, capture_output=True, text=True, timeout=10, check=False)
        return done.stdout.strip().split("\n")[0]
    return ""


def _cpuinfo(key):
    found = re.search(rf"^{key}\s*:\s*(.*)$", _read("/proc/cpuinfo"), re.M)
    return found[1] if found else ""


def _meminfo(key):
    found = re.search(rf"^{key}:\s+(\d+)", _read("/proc/meminfo"), re.M)
    return int(found[1]) if found else 0


def _caches():
    caches = {}
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        kind = _read(index / "type")
        caches[f"L{_read(index / 'level')}{'' if kind == 'Unified' else kind[:1].lower()}"] = _read(index / "size")
    return caches


def _vector_units():
    flags = _cpuinfo("flags").split()
    return [name for name in ("avx2", "avx512f", "avx512bw", "avx512vl") if name in flags]


def make():
    """Of the CPU: maker, family and model, as a name for files."""
    maker = {"AuthenticAMD": "amd", "GenuineIntel": "intel"}.get(_cpuinfo("vendor_id"), _cpuinfo("vendor_id").lower() or "unknown")
    return "-".join([maker, _cpuinfo("cpu family"), _cpuinfo("model")]).rstrip("-")


def describe():
    """The machine. Hugepages: of 2 MiB, before anything was reserved."""
    return {
        "cpu": _cpuinfo("model name"),
        "make": make(),
        "cpus": os.cpu_count(),
        "threads_per_core": len(re.split("[,-]", _read("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list"))),
        "tsc_mhz": float(_cpuinfo("cpu MHz") or 0),  # the benchmarks' own, where they say it, counts
        "vector_units": _vector_units(),
        "caches": _caches(),
        "memory_mb": _meminfo("MemTotal") // 1024,
        "hugepages": _meminfo("HugePages_Total"),
        "kernel": platform.release(),
        "hypervisor": _said("systemd-detect-virt", "--vm") or ("yes" if "hypervisor" in _cpuinfo("flags") else "none"),
        "system": next((w.split("=")[1].strip('"') for w in _read("/etc/os-release").splitlines()
                        if w.startswith("PRETTY_NAME=")), ""),
    }


def versions():
    return {
        "dpdk": _said("pkg-config", "--modversion", "libdpdk"),
        "libbpf": _said("pkg-config", "--modversion", "libbpf"),
        "compiler": _said(os.environ.get("CC") or "gcc", "--version"),
        "clang": _said("clang", "--version"),
    }


def commit():
    """Which, and whether files of it were changed."""
    return {"commit": _said("git", "rev-parse", "HEAD"),
            "dirty": bool(_said("git", "status", "--porcelain", "--untracked-files=no"))}


class Noise:
    """What else the machine does meanwhile: the load before, what others used, and what the hypervisor took away."""

    def __init__(self):
        self.load = os.getloadavg()[0]
        self.began = time.monotonic()
        self.before, self.mine = self._cpu_times(), self._own_s()

    @staticmethod
    def _cpu_times():
        """Of all CPUs in seconds: user, nice, system, idle, iowait, irq, softirq, steal."""
        fields = (_read("/proc/stat").split("\n")[0].split() + ["0"] * 9)[1:9]
        return [int(f) / os.sysconf("SC_CLK_TCK") for f in fields]

    @staticmethod
    def _own_s():
        """Of this process and of its children that have ended."""
        return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))

    def others_cpus(self):
        """How many CPUs all but this process and its children kept busy since."""
        spent = [after - before for before, after in zip(self.before, self._cpu_times())]
        busy_s = sum(spent) - spent[3] - spent[4] - (self._own_s() - self.mine)
        return max(0.0, busy_s / max(time.monotonic() - self.began, 1e-3))

    def as_json(self):
        spent = [after - before for before, after in zip(self.before, self._cpu_times())]
        return {"load_before": round(self.load, 2), "others_cpus": round(self.others_cpus(), 2),
                "stolen_percent": round(100 * spent[7] / (sum(spent) or 1), 2)}
