"""What was left out is counted and named."""

import pytest

from co_perception.data.skipped import Skipped


def test_the_report_counts_reasons_and_names_files() -> None:
    skipped = Skipped()
    for number in range(12):
        skipped.add(f"{number}.skeleton", f"{number}.skeleton: cut off")
    skipped.add("label.json", ValueError("no list"))
    assert len(skipped) == 13 and skipped
    lines = skipped.report(limit=3).splitlines()
    assert lines[:3] == ["13 skipped", "  12 x cut off", "  1 x no list"]
    assert lines[3:] == ["  - 0.skeleton", "  - 1.skeleton", "  - 2.skeleton", "  - and 10 more"]


def test_nothing_skipped_is_falsy_and_says_so() -> None:
    assert not Skipped() and Skipped().report() == "nothing was skipped"


def test_lists_add_up() -> None:
    one, other = Skipped([("a", "x")]), Skipped([("b", "y")])
    assert list(one + other) == [("a", "x"), ("b", "y")] and len(one) == 1


def test_an_empty_set_raises_with_the_reasons() -> None:
    skipped = Skipped([("a.skeleton", "cut off")])
    skipped.require([1], "folder", "")
    with pytest.raises(ValueError, match=r"in folder\. Unpack it first\.\n1 skipped\n  1 x cut off"):
        skipped.require([], "folder", "Unpack it first.")
