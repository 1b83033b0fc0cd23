"""Parts of a recording: the messages between two times of recording, whatever the file is."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest

pytest.importorskip("rosbags")

from helpers.bag_writer import SECOND, T0, Frame, frames, write_bag

from co_perception.data.bags.bag_file import Bag

AHEAD_NS = 300_000_000  # of the recorder's clock


def recorded(path: Path, storage: Literal["mcap", "sqlite3"]) -> Path:
    made = [Frame(each.stamp_ns, each.people, each.stamp_ns + AHEAD_NS) for each in frames(100)]
    return write_bag(path, {"/skeletons": made, "/others": frames(100, 2)}, storage)


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
@pytest.mark.parametrize(("start_s", "stop_s"), [(2.0, 4.0), (-5.0, 1.0), (9.5, 60.0), (3.0, 3.0), (-1.0, 60.0)])
def test_a_part_is_what_was_recorded_then(
    tmp_path: Path, storage: Literal["mcap", "sqlite3"], start_s: float, stop_s: float
) -> None:
    start_ns, stop_ns = (T0 + round(each * SECOND) for each in (start_s, stop_s))
    with Bag(recorded(tmp_path / "one", storage)) as bag:
        every = [(each.stamp_ns, each.log_ns) for each in bag.messages("/skeletons")]
        part = [(each.stamp_ns, each.log_ns) for each in bag.messages_between("/skeletons", start_ns, stop_ns)]
        again = [(each.stamp_ns, each.log_ns) for each in bag.messages_between("/skeletons", start_ns, stop_ns)]
        assert bag.damage == []
    assert part == again == [(stamp, log) for stamp, log in every if start_ns <= log < stop_ns]
    assert len(every) == 100


def test_files_beside_the_part_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    for n in range(3):
        one = write_bag(tmp_path / f"part_{n}", {"/skeletons": frames(100)[30 * n : 30 * n + 30]})
        (one / f"part_{n}.mcap").replace(folder / f"part_{n}.mcap")
    read: list[str] = []
    with Bag(folder) as bag:
        stored = bag._stored

        def noted(file: Any, *rest: Any) -> Any:
            read.append(file.path.name)
            return stored(file, *rest)

        monkeypatch.setattr(bag, "_stored", noted)
        found = list(bag.messages_between("/skeletons", T0 + 4 * SECOND, T0 + 5 * SECOND))
    assert len(found) == 10 and read == ["part_1.mcap"]
