# SPDX-License-Identifier: BSD-3-Clause
"""What perf/cycles wrote, as figures: hit.FAMILY.FORWARD.FLOWS, insert.FAMILY, lookup.FLOWS and others.

Of hit.4.ipip.FLOWS, hit.6.ipip.FLOWS and hit.mixed.ipip.FLOWS, what they cost of something else in the same run:
.floor (the memory accesses alone), .four (IPv4), .mean (both families alone); of hit.4.gue.FLOWS .ipip.
"""
import figure
from figure import Figure

FLOWS = (1000, 1000000, 10000000)
OTHERS = {"macswap": "macswap", "floor: memory only": "floor"}


def _row(data, name, flows=None, stages=False):
    """The row of that name; rows with stages have the same name as the ones without."""
    for row in data["rows"]:
        if row["name"].strip() == name and flows in (None, row["flows"]) and ("stages" in row) == stages:
            return row
    return None


def _conditions(row):
    return {"frame_in": row["frame_in"] or None, "frame_out": row["frame_out"] or None, "flows": row["flows"],
            "hit_rate": row["hit_rate"], "loss": 0, "cpus": 1}


def _cycles(row):
    return Figure(row["cycles"], "cycles", row["cycles_p10"], row["cycles_p90"], _conditions(row))


def _rate(row, ghz, packets=1):
    """Millions a second, of something that takes so many packets."""
    mega = ghz * 1000 / packets
    return Figure(mega / row["cycles"], "M/s", mega / row["cycles_p90"], mega / row["cycles_p10"], _conditions(row))


def _hits(data, figures):
    for row in data["rows"]:
        name = row["name"].strip()
        if name.startswith("IPv") and "stages" not in row:
            family, forward = ("mixed", name.split()[-1]) if " and " in name else name[3:].split()[:2]
            figures[f"hit.{family}.{forward}.{row['flows']}"] = _cycles(row)
        elif name in OTHERS:
            figures[f"{OTHERS[name]}.{row['flows']}"] = _cycles(row)
    for family in "46":
        for forward in ("l2", "ipip"):
            small, large = (figures.get(f"hit.{family}.{forward}.{flows}") for flows in (FLOWS[0], FLOWS[-1]))
            if small and large:
                figures[f"hit.{family}.{forward}.growth"] = figure.ratio(large, small)


def _ratios(figures):
    """Of one run: nothing here depends on how fast a CPU is."""
    for flows in FLOWS:
        four, six, mixed = (figures.get(f"hit.{family}.ipip.{flows}") for family in ("4", "6", "mixed"))
        floor = figures.get(f"floor.{flows}")
        if four and floor:
            figures[f"hit.4.ipip.{flows}.floor"] = figure.ratio(four, floor)
        if four and six:
            figures[f"hit.6.ipip.{flows}.four"] = figure.ratio(six, four)
        for family, ipip in (("4", four), ("6", six)):
            gue = figures.get(f"hit.{family}.gue.{flows}")
            if gue and ipip:
                figures[f"hit.{family}.gue.{flows}.ipip"] = figure.ratio(gue, ipip)
        if four and six and mixed:
            figures[f"hit.mixed.ipip.{flows}.mean"] = figure.ratio(mixed, figure.mean(four, six))
    if "flood.cycles" in figures and "hit.4.ipip.1000000" in figures:
        figures["flood.hits"] = figure.ratio(figures["flood.cycles"], figures["hit.4.ipip.1000000"])


def _lookups(data, figures):
    for flows in {row["flows"] for row in data["rows"]}:
        ours, theirs = _row(data, "flow table, 64 keys", flows), _row(data, "rte_hash_lookup_bulk, 64 keys", flows)
        if ours and theirs:
            figures[f"lookup.{flows}"] = figure.ratio(_cycles(theirs), _cycles(ours))
            figures[f"lookup.ours.{flows}"], figures[f"lookup.rte_hash.{flows}"] = _cycles(ours), _cycles(theirs)


def _others(data, figures):
    ghz = data["machine"]["tsc_ghz"]
    for family in "46":
        row = _row(data, f"insert IPv{family} ipip")
        if row:
            figures[f"insert.{family}"] = _rate(row, ghz)
            figures[f"insert.{family}.cycles"] = _cycles(row)
    for name, key in (("SYN flood, table at its rating", "flood.cycles"), ("ICMP errors", "icmp.cycles")):
        row = _row(data, name)
        if row:
            figures[key] = _cycles(row)


def _ready_made(data):
    """What is no cost of a packet has a key already."""
    return {key: Figure(f["value"], f["unit"], f["low"], f["high"], {"note": f["note"]})
            for key, f in data.get("figures", {}).items()}


def read(data):
    figures = _ready_made(data)
    _hits(data, figures)
    _lookups(data, figures)
    _others(data, figures)
    _ratios(figures)
    return figures


def stages(data):
    """[(name, flows, {stage: cycles})] in the order of the run."""
    return [(row["name"].strip(), row["flows"], row["stages"]) for row in data["rows"] if "stages" in row]
