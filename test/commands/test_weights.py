"""`co-perception weights fetch` of weights at an https address, and what learner and node make of them.

The server is on this machine. Its checkpoint is X3D-XS with random weights, under PySlowFast's names.
"""

from __future__ import annotations

import dataclasses
import io
import json
import os
import pickle
import sys
from pathlib import Path

import pytest
import torch
from helpers.small_video_networks import network as random_network
from helpers.small_video_networks import pyslowfast
from helpers.tls_server import Behavior

from co_perception import cli
from co_perception.learners import weights
from co_perception.learners.recognizers import KINDS, VideoSettings
from co_perception.learners.video import ContinualVideoLearner
from co_perception.networks.variants import COX3D_XS
from co_perception.networks.video import VideoNetwork
from co_perception.runtime.store import assets, pins, store

NAME = "x3d_xs_kinetics400"
FETCH = ["weights", "fetch", NAME]
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def network() -> VideoNetwork:
    return random_network(COX3D_XS).float()


@pytest.fixture(scope="module")
def checkpoint(network: VideoNetwork) -> bytes:
    return saved({"epoch": 3, "model_state": pyslowfast(network), "cfg": "TRAIN:\n  ENABLE: true\n"})


def saved(content: object) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


@pytest.fixture
def served(
    address: str, behavior: Behavior, checkpoint: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Behavior:
    """The record of the weights with the address of the server, which has them, and an empty store."""
    behavior.content = checkpoint
    own = {name: dataclasses.replace(item, url=address) for name, item in assets.ASSETS.items() if item.url}
    monkeypatch.setattr(assets, "ASSETS", {**assets.ASSETS, **own})
    monkeypatch.setenv("CO_PERCEPTION_CACHE", str(tmp_path / "store"))
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    return behavior


def files() -> list[str]:
    found = [str(path.relative_to(store.root())) for path in store.root().rglob("*") if path.is_file()]
    return sorted(name for name in found if name != ".lock")


def test_from_the_command_to_the_learner_and_the_node(served: Behavior, network: VideoNetwork, capsys: Capture) -> None:
    settings = VideoSettings(network="cox3d_xs")
    with pytest.raises(FileNotFoundError, match=f"co-perception weights fetch {NAME}"):
        KINDS["video"].find_weights(settings)
    assert cli.main([*FETCH, "--trust-first"]) == 0
    done = capsys.readouterr()
    assert done.out.strip() == f"{NAME}: {weights.path_of(NAME)}"
    assert "Nobody has published a checksum" in done.err and store.record(NAME).sha256 in done.err

    KINDS["video"].find_weights(settings)
    learner = ContinualVideoLearner("cox3d_xs")
    learner.load()
    assert len(learner.labels) == 400 and learner.labels[5] == "archery"
    own = learner.model.state_dict()
    assert own.keys() == network.state_dict().keys()
    for name, value in network.state_dict().items():
        torch.testing.assert_close(own[name], value, rtol=0, atol=0, msg=name)

    assert cli.main(["weights", "verify", NAME]) == 0 and cli.main(FETCH) == 0, "pinned: nobody has to be asked"
    assert len(served.requests) == 1
    capsys.readouterr()
    assert cli.main(["weights", "list", "--json"]) == 0
    [row] = [row for row in json.loads(capsys.readouterr().out) if row["name"] == NAME]
    assert (row["state"], row["bytes"]) == ("verified", len(served.content))


def test_other_weights_of_the_network_are_taken_by_name(served: Behavior, capsys: Capture) -> None:
    assert cli.main(["weights", "fetch", "x3d_xs_pyslowfast", "--trust-first"]) == 0
    settings = VideoSettings(network="cox3d_xs", model_path="x3d_xs_pyslowfast")
    KINDS["video"].find_weights(settings)
    learner = ContinualVideoLearner("cox3d_xs")
    learner.load("x3d_xs_pyslowfast")
    assert learner.loaded
    with pytest.raises(ValueError, match="are weights of cox3d_xs, and not of cox3d_m"):
        KINDS["video"].find_weights(dataclasses.replace(settings, network="cox3d_m"))
    with pytest.raises(FileNotFoundError, match=f"weights fetch {NAME}"):
        learner.load()


def test_nobody_to_ask_and_no_option_is_no_trust(served: Behavior, capsys: Capture) -> None:
    assert cli.main(FETCH) == 1
    assert "--trust-first" in capsys.readouterr().err
    with pytest.raises(store.StoreError, match="trust_first=True"):
        ContinualVideoLearner("cox3d_xs").download()
    assert not served.requests and files() == []


@pytest.mark.parametrize(("answer", "kept"), [("y\n", True), ("n\n", False), ("", False)], ids=["yes", "no", "end"])
def test_a_terminal_is_asked(
    answer: str, kept: bool, served: Behavior, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = io.StringIO(answer)
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    assert cli.main(FETCH) == int(not kept)
    assert "[y/N]" in capsys.readouterr().err
    assert bool(files()) == kept


def test_a_learner_downloads_in_the_same_way(served: Behavior) -> None:
    ContinualVideoLearner("cox3d_xs").download(trust_first=True)
    assert weights.verify_converted(NAME).is_file() and len(served.requests) == 1


class Harm:
    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("touch marker.file",)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (saved({"model_state": {"s1.weight": torch.zeros(3)}}), "is not for cox3d_xs: .* tensors are missing"),
        (b"<html>log in to the network</html>", "is not a whole checkpoint|holds more than weights"),
        (saved({"model_state": Harm()}), "holds more than weights"),
        (pickle.dumps({"a": 1}), "is not a whole checkpoint|holds more than weights"),
        (b"", "is not a whole checkpoint|holds more than weights"),
    ],
    ids=["another network", "page", "harm", "pickle", "empty"],
)
def test_a_wrong_file_leaves_nothing_and_no_pin(
    content: bytes, words: str, served: Behavior, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    right, served.content = served.content, content
    with pytest.raises(ValueError, match=words):
        weights.prepare(NAME, trust=lambda *what: True)
    assert files() == [pins.FILE] and not store.record(NAME).sha256
    assert not (tmp_path / "marker.file").exists()
    served.content = right
    assert weights.prepare(NAME, trust=lambda *what: True) == weights.locate_converted(NAME)


def test_a_file_that_was_brought_is_taken_alike(served: Behavior, tmp_path: Path, capsys: Capture) -> None:
    own = tmp_path / "x3d_xs.pyth"
    own.write_bytes(served.content)
    assert cli.main([*FETCH, "--from", str(own), "--trust-first"]) == 0
    assert weights.verify_converted(NAME).is_file() and not served.requests
    assert cli.main(["weights", "fetch", NAME, "sports2d_demo", "--from", str(own)]) == 1
    assert "--from is the file of one NAME" in capsys.readouterr().err
    assert cli.main(["weights", "fetch", "costgcn_ntu60_xview_joint", "--trust-first"]) == 1
    assert "weights fetch costgcn_ntu60_xview_joint --from FILE" in capsys.readouterr().err


def test_progress_is_told(served: Behavior, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, int, int]] = []
    weights.prepare(NAME, lambda *what: told.append(what), lambda *what: True)
    kinds = list(dict.fromkeys(what for what, _, _ in told))
    assert kinds == [f"downloading {NAME}", f"checking {NAME}", f"converting {NAME}"]
    assert (f"downloading {NAME}", len(served.content), len(served.content)) in told
