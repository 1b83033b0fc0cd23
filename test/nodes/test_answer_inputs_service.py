"""The service ~/answer_inputs gives what another process needs to replay an answer to the last bit, and no more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")

from builtin_interfaces.msg import Duration
from helpers.drawn_stream import DrawnStream
from helpers.node_stream import SEC

from co_perception.engine.settings import table_of, values_of
from co_perception.evaluation.explanation import Replay
from co_perception.learners.recognizers import KINDS, SkeletonSettings
from co_perception.nodes.answer_inputs_service import settings_of, steps_of
from co_perception.nodes.core.messages import to_time
from co_perception.srv import GetAnswerInputs, ResetState

NAME = "skeleton_activity/answer_inputs"


def test_an_answer_is_replayed_bit_for_bit_from_what_the_service_gives(bench: Any, tmp_path: Path) -> None:
    stream = DrawnStream(bench)
    stream.show(80)
    response = bench.call(GetAnswerInputs, NAME, subject_id="a", ago=Duration(sec=1))
    assert response.success and response.subject_id == "a" and response.recognizer == stream.answers[0].recognizer
    answer = stream.answers[80 - 15 - 1]
    assert response.stamps[-1] == answer.header.stamp
    scores = [score for each in answer.activities if each.subject_id == "a" for score in each.scores]
    assert sorted(scores) == sorted(response.probabilities) and len(response.state)

    table = {setting.name: setting for setting in table_of(SkeletonSettings)}
    pairs = (text.partition("=")[::2] for text in response.settings)
    learner: Any = KINDS["skeleton"].loaded(
        values_of(SkeletonSettings, {name: table[name].parse(text) for name, text in pairs})
    )
    (tmp_path / "state").write_bytes(bytes(response.state))
    assert learner.load_streams(tmp_path / "state") == ["a"]
    steps = steps_of(response, learner.snapshot("a"))
    assert len(steps) > learner.receptive_field
    expected = steps[-1].probabilities
    assert expected is not None and np.array_equal(Replay(learner, steps).as_then(), expected)
    assert steps[-1].batch.streams == 2

    both = bench.call(GetAnswerInputs, NAME)
    assert not both.success and "2 people (a, b)" in both.message
    old = bench.call(GetAnswerInputs, NAME, subject_id="a", stamp=to_time(SEC))
    assert not old.success and "nobody 'a'" in old.message
    assert bench.call(ResetState, "skeleton_activity/reset", subject_ids=["b"]).success
    assert bench.call(GetAnswerInputs, NAME).subject_id == "a"
    assert bench.call(ResetState, "skeleton_activity/reset").success
    assert "nobody" in bench.call(GetAnswerInputs, NAME).message


def test_nothing_is_remembered_where_that_is_not_wanted(bench: Any) -> None:
    stream = DrawnStream(bench, why_memory_s=0.0)
    stream.show(2)
    assert stream.node._recognizer.people.memory is None
    response = bench.call(GetAnswerInputs, NAME, subject_id="a")
    assert not response.success and "why_memory_s" in response.message


def test_settings_are_written_as_commands_read_them() -> None:
    values = values_of(SkeletonSettings, {"model": "", "model_path": "/a b", "threads": 2, "optimize": False})
    table = {setting.name: setting for setting in table_of(SkeletonSettings)}
    pairs = [text.partition("=")[::2] for text in settings_of(values)]
    assert values_of(SkeletonSettings, {name: table[name].parse(text) for name, text in pairs}) == values


@pytest.mark.parametrize("fields", [{"stamps": []}, {"columns": 5}, {"joints": [1.0] * 7}, {"rows": [1]}, {"rows": []}])
def test_numbers_that_are_no_joints_are_refused(fields: dict[str, Any]) -> None:
    given = {"columns": 3, "joints": [1.0] * 6, "stamps": [to_time(1)], "streams": [1], "rows": [0], "youngest": [0]}
    steps_of(GetAnswerInputs.Response(layout="coco17", coordinates="pixels", **given), None)
    given |= fields
    with pytest.raises(ValueError, match="are no joints|are none"):
        steps_of(GetAnswerInputs.Response(layout="coco17", coordinates="pixels", **given), None)
