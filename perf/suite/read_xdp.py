# SPDX-License-Identifier: BSD-3-Clause
"""What perf/xdp wrote, as figures: xdp.WHAT.FAMILY.FLOWS, in nanoseconds above a bare XDP_TX.

xdp.katran.FAMILY: ours of Katran's, the worst of all numbers of flows; only if Katran's program was given (bench.PEERS). In a full
table all keys begin with xdp.full.
"""
from figure import Figure


def _figure(spread, flows, note):
    return Figure(spread["median"], "ns", spread["p25"], spread["p75"],
                  {"flows": flows, "cpus": 1, "note": f"{note}; spread: quartiles"})


def _ratio(rows, family):
    """The worst one, as a figure; None if there was no rival."""
    found = [(row["ratio_to_katran"], row["flows"]) for row in rows
             if row["what"] == "hit" and row["family"] == family and "ratio_to_katran" in row]
    if not found:
        return None
    worst, flows = max(found, key=lambda pair: pair[0]["median"])
    return Figure(worst["median"], "times", worst["p25"], worst["p75"], {"flows": flows, "cpus": 1, "note": "spread: quartiles"})


def read(data, of="xdp"):
    figures = {}
    for row in data["rows"]:
        key = f"{row['what']}.{row['family']}.{row['flows']}"
        figures[f"{of}.{key}"] = _figure(row["sluice"], row["flows"], "above a bare XDP_TX")
        figures[f"{of}.bare.{key}"] = _figure(row["bare"], row["flows"], "XDP_TX of every packet")
    for family in (4, 6):
        ratio = _ratio(data["rows"], family)
        if ratio:
            figures[f"{of}.katran.{family}"] = ratio
    return figures


def read_full(data):
    return read(data, "xdp.full")
