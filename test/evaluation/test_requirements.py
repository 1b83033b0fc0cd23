"""What a build demands: met, unmet, or not understood."""

from __future__ import annotations

import pytest

from co_perception.evaluation.requirements import Requirement, failures

FIGURES = {"map": 0.8, "ece": 0.1, "delay_s": float("nan")}


def test_great_figures_are_wanted_great_and_errors_small() -> None:
    met = [Requirement("map", 0.8), Requirement("map", 0.1), Requirement("ece", 0.1), Requirement("ece", 0.5)]
    assert failures(met, FIGURES) == []
    assert failures([Requirement("map", 0.81), Requirement("ece", 0.05)], FIGURES) == [
        "map is 0.8, and at least 0.81 is required",
        "ece is 0.1, and at most 0.05 is required",
    ]


def test_a_figure_without_a_value_meets_nothing() -> None:
    assert failures([Requirement("delay_s", 100.0)], FIGURES) == ["delay_s is nan, and at most 100 is required"]


def test_names_and_numbers_are_checked() -> None:
    assert Requirement.parse("map = 0.8") == Requirement("map", 0.8)
    for wrong in ("map", "map=high", "map>0.8"):
        with pytest.raises(ValueError, match="such as map=0.8"):
            Requirement.parse(wrong)
    with pytest.raises(ValueError, match="no figure 'mpa'; there are: delay_s, ece, map"):
        failures([Requirement("mpa", 0.8)], FIGURES)
