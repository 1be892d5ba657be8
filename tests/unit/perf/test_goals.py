#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Which goals count as met, and what the table says of them."""
import suite
from suite import expect, expect_equal

import bench
import goals
import table
from figure import Figure, from_values, ratio

LESS = goals.Goal("cost", "cost", 40, 32, goals.LESS, "cycles")
MORE = goals.Goal("rate", "rate", 12, 20, goals.MORE, "M/s")
PLAIN = goals.Goal("moved", "moved", 0, None, goals.LESS, "flows")


def word(goal, value):
    return goals.judge({goal.key: Figure(value, goal.unit)}, (goal,))[0].word


def test_less_is_better():
    for value, wanted in ((31, "stretch"), (32, "stretch"), (32.1, "met"), (40, "met"), (40.01, "MISSED")):
        expect_equal(word(LESS, value), wanted, value)


def test_more_is_better():
    for value, wanted in ((21, "stretch"), (20, "stretch"), (19.9, "met"), (12, "met"), (11.99, "MISSED")):
        expect_equal(word(MORE, value), wanted, value)


def test_zero_as_a_goal():
    expect_equal(word(PLAIN, 0), "met")
    expect_equal(word(PLAIN, 1), "MISSED")


def test_what_was_not_measured_is_not_met():
    verdict, = goals.judge({}, (LESS,))
    expect_equal((verdict.word, verdict.met, verdict.stretch_met), ("not measured", None, None))
    expect_equal(verdict.as_json()["measured"], None)
    expect("not measured" in table.text([verdict]), "the table keeps silent about it")


def test_what_has_no_goal_is_shown_and_not_counted():
    verdicts = goals.judge({"cycles": Figure(35.04, "cycles")}, (goals.Goal("cycles", "cycles", None, None, goals.LESS, "cycles"), PLAIN))
    expect_equal([(v.word, v.met) for v in verdicts], [("shown", None), ("not measured", None)])
    expect_equal(table.text(verdicts).splitlines()[2].split(), ["cycles", "-", "-", "35.0", "-", "cycles", "shown"])
    expect(goals.summary(verdicts).startswith("0 of 1 goals met"), goals.summary(verdicts))


def test_goals_of_speed_are_ratios():
    absolute = [goal.key for goal in goals.GOALS if goal.goal is not None and goal.unit in ("cycles", "ns", "M/s", "Mpps")]
    expect_equal(absolute, [])


def test_every_goal_is_of_a_benchmark():
    known = {one.name for one in bench.benches()}
    expect_equal([goal.key for goal in goals.GOALS if goal.bench not in known], [])


def test_summary_counts():
    figures = {"cost": Figure(30, "cycles"), "rate": Figure(1, "M/s")}
    expect_equal(goals.summary(goals.judge(figures, (LESS, MORE, PLAIN))),
          "1 of 3 goals met (1 of them the stretch goal), 1 missed, 1 not measured")


def test_every_goal_has_its_own_figure():
    keys = [goal.key for goal in goals.GOALS]
    expect_equal(len(keys), len(set(keys)))


def test_table_has_a_line_per_goal():
    figures = {"cost": Figure(35.04, "cycles", 33, 37.5), "rate": Figure(10, "M/s")}
    lines = table.text(goals.judge(figures, (LESS, MORE))).splitlines()
    expect_equal(len(lines), 4)
    expect_equal(lines[2].split(), ["cost", "<=", "40", "32", "35.0", "33-37.5", "cycles", "met"])
    expect_equal(lines[3].split(), ["rate", ">=", "12", "20", "10", "-", "M/s", "MISSED"])


def test_conditions_in_words():
    said = table.conditions(Figure(1, "x", conditions={"frame_in": 60, "frame_out": 80, "flows": 1000000, "hit_rate": 1,
                                                      "loss": 0, "cpus": 2}))
    expect_equal(said, "60 to 80 bytes, 1 M flows, 100.0 % hits, loss 0 %, 2 CPUs")


def test_median_and_spread():
    figure = from_values([5, 1, 2, 4, 3], "x")
    expect_equal((figure.value, figure.low, figure.high), (3, 1.4, 4.6))


def test_ratio_and_its_widest_spread():
    figure = ratio(Figure(6, "x", 5, 8), Figure(2, "x", 1, 2.5))
    expect_equal((figure.value, figure.low, figure.high), (3, 2, 8))


suite.run(globals())
