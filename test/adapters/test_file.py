"""The difference between a source and a network derived from it, stored in a file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers.prunable_networks import NETWORKS, adapted, derive, frames_of, skeleton

from co_perception.adapters.attach import forms
from co_perception.adapters.file import Adapter
from co_perception.adapters.forms import LowRank

ROOT = Path(__file__).parents[2]
READER = """
import sys, torch
from helpers.prunable_networks import NETWORKS, derive, frames_of
from co_perception.adapters.file import Adapter
name, path, out = sys.argv[1:]
network = NETWORKS[name]()
small = derive(network, Adapter.load(path))
with torch.no_grad():
    torch.save(small.clip(frames_of(network, 24)), out)
assert "torch_pruning" not in sys.modules  # to use what was derived takes no library for pruning
"""


@pytest.mark.slow
@pytest.mark.parametrize(("name", "method"), [("joints", "splora"), ("attention, one layer", "splopa")])
def test_another_process_makes_the_same_network_of_source_and_file(name: str, method: str, tmp_path: Path) -> None:
    network = NETWORKS[name]()
    pupil, adapter = adapted(network, method, block=8, prototypes=3)
    adapter.save(tmp_path / "task.safetensors")
    arguments = [sys.executable, "-c", READER, name, str(tmp_path / "task.safetensors"), str(tmp_path / "answers.pt")]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'test'}"}
    subprocess.run(arguments, check=True, env=environment)
    with torch.no_grad():
        expected = pupil.clip(frames_of(network, 24))
    torch.testing.assert_close(torch.load(tmp_path / "answers.pt"), expected, rtol=1e-9, atol=1e-9)


def test_model_private_an_adapter_is_as_readable_as_the_umask_says(tmp_path: Path, umask_of_a_group: None) -> None:
    _, adapter = adapted(NETWORKS["joints"]())
    adapter.save(tmp_path / "task.safetensors")
    assert (tmp_path / "task.safetensors").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("rank", [1, 4])
def test_what_is_learned_is_rank_times_both_sides_of_what_stays(name: str, rank: int) -> None:
    network = NETWORKS[name]()
    pupil, adapter = adapted(network, rank=rank)
    small = dict(derive(network, adapter).named_parameters())
    expected = 0
    for weight in forms(pupil):
        outputs, inputs = small[weight].shape[:2]
        form = adapter.forms[weight]
        assert isinstance(form, LowRank)
        r = min(rank, dict(network.named_parameters())[weight].shape[1])
        assert form.learned == r * (outputs + len(form.parts) * inputs)
        assert sum(form.parts) == outputs
        expected += form.learned
    own = sum(small[name].numel() for name in adapter.own if name in small)
    assert adapter.learned == expected + own


def test_fine_tuning_keeps_every_number_that_stays() -> None:
    network = skeleton()
    _, adapter = adapted(network, "finetune")
    left = sum(value.numel() for value in derive(network, adapter).parameters())
    assert adapter.learned == left and not adapter.forms


def test_a_file_is_smaller_than_the_network_and_as_large_as_it_says(tmp_path: Path) -> None:
    network = skeleton(channels=64).float()
    _, adapter = adapted(network, density=0.3, rank=4)
    adapter.save(tmp_path / "task.safetensors")
    written = (tmp_path / "task.safetensors").stat().st_size
    assert adapter.bytes < written < adapter.bytes + 40_000
    assert written < 0.2 * sum(value.numel() * 4 for value in network.state_dict().values())


def test_another_source_is_refused() -> None:
    network = skeleton()
    _, adapter = adapted(network)
    other = {name: value.clone() for name, value in network.state_dict().items()}
    other["body.layer1.sum.tcn.t_conv.weight"][0, 0] += 1e-9
    with pytest.raises(ValueError, match="belongs to another source network"):
        adapter.stack(other)


def test_the_source_stays_as_it_is() -> None:
    network = skeleton()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    _, adapter = adapted(network)
    derived = derive(network, adapter)
    for value in derived.state_dict().values():
        value.zero_()
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_what_is_no_adapter_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    with pytest.raises(FileNotFoundError, match="no adapter at"):
        Adapter.load(tmp_path / "none")
    path = tmp_path / "task.safetensors"
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(ValueError, match="holds no adapter of format 1"):
        Adapter.load(path)
    adapted(skeleton())[1].save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        Adapter.load(path)
