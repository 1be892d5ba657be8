#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""perf-check fails on a regression, and only then."""
import json
import re
from pathlib import Path

import suite
from suite import expect, expect_equal

import bench
import check
import compare
import goals
from compare import Ratio
from figure import Figure

COST = Ratio("cost", "cost / rival", "a", "ours", "rival")
GAIN = Ratio("gain", "rate / rival", "b", "gain", None, compare.MORE)
RATIOS = (COST, GAIN)
BASELINE = {"cost": 2.0, "gain": 4.0}


class Bench:
    """Figures of each try: {name: [figures, ...]}, the last of them for ever."""

    def __init__(self, others=0, **tries):
        self.tries, self.ran, self.others = tries, [], others

    def __call__(self, names):
        figures = {}
        for name in names:
            self.ran.append(name)
            mine = self.tries[name]
            figures.update(mine[min(self.ran.count(name), len(mine)) - 1])
        return figures, {name: self.others for name in names}


def cost(value, speed=1):
    """Of a machine so many times slower: ratios don't see it."""
    return {"ours": Figure(value * 50 * speed, "cycles"), "rival": Figure(50 * speed, "cycles")}


def gain(value):
    return {"gain": Figure(value, "times")}


def run(bench, baseline=None):
    return judge(bench, baseline)[0]


def judge(bench, baseline=None):
    return check.check(bench, BASELINE if baseline is None else baseline, ["a", "b"], say=lambda _: None, ratios=RATIOS)


def code(bench):
    return check.verdict(*judge(bench))[0]


def failed(lines):
    return [line.ratio.key for line in lines if line.regressed]


def test_the_same_passes():
    bench = Bench(a=[cost(2.0)], b=[gain(4.0)])
    expect_equal(failed(run(bench)), [])
    expect_equal(bench.ran, ["a", "b"])


def test_another_speed_passes():
    expect_equal(failed(run(Bench(a=[cost(2.0, speed=3)], b=[gain(4.0)]))), [])


def test_better_passes():
    expect_equal(failed(run(Bench(a=[cost(1.0)], b=[gain(9.0)]))), [])


def test_a_little_worse_passes():
    expect_equal(failed(run(Bench(a=[cost(2.19)], b=[gain(3.65)]))), [])


def test_a_higher_cost_fails():
    bench = Bench(a=[cost(2.21)], b=[gain(4.0)])
    expect_equal(failed(run(bench)), ["cost"])
    expect_equal(bench.ran, ["a", "b", *["a"] * (check.TRIES - 1)], "tries")


def test_a_lower_rate_fails():
    expect_equal(failed(run(Bench(a=[cost(2.0)], b=[gain(3.6)]))), ["gain"])


def test_what_looked_worse_once_passes():
    expect_equal(failed(run(Bench(a=[cost(3.0), cost(2.0)], b=[gain(4.0)]))), [])
    expect_equal(failed(run(Bench(a=[cost(3.0), cost(2.5), cost(2.1)], b=[gain(1), gain(4.0)]))), [])


def test_a_later_try_makes_nothing_worse():
    expect_equal(failed(run(Bench(a=[{**cost(2.0)}], b=[gain(1.0), gain(0.5), gain(4.1)]))), [])


def test_what_cannot_be_measured_fails():
    lines = run(Bench(a=[{}], b=[gain(4.0)]))
    expect_equal(failed(lines), ["cost"])
    expect("NOT MEASURED" in lines[0].text(), lines[0].text())


def test_what_was_measured_at_last_passes():
    expect_equal(failed(run(Bench(a=[{}, cost(2.0)], b=[gain(4.0)]))), [])


def test_what_the_baseline_lacks_is_said_and_passes():
    lines = run(Bench(a=[cost(2.0)], b=[gain(4.0)]), {"cost": 2.0})
    expect_equal(failed(lines), [])
    expect("not in the baseline" in lines[1].text(), lines[1].text())


def test_ratios_are_of_benchmarks_that_are_run_for_them():
    known = {b.name: b for b in bench.benches()}
    for ratio in compare.RATIOS:
        expect(ratio.bench in known and known[ratio.bench].check_argv, ratio.key)
    expect_equal(len({ratio.key for ratio in compare.RATIOS}), len(compare.RATIOS))


def test_baselines_have_only_ratios_that_are_compared():
    baselines = list((Path(compare.__file__).parent.parent / "baseline").iterdir())
    expect(baselines, "there is none")
    for baseline in baselines:
        expect(re.fullmatch(r"[a-z]+-\d+-\d+\.json", baseline.name), baseline.name)
        ratios = json.loads(baseline.read_text())["ratios"]
        expect_equal(sorted(set(ratios) - {ratio.key for ratio in compare.RATIOS}), [])
        expect(len(ratios) >= 10, "too few")


def test_exit_codes():
    expect_equal(code(Bench(a=[cost(2.0)], b=[gain(4.0)])), 0)
    expect_equal(code(Bench(a=[cost(2.5)], b=[gain(4.0)])), 1)
    expect_equal(code(Bench(a=[{}], b=[gain(4.0)])), 1)


def test_a_busy_machine_proves_no_regression():
    expect_equal(code(Bench(a=[cost(2.5)], b=[gain(4.0)], others=1.5)), 3)
    expect_equal(code(Bench(a=[cost(2.0)], b=[gain(4.0)], others=1.5)), 0, "what is as good as before in spite of it")
    expect_equal(code(Bench(a=[{}], b=[gain(4.0)], others=1.5)), 1, "what does not run at all")


def test_lines_say_by_how_much():
    lines = run(Bench(a=[cost(2.5)], b=[gain(5.0)]))
    expect(lines[0].text().startswith("FAIL") and "25.0 % worse" in lines[0].text(), lines[0].text())
    expect(lines[1].text().startswith("ok") and "20.0 % better" in lines[1].text(), lines[1].text())


def test_baseline_is_the_median_of_runs():
    runs = [{**cost(2.0), **gain(1)}, {**cost(9.0), **gain(2)}, {**cost(2.2), **gain(3)}]
    expect_equal(check.medians(runs, RATIOS), {"cost": 2.2, "gain": 2})


GOALS = (goals.Goal("ours", "cost", 100, None, goals.LESS, "cycles", bench="a"), goals.Goal("gain", "gain", 4, None, goals.MORE, "times", bench="b"),
         goals.Goal("peer", "of a rival that may be absent", 1, None, goals.LESS, "times", bench="b"),
         goals.Goal("else", "of another benchmark", 1, None, goals.LESS, "times", bench="c"))


def goals_of(bench):
    """Exit code, what is said, and what became of each goal."""
    verdicts, noisy = check.check_goals(bench, ["a", "b"], say=lambda _: None, wanted=GOALS)
    return *check.verdict_goals(verdicts, noisy), [v.word for v in verdicts]


def test_goals_are_judged_without_a_baseline():
    bench = Bench(a=[cost(2.0)], b=[gain(4.0)])
    expect_equal(goals_of(bench)[::2], (0, ["met", "met", "not measured"]))
    expect_equal(bench.ran, ["a", "b"])


def test_a_missed_goal_fails():
    bench = Bench(a=[cost(2.0)], b=[gain(3.9)])
    expect_equal(goals_of(bench)[::2], (1, ["met", "MISSED", "not measured"]))
    expect_equal(bench.ran, ["a", "b", *["b"] * (check.TRIES - 1)], "tries")


def test_a_goal_counts_as_its_best_try():
    expect_equal(goals_of(Bench(a=[cost(2.1), cost(2.0), cost(3.0)], b=[gain(3.0), gain(5.0), gain(1.0)]))[0], 0)


def test_a_goal_that_was_met_stays_as_it_was():
    verdicts, _ = check.check_goals(Bench(a=[cost(1.5), cost(1.0)], b=[{**gain(3.0), "peer": Figure(2, "times")}, {**gain(5.0), "peer": Figure(3, "times")}]),
                                    ["a", "b"], say=lambda _: None, wanted=GOALS)
    expect_equal([v.figure.value for v in verdicts], [75, 5.0, 2])


def test_a_busy_machine_misses_no_goal():
    expect_equal(goals_of(Bench(a=[cost(2.5)], b=[gain(4.0)], others=1.5))[0], 3)
    expect_equal(goals_of(Bench(a=[cost(2.0)], b=[gain(4.0)], others=1.5))[0], 0)


def test_a_benchmark_that_measures_no_goal_fails():
    found, said, _ = goals_of(Bench(a=[{}], b=[gain(4.0)], others=1.5))
    expect_equal(found, 1)
    expect("nothing from a" in said, said)


suite.run(globals())
