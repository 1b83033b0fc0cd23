"""The records, against the files that `co-perception weights fetch` put into the store."""

from __future__ import annotations

import hashlib

import pytest

from co_perception.engine.target import labels
from co_perception.learners.weights import CONVERSIONS
from co_perception.networks.variants import VIDEO_VARIANTS
from co_perception.networks.variants_skeleton import SKELETON_VARIANTS
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


@pytest.mark.parametrize("name", [name for name, item in ASSETS.items() if item.distribution])
def test_the_fetched_file_is_the_recorded_one(name: str) -> None:
    assert store.verify(name).stat().st_size == asset(name).bytes


WEIGHTS = [name for name, item in ASSETS.items() if item.kind == "weights"]


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_have_a_network_and_all_its_labels(name: str) -> None:
    item = asset(name)
    variant = ({**VIDEO_VARIANTS, **SKELETON_VARIANTS})[item.network]
    assert item.labels == variant.labels and len(labels(item.labels)) == variant.classes
    assert item.key_map in CONVERSIONS and item.data_set
    assert (item.accuracy is None) == (not item.measured)


def test_every_network_names_its_own_weights() -> None:
    own = {variant.weights: variant.name for variant in [*VIDEO_VARIANTS.values(), *SKELETON_VARIANTS.values()]
           if variant.weights}  # fmt: skip
    assert own and {name: asset(name).network for name in own} == own


def test_the_labels_of_kinetics_are_in_the_order_of_the_authors_checkpoints() -> None:
    """The digest is that of PyTorchVideo's kinetics_classnames.json, its names in the order of their numbers."""
    digest = hashlib.sha256("\n".join(labels("kinetics400")).encode()).hexdigest()
    assert digest == "a8dafb93a1204d4ecfa904f943ce5ee0c62ddeeb1df71aa1f96983fca17d777e"


def test_an_unknown_name() -> None:
    with pytest.raises(ValueError, match="no asset 'x'; there are: i3d_kinetics400"):
        asset("x")
