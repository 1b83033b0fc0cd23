"""seglearn's watch recordings from the published file, compared with what NumPy reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from co_perception.runtime.store.store import locate
from recipes.readers.seglearn import MIRROR, watch_samples


def test_the_published_file_is_read_as_numpy_reads_it() -> None:
    path = locate("seglearn_watch")
    content = np.load(path, allow_pickle=True).item()  # this file only: its checksum was verified
    samples, skipped = watch_samples(path, one_side=False)
    assert len(samples) == 140 and not skipped
    assert set(samples.counts().values()) == {20} and len(samples.classes) == 7
    assert {item.subject for item in samples.items} == {f"P{number:02}" for number in range(1, 11)}
    for (series, answer), values, label in zip(samples, content["X"], content["y"], strict=True):
        np.testing.assert_array_equal(series.data, values.astype(np.float32))
        assert (answer.data, series.rate_hz) == (label, 50.0)


def test_left_arms_are_brought_to_right_ones() -> None:
    both, _ = watch_samples(locate("seglearn_watch"), one_side=False)
    one, _ = watch_samples(locate("seglearn_watch"))
    flipped = [not np.array_equal(a.data, b.data) for (a, _), (b, _) in zip(both, one, strict=True)]
    assert sum(flipped) == 70
    for (a, _), (b, _), other in zip(both, one, flipped, strict=True):
        np.testing.assert_array_equal(a.data * (MIRROR if other else 1), b.data)
    # Arms that hang in the pendulum: along the forearm gravity has one sign for both, once they are.
    along = [series.data[:, 0].mean() for series, answer in one if one.classes[answer.data] == "pendulum"]
    assert len(along) == 20 and max(along) < -0.5


def test_other_files_are_refused_and_nothing_is_run(tmp_path: Path) -> None:
    np.save(tmp_path / "other.npy", np.array({"X": [np.zeros(3)]}, object))
    with pytest.raises(ValueError, match="not seglearn's watch data"):
        watch_samples(tmp_path / "other.npy")
    np.save(tmp_path / "code.npy", np.array(print, object))
    with pytest.raises(ValueError, match="print"):
        watch_samples(tmp_path / "code.npy")
