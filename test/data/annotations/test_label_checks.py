"""Checks of labels before the training: spellings that are one, and words that stand for no activity."""

from __future__ import annotations

import pytest

from co_perception.data.annotations.label_checks import null_labels, similar_labels


def test_two_spellings_that_look_alike_are_found() -> None:
    labels = [
        "wave",
        "walk",
        "Wave",
        "sit down",
        "sit  down",
        "sitDown",
        "caf\u00e9",
        "cafe\u0301",
        "\uff57alk ",
        "cafe",
    ]
    assert similar_labels(labels) == [
        ("Wave", "wave"), ("cafe\u0301", "caf\u00e9"), ("sit  down", "sit down", "sitDown"), ("walk", "\uff57alk ")
    ]  # fmt: skip
    assert similar_labels(["wave", "walk"]) == []


@pytest.mark.parametrize("other", ["sit_down", "sit-down", "Sit\u2010Down", "sit\u200b down", "SIT\u00a0DOWN"])
def test_two_spellings_by_hyphens_and_invisible_characters(other: str) -> None:
    assert similar_labels(["sit down", other]) == [tuple(sorted(["sit down", other]))]


@pytest.mark.parametrize(
    "label",
    ["", " ", "-", "?", "none", "None", "NULL", "n/a", "NaN", "back_ground", "Background", "other", "no action"],
)
def test_null_labels_are_known_in_every_spelling(label: str) -> None:
    assert null_labels(["wave", label, "another", "nonexistent pose"]) == [label]
