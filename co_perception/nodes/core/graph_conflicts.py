"""Conflicts in the ROS graph: another node of the same name, and several publishers on a topic that is one stream.

ROS 2 allows both, and then every frame is answered twice, each onset is told twice, and the ids of two estimators are
taken for those of one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from rclpy.node import Node
from rclpy.topic_endpoint_info import TopicEndpointInfo


def full_name(endpoint: TopicEndpointInfo) -> str:
    """Name of the node that has an endpoint, with its namespace."""
    return f"{endpoint.node_namespace.rstrip('/')}/{endpoint.node_name}"


def publisher_names(node: Node, topic: str) -> str:
    """The nodes that publish on a topic, sorted; one that does so several times with the number."""
    counts = Counter(full_name(endpoint) for endpoint in node.get_publishers_info_by_topic(topic))
    return ", ".join(f"{name} ({count} times)" if count > 1 else name for name, count in sorted(counts.items()))


class GraphConflicts:
    """The conflicts of one node, looked for again and again.

    A conflict counts once it was there at two looks in a row: a node that ends is still there for a moment. A killed
    one is there for the lease of the middleware, 20 s with Fast DDS, and is told.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._topics: set[str] = set()
        self._before: set[str] = set()
        self._reported: set[str] = set()

    def watch(self, topic: str) -> None:
        """Looks after this topic (resolved) from now on: it is to have one publisher."""
        self._topics.add(topic)

    def look(self) -> tuple[list[str], list[str]]:
        """All conflicts of now in words, and those of them that were not given before."""
        now = set(self._found())
        lasting = sorted(now & self._before)
        new = [each for each in lasting if each not in self._reported]
        self._before, self._reported = now, self._reported & now | set(lasting)
        return lasting, new

    def _found(self) -> Iterator[str]:
        own = self._node.get_fully_qualified_name()
        yield from _same_name(own, self._node.get_node_names_and_namespaces())
        for topic in sorted(self._topics):
            if self._node.count_publishers(topic) > 1:
                names = publisher_names(self._node, topic)
                yield f"several publish on {topic}: {names}. Stop all but one, or give each a topic of its own"


def _same_name(own: str, nodes: Iterable[tuple[str, str]]) -> Iterator[str]:
    others = sum(f"{namespace.rstrip('/')}/{name}" == own for name, namespace in nodes) - 1
    if others > 0:
        what = "another node is" if others == 1 else f"{others} other nodes are"
        yield (
            f"{what} called {own} too (a launch that was started twice?): what it says is said twice, and services and "
            "parameters reach either. Stop one, or rename it (-r __node:=another, or __ns:=/another)"
        )
