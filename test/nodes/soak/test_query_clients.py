"""The clients of the soak test get their answers from a node that answers, and say so where nobody does."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("rclpy")

from helpers.node_stream import SceneStream, scored

from co_perception.nodes.soak import query_clients
from co_perception.nodes.soak.query_clients import GOALS, QueryClients
from co_perception.srv import GetAnswerInputs

RED = (0.9, 0.05, 0.05)


def broken(clients: QueryClients) -> set[str]:
    return {check.about for check in clients.checks() if not check.within}


def succeed(request: Any, response: Any) -> Any:
    response.success = True
    return response


def test_goals_are_reached_and_calls_answered(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_clients, "ASK_S", 0.05)
    monkeypatch.setattr(query_clients, "GOAL_S", 1)
    stream = SceneStream(bench, SceneStream.learners(), max_gap_s=30.0, wait_silence_s=30.0)
    bench.node.create_service(GetAnswerInputs, "skeleton_activity/answer_inputs", succeed)
    clients = QueryClients(bench.node)
    scored(stream, [RED] * 12)
    counts = clients.counts
    bench.until(lambda: counts["found"] >= GOALS and counts["ended"] > counts["found"], "goals reached, and time-outs")
    bench.until(lambda: counts["skeleton_activity/answer_inputs success"] and counts["get_activities success"])
    assert broken(clients) == set() and not counts["refused"]
    clients.close()


def test_where_nobody_answers_it_is_told(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    clients = QueryClients(bench.node)
    monkeypatch.setattr(query_clients, "SILENT_S", 0.0)
    monkeypatch.setattr(query_clients, "LATE_S", -1.0)
    clients._began_s[0] = 0.0
    assert broken(clients) == {
        "goals and calls without answer", "silent: no goal was reached", "current_activities silent (s)",
        "get_activities never succeeded", "answer_inputs never succeeded",
    }  # fmt: skip
    clients.close()
