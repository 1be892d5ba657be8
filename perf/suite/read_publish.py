# SPDX-License-Identifier: BSD-3-Clause
"""What perf/publish wrote, as figures: publish.KIND.p50, .p99, .max, the medians of the legs, publish.change.cpu, publish.build.*"""
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
    figures["publish.change.cpu"] = Figure(data["load"]["change_cpu_us"], "us", None, None, {
        "note": "of the control plane: a change's flags and table; every second table was there just before"})
    for build in data["builds"]:
        key = f"publish.build.{build['instances']}.{build['slots']}" + ("" if build["equal"] else ".weights")
        figures[key] = Figure(build["median_us"], "us", build["low_us"], build["high_us"], {
            "note": f"{build['slots']} slots, {'equal' if build['equal'] else '20 different'} weights"})
    return figures
