"""Moments become spells; what is between two of them was not seen."""

from co_perception.evaluation.moments import Moment, Spell, spells, stretches


def moment(time_s: float, label: str = "", score: float = 0.0, warm: bool = True) -> Moment:
    return Moment(time_s, label, 1.0, ((label, score), ("other", 0.1)) if label else (), warm)


WALK = [
    moment(0.0, warm=False),
    moment(0.1),
    moment(0.2, "walk", 0.5),
    moment(0.3, "walk", 0.7),
    moment(0.4, "run", 0.9),
]


def test_stretches_are_runs_of_equal_values() -> None:
    assert stretches(["", "", "a", "b", "b"]) == [(0, 2, ""), (2, 3, "a"), (3, 5, "b")]
    assert stretches([]) == []


def test_a_spell_ends_where_label_or_warmth_changes() -> None:
    assert spells(WALK) == [
        Spell("", False, 0.0, 0.0, 1, 0.0),
        Spell("", True, 0.1, 0.1, 1, 0.0),
        Spell("walk", True, 0.2, 0.3, 2, (0.5 + 0.7) / 2),
        Spell("run", True, 0.4, 0.4, 1, 0.9),
    ]


def test_a_label_that_comes_back_is_another_spell() -> None:
    assert [spell.label for spell in spells([moment(0, "a"), moment(1, "b"), moment(2, "a")])] == ["a", "b", "a"]


def test_who_is_not_seen_for_long_begins_another_spell() -> None:
    seen = [moment(0.0, "walk", 0.4), moment(0.2, "walk", 0.6), moment(1.0, "walk", 0.8)]
    assert [(s.begin_s, s.end_s, s.frames) for s in spells(seen, bridge_s=0.5)] == [(0.0, 0.2, 2), (1.0, 1.0, 1)]
    assert [(s.begin_s, s.end_s, s.frames) for s in spells(seen, bridge_s=0.9)] == [(0.0, 1.0, 3)]


def test_nothing_said_is_no_spell() -> None:
    assert spells([]) == []
