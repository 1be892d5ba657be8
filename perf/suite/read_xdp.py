# SPDX-License-Identifier: BSD-3-Clause
"""What perf/xdp wrote, as figures: xdp.WHAT.FAMILY.FLOWS, in nanoseconds above a bare XDP_TX."""
from figure import Figure


def _figure(spread, flows, note):
    return Figure(spread["median"], "ns", spread["p25"], spread["p75"],
                  {"flows": flows, "cpus": 1, "note": f"{note}; spread: quartiles"})


def read(data):
    figures = {}
    for row in data["rows"]:
        key = f"{row['what']}.{row['family']}.{row['flows']}"
        figures[f"xdp.{key}"] = _figure(row["sluice"], row["flows"], "above a bare XDP_TX")
        figures[f"xdp.bare.{key}"] = _figure(row["bare"], row["flows"], "XDP_TX of every packet")
    return figures
