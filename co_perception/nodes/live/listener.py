"""Node that listens to pictures, people, activities and diagnostics while somebody looks, and to nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from time import monotonic
from traceback import format_exception
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription

from co_perception.data.bags.bag_file import IMAGES, SKELETONS
from co_perception.data.messages.video_packets import PacketDecoder, codec_of
from co_perception.engine.time import nanoseconds
from co_perception.evaluation.activity_topic import ACTIVITIES
from co_perception.nodes.answer_inputs_client import INPUTS
from co_perception.nodes.core.diagnostics import PREPARING
from co_perception.nodes.core.graph_conflicts import full_name
from co_perception.nodes.core.qos import latched_qos
from co_perception.nodes.live.arrivals import Arrivals
from co_perception.nodes.live.page_messages import (
    MOST_LETTERS,
    answers_of,
    health_of,
    labels_of_recognizer,
    people_of,
    silence_words,
)
from co_perception.nodes.recording.recorder import message_type_of

PICTURES, PEOPLE, ACTIVITY, LABELS, DIAGNOSTICS = "pictures", "people", "activity", "labels", "diagnostics"
# Types of what is chosen, the better one first: of pictures those that cost the robot least.
KINDS = {PICTURES: (IMAGES[1], IMAGES[2], IMAGES[3], IMAGES[0]), PEOPLE: SKELETONS, ACTIVITY: ACTIVITIES}
TYPES: Mapping[str, Sequence[str]] = {**KINDS, LABELS: ("co_perception/msg/LabelInfo",), DIAGNOSTICS: ()}
ITEMS = {PICTURES: "pictures", PEOPLE: "skeletons", ACTIVITY: "answers"}
DISCOVER_S = 0.5  # between two looks at what there is
SILENT_S = 2.0
MOST_TOPICS = 32
OWN = "studio: live page"  # what it says of itself
PACKETS = 30  # of video that may wait: each is needed by those after it
OLD_S = 3.0  # after which what a node says of itself no longer stands

Tell = Callable[[str, str], None]
"""Takes the name of an event and its content as JSON; called on the node's thread, and must not wait."""


@dataclass(frozen=True, eq=False)
class Look:
    """Somebody who looks.

    Args:
        tell: gets every event.
        chosen: topic of a kind in `KINDS`; where one is missing, the listener chooses.
        without: kinds that are not looked at.
    """

    tell: Tell
    chosen: Mapping[str, str] = field(default_factory=dict)
    without: frozenset[str] = frozenset()


class LiveListener(Node):
    """Subscribes to what is looked at, best effort, and tells it to all who look. Publishes nothing of its own."""

    def __init__(self, **options: Any) -> None:
        super().__init__("studio", **options)
        self._looks: list[Look] = []
        self._taken: dict[str, Subscription] = {}
        self._arrivals: dict[str, tuple[str, Arrivals]] = {}
        self._shown: dict[Look, dict[str, str]] = {}  # the topic of each kind that somebody sees
        self._labels: dict[str, str] = {}  # what the newest LabelInfo of each topic says, as JSON
        self._health: dict[str, tuple[float, dict[str, Any]]] = {}  # of each status by name, and when it came
        self._graph = ""
        self._lock = Lock()
        self._newest: dict[str, tuple[int, Any]] = {}  # stamp and message of the newest picture of each topic
        self._timer: Any = None

    # On the thread of the node

    def begin(self, look: Look) -> None:
        """Somebody begins to look."""
        self._looks.append(look)
        self._graph = ""  # so that it is told what there is
        if self._timer is None:
            self._timer = self.create_timer(DISCOVER_S, self._discover, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._discover()
        for text in self._labels.values():
            look.tell(LABELS, text)

    def end(self, look: Look) -> None:
        """Somebody ceases to look."""
        self._looks = [each for each in self._looks if each is not look]
        self._shown.pop(look, None)
        if self._looks:
            self._subscribe()
            return
        for topic in list(self._taken):
            self._leave(topic)
        if self._timer is not None:
            self.destroy_timer(self._timer)
            self._timer = None
        self._labels, self._health = {}, {}

    def recognizers(self, topic: str) -> list[str]:
        """The nodes that publish on a topic of answers."""
        return sorted({full_name(info) for info in self.get_publishers_info_by_topic(topic)})

    def recognizers_of_skeletons(self) -> list[str]:
        """The nodes that publish answers, and take skeletons or tell which ones were given to them.

        In one process with the pose estimator a recognizer is handed its skeletons, and subscribes to none.
        """
        served = self.get_service_names_and_types()
        senders, takers = set[str](), {name.rpartition("/")[0] for name, kinds in served if INPUTS in kinds}
        for topic, kinds in self.get_topic_names_and_types():
            if set(kinds) & set(KINDS[ACTIVITY]):
                senders |= set(self.recognizers(topic))
            if set(kinds) & set(KINDS[PEOPLE]):
                takers |= {full_name(info) for info in self.get_subscriptions_info_by_topic(topic)}
        return sorted(senders & takers)

    def tell(self, event: str, content: Any) -> None:
        """Tells all who look."""
        text = json.dumps(content)
        for look in self._looks:
            look.tell(event, text)

    def note_problem(self, error: Exception) -> None:
        """Logs what went wrong with a message, and says it to all who look, as a node's diagnostics are said."""
        words = f"{type(error).__name__}: {error}"[:MOST_LETTERS]
        where = "".join(format_exception(error))
        self.get_logger().error(f"a message or a task of the live page: {where}", throttle_duration_sec=5.0)
        self._health[OWN] = monotonic(), {"name": OWN, "level": 2, "message": words, "words": ""}

    # On any thread

    def newest(self, topic: str) -> tuple[int, Any] | None:
        """Stamp [ns] and message of the newest picture on a topic; None before there is one."""
        with self._lock:
            return self._newest.get(topic)

    # What there is

    def _discover(self) -> None:
        there: dict[str, list[str]] = {kind: [] for kind in (*KINDS, LABELS)}
        types = dict(self.get_topic_names_and_types())
        for kind in there:
            names = TYPES[kind]
            found = [(names.index(type), topic.count("/"), topic) for topic, own in types.items()
                     for type in own if type in names]  # fmt: skip
            there[kind] = [topic for *_, topic in sorted(found) if self.count_publishers(topic)][:MOST_TOPICS]
        for look in self._looks:
            chosen = {kind: look.chosen.get(kind) or (there[kind][0] if there[kind] else "") for kind in KINDS}
            self._shown[look] = {
                kind: topic for kind, topic in chosen.items()
                if topic and kind not in look.without and (topic not in types or set(types[topic]) & set(TYPES[kind]))
            }  # fmt: skip
        self._subscribe(there[LABELS], types)
        graph = {"topics": {kind: there[kind] for kind in KINDS}, "all": sorted(types)[: 4 * MOST_TOPICS]}
        self._tell_graph(graph)
        self._tell_rates()

    def _tell_graph(self, graph: dict[str, Any]) -> None:
        if json.dumps([graph, list(self._shown.values())]) == self._graph:
            return
        self._graph = json.dumps([graph, list(self._shown.values())])
        for look in self._looks:
            shown = self._shown.get(look, {})
            recognizers = self.recognizers(shown[ACTIVITY]) if ACTIVITY in shown else []
            look.tell("graph", json.dumps({**graph, "shown": shown, "recognizers": recognizers}))

    def _subscribe(self, labels: list[str] | None = None, types: Mapping[str, Sequence[str]] | None = None) -> None:
        """Subscribes to all that is looked at; unsubscribes from what is not looked at any more."""
        wanted = {topic: kind for shown in self._shown.values() for kind, topic in shown.items()}
        wanted |= {"/diagnostics": DIAGNOSTICS} if self._looks else {}
        known = [topic for topic, (kind, _) in self._arrivals.items() if kind == LABELS]
        wanted |= dict.fromkeys(known if labels is None else labels, LABELS)
        for topic in [topic for topic in self._taken if topic not in wanted]:
            self._leave(topic)
        for topic, kind in wanted.items():
            own = [type for type in TYPES[kind] if type in (types or {}).get(topic, ())]
            if topic not in self._taken and (own or kind == DIAGNOSTICS):
                self._take(topic, kind, own[0] if own else "")

    def _take(self, topic: str, kind: str, type: str) -> None:
        try:
            message_type = DiagnosticArray if kind == DIAGNOSTICS else message_type_of(type)
        except (ImportError, ValueError):  # a type whose package is not installed here
            return
        takers: dict[str, Callable[[Any], None]] = {
            PICTURES: self._picture_taker(topic),
            PEOPLE: partial(self._on_message, topic, PEOPLE, people_of),
            ACTIVITY: partial(self._on_message, topic, ACTIVITY, answers_of),
            LABELS: partial(self._on_labels, topic),
            DIAGNOSTICS: self._on_diagnostics,
        }
        depth = PACKETS if type in IMAGES[2:] else {PICTURES: 1, PEOPLE: 5}.get(kind, 20)
        qos = latched_qos() if kind == LABELS else QoSProfile(depth=depth, reliability=ReliabilityPolicy.BEST_EFFORT)
        self._arrivals[topic] = kind, Arrivals(monotonic())
        self._taken[topic] = self.create_subscription(message_type, topic, takers[kind], qos)

    def _leave(self, topic: str) -> None:
        self.destroy_subscription(self._taken.pop(topic))
        self._arrivals.pop(topic, None)
        with self._lock:
            self._newest.pop(topic, None)

    # What comes

    def _note(self, topic: str, stamp_ns: int) -> None:
        if topic in self._arrivals:
            self._arrivals[topic][1].note(monotonic(), stamp_ns, int(self.get_clock().now().nanoseconds))

    def _on_message(self, topic: str, kind: str, content_of: Callable[[Any], dict[str, Any]], message: Any) -> None:
        self._note(topic, nanoseconds(message.header.stamp))
        text = json.dumps(content_of(message))
        for look, shown in self._shown.items():
            if shown.get(kind) == topic:
                look.tell(kind, text)

    def _picture_taker(self, topic: str) -> Callable[[Any], None]:
        decoder = PacketDecoder[int]()

        def take(message: Any) -> None:
            header = getattr(message, "header", None)
            stamp_ns = nanoseconds(header.stamp if header is not None else message.timestamp)
            self._note(topic, stamp_ns)
            if not codec_of(message):
                self._on_picture(topic, stamp_ns, message)
                return
            for picture in decoder.decode(message, stamp_ns):
                if picture.frame is not None:
                    self._on_picture(topic, picture.header, picture)

        return take

    def _on_picture(self, topic: str, stamp_ns: int, message: Any) -> None:
        """Keeps the newest picture, and says that it is there: whoever is ready for it asks for it."""
        with self._lock:
            self._newest[topic] = stamp_ns, message
        text = json.dumps({"topic": topic, "stamp": str(stamp_ns)})
        for look, shown in self._shown.items():
            if shown.get(PICTURES) == topic:
                look.tell("picture", text)

    def _on_labels(self, topic: str, message: Any) -> None:
        self._labels[topic] = json.dumps(labels_of_recognizer(message))
        for look in self._looks:
            look.tell(LABELS, self._labels[topic])

    def _on_diagnostics(self, message: Any) -> None:
        for status in health_of(message):
            if status["words"] or status["level"] or status["name"] in self._health or len(self._health) < MOST_TOPICS:
                self._health[status["name"]] = monotonic(), status
        while len(self._health) > MOST_TOPICS:
            self._health.pop(next(iter(self._health)))

    def _tell_rates(self) -> None:
        """How often what is shown comes, how old it is, and why nothing comes; and what nodes say of themselves."""
        now_s = monotonic()
        health = [status for at_s, status in self._health.values() if now_s - at_s < OLD_S]
        for look, shown in self._shown.items():
            lines = [self._rate(kind, topic, now_s) for kind, topic in shown.items() if topic in self._arrivals]
            look.tell("health", json.dumps({"topics": lines, "nodes": health}))

    def _own_words(self, now_s: float) -> dict[str, str]:
        """What nodes that do not work say of themselves, by their full names."""
        fresh = [status for at_s, status in self._health.values() if now_s - at_s < OLD_S]
        telling = [each for each in fresh if each["level"] or each["message"].startswith(PREPARING)]
        return {each["name"].partition(":")[0]: each["message"] for each in telling if each["message"]}

    def _rate(self, kind: str, topic: str, now_s: float) -> dict[str, Any]:
        arrivals = self._arrivals[topic][1]
        silent_s = arrivals.silent_s(now_s)
        why = ""
        if silent_s > SILENT_S:
            senders = [full_name(info) for info in self.get_publishers_info_by_topic(topic)]
            why = silence_words(ITEMS[kind], topic, silent_s, senders, self._own_words(now_s))
        return {
            "kind": kind,
            "topic": topic,
            "rate": round(arrivals.rate_hz(now_s), 1),
            "age": arrivals.age_ms,
            "why": why,
        }
