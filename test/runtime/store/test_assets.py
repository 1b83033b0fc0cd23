"""The records, against the files that `co-perception weights fetch` put into the store."""

from __future__ import annotations

import pytest

from co_perception.runtime.store import store
from co_perception.runtime.store.assets import ASSETS, asset


def test_the_spine_has_its_weights_and_videos() -> None:
    assert set(ASSETS) >= {"i3d_kinetics400", *(f"pose2sim_single_cam{view:02}" for view in range(1, 5))}
    assert {item.kind for item in ASSETS.values()} == {"weights", "model", "video", "data"}


@pytest.mark.parametrize("name", ASSETS)
def test_records_are_complete(name: str) -> None:
    """Checksums and sizes: see test_security."""
    item = asset(name)
    assert item.name == name and item.license and item.source and item.about


@pytest.mark.parametrize("name", ASSETS)
def test_the_fetched_file_is_the_recorded_one(name: str) -> None:
    assert store.verify(name).stat().st_size == asset(name).bytes


def test_an_unknown_name() -> None:
    with pytest.raises(ValueError, match="no asset 'x'; there are: i3d_kinetics400"):
        asset("x")
