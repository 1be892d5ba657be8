# SPDX-License-Identifier: BSD-3-Clause
"""Scenarios of an end to end test: functions that take the lab and raise if something is wrong."""
import sys
import time
import traceback

from lab import CtlError, Lab


def expect(condition, message):
    """An assert that python -O keeps, with a sentence that tells what is wrong."""
    if not condition:
        raise AssertionError(message)


def expect_equal(got, wanted, what):
    expect(got == wanted, f"{what}: expected {wanted!r}, got {got!r}")


def figure(text):
    """Shown in the summary of `make test` also when all is well."""
    print(f"# figure: {text}", flush=True)


def note(text):
    for line in str(text).splitlines():
        print(f"# {line}", flush=True)


def _logs(lab):
    for daemon in lab.daemons:
        note(f"--- {daemon.program}, {'running' if daemon.running() else 'not running'}, its last words:")
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
    failed = 0
    sys.stdout.reconfigure(line_buffering=True)
    with Lab() as lab:
        if not bare:
            _start(lab)
        for number, scenario in enumerate(scenarios, 1):
            name = scenario.__doc__.splitlines()[0].rstrip(".")
            began = time.monotonic()
            try:
                if not bare:
                    lab.heal()
                scenario(lab)
                print(f"ok {number} - {name}")
            except Exception as error:  # pylint: disable=broad-except # whatever it is, the next one shall run
                failed += 1
                print(f"not ok {number} - {name}")
                note(error if isinstance(error, AssertionError) else traceback.format_exc())
                _logs(lab)
            note(f"{time.monotonic() - began:.1f} s")
    print(f"1..{len(scenarios)}")
    sys.exit(1 if failed else 0)
