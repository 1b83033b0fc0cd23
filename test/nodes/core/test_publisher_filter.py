"""Lost messages are counted by sequence number; one of two publishers is accepted."""

from __future__ import annotations

import pytest

from co_perception.nodes.core.publisher_filter import CONNECTED_S, MOST_PUBLISHERS, PATIENCE_S, PublisherFilter

A, B = b"a", b"b"


def test_gaps_in_a_senders_count_are_losses_of_its_own() -> None:
    publishers = PublisherFilter()
    arrived = [(A, 7, 0.0), (B, 1, 0.0), (A, 8, 1.0), (A, 11, 1.1), (B, 2, 1.1), (B, 2, 1.2), (A, 12, 1.3)]
    assert [publishers.lost(*one)[0] for one in arrived] == [0, 0, 0, 2, 0, 0, 0]


def test_gaps_of_a_connection_that_comes_about_are_no_losses() -> None:
    publishers = PublisherFilter()
    arrived = [(A, 1, 5.0), (A, 9, 5.3), (B, 4, 5.9), (A, 12, 5.0 + CONNECTED_S), (B, 6, 6.1)]
    assert [publishers.lost(*one) for one in arrived] == [(0, False), (7, False), (0, False), (2, True), (1, False)]


@pytest.mark.parametrize("nobody", [bytes(24), bytes(16), b""])
def test_no_publisher_ids_nothing_is_concluded_from_numbers(nobody: bytes) -> None:
    publishers = PublisherFilter()
    assert [publishers.lost(nobody, number, 9.0)[0] for number in (5, 100, 6, 101, 7, 102)] == [0] * 6
    assert publishers.accepts(nobody, 0.0) and publishers.accepts(nobody, 0.01) and publishers.accepts(nobody, 9.0)
    assert publishers.changes == 0


def test_what_is_remembered_of_senders_is_bounded() -> None:
    publishers = PublisherFilter()
    for number in range(10 * MOST_PUBLISHERS):
        assert publishers.lost(number.to_bytes(2, "big"), 5, 0.0)[0] == 0
    assert len(publishers._numbers) == MOST_PUBLISHERS
    assert publishers.lost((10 * MOST_PUBLISHERS - 1).to_bytes(2, "big"), 8, 9.0) == (2, True)


def test_a_second_sender_is_heard_once_the_first_is_silent() -> None:
    publishers = PublisherFilter()
    assert publishers.accepts(A, 10.0)
    assert not publishers.accepts(B, 10.1)
    assert publishers.accepts(A, 10.9)
    assert not publishers.accepts(B, 10.9 + 0.9 * PATIENCE_S)
    assert publishers.changes == 0
    assert publishers.accepts(B, 10.9 + PATIENCE_S)
    assert not publishers.accepts(A, 10.9 + 1.1 * PATIENCE_S)
    assert publishers.changes == 1
