"""What a robot's owner chooses a network by, side by side: time to the first label, age, speed, accuracy, weights."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from co_perception.networks.cost import Row

STEPS, PAGE = Path("out/bench/steps.json"), Path(__file__).parents[2] / "docs/speed.md"
HEADER = (
    "name", "first label", "age", "step", "stream", "clip", "reported by", "params", "multiply-adds", "weights",
    "their accuracy",
)  # fmt: skip
ABOUT = """\
first label: seconds from the first frame to the first VALID label, at the network's own rate (frames of 30 a second
  are left out) and the default min_progress, 0.75 or 0.2 of MoViNet's streams; of networks without weights likewise.
age: seconds between the moment that a label describes and that at which it comes, least.
step: median milliseconds of a step, {steps}.
stream, clip: top-1 in percent (mAP of THUMOS14) as a stream and offline on single clips, as the paper reports it.
multiply-adds: 10^9 of a step. weights: what co-perception weights fetch brings; their accuracy: top-1 in percent that
  their authors report offline, mostly of 30 views of each video: more than a stream of one view can have."""


@dataclass(frozen=True)
class StepTimes:
    """Median milliseconds of a step by network, the fastest backend of each; source: the file they are from."""

    ms: Mapping[str, float]
    source: str = ""

    @property
    def words(self) -> str:
        """Where they are from."""
        return f"from {self.source}" if self.ms else "not measured here: python benchmarks/steps.py"


def read_steps(given: Path | None) -> StepTimes:
    """The times in a file of benchmarks/steps.py; where none is given, in that of this folder, or of the documentation.

    Raises: ValueError for a given file that is no such; FileNotFoundError.
    """
    if given is not None or STEPS.is_file():
        path = given or STEPS
        return StepTimes(_of_json(path), str(path))
    return StepTimes(_of_page(PAGE.read_text("utf-8")), "docs/speed.md") if PAGE.is_file() else StepTimes({})


def _of_json(path: Path) -> dict[str, float]:
    found: dict[str, float] = {}
    try:
        for row in json.loads(path.read_text("utf-8")):
            if row["dtype"] == "float32":
                found[row["network"]] = min(float(row["ms_p50"]), found.get(row["network"], float("inf")))
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path} is not what benchmarks/steps.py writes ({type(error).__name__}: {error})") from None
    return found


def _of_page(text: str) -> dict[str, float]:
    """The column `ms p50` of the table of all networks."""
    table = re.search(r"^\| network \| ms p50 \|.*\n\|[-:| ]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    rows = [] if table is None else [line.strip("| ").split(" | ") for line in table[1].splitlines()]
    return {row[0]: float(row[1]) for row in rows if re.fullmatch(r"[\d.]+", row[1])}


def table(rows: Iterable[Row], steps: StepTimes, states: Mapping[str, str]) -> list[tuple[str, ...]]:
    """A line for each network, under `HEADER`.

    Args:
        states: what is said of weights, by name, such as "absent".
    """
    found = list(rows)
    sources = sources_of(found)
    return [HEADER, *(_cells(row, steps.ms.get(row.name), sources, states) for row in found)]


def sources_of(rows: Sequence[Row]) -> dict[str, str]:
    """A letter for each source of published figures."""
    named = dict.fromkeys(row.published.source for row in rows if row.published.source)
    return {source: chr(ord("a") + number) for number, source in enumerate(named)}


def _cells(row: Row, ms: float | None, sources: Mapping[str, str], states: Mapping[str, str]) -> tuple[str, ...]:
    from co_perception.learners.weights import published_for

    reported, each = row.published, f" of {row.stride} frames" if row.stride > 1 else ""
    weights = published_for(row.name)
    accuracy = next((item.accuracy for item in weights if item.accuracy is not None), None)
    return (
        row.name,
        f"{(row.label_after(row.min_progress) - 1) / row.rate_hz:.1f} s",
        f"{row.age / row.rate_hz:.1f} s",
        f"{ms:.3g} ms{each}" if ms is not None else "-",
        ", ".join(f"{value:.1f}{_window(window, reported.step_accuracy)}" for window, value in reported.step_accuracy)
        or "-",
        f"{reported.accuracy:.1f}" if reported.accuracy else "-",
        sources.get(reported.source, "-"),
        f"{row.params / 1e6:.2f} M",
        f"{row.macs_per_step / 1e9:.3g}{each}",
        ", ".join([*(f"{item.name}{_state(item.name, states)}" for item in weights), *_shipped(row.name)]) or "-",
        f"{accuracy:.1f}" if accuracy is not None else "-",
    )


def _window(window: int, all_of_them: Sequence[tuple[int, float]]) -> str:
    return f" (window {window})" if len(all_of_them) > 1 else ""


def _state(name: str, states: Mapping[str, str]) -> str:
    return f" ({states[name]})" if name in states else ""


def _shipped(network: str) -> list[str]:
    """Models of this network that come with the package."""
    from co_perception.learners.metadata import Metadata, shipped, shipped_names

    return [f"{name} (shipped)" for name in shipped_names() if Metadata.read(shipped(name)).network == network]


def markdown(lines: Sequence[Sequence[str]]) -> str:
    """The table as it stands on a page of the documentation."""
    marked = [[f"`{line[0]}`", *line[1:]] for line in lines[1:]]
    return "\n".join(f"| {' | '.join(line)} |" for line in (lines[0], ["---"] * len(lines[0]), *marked))
