# SPDX-License-Identifier: BSD-3-Clause
"""Tests of the benchmarks' programs: each function whose name begins with test_ is a test point."""
import sys
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "perf/suite"), str(ROOT / "tests/support")]

from tap import Points, expect, expect_equal  # noqa: E402

__all__ = ["expect", "expect_equal", "run"]


def run(names):
    """@names: globals() of the test. Exits."""
    points = Points()
    for name, test in names.items():
        if name.startswith("test_") and callable(test):
            points.call(name.removeprefix("test_").replace("_", " "), test)
    sys.exit(points.done())
