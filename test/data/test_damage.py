"""Whatever a damaged file makes a reader stumble over becomes one ValueError that names the file."""

import csv

import pytest

from co_perception.data.damage import reading

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
