"""The names of a network's classes, in the order of its scores.

A label list is a text file in `co_perception/labels/`, one class per line. It lies inside the Python package, not in
the ROS package's config/: only that place is the same in a source checkout, after `colcon build` and after
`pip install`, and a list belongs to a network, it is nothing to configure.
"""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parents[1] / "labels"


def label_sets() -> tuple[str, ...]:
    """Names of the lists there are."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.txt")))


def labels(name: str) -> tuple[str, ...]:
    """The classes of a label list, by index; ValueError names the lists there are.

    kinetics400: the 400 classes of Kinetics-400 (Kay and others, arXiv 1705.06950), in alphabetical order, which is how
    the published networks number them. ntu60: the 60 actions of NTU RGB+D (Shahroudy and others, arXiv 1604.02808), in
    the order of their numbers. ntu120: those and 60 more, of NTU RGB+D 120 (Liu and others, arXiv 1905.04757).
    thumos14: the 20 of THUMOS'14 between "background" and "ambiguous", as TRN (Xu and others, arXiv 1811.07391) and
    OadTR number them.
    """
    if name not in label_sets():
        raise ValueError(f"no label list {name!r}; there are: {', '.join(label_sets())}")
    return tuple((_FOLDER / f"{name}.txt").read_text("utf-8").splitlines())
