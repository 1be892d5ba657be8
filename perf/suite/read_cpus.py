# SPDX-License-Identifier: BSD-3-Clause
"""What perf/cpus wrote, as figures: cpus.round_trip, cpus.lines, cpus.gap.CPU, cpus.gaps.CPU"""
import figure
from figure import Figure


def read(data):
    figures = {
        "cpus.round_trip": figure.from_values(data["round_trip_ns"], "ns", cpus=2, note="a line there and back"),
        "cpus.lines": figure.from_values(data["lines_mps"], "M/s", cpus=2, note="64-byte lines through a ring of 1,024"),
    }
    for gap in data["gaps"]:
        note = f"in one second; {gap['over_1ms']} over 1 ms; {gap['lost_percent']:.2f} % of the time"
        figures[f"cpus.gap.{gap['cpu']}"] = Figure(gap["longest_us"], "us", conditions={"cpus": 1, "note": f"the longest {note}"})
        figures[f"cpus.gaps.{gap['cpu']}"] = Figure(gap["over_100us"], "gaps", conditions={"cpus": 1, "note": f"over 100 us {note}"})
    return figures
