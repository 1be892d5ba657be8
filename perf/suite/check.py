# SPDX-License-Identifier: BSD-3-Clause
"""What perf/check does, apart from running anything: measure() is given to it."""
import statistics

import compare
import goals

TRIES = 4
# What else may run while a regression is found. Two CPUs often are one core's threads, and then a busy neighbour takes
# up to half of what computes, and less of what waits for memory: that changes ratios too.
OTHERS_CPUS_MAX = 0.25


def check(measure, baseline, names, say=print, ratios=compare.RATIOS):
    """Measure, and what looks regressed again, up to TRIES times in all; the best counts.

    @measure: called with names of benchmarks, returns their {key: Figure} and how many CPUs others kept busy meanwhile.
    Return: the lines, one per ratio, and names of benchmarks that never had a quiet machine.
    """
    figures, others = measure(names)
    found, quiet = compare.lines(figures, baseline, ratios), {n for n in names if others.get(n, 0) <= OTHERS_CPUS_MAX}
    for _ in range(TRIES - 1):
        again = [name for name in names if name in compare.suspects(found)]
        if not again:
            break
        say(f"again, since a ratio looks worse: {', '.join(again)}")
        second, others = measure(again)
        quiet |= {name for name in again if others.get(name, 0) <= OTHERS_CPUS_MAX}
        known = [line.ratio for line in found]
        found = compare.better_of(found, [compare.Line(r, r.of({**figures, **second}), baseline.get(r.key)) for r in known])
    return found, set(names) - quiet


def verdict(found, noisy):
    """Exit code, and a sentence: 0 all well, 1 a regression, 3 what looks like one on a busy machine."""
    failed = [line for line in found if line.regressed]
    sure = [line for line in failed if line.now is None or line.ratio.bench not in noisy]
    said = f"{len(found) - len(failed)} ratios as in the baseline or better, {len(failed)} more than {compare.TOLERANCE * 100:.0f} % worse"
    if sure or not failed:
        return int(bool(sure)), said
    return 3, f"{said}; not judged, since other programs kept more than {OTHERS_CPUS_MAX} CPUs busy each time"


def _next(verdict, figure):
    """Another try of a goal counts only if it was missed, and if it is better. Return the figure that counts."""
    goal, now = verdict.goal, verdict.figure
    if now is None or figure is None:
        return now or figure
    if verdict.met is not False:
        return now
    return min(now, figure, key=lambda f: f.value if goal.better == goals.LESS else -f.value)


def check_goals(measure, names, say=print, wanted=goals.GOALS):
    """The same where there is no baseline for the CPU: judge the goals of these benchmarks.

    Return: verdicts, and names of benchmarks that never had a quiet machine.
    """
    wanted = [goal for goal in wanted if goal.bench in names]
    figures, others = measure(names)
    verdicts, quiet = goals.judge(figures, wanted), {n for n in names if others.get(n, 0) <= OTHERS_CPUS_MAX}
    for _ in range(TRIES - 1):
        missed = {v.goal.bench for v in verdicts if v.met is False}
        again = [name for name in names if name in missed]
        if not again:
            break
        say(f"again, since a goal is missed: {', '.join(again)}")
        figures, others = measure(again)
        quiet |= {name for name in again if others.get(name, 0) <= OTHERS_CPUS_MAX}
        verdicts = [goals.Verdict(v.goal, _next(v, figures.get(v.goal.key))) for v in verdicts]
    return verdicts, set(names) - quiet


def verdict_goals(verdicts, noisy):
    """Exit code, and a sentence: as of verdict(). A benchmark none of whose goals was measured has failed."""
    silent = {v.goal.bench for v in verdicts} - {v.goal.bench for v in verdicts if v.figure}
    missed = [v for v in verdicts if v.met is False]
    said = goals.summary(verdicts)
    if silent:
        return 1, f"{said}; nothing from {', '.join(sorted(silent))}"
    if not missed or any(v.goal.bench not in noisy for v in missed):
        return int(bool(missed)), said
    return 3, f"{said}; not judged, since other programs kept more than {OTHERS_CPUS_MAX} CPUs busy each time"


def medians(runs, ratios=compare.RATIOS):
    """A baseline of several runs: {key: value}. @runs: their figures."""
    values = {r.key: [v for v in (r.of(figures) for figures in runs) if v is not None] for r in ratios}
    return {key: round(statistics.median(v), 4) for key, v in values.items() if v}
