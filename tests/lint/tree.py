# SPDX-License-Identifier: BSD-3-Clause
"""What the checks of this folder share: finding files, running tools."""
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from tap import report  # noqa: E402

__all__ = ["files", "report", "run", "scripts"]

FOLDERS = ("dataplane", "controlplane", "bpf", "config", "docs", "tests", "perf", ".ci", "debian")


def files(*suffixes, root=Path("."), folders=FOLDERS):
    """The project's files with one of the suffixes, sorted; no build products."""
    found = (p for f in folders for p in (root / f).rglob("*"))
    return sorted(p for p in found if p.is_file() and p.suffix in suffixes and "__pycache__" not in p.parts)


def scripts(*interpreters):
    """Files whose first line names one of the interpreters."""
    for path in files("", ".sh", ".py", ".bash"):
        with path.open("rb") as f:
            first = f.readline(80)
        if first.startswith(b"#!") and any(i.encode() in first for i in interpreters):
            yield path


def run(*argv):
    """Return what a tool says when it finds fault, else nothing."""
    done = subprocess.run([str(a) for a in argv], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False)
    return "" if done.returncode == 0 else done.stdout or f"exit code {done.returncode}"
