"""Rows as a table: on the terminal, and in Markdown for the documentation."""

from __future__ import annotations

from collections.abc import Sequence

from bench.rows import Row

HEADER = (
    "network", "backend", "ms p50", "min", "p95", "reference", "ratio", "clip", "ratio", "published", "GMAC/s",
    "of peak", "state", "reference", "memory", "J",
)  # fmt: skip


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
    """A table in Markdown, numbers to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
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
