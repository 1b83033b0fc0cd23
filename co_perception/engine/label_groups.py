"""Groups of a label set: questions with one answer each, so that a person sits and waves.

A label set that asks one question has no groups: its labels are of one group without a name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

SubjectGroup: TypeAlias = tuple[str, str]
"""Subject and group: whose answer to which question."""
_NONE, _PREFIX = ("none", "background"), "no_"


def names_of(groups: Sequence[str]) -> tuple[str, ...]:
    """The groups of a label set in their order, by the group of each label; one without a name where there are none.

    >>> names_of(["posture", "posture", "arms"])
    ('posture', 'arms')
    >>> names_of([])
    ('',)
    """
    return tuple(dict.fromkeys(groups)) or ("",)


def places_of(group: str, groups: Sequence[str], count: int) -> list[int]:
    """The indices of a group's labels among the `count` labels of a set."""
    if not groups:
        return [] if group else list(range(count))
    return [place for place, name in enumerate(groups) if name == group]


def is_none(label: str, group: str) -> bool:
    """Whether a label says that nothing of its group happens: "none", "background", or a name that begins with "no_".

    It is an answer like any other, but no activity: it has no onset. A label set without groups has no such label.

    >>> is_none("no_gesture", "arms"), is_none("waving", "arms"), is_none("background", "")
    (True, False, False)
    """
    return bool(group) and (label in _NONE or label.startswith(_PREFIX))


def group_of(message: Any) -> str:
    """The group of an Activity or ActivityEvent, which has none in recordings of earlier versions."""
    return str(getattr(message, "group", ""))


def joined_caption(answers: Sequence[tuple[str, str, str]]) -> str:
    """One text for a subject, "sitting · waving", out of the label, group and text of each of its answers.

    Labels of none (`is_none`) are left out if there is another. Without a label it is the first text, which says why.
    """
    labels = [text for label, _, text in answers if label]
    telling = [text for label, group, text in answers if label and not is_none(label, group)]
    return " · ".join(telling or labels) or answers[0][2]
