"""Streams by id: whoever comes, goes or vanishes, everybody's answers are those of the same person alone."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from co_perception.continual.state import State, state_bytes
from co_perception.networks.stgcn import CoStGcn
from co_perception.networks.variants_skeleton import COSTGCN_SHORT
from co_perception.runtime.pool import PoolFullError, StreamPool

Frames = dict[str, Tensor]


def network() -> CoStGcn:
    """costgcn_short on few channels, with norms and edges that are not at their start."""
    torch.manual_seed(0)
    net = CoStGcn(dataclasses.replace(COSTGCN_SHORT, channels=(8, 8, 16, 16), classes=5))
    for name, value in [*net.named_parameters(), *net.named_buffers()]:
        if name.endswith(("bn.weight", "running_var")):
            value.data.uniform_(0.5, 1.5)
    return net.eval().requires_grad_(False)


def pool_of(net: CoStGcn, capacity: int = 64) -> StreamPool:
    def step(frames: Tensor, state: State) -> tuple[Tensor, State]:
        y, state = net(frames.unsqueeze(2), state)
        return y.squeeze(2), state

    return StreamPool(step, lambda count: net.init_state(count, net.frame_shape), capacity)


def counters(capacity: int = 3, when_full: Any = "oldest") -> StreamPool:
    """Each stream answers with the sum of all that it was given."""

    def step(x: Tensor, state: State) -> tuple[Tensor, State]:
        total = state.layers[0] + x
        return total, State(state.age + 1, (total,))

    def init(count: int) -> State:
        return State(torch.zeros(count, dtype=torch.int64), (torch.zeros(count, 1),))

    return StreamPool(step, init, capacity, when_full)


def give(pool: StreamPool, **numbers: float) -> dict[str, float]:
    answers = pool.step({name: torch.tensor([value]) for name, value in numbers.items()})
    return {name: answer.item() for name, answer in answers.items()}


def scene(people: int = 12, length: int = 60) -> list[Frames]:
    """Tracks that begin and end at different times, vanish for half a second at 15 Hz and come back, change their order
    in the message, and are missed in every fifth frame at random."""
    draw = np.random.default_rng(3)
    frames = []
    for time in range(length):
        there: Frames = {}
        for person in draw.permutation(people):
            begins, ends, gap = 2 * int(person), length - 3 * (int(person) % 4), 10 + 3 * int(person)
            present = begins <= time < ends and not gap <= time < gap + 8 and draw.random() > 0.2
            if present:
                there[f"track{person}"] = torch.from_numpy(draw.normal(size=(3, 17, 1)).astype(np.float32))
        frames.append(there)
    return frames


def test_everybody_in_a_busy_scene_is_answered_as_if_alone() -> None:
    net, frames = network(), scene()
    pool = pool_of(net)
    together = [pool.step(there) for there in frames]
    assert len(pool.ids) == 12 and max(map(len, frames)) > 8 and min(map(len, frames)) < 3
    for name in pool.ids:
        alone, state = [], net.init_state(1, net.frame_shape)
        for there in frames:
            if name in there:
                y, state = net(there[name][None].unsqueeze(2), state)
                alone.append(y[0, :, 0])
        got = torch.stack([answers[name] for answers in together if name in answers])
        assert len(got) == pool.age(name) > 16
        torch.testing.assert_close(got, torch.stack(alone), atol=1e-5, rtol=0)


def test_answers_come_under_the_names_in_the_order_asked() -> None:
    pool = counters()
    assert give(pool, a=1, b=10) == {"a": 1, "b": 10}
    assert list(give(pool, b=5, a=2).items()) == [("b", 15), ("a", 3)]
    assert pool.ids == ("a", "b") and pool.ages == {"a": 2, "b": 2}
    assert pool.step({}) == {}


def test_all_present_are_stepped_without_moving_state() -> None:
    given = []

    def step(x: Tensor, state: State) -> tuple[Tensor, State]:
        given.append(state)
        return x, state._replace(age=state.age + 1)

    shared = torch.zeros(2, 4)
    pool = StreamPool(step, lambda n: State(torch.zeros(n, dtype=torch.int64), (shared[:n],)))
    frames = {"a": torch.zeros(1), "b": torch.ones(1)}
    for _ in range(3):
        pool.step(frames)
    assert given[2].layers[0] is given[1].layers[0]
    pool.step({"a": torch.zeros(1)})
    assert len(given[3].age) == 1 and pool.ages == {"a": 4, "b": 3}


def test_the_longest_absent_makes_place_and_is_counted() -> None:
    pool = counters(3)
    give(pool, a=1, b=1, c=1)
    give(pool, a=1, c=1)
    assert pool.longest_absent[0] == "b"
    assert give(pool, d=7) == {"d": 7}
    assert set(pool.ids) == {"a", "c", "d"} and pool.evicted == 1
    assert give(pool, b=1) == {"b": 1}  # its former sum is gone
    assert len(pool.ids) == 3 and pool.evicted == 2


def test_those_who_are_there_are_never_dropped_and_a_refusal_changes_nothing() -> None:
    pool = counters(2)
    give(pool, a=1, b=1)
    with pytest.raises(PoolFullError, match="3 streams at once.*place for 2"):
        give(pool, a=1, b=1, c=1)
    strict = counters(2, "refuse")
    give(strict, a=1, b=1)
    with pytest.raises(PoolFullError):
        give(strict, c=1)
    for each in (pool, strict):
        assert each.ages == {"a": 1, "b": 1} and each.evicted == 0
    strict.release("a")
    assert give(strict, c=1) == {"c": 1} and strict.ids == ("b", "c")


def test_a_step_that_fails_leaves_the_pool_as_it_was() -> None:
    pool = counters(2)
    give(pool, a=1, b=1)
    with pytest.raises(RuntimeError):
        pool.step({"c": torch.zeros(1), "a": torch.zeros(5)})
    assert pool.ids == ("a", "b") and pool.evicted == 0 and give(pool, a=1, b=1) == {"a": 2, "b": 2}


def test_release_and_reset_touch_one_stream_only() -> None:
    pool = counters(3)
    give(pool, a=1, b=2, c=3)
    pool.release("b")
    pool.release("nobody")
    pool.reset("a")
    pool.reset("nobody")
    assert pool.ids == ("a", "c") and give(pool, a=1, b=1, c=1) == {"a": 1, "b": 1, "c": 4}
    pool.reset()
    assert list(pool.ids) == ["a", "c", "b"] and set(pool.ages.values()) == {0}
    pool.clear()
    assert not pool.ids and pool.age("a") == 0


def test_snapshots_are_values_of_one_and_of_all() -> None:
    pool = counters(3)
    give(pool, a=1, b=2)
    one, everybody = pool.snapshot("b"), pool.snapshot_all()
    give(pool, a=1, b=2, c=3)
    pool.restore("b", one)
    assert give(pool, a=0, b=0, c=0) == {"a": 2, "b": 2, "c": 3}
    one.layers[0].fill_(99)
    assert give(pool, b=0) == {"b": 2}
    other = counters(3)
    other.restore_all(everybody)
    everybody.state.layers[0].fill_(99)
    assert give(other, a=0, b=0) == {"a": 1, "b": 2} and other.ids == ("a", "b")
    other.restore("z", pool.snapshot("c"))
    assert give(other, z=1) == {"z": 4}


def test_states_that_do_not_fit_are_refused() -> None:
    pool = counters(1)
    give(pool, a=1)
    with pytest.raises(ValueError, match="another network"):
        pool.restore("a", State(torch.zeros(1, dtype=torch.int64), (torch.zeros(1, 2),)))
    with pytest.raises(ValueError, match="another network"):
        pool.restore("a", State(torch.zeros(2, dtype=torch.int64), (torch.zeros(2, 1),)))
    with pytest.raises(ValueError, match="no stream 'b' is here; there are: 'a'"):
        pool.snapshot("b")
    two = counters(2)
    give(two, a=1, b=1)
    with pytest.raises(PoolFullError, match="place for 1"):
        pool.restore_all(two.snapshot_all())
    with pytest.raises(ValueError, match="capacity"):
        counters(0)
    with pytest.raises(ValueError, match="when_full"):
        counters(1, "newest")


def test_memory_is_bounded_and_said() -> None:
    net = network()
    pool = pool_of(net, capacity=64)
    for burst in range(4):
        pool.step({f"{burst}/{person}": torch.zeros(3, 17, 1) for person in range(40)})
    assert len(pool.ids) == 64 and pool.evicted == 96
    assert state_bytes(pool.snapshot_all().state) == 64 * pool.bytes_per_stream
