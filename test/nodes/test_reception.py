"""What never arrived is counted by the sender's own count; one of two cameras is heard."""

from __future__ import annotations

from co_perception.nodes.reception import MOST_SENDERS, PATIENCE_S, Reception

A, B = b"a", b"b"


def test_gaps_in_a_senders_count_are_losses_of_its_own() -> None:
    reception = Reception()
    arrived = [(A, 7), (B, 1), (A, 8), (A, 11), (B, 2), (B, 2), (A, 12)]
    assert [reception.lost(*one) for one in arrived] == [0, 0, 0, 2, 0, 0, 0]


def test_what_is_remembered_of_senders_is_bounded() -> None:
    reception = Reception()
    for number in range(10 * MOST_SENDERS):
        assert reception.lost(number.to_bytes(2, "big"), 5) == 0
    assert len(reception._numbers) == MOST_SENDERS
    assert reception.lost((10 * MOST_SENDERS - 1).to_bytes(2, "big"), 8) == 2


def test_a_second_sender_is_heard_once_the_first_is_silent() -> None:
    reception = Reception()
    assert reception.admits(A, 10.0)
    assert not reception.admits(B, 10.1)
    assert reception.admits(A, 10.9)
    assert not reception.admits(B, 10.9 + 0.9 * PATIENCE_S)
    assert reception.changes == 0
    assert reception.admits(B, 10.9 + PATIENCE_S)
    assert not reception.admits(A, 10.9 + 1.1 * PATIENCE_S)
    assert reception.changes == 1
