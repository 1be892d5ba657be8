# SPDX-License-Identifier: BSD-3-Clause
"""Figures as text."""


def number(value):
    """With three digits or so, and never in powers of ten."""
    if value is None:
        return "-"
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    size = abs(value)
    return f"{value:.0f}" if size >= 1000 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"


def spread(figure):
    return "-" if figure is None or figure.low is None else f"{number(figure.low)}-{number(figure.high)}"


def count(value):
    """Of flows: 1 K, 10 M."""
    for factor, letter in ((1000000, "M"), (1000, "K")):
        if value >= factor and value % factor == 0:
            return f"{value // factor} {letter}"
    return f"{value:,}"


def conditions(figure):
    """In words: frame sizes on both sides, flows, hit rate, loss, CPUs."""
    if figure is None:
        return ""
    said, has = [], figure.conditions
    if has.get("frame_in"):
        said.append(f"{has['frame_in']} to {has.get('frame_out') or '?'} bytes")
    if has.get("flows"):
        said.append(f"{count(has['flows'])} flows")
    if has.get("hit_rate") is not None:
        said.append(f"{100 * has['hit_rate']:.1f} % hits")
    if has.get("loss") is not None:
        said.append(f"loss {100 * has['loss']:.4g} %")
    if has.get("cpus"):
        said.append(f"{has['cpus']} CPU{'s' if has['cpus'] > 1 else ''}")
    return ", ".join(said + ([has["note"]] if has.get("note") else []))


HEAD = ("what", "goal", "stretch", "measured", "p10-p90", "unit", "")


def rows(verdicts):
    for v in verdicts:
        sign = "<=" if v.goal.better == "less" else ">="
        yield (v.goal.what, "-" if v.goal.goal is None else f"{sign} {number(v.goal.goal)}", number(v.goal.stretch),
               number(v.figure.value) if v.figure else "-", spread(v.figure), v.goal.unit, v.word)


def text(verdicts):
    """One table, in columns."""
    lines = [HEAD, *rows(verdicts)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEAD))]

    def format_line(line):
        first, *middle, unit, word = line
        cells = [first.ljust(widths[0]), *(c.rjust(w) for c, w in zip(middle, widths[1:])), unit.ljust(widths[-2]), word]
        return "  ".join(cells).rstrip()
    head, *body = map(format_line, lines)
    return "\n".join([head, "-" * max(map(len, [head, *body])), *body])
