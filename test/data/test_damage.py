"""Whatever a damaged file makes a reader stumble over becomes one ValueError that names the file."""

import csv

import pytest

from co_perception.data.damage import has_anchors, reading

STUMBLES = [KeyError("data"), TypeError("x"), OverflowError(), RecursionError(), csv.Error("NUL")]


@pytest.mark.parametrize("error", STUMBLES)
def test_stumbles_name_the_file_and_what_it_should_have_been(error: Exception) -> None:
    with pytest.raises(ValueError, match=r"a\.json: damaged, or not a list"), reading("a.json", "a list"):
        raise error


def test_a_reason_is_kept() -> None:
    with pytest.raises(ValueError, match=r"^a\.json: cut off$"), reading("a.json", "a list"):
        raise ValueError("cut off")


def test_faults_of_the_disk_and_of_the_program_pass() -> None:
    for error in (PermissionError("no"), AssertionError("bug"), MemoryError()):
        with pytest.raises(type(error)), reading("a.json", "a list"):
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
