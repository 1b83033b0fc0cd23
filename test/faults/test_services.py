"""Service calls that say too much, twice, or nonsense: each is answered, and none ends or hangs a node."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from faults.diagnosed import Diagnosed
from faults.test_lifecycle import MAKERS
from helpers.fake_learners import FakePeopleLearner

rclpy = pytest.importorskip("rclpy")

from helpers.node_stream import SkeletonStream, overrides_of, skeleton  # noqa: E402
from lifecycle_msgs.msg import Transition  # noqa: E402
from lifecycle_msgs.srv import ChangeState, GetAvailableTransitions, GetState  # noqa: E402
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue  # noqa: E402
from rcl_interfaces.srv import (  # noqa: E402
    DescribeParameters,
    GetParameters,
    ListParameters,
    SetParameters,
    SetParametersAtomically,
)
from std_srvs.srv import Trigger  # noqa: E402

from co_perception.nodes.core.managed_node import ManagedNode, NodeSettings  # noqa: E402
from co_perception.nodes.core.short_text import MOST  # noqa: E402
from co_perception.nodes.skeleton_activity import SkeletonActivityNode  # noqa: E402
from co_perception.srv import ResetState, Restore  # noqa: E402

AT_ONCE = 20
VALUES = [
    ParameterValue(),
    ParameterValue(type=ParameterType.PARAMETER_BOOL, bool_value=True),
    ParameterValue(type=ParameterType.PARAMETER_INTEGER, integer_value=-(2**63)),
    ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=float("nan")),
    ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=float("inf")),
    ParameterValue(type=ParameterType.PARAMETER_STRING, string_value="nonsense"),
    ParameterValue(type=ParameterType.PARAMETER_BYTE_ARRAY, byte_array_value=[b"\x00"]),
    ParameterValue(type=ParameterType.PARAMETER_DOUBLE_ARRAY, double_array_value=[float("nan")]),
    ParameterValue(type=ParameterType.PARAMETER_STRING_ARRAY, string_array_value=[]),
    ParameterValue(type=99),
]


@pytest.fixture
def stream(bench: Any, tmp_path: Path) -> SkeletonStream:
    return SkeletonStream(bench, FakePeopleLearner(), snapshot_folder=str(tmp_path))


def test_reset_twice(stream: SkeletonStream) -> None:
    """One subject named twice ended the node."""
    stream.send(1.0, "a", "b")
    stream.answered(1)
    answer = stream.bench.call(ResetState, "skeleton_activity/reset", subject_ids=["a", "x", "a", "x"])
    assert (answer.success, answer.message) == (False, "forgotten: 'a'; not known here: 'x'")
    stream.send(1.1, "a", "b")
    assert [each.progress for each in stream.answered(2)[-1].activities] == [1 / 8, 2 / 8]


def test_a_reset_of_a_hundred_thousand_subjects_is_answered_in_few_words(stream: SkeletonStream) -> None:
    ids = [f"p{number}" for number in range(100_000)]
    answer = stream.bench.call(ResetState, "skeleton_activity/reset", subject_ids=ids)
    assert answer.message.startswith("not known here: 'p0', ") and answer.message.endswith(" and 99900 more")


def test_what_a_node_says_is_of_a_length_that_can_be_read(
    stream: SkeletonStream, capfd: pytest.CaptureFixture[str]
) -> None:
    """Ids and layouts of 100,000 letters filled logs, diagnostics and answers."""
    endless, diagnosed = "x" * 100_000, Diagnosed(stream.bench, "skeleton_activity")
    stream.send(1.0, endless, skeleton(endless, joints=3), skeleton("b", layout=endless))
    assert [each.subject_id for each in stream.answered(1)[-1].activities] == [endless]
    answer = stream.bench.call(ResetState, "skeleton_activity/reset", subject_ids=[endless, "nobody"])
    assert answer.message.startswith("forgotten: 'xxx") and answer.message.endswith("not known here: 'nobody'")
    stream.bench.until(lambda: "stage usable poses" in diagnosed.values, "diagnostics")
    told = [
        answer.message,
        *(text for status in diagnosed.all for text in (status.message, *diagnosed.values.values())),
    ]
    assert max(map(len, [*told, *capfd.readouterr().err.splitlines()])) < 1.2 * MOST


def test_a_restore_of_what_is_no_file_is_refused(stream: SkeletonStream, tmp_path: Path) -> None:
    """A named pipe was waited for, and the node hung."""
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "nothing").symlink_to(tmp_path / "absent")
    (tmp_path / "device").symlink_to("/dev/zero")
    teaches = {
        "folder": "is no file but a folder",
        "pipe": "a pipe",
        "nothing": "there is no file",
        "device": "below",
        "a" * 5000: "too long",
        "": "names a file below",
    }
    for name, words in teaches.items():
        answer = stream.bench.call(Restore, "skeleton_activity/restore", path=name)
        assert not answer.success and words in answer.message
    stream.send(1.0, "a")
    assert stream.answered(1)[-1].activities[0].progress == 1 / 8


def test_twenty_calls_at_once_are_all_answered(stream: SkeletonStream) -> None:
    """With rclpy's own depth half of them were lost."""
    node = stream.bench.node
    clients = [node.create_client(ResetState, "skeleton_activity/reset") for _ in range(AT_ONCE)]
    stream.bench.until(lambda: all(client.service_is_ready() for client in clients), "the service")
    stream.bench.spin(0.5)  # the way back too
    futures = [client.call_async(ResetState.Request(subject_ids=["x"])) for client in clients]
    futures += [clients[0].call_async(ResetState.Request(subject_ids=["x"])) for _ in range(AT_ONCE)]
    stream.bench.until(lambda: all(future.done() for future in futures), "answers")


def test_task_param(bench: Any) -> None:
    """A task that there is none of was answered "successful", and the value stayed."""
    node = bench.add(
        SkeletonActivityNode(lambda values: FakePeopleLearner(), parameter_overrides=overrides_of({"model": ""}))
    )
    value = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value="nonsense")
    request = {"parameters": [Parameter(name="task", value=value)]}
    (result,) = bench.call(SetParameters, "skeleton_activity/set_parameters", **request).results
    assert not result.successful and "no task 'nonsense'" in result.reason
    assert node.get_parameter("task").value == ""


@pytest.mark.parametrize("name", MAKERS)
def test_no_call_ends_a_node(bench: Any, name: str) -> None:
    """Every kind of value for every parameter, transitions that are none, names that are none."""
    node = bench.add(MAKERS[name]())
    names = [*node.get_parameters_by_prefix(""), "", "nobody", "a" * 1000]
    for value in VALUES:
        parameters = [Parameter(name=each, value=value) for each in names if each != "use_sim_time"]
        results = bench.call(SetParameters, f"{name}/set_parameters", parameters=parameters).results
        assert (
            len(results) == len(parameters) and all(each.successful or not each.reason for each in results) is not None
        )
        bench.call(SetParametersAtomically, f"{name}/set_parameters_atomically", parameters=parameters)
    bench.call(GetParameters, f"{name}/get_parameters", names=names)
    bench.call(DescribeParameters, f"{name}/describe_parameters", names=names)
    bench.call(ListParameters, f"{name}/list_parameters", prefixes=names, depth=2**63)
    for id in (
        0,
        255,
        Transition.TRANSITION_CREATE,
        Transition.TRANSITION_DESTROY,
        Transition.TRANSITION_CALLBACK_ERROR,
    ):
        bench.call(ChangeState, f"{name}/change_state", transition=Transition(id=id, label="nonsense"))
    bench.call(GetAvailableTransitions, f"{name}/get_available_transitions")
    assert bench.call(GetState, f"{name}/get_state").current_state.label == "active"


class _Failing(ManagedNode[NodeSettings]):
    """A node whose service has a defect."""

    def prepare(self, values: NodeSettings) -> None:
        self.serve(Trigger, "~/fail", lambda request, response: 1 / 0)

    def begin(self, values: NodeSettings) -> None:
        pass

    def health(self) -> tuple[bytes, str]:
        return b"\x00", ""

    def values(self) -> dict[str, object]:
        return {}


def test_a_defect_of_a_service_is_answered(bench: Any, capfd: pytest.CaptureFixture[str]) -> None:
    bench.add(_Failing("failing", NodeSettings))
    answer = bench.call(Trigger, "failing/fail")
    assert not answer.success and "division by zero" in answer.message
    assert "ZeroDivisionError" in capfd.readouterr().err
