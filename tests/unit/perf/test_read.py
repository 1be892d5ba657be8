#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""From what the benchmarks write to figures, and from figures to the page."""
import json
import re
import tempfile
from html import escape
from pathlib import Path

import suite
from suite import expect, expect_equal

import bench
import goals
import page
import read_cpus
import read_cycles
import read_memif
import read_publish
import read_xdp


def row(name, cycles, flows=1000, **more):
    return {"name": name, "flows": flows, "frame_in": 60, "frame_out": 80, "hit_rate": 1.0, "cycles": cycles,
            "cycles_p10": cycles - 1, "cycles_p90": cycles + 1, "ns": cycles / 2.5, "repetitions": 21, "interrupted": 0, **more}


CYCLES = {"machine": {"tsc_ghz": 2.5}, "rows": [
    row("IPv4 ipip", 40), row("IPv4 ipip", 44, stages={"parse": 20, "lookup": 10}), row("  macswap", 20), row("    floor: memory only", 15),
    row("IPv6 ipip", 60), row("IPv4 gue", 44), row("IPv6 gue", 75), row("IPv4 and IPv6 ipip", 55), row("IPv4 and IPv6 ipip", 99, stages={"parse": 50}),
    row("IPv4 ipip", 50, 1000000), row("SYN flood, table at its rating", 225, 1000000),
    row("IPv4 ipip", 60, 10000000), row("  flow table, 64 keys", 10, 1000000),
    row("  rte_hash_lookup_bulk, 64 keys", 35, 1000000), row("insert IPv4 ipip", 125, 1000000)],
    "figures": {"workers.2": {"value": 1.9, "unit": "times", "low": 1.8, "high": 2.0, "note": "both CPUs"},
                "flood.lost": {"value": 0, "unit": "flows", "low": None, "high": None, "note": ""}}}

MEMIF = {
    "parameters": {"flows": "100k"},
    "rate": {"pps": {"macswap": {}, "l2": {}}, "rounds": [{"macswap": 20e6, "l2": 18e6}, {"macswap": 10e6, "l2": 8e6}],
             "ratio": {"l2": {"values": [0.9, 0.8]}}},
    "flood": {"rounds": [{"share": 0.95, "pps": 2e6}, {"share": 0.97, "pps": 3e6}], "moved": 0, "forgotten": 3},
    "change": {"rounds": [{"changes_per_s": 99}, {"changes_per_s": 97}], "ratio": {"values": [0.98, 0.96]},
               "ratio_idle": {"values": [0.5, 0.7]}, "moved": 2},
    "cps": {"rounds": [{"cps": 3e6}, {"cps": 5e6}]},
    "search": [{"mode": "l2", "size": "64", "flows": "1M", "zero_loss_pps": 5e6, "drop_pps": 6e6}],
}

PUBLISH = {"load": {"workers": 1, "mpps": 20.0, "change_cpu_us": 400.0}, "builds": [
    {"instances": 10, "slots": 65537, "equal": True, "low_us": 440.0, "median_us": 450.0, "high_us": 490.0},
    {"instances": 10, "slots": 65537, "equal": False, "low_us": 1100.0, "median_us": 1200.0, "high_us": 1500.0},
], "rows": [{"name": "flags", "bytes": 64, "n": 9, **{
    leg: [[10, 1.0], [50, 2.0], [90, 3.0], [99, 4.0], [100, 5.0]] for leg in ("wake_us", "stage_us", "grace_us", "took_us")}}]}

SPREAD = {"p25": 9.0, "median": 10.0, "p75": 11.0}
XDP = {"rows": [{"family": 4, "what": "hit", "flows": 1000, "bare": SPREAD, "sluice": SPREAD}]}

CPUS = {"round_trip_ns": [80, 90, 400], "lines_mps": [30, 40, 50],
        "gaps": [{"cpu": 1, "over_20us": 9, "over_100us": 3, "over_1ms": 1, "longest_us": 1200.5, "lost_percent": 0.5}]}


def test_cpus():
    figures = read_cpus.read(CPUS)
    expect_equal((figures["cpus.round_trip"].value, figures["cpus.lines"].value), (90, 40))
    expect_equal((figures["cpus.gap.1"].value, figures["cpus.gaps.1"].value), (1200.5, 3))


def test_cycles():
    figures = read_cycles.read(CYCLES)
    expect_equal(figures["hit.4.ipip.1000"].value, 40, "of the row without stages")
    expect_equal(figures["hit.4.ipip.growth"].value, 1.5)
    expect_equal((figures["macswap.1000"].value, figures["floor.1000"].value), (20, 15))
    expect_equal(figures["lookup.1000000"].value, 3.5)
    expect_equal(round(figures["hit.4.ipip.1000.floor"].value, 3), round(40 / 15, 3))
    expect_equal(figures["hit.6.ipip.1000.four"].value, 1.5)
    expect_equal((figures["hit.4.gue.1000.ipip"].value, figures["hit.6.gue.1000.ipip"].value), (1.1, 1.25))
    expect_equal(figures["hit.mixed.ipip.1000.mean"].value, 1.1, "of the row without stages")
    expect_equal((figures["hit.mixed.ipip.1000"].value, "hit.4.and.1000" in figures), (55, False))
    expect_equal(figures["flood.hits"].value, 4.5)
    expect_equal(figures["insert.4"].value, 20, "millions a second at 2.5 GHz")
    expect(figures["insert.4"].low < 20 < figures["insert.4"].high, "a rate's spread is the cycles' other way round")
    expect_equal(figures["hit.4.ipip.1000"].conditions, {"frame_in": 60, "frame_out": 80, "flows": 1000, "hit_rate": 1.0, "loss": 0,
                                                  "cpus": 1})
    expect_equal((figures["workers.2"].value, figures["workers.2"].low, figures["flood.lost"].value), (1.9, 1.8, 0))
    expect_equal(read_cycles.stages(CYCLES), [("IPv4 ipip", 1000, {"parse": 20, "lookup": 10}), ("IPv4 and IPv6 ipip", 1000, {"parse": 50})])


def test_memif():
    figures = read_memif.read(MEMIF)
    expect_equal(round(figures["memif.ratio.l2"].value, 3), 0.85)
    expect_equal(figures["memif.macswap"].value, 15)
    expect_equal(figures["flood.share"].value, 96)
    expect_equal(figures["flood.lost.memif"].value, 3)
    expect_equal(figures["change.throughput"].value, 97)
    expect_equal(round(figures["change.throughput.all"].value), 60)
    expect_equal(figures["change.moved"].value, 2)
    expect_equal(figures["connections.memif"].value, 4)
    expect_equal(figures["search.l2.64.1M"].conditions["flows"], 1000000)


def test_a_part_alone():
    expect_equal(list(read_memif.read({"parameters": {"flows": "1k"}, "cps": MEMIF["cps"]})), ["connections.memif"])


def test_publish():
    figures = read_publish.read(PUBLISH)
    expect_equal([figures[f"publish.flags.{k}"].value for k in ("p50", "p99", "max", "wake")], [2.0, 4.0, 5.0, 2.0])
    expect_equal((figures["publish.flags.p50"].low, figures["publish.flags.p50"].high), (1.0, 3.0))
    expect_equal(figures["publish.change.cpu"].value, 400)
    expect_equal([figures[f"publish.build.10.65537{k}"].value for k in ("", ".weights")], [450, 1200])


def test_xdp():
    expect_equal(read_xdp.read(XDP)["xdp.hit.4.1000"].value, 10)
    expect_equal([key for key in read_xdp.read(XDP) if "katran" in key], [], "without it")


def test_xdp_beside_katran():
    rows = [{**XDP["rows"][0], "family": family, "flows": flows, "ratio_to_katran": {"p25": ratio - 0.1, "median": ratio, "p75": ratio + 0.1}}
            for family, flows, ratio in ((4, 1, 0.4), (4, 1000, 0.5), (4, 100000, 0.3), (6, 1, 0.6))]
    rows.append({**rows[0], "what": "insert", "ratio_to_katran": {"p25": 9, "median": 9, "p75": 9}})
    found = read_xdp.read({"rows": rows})
    expect_equal((found["xdp.katran.4"].value, found["xdp.katran.4"].conditions["flows"]), (0.5, 1000), "the worst")
    expect_equal(read_xdp.read_full({"rows": rows})["xdp.full.katran.6"].value, 0.6)


def test_goals_ask_for_what_readers_give():
    given = {**read_cycles.read(CYCLES), **read_memif.read(MEMIF), **read_publish.read(PUBLISH)}
    for key in ("hit.4.ipip.1000.floor", "hit.mixed.ipip.1000.mean", "flood.hits", "lookup.1000000", "insert.4", "memif.ratio.l2", "flood.share", "change.moved", "publish.flags.p99"):
        expect(key in given and any(goal.key == key for goal in goals.GOALS), key)


def result(outcomes, verdicts):
    return {"started": "now", "dirty": True, "commit": "0123456789abcdef", "versions": {"dpdk": "22.11"},
            "noise": {"load_before": 1, "others_cpus": 0.1, "stolen_percent": 0},
            "machine": {"cpu": "<CPU>", "cpus": 2, "threads_per_core": 1, "memory_mb": 4096, "hypervisor": "kvm", "kernel": "6",
                        "vector_units": ["avx2"], "caches": {"L2": "1M"}, "tsc_mhz": 2500, "hugepages": 0, "system": "Debian"},
            "goals": [v.as_json() for v in verdicts], "raw": {o.bench.name: o.data for o in outcomes}}


def test_page_is_whole():
    known = {b.name: b for b in bench.benches()}
    outcomes = [bench.Outcome(known["cycles"], 1, data=CYCLES, figures=read_cycles.read(CYCLES), output="a < b"),
                bench.Outcome(known["publish"], 2, error="no <dataplane>")]
    verdicts = goals.judge(outcomes[0].figures)
    told = result(outcomes, verdicts)
    told["raw"]["memif-search"] = {"search": [{"mode": "l2", "size": "imix", "flows": "1M", "zero_loss_pps": 5.125e6, "zero_failed_pps": 6e6}]}
    text = page.html(told, verdicts, outcomes, [])
    for wanted in ("&lt;CPU&gt;", "publish failed: no &lt;dataplane&gt;", "a &lt; b", "not measured", "0123456789ab, with changes",
                   "imix", "5.125"):
        expect(wanted in text, wanted)
    expect_equal(re.findall(r"<script|<link|src=|https?://", text), [], "things from elsewhere")
    expect_equal([goal.what for goal in goals.GOALS if escape(goal.what) not in text], [])


def run(program, limit_s=60):
    """One benchmark that is a shell program; it is given the path of its JSON file."""
    one = bench.Bench("shell", "a test", ["sh", "-c", program, "sh", "{json}"], read_publish.read, 20)
    with tempfile.TemporaryDirectory() as folder:
        return bench.Runner(Path(folder)).run(one, limit_s=limit_s)


def test_a_run():
    outcome = run(f"echo '{json.dumps(PUBLISH)}' > $1")
    expect_equal((outcome.error, "publish.flags.p50" in outcome.figures), ("", True))


def test_runs_that_fail():
    for program, wanted in (("echo broken; exit 3", "exit code 3: broken"), ("sleep 60", "not done after 1 s"),
                            ("true", "cannot be read"), ("echo '{}' > $1", "cannot be read"), ("echo x > $1", "cannot be read")):
        outcome = run(program, 1 if "sleep" in program else 60)
        expect(wanted in outcome.error and not outcome.figures, f"{program}: {outcome.error}")


def test_a_run_that_fails_in_the_end():
    outcome = run(f"echo '{json.dumps(PUBLISH)}' > $1; exit 1")
    expect("exit code 1" in outcome.error and "publish.flags.p50" in outcome.figures, outcome.error)


suite.run(globals())
