# SPDX-License-Identifier: BSD-3-Clause
"""The goals: what is to be reached, and which figure tells.

Goals of speed are ratios of one run, which hold on any CPU. Cycles and rates are shown beside them, without a goal.
"""
import dataclasses

from figure import Figure

LESS, MORE = "less", "more"


@dataclasses.dataclass
class Goal:
    """The figure called key is to be at most (LESS) or at least (MORE) goal; None: it is only shown."""
    key: str
    what: str
    goal: float | None
    stretch: float | None
    better: str
    unit: str
    elsewhere: str = ""
    bench: str = ""  # that measures it

    def reached(self, value, bound):
        return value <= bound if self.better == LESS else value >= bound


@dataclasses.dataclass
class Verdict:
    """A goal, and what was measured of it (None: not measured)."""
    goal: Goal
    figure: Figure | None

    @property
    def met(self):
        return None if None in (self.figure, self.goal.goal) else self.goal.reached(self.figure.value, self.goal.goal)

    @property
    def stretch_met(self):
        if self.figure is None or self.goal.stretch is None:
            return None
        return self.goal.reached(self.figure.value, self.goal.stretch)

    @property
    def word(self):
        if self.figure is None:
            return "not measured"
        if self.goal.goal is None:
            return "shown"
        return "stretch" if self.stretch_met else "met" if self.met else "MISSED"

    def as_json(self):
        figure = self.figure.as_json() if self.figure else None
        return {**dataclasses.asdict(self.goal), "measured": figure, "met": self.met, "stretch_met": self.stretch_met,
                "verdict": self.word}


def _of(bench, *goals):
    return tuple(dataclasses.replace(goal, bench=bench) for goal in goals)


def _shown(key, what, unit, elsewhere=""):
    return Goal(key, what, None, None, LESS, unit, elsewhere)


GOALS = (
    *_of("cycles",
         Goal("hit.4.ipip.1000.floor", "existing flow, IPv4 ipip / its memory accesses alone, 1 K flows", 1.5, None, LESS, "times"),
         Goal("hit.4.ipip.1000000.floor", "the same, 1 M flows", 1.35, None, LESS, "times"),
         Goal("hit.4.ipip.10000000.floor", "the same, 10 M flows", 1.35, None, LESS, "times"),
         Goal("hit.4.ipip.growth", "existing flow, IPv4 ipip, 10 M flows / 1 K flows", 2, None, LESS, "times"),
         Goal("hit.6.ipip.1000.four", "IPv6 / IPv4, ipip, 1 K flows", 1.4, None, LESS, "times"),
         Goal("hit.6.ipip.1000000.four", "the same, 1 M flows", 1.4, None, LESS, "times"),
         Goal("hit.6.ipip.10000000.four", "the same, 10 M flows", 1.4, None, LESS, "times"),
         Goal("hit.mixed.ipip.1000.mean", "both in random order / mean of both, ipip, 1 K flows", 1.2, None, LESS, "times"),
         Goal("lookup.1000000", "flow lookup against rte_hash_lookup_bulk, 1 M", 3, 4, MORE, "times"),
         Goal("lookup.10000000", "the same, 10 M flows", 3, 4, MORE, "times"),
         Goal("flood.hits", "SYN into a full table / packet of an existing flow, 1 M flows", 4, None, LESS, "times"),
         Goal("flood.moved", "SYN flood beside established traffic: flows moved", 0, None, LESS, "flows"),
         Goal("flood.lost", "the same: flows lost from the table", 0, None, LESS, "flows"),
         Goal("memory.slot", "memory per slot", 12.8, None, LESS, "bytes"),
         Goal("memory.flow", "memory per live flow, IPv4 and IPv6", 26, None, LESS, "bytes", "Katran about 104, DPVS about 550"),
         Goal("workers.2", "two workers against one", 1.9, None, MORE, "times"),
         _shown("hit.4.ipip.1000", "existing flow, IPv4 ipip, 1 K flows", "cycles",
                "stateless balancers 56-92, Cheetah stateful 123-200, Katran 364, VPP lb node 127-183"),
         _shown("hit.4.ipip.1000000", "the same, 1 M flows", "cycles"),
         _shown("hit.4.ipip.10000000", "the same, 10 M flows", "cycles", "cuckoo tables 308-448"),
         _shown("hit.6.ipip.1000", "existing flow, IPv6 ipip, 1 K flows", "cycles"),
         _shown("hit.mixed.ipip.1000", "both in random order, ipip, 1 K flows", "cycles"),
         _shown("hit.4.gue.1000.ipip", "existing flow, IPv4, gue / ipip, 1 K flows", "times"),
         _shown("hit.6.gue.1000.ipip", "the same, IPv6, with a checksum", "times"),
         _shown("flood.cycles", "SYN into a full table, 1 M flows", "cycles"),
         _shown("insert.4", "pure inserts, per core", "M/s", "DPVS 0.2 M connections/s"),
         _shown("connections.4", "connections, whole life cycle, ipip, per core", "M/s", "DPVS 0.2 M/s")),
    *_of("xdp",
         Goal("xdp.katran.4", "XDP / Katran, IPv4, existing flows", 0.45, None, LESS, "times"),
         Goal("xdp.katran.6", "the same, IPv6", 0.45, None, LESS, "times"),
         # Measured without a rival, too.
         _shown("xdp.hit.4.100000", "XDP, existing flow, IPv4, 100 K flows", "ns")),
    *_of("xdp-full",
         Goal("xdp.full.katran.4", "XDP / Katran, IPv4, our table full", 0.45, None, LESS, "times"),
         Goal("xdp.full.katran.6", "the same, IPv6", 0.45, None, LESS, "times")),
    *_of("memif-rate",
         Goal("memif.ratio.l2", "two processes over memif, l2: rate / testpmd macswap", 1, None, MORE, "times", "VPP 26.10's lb 9-12 Mpps"),
         Goal("memif.ratio.ipip", "the same, ipip", 1, None, MORE, "times")),
    *_of("memif-flood",
         Goal("flood.share", "SYN flood beside established traffic: share kept", 90, None, MORE, "%", "Katran stops inserting at 125 K/s"),
         Goal("flood.moved.memif", "the same: flows moved", 0, None, LESS, "flows"),
         Goal("flood.lost.memif", "the same: flows lost from the table", 0, None, LESS, "flows")),
    *_of("memif-change",
         Goal("change.throughput", "pool change every 10 ms: throughput kept", 97, None, MORE, "%"),
         Goal("change.throughput.all", "the same, sluiced on the generator's CPU", 97, None, MORE, "%"),
         Goal("change.moved", "the same: flows moved that need not", 0, None, LESS, "flows")),
    *_of("publish",
         Goal("publish.flags.p50", "publish to the last worker's ack, flags: median", 20, None, LESS, "us"),
         Goal("publish.flags.p99", "the same, 99th percentile", 1000, None, LESS, "us"),
         Goal("publish.table.p50", "the same, a pool's whole table: median", 20, None, LESS, "us"),
         Goal("publish.table.p99", "the same, 99th percentile", 1000, None, LESS, "us")),
    *_of("memif-latency",
         Goal("latency.ratio.l2.own", "latency at half the zero-loss rate, l2: p99 / macswap's", 2, None, LESS, "times"),
         Goal("latency.ratio.ipip.own", "the same, ipip", 2, None, LESS, "times")),
)


def judge(figures, goals=GOALS):
    """Verdicts in the order of the goals. @figures: {key: Figure}."""
    return [Verdict(goal, figures.get(goal.key)) for goal in goals]


def summary(verdicts):
    words = [v.word for v in verdicts if v.goal.goal is not None]
    met = words.count("met") + words.count("stretch")
    return (f"{met} of {len(words)} goals met ({words.count('stretch')} of them the stretch goal), "
            f"{words.count('MISSED')} missed, {words.count('not measured')} not measured")
