# SPDX-License-Identifier: BSD-3-Clause
"""The page that puts a run together: one file, no script, nothing from elsewhere."""
from html import escape
from pathlib import Path

import goals
import read_cycles
import table

STYLE = (Path(__file__).resolve().parent / "page.css")

METHOD = """<ul>
<li><b>Only ratios of one run mean something on a shared machine</b>; that is why rivals run in turns with ours in the same process or on the
same pair of devices: testpmd's macswap, rte_hash, a bare XDP_TX.</li>
<li>Cycles are those of the time stamp counter, which runs at a constant rate, not of the core. A figure is the median of its repetitions; its
spread goes from the 10th to the 90th percentile. Bursts during which another process had the CPU are not counted.</li>
<li>Frames are as a driver hands them over, without their checksum: 60 bytes are the 64 of the smallest Ethernet frame.</li>
<li>Packets are fresh: more of them are written ahead than the second-level cache holds, and flows are drawn at random from all.</li>
<li>Two processes: a generator that checks every packet on one CPU, and the device under test, Sluice or testpmd, on the other. The one that
is not measured is stopped. Ratios are of each round by itself. sluiced and the generator share a CPU.</li>
<li>Publishing is timed with sluiced's own publisher against the real program, while its worker forwards at full speed: from
the command in the ring to the last worker's next burst, by one clock.</li>
</ul>"""


def machine_line(result):
    m, v = result["machine"], result["versions"]
    dirty = ", with changes" if result["dirty"] else ""
    return (f"{m['cpu']}, {m['cpus']} CPUs, {m['memory_mb'] // 1024} GiB, {m['hypervisor']} (hypervisor), Linux {m['kernel']}, "
            f"DPDK {v['dpdk']}; commit {result['commit'][:12]}{dirty}; others kept "
            f"{result['noise']['others_cpus']} CPUs busy, stolen {result['noise']['stolen_percent']} %")


def _table(head, rows, classes=()):
    cells = "".join(f"<th{_class(classes, i)}>{escape(h)}</th>" for i, h in enumerate(head))
    body = "\n".join("<tr>" + "".join(f"<td{_class(classes, i)}>{c}</td>" for i, c in enumerate(row)) + "</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{cells}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'


def _class(classes, i):
    return f' class="{classes[i]}"' if i < len(classes) and classes[i] else ""


WORD_CLASS = {"met": "good", "stretch": "good", "MISSED": "bad", "not measured": "none", "shown": "none"}
WORD_TEXT = {"met": "met", "stretch": "met, stretch too", "MISSED": "missed", "not measured": "not measured", "shown": ""}


def _goals(verdicts):
    rows = []
    for v, row in zip(verdicts, table.rows(verdicts)):
        what, goal, stretch, measured, spread, unit, word = map(str, row)
        detail = escape(table.conditions(v.figure))
        elsewhere = f"elsewhere: {escape(v.goal.elsewhere)}" if v.goal.elsewhere else ""
        small = "".join(f'<div class="small">{t}</div>' for t in (detail, elsewhere) if t)
        rows.append((escape(what) + small, f"{goal.replace('<=', '≤').replace('>=', '≥')} {escape(unit)}", stretch, f"<b>{measured}</b>", spread,
                     f'<span class="{WORD_CLASS[word]}">{WORD_TEXT[word]}</span>'))
    return _table(("what", "goal", "stretch", "measured", "p10 to p90", ""), rows, ("", "num", "num", "num", "num", "word"))


def _plots(drawn):
    parts = []
    for plot, path, why in drawn:
        svg = path.read_text().partition("<svg")[2] if path else ""
        picture = f"<svg{svg}" if svg else f"<p>Not drawn: {escape(why)}</p>"
        parts.append(f"<figure>\n<figcaption><h3>{escape(plot.title)}</h3>{escape(plot.note)}</figcaption>\n{picture}\n</figure>")
    return "\n".join(parts)


def _stages(raw):
    found = read_cycles.stages(raw["cycles"]) if raw.get("cycles") else []
    if not found:
        return ""
    names = list(dict.fromkeys(stage for _, _, stages in found for stage in stages))
    rows = [(escape(name), table.count(flows), *(f"{stages[s]:.1f}" if s in stages else "" for s in names))
            for name, flows, stages in found]
    return "<h2>The pipeline, stage by stage</h2><p>Cycles per packet, medians, with a clock between the stages.</p>" + _table(
        ("traffic", "flows", *names), rows, ("", "num", *["num"] * len(names)))


def _search(raw):
    """The table of RFC 2544. A rate that failed is beside each: the truth is between the two."""
    found = (raw.get("memif-search") or {}).get("search", [])
    if not found:
        return ""
    rows = [(escape(row["mode"]), escape(row["size"]), escape(row["flows"]),
             *(f"{row[key] / 1e6:.3f}" if key in row else "" for key in ("zero_loss_pps", "zero_failed_pps", "drop_pps", "drop_failed_pps")),
             str(len(row.get("trials", [])))) for row in found]
    return "<h2>Zero-loss rates (RFC 2544)</h2><p>Over memif, in Mpps: the highest rate that passed, and the lowest that failed.</p>" + _table(
        ("mode", "frame", "flows", "no loss", "failed", "0.1 % loss", "failed", "trials"), rows, ("", "num", "num", *["num"] * 5))


def _figures(figures):
    rows = [(f"<code>{escape(key)}</code>", table.number(f.value), table.spread(f), escape(f.unit), escape(table.conditions(f)))
            for key, f in figures.items()]
    return f"<details><summary>All {len(rows)} figures</summary>" + _table(
        ("figure", "value", "p10 to p90", "unit", "conditions"), rows, ("", "num", "num")) + "</details>"


def _facts(result):
    m = result["machine"]
    rows = [("CPU", f"{m['cpu']}, {m['cpus']} CPUs, {m['threads_per_core']} thread(s) a core, {', '.join(m['vector_units'])}"),
            ("caches", ", ".join(f"{k} {v}" for k, v in m["caches"].items())),
            ("clock", f"{m['tsc_mhz']:.0f} MHz"),
            ("memory", f"{m['memory_mb']} MB; {m['hugepages']} hugepages before, more are taken for the run"),
            ("system", f"{m['system']}, Linux {m['kernel']}, hypervisor: {m['hypervisor']}"),
            *result["versions"].items(),
            ("commit", result["commit"] + (", with changes" if result["dirty"] else "")),
            ("other load", f"load {result['noise']['load_before']} before; others kept {result['noise']['others_cpus']} CPUs busy meanwhile; "
             f"{result['noise']['stolen_percent']} % of the time was stolen")]
    return _table(("", ""), [(escape(k), escape(str(v))) for k, v in rows])


def _failures(outcomes):
    failed = [o for o in outcomes if o.error]
    return "".join(f'<p class="bad">{escape(o.bench.name)} failed: {escape(o.error)}</p>' for o in failed)


def _logs(outcomes):
    return "".join(f"<details><summary>{escape(o.bench.name)}: {escape(o.bench.what)}, {o.seconds:.0f} s, "
                   f"others kept {o.others_cpus:.1f} CPUs busy</summary>"
                   f"<pre>{escape(o.output)}</pre></details>" for o in outcomes)


def html(result, verdicts, outcomes, drawn):
    figures = {key: f for o in outcomes for key, f in o.figures.items()}
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Sluice: measured</title>
<style>
{STYLE.read_text()}</style>
</head>
<body>
<h1>Sluice, measured</h1>
<p>{escape(result['started'])}. {escape(machine_line(result))}</p>
{_failures(outcomes)}
<h2>Goals</h2>
<p>{escape(goals.summary(verdicts))}.</p>
{_goals(verdicts)}
<h2>Plots</h2>
{_plots(drawn)}
{_stages(result['raw'])}
{_search(result['raw'])}
<h2>Machine</h2>
{_facts(result)}
<h2>Method</h2>
{METHOD}
<h2>Everything</h2>
{_figures(figures)}
{_logs(outcomes)}
</body>
</html>
"""
