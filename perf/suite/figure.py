# SPDX-License-Identifier: BSD-3-Clause
"""One measured figure, with its spread and the conditions that make it mean something."""
import dataclasses

# What a figure states beside its value (hardware stands once, for the whole run).
CONDITIONS = ("frame_in", "frame_out", "flows", "hit_rate", "loss", "cpus")


@dataclasses.dataclass
class Figure:
    """A median; low and high are the 10th and 90th percentile of the repetitions, or None."""
    value: float
    unit: str
    low: float | None = None
    high: float | None = None
    conditions: dict = dataclasses.field(default_factory=dict)

    def as_json(self):
        return dataclasses.asdict(self)


def quantile(values, share):
    """By linear interpolation between the two nearest."""
    ordered = sorted(values)
    at = (len(ordered) - 1) * share
    below = int(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (at - below)


def from_values(values, unit, **conditions):
    """Of repetitions."""
    return Figure(quantile(values, 0.5), unit, quantile(values, 0.1), quantile(values, 0.9), conditions)


def mean(one, other):
    """Of two figures of one run."""
    low = high = None
    if None not in (one.low, one.high, other.low, other.high):
        low, high = (one.low + other.low) / 2, (one.high + other.high) / 2
    return Figure((one.value + other.value) / 2, one.unit, low, high, dict(one.conditions))


def ratio(over, under, unit="times", **conditions):
    """Of two figures of one run. The spread is the widest that theirs allow."""
    low = high = None
    if None not in (over.low, over.high, under.low, under.high) and under.low > 0:
        low, high = over.low / under.high, over.high / under.low
    return Figure(over.value / under.value, unit, low, high, {**over.conditions, **conditions})
