"""The client of `co-perception why` on a real graph: events by id, recognizers by name, and an end to every wait."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy")

from helpers.drawn_stream import DrawnStream, spun_elsewhere

from co_perception import cli
from co_perception.msg import ActivityEvent
from co_perception.nodes import answer_inputs_client
from co_perception.nodes.answer_inputs_client import GraphClient, graph_client
from co_perception.nodes.core.qos import event_qos
from co_perception.srv import GetAnswerInputs


@pytest.fixture
def spun(bench: Any) -> Iterator[Any]:
    with spun_elsewhere(bench):
        yield bench


@pytest.fixture
def client() -> Iterator[GraphClient]:
    with graph_client() as made:
        yield made


def answering(bench: Any, name: str) -> None:
    def answer(request: Any, response: Any) -> Any:
        response.success, response.message = request.subject_id == "a", "nobody"
        response.recognizer = f"{name} {request.ago.sec} {request.stamp.sec}"
        return response

    bench.node.create_service(GetAnswerInputs, f"{name}/answer_inputs", answer)


def test_an_event_of_before_is_found_by_its_id_in_any_namespace(
    spun: Any, client: GraphClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = spun.node.create_publisher(ActivityEvent, "/robot/activity_events", event_qos())
    for number in range(3):
        events.publish(ActivityEvent(id=f"x_e{number}", label=f"label {number}"))
    assert client.event("x_e1").label == "label 1"
    monkeypatch.setattr(answer_inputs_client, "FOUND_S", 0.5)
    with pytest.raises(ValueError, match="no event 'x_e9' on /robot/activity_events; the last are x_e0, x_e1, x_e2"):
        client.event("x_e9")


def test_the_recognizer_that_is_named_is_asked(spun: Any, client: GraphClient) -> None:
    answering(spun, "/robot/one")
    assert client.inputs(7_000_000_000, 2.0, "a", "").recognizer == "/robot/one 2 7"
    answering(spun, "/two")
    for name in ("two", "/two"):
        assert client.inputs(0, 0.0, "a", name).recognizer == "/two 0 0"
    with pytest.raises(ValueError, match="/robot/one/answer_inputs, /two/answer_inputs: --node names one"):
        client.inputs(0, 0.0, "a", "")
    with pytest.raises(ValueError, match="/two/answer_inputs: nobody"):
        client.inputs(0, 0.0, "b", "two")


def test_an_empty_graph_is_told(client: GraphClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_inputs_client, "FOUND_S", 0.1)
    with pytest.raises(ValueError, match="no topic has events"):
        client.event("x_e1")
    with pytest.raises(ValueError, match="is one running"):
        client.inputs(0, 0.0, "", "")


@pytest.mark.slow
def test_a_running_recognizer_is_asked_for_what_it_remembers(
    bench: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the id of an event, and by time and subject: the replay has the bits of then."""
    stream = DrawnStream(bench, event_on=0.3, event_off=0.2)
    events = bench.listen(ActivityEvent, "activity_events")
    bench.until(lambda: stream.node._event_publisher._publisher.get_subscription_count(), "a listener")
    stream.show(90)
    bench.until(lambda: events, "an event")
    event = events[-1]
    out = tmp_path / "why.html"
    with spun_elsewhere(bench):
        assert cli.main(["why", event.id, "--out", str(out)]) == 0
        printed = capsys.readouterr().out
        assert "Replay equal to the last bit: yes" in printed and printed.startswith(f"{event.subject_id}: ")
        assert f"<h1>{event.label}</h1>" in out.read_text()
        assert cli.main(["why", "--ago", "1", "--subject", "b", "--group", "posture", "--out", str(out)]) == 0
        assert "Replay equal to the last bit: yes" in capsys.readouterr().out
        assert cli.main(["why", "--ago", "0", "--subject", "b", "--model", "costgcn_short_poses"]) == 1
        assert "--model names it" in capsys.readouterr().err
