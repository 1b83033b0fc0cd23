"""Asks a running graph for what `co-perception why` replays: an event by its id, and the inputs of an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from co_perception.engine.time import NANO
from co_perception.msg import ActivityEvent
from co_perception.nodes.core.messages import to_duration, to_time
from co_perception.nodes.core.qos import event_qos
from co_perception.srv import GetAnswerInputs

EVENTS, INPUTS = "co_perception/msg/ActivityEvent", "co_perception/srv/GetAnswerInputs"
FOUND_S = 5.0  # for which topics, services and stored events are waited for
ANSWERED_S = 10.0  # for which a service is


class GraphClient:
    """Asks the nodes of a graph; every wait has an end.

    Args:
        node: of the asker, which nobody else spins.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._executor = SingleThreadedExecutor(context=node.context)
        self._executor.add_node(node)

    def event(self, id: str) -> Any:
        """The event of this id, an `ActivityEvent`: one of the last hundred of a publisher, which it stores.

        Raises:
            ValueError: where there is none, with those that there are.
        """
        known: dict[str, Any] = {}
        topics: set[str] = set()

        def found() -> bool:
            for topic in self._named(EVENTS, self._node.get_topic_names_and_types()):
                if topic not in topics:
                    topics.add(topic)
                    take = lambda event: known.setdefault(event.id, event)  # noqa: E731
                    self._node.create_subscription(ActivityEvent, topic, take, event_qos())
            return id in known

        if self._until(found, FOUND_S):
            return known[id]
        where = f"on {', '.join(sorted(topics))}" if topics else "in this graph: no topic has events"
        listed = f"; the last are {', '.join(list(known)[-10:])}" if known else ""
        raise ValueError(f"there is no event {id!r} {where}{listed}")

    def inputs(self, stamp_ns: int, ago_s: float, subject: str, node_name: str) -> Any:
        """The response of `~/answer_inputs`, of the recognizer of this name; empty: of the only one.

        Raises:
            ValueError: where there is none or more than one, or it has nothing of that moment, with its reason.
            TimeoutError: where it does not answer.
        """
        self._until(lambda: self._services(node_name), FOUND_S)
        services = self._services(node_name)
        if len(services) != 1:
            there = f"there are {', '.join(services)}: --node names one" if services else "is one running?"
            raise ValueError(f"no single recognizer of skeletons {node_name!r} answers in this graph; {there}")
        client = self._node.create_client(GetAnswerInputs, services[0])
        self._until(client.service_is_ready, FOUND_S)
        ago = to_duration(round(ago_s * NANO))
        future = client.call_async(GetAnswerInputs.Request(stamp=to_time(stamp_ns), ago=ago, subject_id=subject))
        if not self._until(future.done, ANSWERED_S):
            raise TimeoutError(f"{services[0]} has not answered for {ANSWERED_S:g} s")
        response: Any = future.result()
        if not response.success:
            raise ValueError(f"{services[0]}: {response.message}")
        return response

    def close(self) -> None:
        """Leaves the node to its owner."""
        self._executor.shutdown()

    def _services(self, node_name: str) -> list[str]:
        found = self._named(INPUTS, self._node.get_service_names_and_types())
        wanted = f"/{node_name.strip('/')}/answer_inputs" if node_name else ""
        return [name for name in found if name.endswith(wanted)]

    @staticmethod
    def _named(kind: str, names_and_types: list[tuple[str, list[str]]]) -> list[str]:
        return sorted(name for name, types in names_and_types if kind in types)

    def _until(self, predicate: Callable[[], object], seconds: float) -> bool:
        end = monotonic() + seconds
        while not predicate():
            if monotonic() > end:
                return False
            self._executor.spin_once(timeout_sec=0.05)
        return True


@contextmanager
def graph_client() -> Iterator[GraphClient]:
    """A client with a context of ROS and a node of its own."""
    context = rclpy.Context()
    rclpy.init(context=context, signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node("co_perception_why", context=context, enable_rosout=False)
    client = GraphClient(node)
    try:
        yield client
    finally:
        client.close()
        node.destroy_node()
        context.shutdown()
