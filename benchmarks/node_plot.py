"""Draws what `node_latency.py` measured: `python benchmarks/node_plot.py out/bench/node_latency.json picture.png`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

INK = "#1f2933"
SHOWN = {
    "way_in": ("published to the node's callback", "#9fb3c8"),
    "waiting": ("callback to the worker", "#d9e2ec"),
    "pixels": ("message to pixels", "#d9730d"),
    "tensor": ("pixels to the network's input", "#f0b429"),
    "answer": ("logits to message, and the rest", "#0b6e99"),
    "way_out": ("publishing to the subscriber's callback", "#627d98"),
}


def draw(figures: Path, picture: Path) -> None:
    """A bar for each case: the median of each part; a mark where the 95th percentile of the whole lies."""
    content = json.loads(figures.read_text())
    results = content["results"]
    figure, axes = plt.subplots(figsize=(10, 1.6 + 0.42 * len(results)))
    for row, result in enumerate(results):
        left = 0.0
        for part, (_, color) in SHOWN.items():
            width = _median(result, part)
            axes.barh(row, width, left=left, color=color, height=0.62)
            left += width
        axes.plot([result["totals_ms"]["overhead"]["p95"]] * 2, [row - 0.31, row + 0.31], color=INK, lw=2)
    axes.set_yticks(range(len(results)), [_name(result) for result in results], fontsize=9, color=INK)
    axes.invert_yaxis()
    axes.set_xlabel("milliseconds besides the network's step: median of each part; mark: p95 of their sum", color=INK)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(left=False)
    bars = [plt.Rectangle((0, 0), 1, 1, color=color) for _, color in SHOWN.values()]
    names = [name for name, _ in SHOWN.values()]
    figure.legend(bars, names, ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.0), frameon=False, fontsize=9)
    figure.subplots_adjust(top=1 - 0.55 / figure.get_figheight())
    figure.savefig(picture, dpi=110, bbox_inches="tight", facecolor="white")
    plt.close(figure)


def _median(result: dict[str, Any], part: str) -> float:
    parts = ("scores", "message", "rest") if part == "answer" else (part,)
    return sum(float(result["parts_ms"][name]["p50"]) for name in parts)


def _name(result: dict[str, Any]) -> str:
    beside = ", a core loaded" if result["busy"] else ""
    transport = "" if result["case"] == "compressed" else f", {result['transport']}"
    return f"{result['case']}{transport}{beside}"


if __name__ == "__main__":
    draw(Path(sys.argv[1]), Path(sys.argv[2]))
