"""Options that benchmarks share, and results of benchmarks/steps.py: one record per network and backend."""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.remote import ROOT
from co_perception.networks.variants import Published
from co_perception.runtime.steppers.options import AUTO, BACKENDS

HEADER = (
    "network", "backend", "ms p50", "min", "p95", "reference", "ratio", "clip", "ratio", "published", "GMAC/s",
    "of peak", "state", "reference", "memory", "J",
)  # fmt: skip


def parser(about: str | None, networks: Sequence[str], backends: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The command line of a benchmark, with networks, backends (where there is a default) and the folder of results."""
    found = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--networks", nargs="+", default=list(networks))
    if backends:
        words = f"of {AUTO}, {', '.join(BACKENDS)}"
        found.add_argument("--backends", nargs="+", default=list(backends), help=words)
        found.add_argument("--threads", type=int, default=2, help="of the networks")
    found.add_argument("--out", type=Path, default=ROOT / "out/bench")
    return found


@dataclass(frozen=True, kw_only=True)
class Row:
    """A network in a backend, beside its reference and its clip. None: not measured, or not to be had here.

    ms_*: of one step of one stream, `frames_per_step` frames; reference_*: of as many frames in the reference;
    clip_ms_p50: of the published clip, computed anew for each answer;
    ratio: reference_ms_p50 to ms_p50; clip_ratio: clip_ms_p50 to ms_p50; published_clip_ratio: multiply-adds of a clip
    to those of a step, as published;
    gmacs_per_s: counted multiply-adds of a step by its p50; peak_share: of the best matrix product in the same run;
    peak_memory_bytes: the most that the process of this network and backend held, libraries and all.
    """

    network: str
    backend: str
    dtype: str
    frames_per_step: int
    samples: int
    ms_p50: float
    ms_min: float
    ms_p95: float
    reference_ms_p50: float | None
    reference_ms_min: float | None
    ratio: float | None
    clip_ms_p50: float | None
    clip_ratio: float | None
    published_clip_ratio: float | None
    state_bytes: int
    reference_state_bytes: int | None
    peak_memory_bytes: int | None
    reference_peak_memory_bytes: int | None
    macs_per_step: int
    gmacs_per_s: float
    peak_share: float | None
    energy_j_per_step: float | None
    reference_energy_j_per_step: float | None


def with_peak(rows: Sequence[Row], peak_gmacs_per_s: float) -> list[Row]:
    """The rows with their share of what the machine can do."""
    return [dataclasses.replace(row, peak_share=row.gmacs_per_s / peak_gmacs_per_s) for row in rows]


def over(one: float | None, other: float | None) -> float | None:
    """Their ratio, where both are there."""
    return None if one is None or not other else one / other


def published_clip_ratio(published: Published) -> float | None:
    """Multiply-adds of the clip to those of a step, as the paper has them."""
    return over(published.macs_per_clip, published.macs_per_step)


def write_json(path: Path, content: Any) -> None:
    """Records, or anything else that JSON knows. Figures are kept to five digits, which is more than a timing has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(_short(content), indent=2) + "\n")


def read_rows(path: Path) -> list[Row]:
    """What `write_json` wrote; none where there is no such file."""
    return [Row(**found) for found in json.loads(path.read_text())] if path.exists() else []


def _short(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: _short(item) for key, item in value.items()}
    return [_short(item) for item in value] if isinstance(value, list | tuple) else value


def cells(row: Row) -> tuple[str, ...]:
    """What the terminal shows of a row, in the order of `HEADER`. A dash stands for what is not known."""
    return (
        row.network,
        row.backend if row.dtype == "float32" else f"{row.backend} {row.dtype}",
        number(row.ms_p50),
        number(row.ms_min),
        number(row.ms_p95),
        number(row.reference_ms_p50),
        number(row.ratio, "x"),
        number(row.clip_ms_p50),
        number(row.clip_ratio, "x"),
        number(row.published_clip_ratio, "x"),
        number(row.gmacs_per_s),
        "-" if row.peak_share is None else f"{row.peak_share:.0%}",
        size(row.state_bytes),
        size(row.reference_state_bytes),
        size(row.peak_memory_bytes),
        number(row.energy_j_per_step),
    )


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown; columns whose cells begin with digits, or are a dash, are numbers, to the right."""
    numbers = [all(re.match(r"[\d.+-]", cell) for cell in column if cell) for column in zip(*rows, strict=True)]
    lines = [header, ["---:" if each else "---" for each in numbers], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def number(value: float | None, unit: str = "") -> str:
    """Three digits."""
    if value is None:
        return "-"
    return f"{value:.0f}{unit}" if value >= 100 else f"{value:.3g}{unit}"


def size(count: float | None) -> str:
    """Bytes in words."""
    if count is None:
        return "-"
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"
