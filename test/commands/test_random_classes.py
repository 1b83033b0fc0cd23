"""Three classes drawn at random are no better than chance, and three activities are, through `co-perception train`."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from helpers.bag_writer import SECOND, Frame, Person, write_bag
from helpers.drawn_people import ACTIVITIES, RATE_HZ, T0, Figure

from co_perception import cli
from co_perception.data.annotations.intervals import Interval, read_annotations, write_annotations

Capture = pytest.CaptureFixture[str]
PEOPLE, TAKES, SECONDS = ("Anna", "Ben", "Cleo", "Dan", "Eve", "Finn"), 6, 2.2


@pytest.fixture(scope="module")
def performances(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A recording of each person, who does each of three activities twice."""
    root, bags = tmp_path_factory.mktemp("performances"), []
    for number, name in enumerate(PEOPLE):
        frames, rows = [], []
        for take in range(TAKES):
            begin_s, figure = take * (SECONDS + 1), Figure(ACTIVITIES[take % 3], 100 * number + take)
            stamps_s = [begin_s + n / RATE_HZ for n in range(round(SECONDS * RATE_HZ))]
            shown = [Frame(T0 + round(at * SECOND), [Person("body_1", figure.frame(at))]) for at in stamps_s]
            rows.append(Interval(shown[0].stamp_ns, shown[-1].stamp_ns + 1, figure.activity, name))
            frames += shown
        write_bag(root / name.lower(), {"/skeletons": frames})
        write_annotations(root / name.lower() / "annotations.csv", rows)
        bags.append(root / name.lower())
    return bags


def drawn_at_random(bags: list[Path], file: Path) -> list[str]:
    """Arguments with annotations of the same times and people, whose labels are drawn."""
    rows, rng = [], np.random.default_rng(1)
    for bag in bags:
        for row in read_annotations(bag / "annotations.csv"):
            label = "abc"[rng.integers(3)]
            rows.append(Interval(row.start_ns, row.end_ns, label, row.subject, recording=bag.name))
    write_annotations(file, rows)
    return ["--annotations", str(file)]


@pytest.mark.slow
@pytest.mark.parametrize("random", [True, False])
@pytest.mark.parametrize("by", ["group", "recording", "subject"])
def test_three_random_classes_are_no_better_than_chance_and_three_activities_are(
    performances: list[Path], by: str, random: bool, tmp_path: Path, capsys: Capture
) -> None:
    annotations = drawn_at_random(performances, tmp_path / "random.csv") if random else []
    sources = [str(bag) for bag in performances]
    settings = ["--epochs", "7", "--step", "8", "--by", by, "--hold-out", "0.34", "--out", str(tmp_path / "out")]
    assert cli.main(["train", *sources, *annotations, *settings]) == 0
    [line] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Held out: accuracy")]
    assert ("No better than chance" in line) == random and ("Better than chance" in line) != random, line
    found = re.search(r"chance 0\.\d{3}, 95 % interval (\d\.\d{3}) to (\d\.\d{3}) over (\d+) (\w+)\.", line)
    assert found and float(found[1]) < float(found[2]) and int(found[3]) > 1
    assert found[4] == {"group": "takes", "recording": "recordings", "subject": "people"}[by]
