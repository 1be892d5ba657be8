#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# test-long
"""The XDP program outlives sluiced, is replaced under traffic, and the holder of a busy hook is reported.

test-dataplanes: xdp
test-timeout: 600 s
"""
import contextlib
import signal
import struct
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lab"))

import settings  # noqa: E402
import scenario  # noqa: E402
from lab import BIN, wait_for  # noqa: E402
from scenario import expect, expect_equal, figure  # noqa: E402

HELD = 80
REPLACEMENTS = 100
KILLS = 10
EM_BPF = 247
R0_BECOMES_R5 = bytes([0xbf, 0x50, 0, 0, 0, 0, 0, 0])


def answers(lab, count=80):
    report = lab.load(requests=count, timeout=5).wait()
    expect_equal(report["failed"], 0, f"failed requests: {report['failures'][:3]}")


def pins(lab):
    return {path.name for path in lab.bpf_dir.glob("sluice-edge0/*")}


def replace(lab, times, number):
    """Restart sluiced under load this often. Every start replaces the program."""
    before, flows = lab.probe(count=20), lab.ctl("status")["node"]["dataplane"]["boot_id"]
    held = lab.hold(connections=HELD, interval=0.2)
    load = lab.load(rate=120, workers=8)
    seen = {lab.edge_program()}
    began = time.monotonic()
    for _ in range(times):
        lab.sluiced.kill(number)
        lab.sluiced.start()
        seen.add(lab.edge_program())
    took_s = time.monotonic() - began
    report, connections = load.stop(), held.close()
    expect_equal(report["failed"], 0, f"failed requests ({report['kinds']}): {report['failures'][:3]}")
    expect_equal([c for c in connections if c["error"]][:3], [], "long-lived connections that broke")
    expect_equal(len(seen - {None}), times + 1, "programs that were seen on the port")
    expect_equal(lab.probe(count=20), before, "instances of fixed source ports")
    expect_equal(lab.ctl("status")["node"]["dataplane"]["boot_id"], flows, "the flow table")
    lab.wait_up()
    return f"{report['requests']:,} requests, 0 failed, {HELD} long-lived connections lived on, {took_s:.0f} s"


def killed_ten_times(lab):
    """kill -9 of sluiced ten times under load: no failed request."""
    figure(f"sluiced killed {KILLS} times: {replace(lab, KILLS, signal.SIGKILL)}")


def replaced_hundred_times(lab):
    """The program replaced 100 times under load: no failed request, no flow moved."""
    figure(f"program replaced {REPLACEMENTS} times: {replace(lab, REPLACEMENTS, signal.SIGTERM)}")
    figure(str(lab.at_rest()))


def link_pin_lost(lab):
    """The pins deleted under sluiced, all but the link: a restart begins an empty flow table, logs it, and no request fails."""
    folder = lab.bpf_dir / "sluice-edge0"
    for name in sorted(pins(lab) - {"link"})[::2]:
        (folder / name).unlink()
    answers(lab)
    load = lab.load(rate=120, workers=8)
    before = lab.sluiced.log_bytes()
    lab.sluiced.kill(signal.SIGKILL)
    lab.sluiced.start()
    lab.wait_up()
    expect("begins empty" in lab.sluiced.log_since(before), f"it says only: {lab.sluiced.log(5)}")
    report = load.stop()
    expect_equal(report["failed"], 0, f"failed requests: {report['failures'][:3]}")
    (folder / "link").unlink()  # and so the program is gone
    wait_for("a program", lambda: lab.edge_program() and "link" in pins(lab))
    answers(lab)


def another_layout(lab):
    """Another size of the flow table after a restart: an empty table, logged, no packet lost; old flows reach their instances."""
    before = lab.probe(count=20)
    held = lab.hold(connections=HELD, interval=0.2)
    lab.sluiced.kill(signal.SIGTERM)
    lab.config["node"]["flows"] = 150000
    lab.write_config()
    log = lab.sluiced.log_bytes()
    lab.sluiced.start()
    lab.wait_up()
    expect("begins empty" in lab.sluiced.log_since(log), f"it says only: {lab.sluiced.log(5)}")
    expect("begins empty" in lab.ctl("status")["node"]["dataplane"]["note"], "status says nothing of it")
    time.sleep(1.5)
    expect_equal([c for c in held.close() if c["error"]][:3], [], "long-lived connections that broke")
    expect_equal(lab.probe(count=20), before, "instances of fixed source ports")
    lab.sluiced.kill(signal.SIGTERM)


def two_at_once(lab):
    """A second sluiced with another run directory: refused in one line, and the first one continues."""
    other = lab.net.dir / "other"
    other.mkdir()
    before = lab.edge_program()
    second = lab.net.spawn("edge", *lab.bpf_fs, BIN / "sluiced", "-c", lab.config_path, "-r", other, stderr=(lab.net.dir / "second.log").open("wb"))
    wait_for("its complaint", lambda: "another sluiced has the XDP program" in (lab.net.dir / "second.log").read_text())
    answers(lab)
    expect_equal(lab.edge_program(), before, "the program")
    second.terminate()
    second.wait(10)
    answers(lab)


def hook_is_held(lab):
    """Another program has the hook at the start: one line names it, and the start completes when it is gone."""
    lab.sluiced.kill(signal.SIGTERM)
    lab.edge_program_off()
    lab.edge_hook(lab.net.dir / "pass.o")
    log = lab.sluiced.log_bytes()
    lab.sluiced.start()
    time.sleep(3.5)
    said = [line for line in lab.sluiced.log_since(log).splitlines() if "held by" in line]
    expect(len(said) == 1 and "program 'pass' (id" in said[0], f"it says: {said}")
    lab.edge_hook()
    wait_for("traffic", lambda: lab.curl(settings.URLS[0], "-m", "1").returncode == 0)
    lab.wait_up()
    answers(lab)


def no_space(lab):
    """A run directory without space: the start logs it and continues when there is some."""
    lab.sluiced.kill(signal.SIGTERM)
    lab.edge(BIN / "sluiced", "--detach", *lab.arguments)
    (lab.run_dir / "xdp.segment").unlink()
    filler = lab.run_dir / "filler"
    with filler.open("wb", buffering=0) as f, contextlib.suppress(OSError):
        while f.write(b"x" * 65536):
            pass
    log = lab.sluiced.log_bytes()
    lab.sluiced.start(wait=False)
    wait_for("a word about it", lambda: "No space left" in lab.sluiced.log_since(log))
    expect(lab.sluiced.running() or "No space" in lab.sluiced.log_since(log), "sluiced died without a word")
    filler.unlink()
    if not lab.sluiced.running():
        lab.sluiced.start()
    lab.wait_up(40)
    answers(lab)


def bpf_objects(data):
    """Where they begin in a program that carries them."""
    at = data.find(b"\x7fELF", 4)
    while at >= 0:
        if struct.unpack_from("<H", data, at + 18)[0] == EM_BPF:
            yield at
        at = data.find(b"\x7fELF", at + 4)


def xdp_sections(data, at):
    """Offsets of the programs of one object."""
    table, = struct.unpack_from("<Q", data, at + 40)
    size, count, names = struct.unpack_from("<3H", data, at + 58)
    sections = [(struct.unpack_from("<I", data, at + table + i * size)[0], struct.unpack_from("<Q", data, at + table + i * size + 24)[0])
                for i in range(count)]
    return [at + offset for name, offset in sections if data.startswith(b"xdp\0", at + sections[names][1] + name)]


def broken_copy(lab):
    """A sluiced whose XDP programs read an uninitialized register."""
    data = bytearray((BIN / "sluiced").read_bytes())
    for offset in [offset for at in bpf_objects(data) for offset in xdp_sections(data, at)]:
        data[offset:offset + 8] = R0_BECOMES_R5
    path = lab.net.dir / "sluiced-broken"
    path.write_bytes(data)
    path.chmod(0o755)
    return path


def refused_by_the_kernel(lab):
    """The verifier refuses the program: one line, its log in a file, and the running program continues."""
    before, places = lab.edge_program(), lab.probe(count=10)
    lab.sluiced.kill(signal.SIGTERM)
    said = lab.net.dir / "refused.log"
    refused = lab.net.spawn("edge", *lab.bpf_fs, broken_copy(lab), *lab.arguments, stderr=said.open("wb"))
    wait_for("its complaint", lambda: "the kernel refuses the XDP program" in said.read_text())
    answers(lab)
    expect_equal(lab.edge_program(), before, "the program")
    expect_equal(lab.probe(count=10), places, "instances of fixed source ports")
    lines = [line for line in said.read_text().splitlines() if "xdp" in line.lower()]
    expect(len(lines) == 1 and "xdp-verifier.log" in lines[0], f"it says: {lines}")
    expect("R5 !read_ok" in (lab.run_dir / "xdp-verifier.log").read_text(), "the verifier's log is not in the file")
    refused.terminate()
    refused.wait(10)
    lab.sluiced.start()
    lab.wait_up()
    expect_equal(lab.probe(count=10), places, "instances of fixed source ports")


if __name__ == "__main__":
    scenario.run(killed_ten_times, replaced_hundred_times, link_pin_lost, another_layout, two_at_once, hook_is_held, no_space, refused_by_the_kernel)
