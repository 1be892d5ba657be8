# SPDX-License-Identifier: BSD-3-Clause
"""TAP for tests in Python: test points, remarks, and what a test expects."""
import traceback


def expect(condition, message):
    """An assert that python -O keeps, with a sentence that tells what is wrong."""
    if not condition:
        raise AssertionError(message)


def expect_equal(got, wanted, what=""):
    expect(got == wanted, f"{what}: expected {wanted!r}, got {got!r}")


def figure(text):
    """Shown in the summary of `make test` also when all is well."""
    print(f"# figure: {text}", flush=True)


def note(text):
    for line in str(text).splitlines():
        print(f"# {line}", flush=True)


class Points:
    """Test points, counted; the plan comes last."""

    def __init__(self):
        self.count = self.failed = 0

    def ok(self, passed, name, *why):
        self.count += 1
        self.failed += not passed
        print(f"{'ok' if passed else 'not ok'} {self.count} - {name}", flush=True)
        if not passed:
            note("\n".join(map(str, why)))

    def call(self, name, function, *arguments):
        """A point that fails if the function raises. Return: whether it passed."""
        try:
            function(*arguments)
        except Exception as error:  # pylint: disable=broad-except # whatever it is, the next one shall run
            self.ok(False, name, error if isinstance(error, AssertionError) and str(error) else traceback.format_exc())
            return False
        self.ok(True, name)
        return True

    def done(self):
        """Print the plan; return the exit code."""
        print(f"1..{self.count}", flush=True)
        return int(self.failed > 0)


def report(results):
    """Print (name, complaint) pairs; return the exit code."""
    points = Points()
    for name, complaint in results:
        points.ok(not complaint, name, complaint)
    return points.done()
