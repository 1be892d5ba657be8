# SPDX-License-Identifier: BSD-3-Clause
"""What perf/check does, apart from running anything: measure() is given to it."""
import statistics

import compare

TRIES = 3


def check(measure, baseline, names, say=print, ratios=compare.RATIOS):
    """Measure, and what looks regressed again, up to TRIES times in all; the best counts.

    @measure: called with names of benchmarks, returns their {key: Figure}. Return: the lines, one per ratio.
    """
    figures = measure(names)
    found = compare.lines(figures, baseline, ratios)
    for _ in range(TRIES - 1):
        again = [name for name in names if name in compare.suspects(found)]
        if not again:
            break
        say(f"again, since a ratio looks worse: {', '.join(again)}")
        second = {**figures, **measure(again)}
        known = [line.ratio for line in found]
        found = compare.better_of(found, [compare.Line(r, r.of(second), baseline.get(r.key)) for r in known])
    return found


def medians(runs, ratios=compare.RATIOS):
    """A baseline of several runs: {key: value}. @runs: their figures."""
    values = {r.key: [v for v in (r.of(figures) for figures in runs) if v is not None] for r in ratios}
    return {key: round(statistics.median(v), 4) for key, v in values.items() if v}
