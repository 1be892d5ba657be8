# SPDX-License-Identifier: BSD-3-Clause
"""Plots by gnuplot, as SVG that takes its text colour from the page it stands in."""
import dataclasses
import re
import subprocess
import tempfile
from pathlib import Path

# Told apart without colour too (by their points), and readable on white and on black.
COLOURS = ("#2f7ed8", "#d9722e", "#2a9d6f", "#b0529f", "#8a8a8a", "#c23b4b")

HEAD = """set terminal svg size 820,420 dynamic noenhanced font "sans-serif,13"
set output "{output}"
set border 3 linecolor rgb "black"
set tics nomirror out
set grid ytics linecolor rgb "#999999" linewidth 0.4 dashtype 3
set key outside right top samplen 2 spacing 1.25
set xlabel "{x}"
set ylabel "{y}"
{extra}
"""


@dataclasses.dataclass
class Series:
    title: str
    points: list  # of (x, y) or (x, y, low, high)
    dashed: bool = False
    colour: int | None = None  # its own by default


@dataclasses.dataclass
class Plot:
    name: str
    title: str
    note: str
    x: str
    y: str
    series: list
    extra: str = ""


def _script(plot, output, folder):
    text = HEAD.format(output=output, x=plot.x, y=plot.y, extra=plot.extra)
    parts = []
    for i, series in enumerate(plot.series):
        path = folder / f"{plot.name}-{i}.dat"
        path.write_text("\n".join(" ".join(f"{v:.10g}" for v in point) for point in series.points) + "\n")
        colour = COLOURS[(i if series.colour is None else series.colour) % len(COLOURS)]
        look = f'linecolor rgb "{colour}" linewidth 2' + (" dashtype 2" if series.dashed else "")
        point = f"pointtype {(5, 7, 9, 11, 13, 4)[i % 6]} pointsize 0.7"
        parts.append(f'"{path}" using 1:2 title "{series.title}" with linespoints {look} {point}')
        if len(series.points[0]) == 4:
            parts.append(f'"{path}" using 1:2:3:4 notitle with yerrorbars linecolor rgb "{colour}" pointtype 0')
    return text + "plot " + ", \\\n     ".join(parts) + "\n"


def _adapt(svg):
    """Black becomes the colour of the text around it, so that the plot also works on a dark page."""
    svg = re.sub(r"(['\"])(black|#000000|rgb\( *0, *0, *0\))\1", r"\1currentColor\1", svg)
    svg = svg.replace('color="currentColor"', "")
    svg = re.sub(r"<use [^>]*color='white'/>", "", svg)  # what gnuplot erases below a point
    return re.sub(r"<title>.*?</title>", "", svg, flags=re.S)


def render(plot, folder):
    """Return the SVG's path; RuntimeError if gnuplot does not draw it."""
    output = folder / f"{plot.name}.svg"
    with tempfile.TemporaryDirectory() as scratch:
        try:
            done = subprocess.run(["gnuplot"], input=_script(plot, output, Path(scratch)), capture_output=True, text=True,
                                  timeout=30, check=False)
        except (OSError, subprocess.TimeoutExpired) as e:
            raise RuntimeError(f"gnuplot: {e}") from None
    if done.returncode:
        raise RuntimeError(f"gnuplot: {done.stderr.strip()}")
    output.write_text(_adapt(output.read_text()))
    return output


def cycles_plot(figures):
    """Cycles per packet against flows."""
    series = []
    for key, title in (("hit.4.ipip", "IPv4, ipip"), ("hit.4.l2", "IPv4, l2"), ("hit.6.ipip", "IPv6, ipip"),
                       ("hit.6.l2", "IPv6, l2"), ("floor", "its memory accesses alone"), ("lookup.rte_hash", "rte_hash, lookup alone")):
        found = {int(k.rpartition(".")[2]): f for k, f in figures.items() if re.fullmatch(re.escape(key) + r"\.\d+", k)}
        points = [(flows, f.value, f.low, f.high) for flows, f in sorted(found.items())]
        if points:
            series.append(Series(title, points, dashed=key[0] in "fl"))
    return Plot("cycles", "Cycles per packet against flows",
                "Existing flows, the whole pipeline without a driver; bars from the 10th to the 90th percentile.",
                "flows in the table", "TSC cycles per packet", series,
                'set logscale x\nset xrange [500:20000000]\nset yrange [0:*]\n'
                'set xtics ("1 K" 1000, "10 K" 10000, "100 K" 100000, "1 M" 1000000, "10 M" 10000000)')


def latency_plot(raw):
    """Percentiles of latency against load."""
    rows = (raw.get("memif-latency") or {}).get("latency", {}).get("loads", [])
    series = []
    for mode, name in (("ipip", "Sluice, ipip"), ("macswap", "testpmd macswap")):
        for colour, point in enumerate(("p50", "p99", "p99.9")):
            points = [(r["percent"], r[point]) for r in rows if r["mode"] == mode and r[point] > 0]
            if points:
                series.append(Series(f"{name}, {point}", points, mode == "macswap", colour))
    return Plot("latency", "Latency percentiles against load",
                "Two processes over memif, 64-byte frames, each at shares of its own zero-loss rate.",
                "percent of the zero-loss rate", "microseconds", series,
                "set logscale y\nset xrange [0:105]\nset grid xtics ytics linecolor rgb \"#999999\" linewidth 0.4 dashtype 3")


def change_plot(raw):
    """What was forwarded while the pool changed, and while it did not; of the round in the middle."""
    rounds = [r for r in (raw.get("memif-change") or {}).get("change", {}).get("rounds", []) if "series" in r]
    series = []
    if rounds:
        middle = sorted(rounds, key=lambda r: r["with"] / max(r["burn"], 1))[len(rounds) // 2]["series"]
        for which, title in (("without", "no changes"), ("burn", "none, their CPU time burnt"), ("with", "a change every 10 ms")):
            # Nothing is sent before the generator begins and after it ends.
            points = [p for p in middle.get(which, []) if p[1] > 0.1]
            if points:
                began = points[0][0]
                series.append(Series(title, [(t - began, mpps) for t, mpps in points], dashed=which != "with"))
    return Plot("change", "Throughput during pool changes",
                "Packets that the dataplane sent, ten samples a second, while instances are drained and taken back. First the "
                "flows are opened.", "seconds", "Mpps", series, "set yrange [0:*]")


def publish_plot(raw):
    """The distribution of the time from a change to the last acknowledgement."""
    rows = (raw.get("publish") or {}).get("rows", [])
    names = {"flags": "an instance's flags", "table": "a Maglev table", "both": "an instance comes back, with its table"}
    series = [Series(names.get(r["name"], r["name"]), [(us, percent) for percent, us in r["took_us"]]) for r in rows]
    return Plot("publish", "Publish to the last worker's acknowledgement",
                "Share of the changes that were in force within so many microseconds.",
                "microseconds", "percent of changes", series, "set logscale x\nset yrange [0:100]")


def wanted(figures, raw):
    plots = [cycles_plot(figures), latency_plot(raw), change_plot(raw), publish_plot(raw)]
    return [p for p in plots if p.series]


def draw(folder, figures, raw):
    """[(Plot, path or None, why not)]"""
    drawn = []
    for plot in wanted(figures, raw):
        try:
            drawn.append((plot, render(plot, folder), ""))
        except (RuntimeError, OSError) as e:
            drawn.append((plot, None, str(e)))
    return drawn
