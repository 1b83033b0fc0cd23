"""Annotations that were recorded with what they tell of: a topic of the bag.

Two kinds of messages are understood. `co_perception/ActivityEvent` says who began and stopped doing what, as the
recognisers do. `std_msgs/String` is the least that anybody can publish: a label begins, and the one before it ends; an
empty string only ends. It has no stamp, so what counts is when it was recorded.
"""

from __future__ import annotations

from collections.abc import Iterable

from co_perception.data.annotations import Interval, checked
from co_perception.data.bag_file import Bag, Stamped
from co_perception.data.skeleton_messages import nanoseconds

EVENTS, STRING = "co_perception/msg/ActivityEvent", "std_msgs/msg/String"
ONSET = 0  # ActivityEvent.ONSET


def topic_annotations(bag: Bag, topic: str | None = None) -> list[Interval]:
    """The intervals that a topic of a recording tells; what has not ended ends with the recording.

    Args:
        bag: open.
        topic: its name, where the bag has several of these types.

    Returns: intervals in stamps of events, and of strings such as count from the start of the recording.
    Raises: BagError where there is no such topic; ValueError for two activities of one subject at a time.
    """
    name = bag.topic((EVENTS, STRING), topic)
    messages = list(bag.messages(name))
    found = _of_events(messages, bag) if bag.topics[name] == EVENTS else _of_strings(messages, bag)
    try:
        return checked(found)
    except ValueError as error:
        raise ValueError(f"{bag.path}, {name}: {error}") from error


def _of_events(messages: Iterable[Stamped], bag: Bag) -> list[Interval]:
    going: dict[tuple[str, str], int] = {}
    found: list[Interval] = []
    end_ns = 0
    for stamped in messages:
        event, at_ns = stamped.message, nanoseconds(stamped.message.at)
        who = (event.subject_id, event.label)
        # Stamps may be of another clock than the recorder's: the end is as long after this message in both.
        end_ns = stamped.stamp_ns + bag.end_ns - stamped.log_ns
        if event.kind == ONSET:
            going.setdefault(who, at_ns)
        else:
            began_ns = going.pop(who, nanoseconds(event.began))
            found += _interval(began_ns, at_ns, event.label, event.subject_id)
    for (subject, label), began_ns in going.items():
        found += _interval(began_ns, end_ns, label, subject)
    return found


def _of_strings(messages: Iterable[Stamped], bag: Bag) -> list[Interval]:
    found: list[Interval] = []
    label, since_ns = "", 0
    changes = [(stamped.log_ns, stamped.message.data.strip()) for stamped in messages]
    for at_ns, new in [*changes, (bag.end_ns, "")]:
        if new == label:
            continue
        found += _interval(since_ns - bag.start_ns, at_ns - bag.start_ns, label, "", relative=True)
        label, since_ns = new, at_ns
    return found


def _interval(start_ns: int, end_ns: int, label: str, subject: str, relative: bool = False) -> list[Interval]:
    """One, or none of what has no label or no length."""
    return [Interval(start_ns, end_ns, label, subject, relative)] if label and start_ns < end_ns else []
