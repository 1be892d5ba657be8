# SPDX-License-Identifier: BSD-3-Clause
"""What perf/memif wrote, as figures: memif.*, latency.*, flood.*, change.*, connections.memif, search.*"""
import figure
from figure import Figure

# Of a 64-byte frame with its checksum, as a driver hands it over.
FRAMES = {"macswap": (60, 60), "l2": (60, 60), "ipip": (60, 80), "ipip-mixed": (None, None)}


def number(text):
    """100k, 2.5M."""
    text = str(text)
    factor = {"k": 1e3, "M": 1e6}.get(text[-1])
    return int(float(text[:-1]) * factor) if factor else int(text)


def _conditions(data, mode, loss=None, note=None):
    frame_in, frame_out = FRAMES.get(mode, (None, None))
    return {"frame_in": frame_in, "frame_out": frame_out, "flows": number(data["parameters"]["flows"]), "hit_rate": None,
            "loss": loss, "cpus": 2, "note": note}


def _spread(values, unit, conditions):
    return figure.from_values(values, unit, **conditions)


def _rate(data, part, figures):
    for mode in part["pps"]:
        mega = [r[mode] / 1e6 for r in part["rounds"]]
        figures[f"memif.{mode}"] = _spread(mega, "Mpps", _conditions(data, mode, note="as fast as it goes, one CPU each side"))
    for mode, ratio in part["ratio"].items():
        figures[f"memif.ratio.{mode}"] = _spread(ratio["values"], "times", _conditions(data, mode))


def _latency(data, part, figures):
    for mode, points in part["own"].items():
        rate = f"at half of {part['zero_loss_pps'][mode] / 1e6:.2f} Mpps"
        for point, spread in points.items():
            figures[f"latency.{mode}.{point}"] = _spread(spread["values"], "us", _conditions(data, mode, note=rate))
    for kind in ("own", "same"):
        for mode, ratio in part[f"ratio_p99_{kind}"].items():
            figures[f"latency.ratio.{mode}.{kind}"] = _spread(ratio["values"], "times", _conditions(data, mode))
    for mode, pps in part["zero_loss_pps"].items():
        figures[f"zeroloss.{mode}"] = Figure(pps / 1e6, "Mpps", conditions=_conditions(data, mode, 0))


def _flood(data, part, figures):
    about = _conditions(data, "ipip", note="half of the packets are spoofed SYNs, as fast as it goes")
    figures["flood.share"] = _spread([100 * r["share"] for r in part["rounds"]], "%", about)
    figures["flood.moved.memif"] = Figure(part["moved"], "flows", conditions=about)
    figures["flood.lost.memif"] = Figure(part["forgotten"], "flows", conditions=about)
    figures["flood.mpps"] = _spread([r["pps"] / 1e6 for r in part["rounds"]], "Mpps", about)


def _change(data, part, figures):
    rate = sum(r["changes_per_s"] for r in part["rounds"]) / len(part["rounds"])
    about = _conditions(data, "ipip", note=f"{rate:.0f} changes a second")
    figures["change.throughput"] = _spread([100 * v for v in part["ratio"]["values"]], "%", {
        **about, "note": f"{rate:.0f} changes a second; against a run whose CPU gets as little"})
    figures["change.throughput.all"] = _spread([100 * v for v in part["ratio_idle"]["values"]], "%", {
        **about, "note": f"{rate:.0f} changes a second; sluiced takes its time from the generator's CPU"})
    figures["change.moved"] = Figure(part["moved"], "flows", conditions=about)


def _cps(data, part, figures):
    about = _conditions(data, "ipip", note="SYN, ACK, data and FIN of each, over memif")
    figures["connections.memif"] = _spread([r["cps"] / 1e6 for r in part["rounds"]], "M/s", about)


def _search(data, part, figures):
    for row in part:
        key = f"search.{row['mode']}.{row['size']}.{row['flows']}"
        about = {"flows": number(row["flows"]), "cpus": 2, "note": f"{row['size']} bytes on the wire"}
        figures[key] = Figure(row["zero_loss_pps"] / 1e6, "Mpps", conditions={**about, "loss": 0})
        figures[f"{key}.drop"] = Figure(row["drop_pps"] / 1e6, "Mpps", conditions={**about, "loss": 0.001})


PARTS = {"rate": _rate, "latency": _latency, "flood": _flood, "change": _change, "cps": _cps, "search": _search}


def read(data):
    figures = {}
    for name, reader in PARTS.items():
        if name in data:
            reader(data, data[name], figures)
    return figures
