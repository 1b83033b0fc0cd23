"""Untrusted files: every kind of damage becomes one ValueError that names the file; skipped entries are reported."""

import csv

import pytest

from co_perception.data.parsing import Skipped, has_anchors, parse_errors


@pytest.mark.parametrize(
    "error", [KeyError("data"), TypeError("x"), OverflowError(), RecursionError(), csv.Error("NUL")]
)
def test_stumbles_name_the_file_and_what_it_should_have_been(error: Exception) -> None:
    with pytest.raises(ValueError, match=r"a\.json: damaged, or not a list"), parse_errors("a.json", "a list"):
        raise error


def test_a_reason_is_kept_and_faults_of_the_disk_and_of_the_program_pass() -> None:
    with pytest.raises(ValueError, match=r"^a\.json: cut off$"), parse_errors("a.json", "a list"):
        raise ValueError("cut off")
    for error in (PermissionError("no"), AssertionError("bug"), MemoryError()):
        with pytest.raises(type(error)), parse_errors("a.json", "a list"):
            raise error


@pytest.mark.parametrize(
    "yaml",
    [
        "a: &a [1]\nb: [*a, *a]", "a: &-0 [1]", '"#": &a [1]', "a: [1, *b]", "'a #' : *b", "- &a\n  b: 1", "&a a: 1",
        "a: {<<: *b}", "a: 'x\n # ' \nb: &a 1", "a: b # c\r&a b: 1", "a: ?\t*b",
    ],
)  # fmt: skip
def test_anchors_are_found_wherever_they_hide(yaml: str) -> None:
    assert has_anchors(yaml)


@pytest.mark.parametrize("yaml", ["a: R&D", "a: 3 * 4", "# see &a and *b\na: 1  # *all* of it", "a: 'x' # a & b", ""])
def test_what_is_no_anchor_is_none(yaml: str) -> None:
    assert not has_anchors(yaml)


def test_the_report_counts_reasons_and_names_files() -> None:
    skipped = Skipped()
    for number in range(12):
        skipped.add(f"{number}.skeleton", f"{number}.skeleton: cut off")
    skipped.add("label.json", ValueError("no list"))
    assert len(skipped) == 13 and skipped
    lines = skipped.report(limit=3).splitlines()
    assert lines[:3] == ["13 skipped", "  12 x cut off", "  1 x no list"]
    assert lines[3:] == ["  - 0.skeleton", "  - 1.skeleton", "  - 2.skeleton", "  - and 10 more"]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("3", "360 messages of /skeletons are stamped before others"),
        ("3", "3 messages are cut off"),
        ("day", "[Errno 13] Permission denied: 'day/day.mcap'"),
        ("day", "day/day.mcap: cut off"),
        ("day", "daylight is too bright: day"),
    ],
)
def test_skipped_text_paths_and_numbers_are_quoted_as_they_are(source: str, reason: str) -> None:
    assert Skipped([(source, reason)]).report().splitlines()[1] == f"  1 x {reason}"


def test_lists_add_up_and_an_empty_one_is_falsy_and_says_so() -> None:
    assert not Skipped() and Skipped().report() == "nothing was skipped"
    one, other = Skipped([("a", "x")]), Skipped([("b", "y")])
    assert list(one + other) == [("a", "x"), ("b", "y")] and len(one) == 1


def test_an_empty_set_raises_with_the_reasons() -> None:
    skipped = Skipped([("a.skeleton", "cut off")])
    skipped.require([1], "folder", "")
    with pytest.raises(ValueError, match=r"in folder\. Unpack it first\.\n1 skipped\n  1 x cut off"):
        skipped.require([], "folder", "Unpack it first.")
