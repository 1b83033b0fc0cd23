"""The table of networks: every name, and every count as near to its paper as it claims."""

from __future__ import annotations

import json

import numpy as np
import pytest

from co_perception import cli
from co_perception.engine.target import Status
from co_perception.learners.video import ContinualVideoLearner
from co_perception.networks.cost import Row, rows
from co_perception.networks.variants import VIDEO_VARIANTS
from co_perception.networks.variants_features import FEATURE_VARIANTS
from co_perception.networks.variants_skeleton import SKELETON_VARIANTS, TEMPORAL_VARIANTS

VIDEO = ["coi3d_inception", "cox3d_xs", "cox3d_s", "cox3d_m", "cox3d_l", "coslow_r50", "coi3d_r50"]
VIDEO += [f"movinet_a{size}_{kind}" for kind in ("stream", "base") for size in (0, 1, 2)]
SKELETONS = ["costgcn", "costgcn_mod", "coagcn", "coagcn_mod", "costr", "costr_mod", "costgcn_short"]
FEATURES = [
    "cooadtr_b1",
    "cooadtr_b2",
    "cooadtr_b1_anet",
    "cooadtr_b2_anet",
    "codeepcot_b2",
    "codeepcot_b4",
    "cotrans_short",
]
NAMES = [*VIDEO, *SKELETONS, "cotcn", *FEATURES]

pytestmark = pytest.mark.slow  # the table builds every network


@pytest.fixture(scope="module")
def table() -> dict[str, Row]:
    return {row.name: row for row in rows()}


def test_every_network_is_there(table: dict[str, Row]) -> None:
    assert sorted(table) == sorted(NAMES)
    assert set(table) == {*VIDEO_VARIANTS, *SKELETON_VARIANTS, *TEMPORAL_VARIANTS, *FEATURE_VARIANTS}


@pytest.mark.parametrize("name", NAMES)
def test_counts_are_the_published_ones_or_the_note_says_why(table: dict[str, Row], name: str) -> None:
    row = table[name]
    assert abs(row.difference.get("params", 0)) < 1
    assert abs(row.difference.get("macs_per_step", 0)) <= 2 or row.note


GEOMETRY = {  # receptive field, delay, stride: the tables of the papers
    "cox3d_xs": (60, 31, 1), "cox3d_s": (69, 40, 1), "cox3d_m": (72, 43, 1), "cox3d_l": (130, 72, 1),
    "coslow_r50": (26, 16, 1), "coi3d_r50": (42, 24, 2), "coi3d_inception": (107, 62, 8), "costgcn": (449, 296, 4),
    "costgcn_mod": (300, 299, 1), "coagcn_mod": (300, 299, 1), "costr_mod": (300, 299, 1),
    "costgcn_short": (16, 15, 1), "movinet_a0_stream": (29, 0, 1), "movinet_a2_base": (45, 22, 1),
}  # fmt: skip


@pytest.mark.parametrize("name", GEOMETRY)
def test_geometry_is_the_published_one(table: dict[str, Row], name: str) -> None:
    row = table[name]
    assert (row.receptive_field, row.delay, row.stride) == GEOMETRY[name]


def test_a_step_costs_an_order_less_than_its_clip(table: dict[str, Row]) -> None:
    assert table["cox3d_m"].macs_per_clip / table["cox3d_m"].macs_per_step > 15
    assert table["costgcn_mod"].macs_per_clip / table["costgcn_mod"].macs_per_step > 100


@pytest.mark.parametrize("name", ["cox3d_xs", "coi3d_inception"])
def test_a_stream_has_its_first_label_when_the_table_says_so(table: dict[str, Row], name: str) -> None:
    learner = ContinualVideoLearner(name)
    learner.load_tensors(learner.model.state_dict(), "random weights")
    answers = (learner.infer(np.zeros((8, 8, 3), np.uint8))[0] for _ in range(200))
    frame, first = next((frame, each) for frame, each in enumerate(answers, 1) if each.status == Status.VALID)
    assert (frame, first.delay) == (table[name].label_after(learner.min_progress), table[name].age)


def test_the_command_prints_a_table_and_json(
    table: dict[str, Row], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("co_perception.networks.cost.rows", lambda: iter(table.values()))
    assert cli.main(["networks", "--json"]) == 0
    objects = json.loads(capsys.readouterr().out)
    keys = {
        "name", "params", "macs_per_step", "macs_per_clip", "receptive_field", "delay", "stride", "state_bytes",
        "published",
    }  # fmt: skip
    assert [row["name"] for row in objects] == list(table) and keys <= set(objects[0])
    for form in ([], ["--cost"], ["--markdown"]):
        assert cli.main(["networks", *form]) == 0 and len(capsys.readouterr().out.splitlines()) > len(table)
