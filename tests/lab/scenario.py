# SPDX-License-Identifier: BSD-3-Clause
"""Scenarios of an end to end test: functions that take the lab and raise if something is wrong."""
import sys
import time
from pathlib import Path

from lab import CtlError, Lab

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from tap import Points, expect, expect_equal, figure, note  # noqa: E402

__all__ = ["expect", "expect_equal", "figure", "note", "run"]


def _logs(lab):
    for daemon in lab.daemons:
        note(f"--- {daemon.program}, {'running' if daemon.running() else 'not running'}, end of its log:")
        note(daemon.log(25))


def _start(lab):
    try:
        lab.start()
    except (RuntimeError, TimeoutError, CtlError) as error:
        note(error)
        _logs(lab)
        print("Bail out! Sluice does not start in the lab")
        sys.exit(1)


def run(*scenarios, bare=False):
    """Bring the lab up once and run the scenarios in it; the first line of each one's text is its name.

    @bare: without Sluice.
    """
    points = Points()
    sys.stdout.reconfigure(line_buffering=True)
    with Lab() as lab:
        if not bare:
            _start(lab)

        def play(scenario):
            if not bare:
                lab.heal()
            scenario(lab)

        for scenario in scenarios:
            began = time.monotonic()
            if not points.call(scenario.__doc__.splitlines()[0].rstrip("."), play, scenario):
                _logs(lab)
            note(f"{time.monotonic() - began:.1f} s")
    sys.exit(points.done())
