"""Fuzz targets of files of weights, of running states, and of their metadata."""

from __future__ import annotations

import json
import zipfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from co_perception.continual import state as states
from co_perception.continual.state import State
from co_perception.data.parsing import parse_errors
from co_perception.engine.stages import StageState
from co_perception.learners import bundle_file, skeleton_streams, video_streams
from co_perception.learners.gallery import read_shows
from co_perception.learners.metadata import Metadata, restored
from co_perception.learners.weights import read_checkpoint
from co_perception.networks.checkpoints import oadtr_names, own_names, stgcn_names
from co_perception.networks.inception_flax import inception_from_flax
from co_perception.networks.variants import VIDEO_VARIANTS
from co_perception.networks.variants_features import FEATURE_VARIANTS
from co_perception.networks.variants_skeleton import SKELETON_VARIANTS
from co_perception.runtime.untrusted.unpickle import read_arrays
from co_perception.training import checkpoints
from fuzz.target import of_file, scratch

NETWORKS: dict[str, Any] = {
    "video": VIDEO_VARIANTS["coi3d_inception"],
    "skeleton": SKELETON_VARIANTS["costgcn_short"],
    "features": FEATURE_VARIANTS["cotrans_short"],
}
OWNER = skeleton_streams.StreamOwner("net", "0123456789abcdef")
SIZES = skeleton_streams.SkeletonStreamSizes(memory=5, stride=2, frame=(3, 4, 1), classes=2)
GALLERY_DIMS = 3
FRESH = State(torch.zeros(1, dtype=torch.int64), (torch.zeros(1, 3), (torch.zeros(1, 2, 2),)))


def _pickle(path: Path) -> None:
    found = read_arrays(path)
    _plain(found)
    if isinstance(found, dict):
        with suppress(ValueError):
            inception_from_flax(found)


def _plain(value: Any, depth: int = 0) -> None:
    """Nothing but containers, numbers, texts and arrays of numbers may come out of a pickle."""
    if isinstance(value, np.ndarray):
        assert value.dtype.kind in "biuf"
    elif isinstance(value, dict):
        for key, item in value.items():
            assert isinstance(key, (str, bytes, int, float, tuple, type(None))), key
            _plain(item, depth + 1)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _plain(item, depth + 1)
    else:
        assert value is None or isinstance(value, (str, bytes, int, float)), type(value)


def _checkpoint(path: Path) -> None:
    found = read_checkpoint(path)
    for rename in (own_names, stgcn_names, oadtr_names):
        with suppress(ValueError):
            rename(found)


def _shows(path: Path) -> None:
    for show in read_shows(path, GALLERY_DIMS):
        assert show.label and show.vector.shape == (GALLERY_DIMS,) and np.isfinite(show.vector).all()


def _streams(path: Path) -> None:
    found = skeleton_streams.load(path, SIZES, FRESH, OWNER)
    assert set(found.streams) == set(found.held.ids) and len(found.held.ids) == len(found.held.state.age)


@cache
def video_form() -> video_streams.VideoStreamSizes:
    """Streams of a network of two stages."""
    stages = tuple(
        StageState(torch.zeros(1, dtype=torch.int64), (torch.zeros(1, 3),), (torch.zeros(1, 3),)) for _ in range(2)
    )
    return video_streams.VideoStreamSizes(OWNER, video_streams.VideoStream(stages, 0, 0, None), ((3,), (3,)), 2)


def torch_pickle(data: bytes) -> None:
    """The pickle in an archive of torch.save. The archive is built anew: a changed one would fail its checksum."""
    contents = {"data.pkl": data, "version": b"3\n", "byteorder": b"little", "data/0": bytes(24), "data/1": bytes(16)}
    with zipfile.ZipFile(scratch() / "weights.pyth", "w") as archive:
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(f"archive/{name}"), content)
    _checkpoint(scratch() / "weights.pyth")


def metadata(data: bytes) -> None:
    """The JSON of a saved learner, and the record of a network that follows from it."""
    (scratch() / "metadata.json").write_bytes(data)
    saved = Metadata.read(scratch())
    variant = restored(NETWORKS[saved.kind], saved)
    assert 2 <= variant.classes == len(saved.labels)


def bundle(data: bytes) -> None:
    """The description of a bundle, up to its files. A changed one gets the checksum that it would fail by."""
    with suppress(ValueError, RecursionError):
        content = json.loads(data)
        if isinstance(content, dict):
            content.pop("sha256", None)
            data = json.dumps(content | {"sha256": bundle_file.description_sum(content)}).encode()
    (scratch() / bundle_file.FILE).write_bytes(data)
    content = bundle_file.read_description(scratch())
    with parse_errors(bundle_file.FILE, "what bundle() wrote"):
        _, steps = bundle_file.formats_of(content)
    assert steps and all(0 <= place < bundle_file.MOST_NUMBERS for step in steps for place in step.frame_shape)


pickle = of_file("arrays.pkl", _pickle)
safetensors = of_file("weights.safetensors", _checkpoint)
torch_zip = of_file("weights.pyth", _checkpoint)
gallery = of_file("shows.safetensors", _shows)
training = of_file("epoch-00001.ckpt", checkpoints.read)
state = of_file("state.safetensors", lambda path: states.load(path, FRESH))
people_streams = of_file("people.safetensors", _streams)
video_stream_file = of_file("video.safetensors", lambda path: video_streams.load(path, video_form()))
