"""matplotlib, which is imported here only, and how this package's pictures look."""

from __future__ import annotations

from typing import Any

from co_perception.evaluation.rows import INK


def pyplot() -> Any:
    """`matplotlib.pyplot` that draws into files. Raises ImportError that names the extra where it is missing."""
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError(f"drawing needs matplotlib: pip install 'co_perception[bench]'. ({error})") from error
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt


def bare(axis: Any) -> None:
    """Leaves of an axis' frame the line below."""
    axis.tick_params(colors=INK, length=0, labelsize=9)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)
    axis.spines["bottom"].set_color("#cbd2d9")
