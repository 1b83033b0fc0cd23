"""Label lists: whole, in the published order, and found wherever the package lies."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from co_perception.engine import labels as module
from co_perception.engine.labels import label_sets, labels


def test_kinetics400_is_the_published_list() -> None:
    names = labels("kinetics400")
    assert len(names) == len(set(names)) == 400
    assert list(names) == sorted(names)
    assert {index: names[index] for index in (0, 152, 160, 399)} == {
        0: "abseiling",
        152: "high kick",
        160: "hurdling",
        399: "zumba",
    }
    assert all(name == name.strip() and name for name in names)


def test_kinetics400_is_equal_to_the_lists_it_was_checked_against() -> None:
    # Of the 400 lines that torchvision 0.28 (`_KINETICS400_CATEGORIES`) and ppvideo 2.3.1 agree on, joined by newlines.
    digest = hashlib.sha256("\n".join(labels("kinetics400")).encode()).hexdigest()
    assert digest == "a8dafb93a1204d4ecfa904f943ce5ee0c62ddeeb1df71aa1f96983fca17d777e"


def test_ntu60_is_numbered_as_the_dataset_numbers_its_actions() -> None:
    names = labels("ntu60")
    assert len(names) == len(set(names)) == 60
    # A001, A023, A043 and A060 of Shahroudy and others, arXiv 1604.02808: files count from 1.
    assert (names[0], names[22], names[42]) == ("drink water", "hand waving", "falling")
    assert names[59] == "walking apart from each other"


def test_ntu120_goes_on_from_ntu60() -> None:
    names = labels("ntu120")
    assert len(names) == len(set(names)) == 120
    assert names[:60] == labels("ntu60")
    # A061, A080, A103 and A120 of Liu and others, arXiv 1905.04757.
    assert (names[60], names[79], names[102]) == ("put on headphone", "squat down", "yawn")
    assert names[119].startswith("finger-guessing game")


def test_thumos14_is_numbered_as_the_published_features_are() -> None:
    names = labels("thumos14")
    assert len(names) == len(set(names)) == 22
    # As TRN (Xu and others, ICCV 2019) and OadTR: twenty actions by name, between what is none and what is unclear.
    assert (names[0], names[20], names[21]) == ("background", "volleyball spiking", "ambiguous")
    assert list(names[1:21]) == sorted(names[1:21], key=lambda name: name.replace(" ", ""))


def test_unknown_list_is_an_error_that_names_those_there_are() -> None:
    assert {"kinetics400", "ntu120", "ntu60"} <= set(label_sets())
    with pytest.raises(ValueError, match="no label list 'kinetics40'; there are: kinetics400"):
        labels("kinetics40")
    with pytest.raises(ValueError, match="no label list"):
        labels("../labels/kinetics400")


def test_labels_are_read_from_a_copied_package_without_torch_or_ros(tmp_path: Path) -> None:
    package = Path(module.__file__).parents[1]
    target = tmp_path / "co_perception"
    for part in ("engine", "labels"):
        shutil.copytree(package / part, target / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(package / "__init__.py", target)
    code = (
        "import sys; from co_perception.engine import labels as m;"
        "assert m.__file__.startswith(sys.argv[1]), m.__file__;"
        "assert not {'torch', 'rclpy'} & set(sys.modules);"
        "print(len(m.labels('kinetics400')))"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "400"
