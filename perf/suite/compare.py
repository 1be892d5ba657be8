# SPDX-License-Identifier: BSD-3-Clause
"""Ratios of one run against those of the baseline: nothing here depends on how fast a machine is."""
import dataclasses

LESS, MORE = "less", "more"
TOLERANCE = 0.10


@dataclasses.dataclass
class Ratio:
    """The figure over, divided by the figure under (None: over is a ratio already)."""
    key: str
    what: str
    bench: str
    over: str
    under: str | None
    better: str = LESS

    def of(self, figures):
        """Return its value, or None if a figure is missing."""
        over, under = figures.get(self.over), figures.get(self.under) if self.under else None
        if over is None or (self.under and (under is None or not under.value)):
            return None
        return over.value / under.value if under else over.value


def _hits():
    for family, forward in (("4", "ipip"), ("4", "l2"), ("6", "ipip")):
        for flows, word in ((1000, "1 K"), (1000000, "1 M"), (10000000, "10 M")):
            yield Ratio(f"hit.{family}.{forward}.{flows}", f"existing flow, IPv{family} {forward}, {word} flows / rte_hash's lookup",
                        "cycles", f"hit.{family}.{forward}.{flows}", f"lookup.rte_hash.{flows}")


RATIOS = (
    *_hits(),
    Ratio("hit.4.ipip.growth", "existing flow, IPv4 ipip, 10 M flows / 1 K flows", "cycles", "hit.4.ipip.growth", None),
    Ratio("lookup.1000000", "rte_hash / flow table, 1 M flows", "cycles", "lookup.1000000", None, MORE),
    Ratio("lookup.10000000", "rte_hash / flow table, 10 M flows", "cycles", "lookup.10000000", None, MORE),
    Ratio("insert.4", "insert, IPv4 ipip / rte_hash's lookup", "cycles", "insert.4.cycles", "lookup.rte_hash.1000000"),
    Ratio("insert.6", "insert, IPv6 ipip / rte_hash's lookup", "cycles", "insert.6.cycles", "lookup.rte_hash.1000000"),
    Ratio("flood", "SYN flood into a full table / rte_hash's lookup", "cycles", "flood.cycles", "lookup.rte_hash.1000000"),
    Ratio("icmp", "ICMP error / rte_hash's lookup", "cycles", "icmp.cycles", "lookup.rte_hash.1000000"),
    Ratio("xdp.hit", "XDP, existing flow, 100 K flows / a bare XDP_TX", "xdp", "xdp.hit.4.100000", "xdp.bare.hit.4.100000"),
    Ratio("memif.l2", "two processes over memif, l2 / testpmd's macswap", "memif-rate", "memif.ratio.l2", None, MORE),
    Ratio("memif.ipip", "two processes over memif, ipip / testpmd's macswap", "memif-rate", "memif.ratio.ipip", None, MORE),
)


@dataclasses.dataclass
class Line:
    """One ratio, now and in the baseline."""
    ratio: Ratio
    now: float | None
    then: float | None

    @property
    def worse(self):
        """By how much it is worse than the baseline, as a share; negative: better."""
        if self.now is None or not self.then:
            return None
        # Of the cost in either case: half of a rate is twice the cost, as twice the cycles are.
        return self.now / self.then - 1 if self.ratio.better == LESS else self.then / max(self.now, 1e-9) - 1

    @property
    def regressed(self):
        return self.then is not None and (self.now is None or self.worse > TOLERANCE)

    def text(self):
        now = f"{self.now:8.3f}" if self.now is not None else "       -"
        then = f"{self.then:8.3f}" if self.then is not None else "       -"
        if self.then is None:
            why = "not in the baseline"
        elif self.now is None:
            why = "NOT MEASURED"
        else:
            why = f"{abs(self.worse) * 100:.1f} % {'worse' if self.worse > 0 else 'better'}"
        return f"{'FAIL' if self.regressed else 'ok':4}  {self.ratio.what:58} {now}  baseline {then}  {why}"


def lines(figures, baseline, ratios=RATIOS):
    """One Line per ratio that is known now or was then. @baseline: {key: value}."""
    found = [Line(ratio, ratio.of(figures), baseline.get(ratio.key)) for ratio in ratios]
    return [line for line in found if line.now is not None or line.then is not None]


def better_of(old, new):
    """Per ratio the better of two tries: what disturbs a measurement makes it worse, not better."""
    best = []
    for first, second in zip(old, new):
        keep = second if first.now is None or (second.worse is not None and first.worse is not None
                                               and second.worse < first.worse) else first
        best.append(keep)
    return best


def suspects(found):
    """The benchmarks to be tried again."""
    return sorted({line.ratio.bench for line in found if line.regressed})
