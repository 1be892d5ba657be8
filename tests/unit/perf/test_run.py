#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What perf/run and perf/check do when something is wrong with their files or arguments."""
import contextlib
import importlib.machinery
import importlib.util
import io
import subprocess
import sys
import tempfile
from pathlib import Path

import suite
from suite import expect, expect_equal

ROOT = Path(__file__).resolve().parent.parent.parent.parent


def load():
    loader = importlib.machinery.SourceFileLoader("perf_run", str(ROOT / "perf/run"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("perf_run", loader))
    loader.exec_module(module)
    return module


def collected(run):
    machine = run.machine
    return run.collect([], {"started": "now", "machine": machine.describe(), "versions": machine.versions(), **machine.commit(),
                            "noise": machine.Noise().as_json()})


def write(name):
    """What it returns and says when the file of this name is on a full disk."""
    run, said = load(), io.StringIO()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        if name:
            (Path(folder) / name).symlink_to("/dev/full")
        return run.write(Path(folder), [], collected(run)), said.getvalue()


def test_a_full_disk_is_told_of_in_words():
    for name in ("perf.json", "index.html"):
        done, said = write(name)
        expect_equal(done, False, name)
        expect("cannot write" in said and "No space left" in said, said)


def test_all_is_written_where_there_is_room():
    expect_equal(write(None)[0], True, "without a full disk")


def test_wrong_arguments_are_refused_before_anything_runs():
    for argv in (["perf/check", "--wriet"], ["perf/check", "--write", "0"], ["perf/check", "--write", "x"], ["perf/run", "nothing"],
                 ["perf/memif/run", "--rounds", "0"], ["perf/memif/run", "--seconds", "-1"], ["perf/memif/run", "--only", "nothing"],
                 ["perf/memif/run", "--ring", "40"]):
        done = subprocess.run([sys.executable, ROOT / argv[0], *argv[1:]], capture_output=True, text=True, timeout=60, check=False)
        expect_equal(done.returncode, 2, " ".join(argv))
        expect(done.stderr.strip(), f"{argv} says nothing")


if __name__ == "__main__":
    suite.run(globals())
