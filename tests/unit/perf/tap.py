# SPDX-License-Identifier: BSD-3-Clause
"""TAP for tests in Python: each function whose name begins with test_ is a test point."""
import sys
import traceback
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent.parent / "perf/suite"))


def run(names):
    """@names: globals() of the test. Exits."""
    tests = [f for name, f in names.items() if name.startswith("test_") and callable(f)]
    failed = 0
    print(f"1..{len(tests)}")
    for number, test in enumerate(tests, 1):
        what = test.__name__.removeprefix("test_").replace("_", " ")
        try:
            test()
            print(f"ok {number} - {what}")
        except Exception:  # whatever it is, it is this test's failure
            failed += 1
            print(f"not ok {number} - {what}")
            print("\n".join("# " + line for line in traceback.format_exc().splitlines()))
    sys.exit(failed > 0)


def equal(found, wanted, what=""):
    if found != wanted:
        raise AssertionError(f"{what}: found {found!r}, expected {wanted!r}")


def true(value, what):
    if not value:
        raise AssertionError(what)
