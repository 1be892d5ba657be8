# SPDX-License-Identifier: BSD-3-Clause
"""What perf/publish wrote, as figures: publish.KIND.p50, .p99, .max, and the medians of the legs."""
from figure import Figure

POINTS = {50: "p50", 99: "p99", 100: "max"}


def read(data):
    figures = {}
    for row in data["rows"]:
        note = (f"{row['bytes']} bytes, {data['load']['workers']} worker busy at {data['load']['mpps']:.1f} Mpps, "
                f"{row['n']} changes")
        at = dict(map(tuple, row["took_us"]))
        for percent, word in POINTS.items():
            figures[f"publish.{row['name']}.{word}"] = Figure(at[percent], "us", None, None, {"cpus": 2, "note": note})
        figures[f"publish.{row['name']}.p50"].low, figures[f"publish.{row['name']}.p50"].high = at[10], at[90]
        for leg in ("wake", "stage", "grace"):
            legs = dict(map(tuple, row[f"{leg}_us"]))
            figures[f"publish.{row['name']}.{leg}"] = Figure(legs[50], "us", legs[10], legs[90], {"note": note})
    return figures
