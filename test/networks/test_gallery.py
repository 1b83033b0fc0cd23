"""CoGallery: a step is the offline network, vectors are what NumPy says, and the nearest prototype wins."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from co_perception.continual.check import check_streaming
from co_perception.networks.gallery import CoGallery
from co_perception.networks.temporal import CoTcn
from co_perception.networks.variants_skeleton import COGALLERY

SMALL = dataclasses.replace(COGALLERY, width=16, dilations=(1, 3), classes=4, labels="", memory=5, dims=7)


def gallery(examples: int = 0) -> CoGallery:
    """With so many examples of the last class."""
    torch.manual_seed(0)
    network = CoGallery(SMALL).eval()
    network.comparison.prototypes = torch.nn.functional.normalize(torch.randn(3 + examples, 7), dim=1)
    network.comparison.reserve.fill_(0.25)
    network.comparison.sharpness.fill_(3.0)
    network.embedding.center.normal_()
    return network


@pytest.mark.parametrize("examples", [0, 5])
def test_a_step_is_the_offline_network_and_nothing_is_late(examples: int) -> None:
    network = gallery(examples)
    assert (network.receptive_field, network.delay) == (1 + 2 * 4 + 1 + 5 - 1, 0)
    check_streaming(network, network.frame_shape, gradients=False, export=False)


@pytest.mark.slow
@pytest.mark.parametrize("examples", [0, 5])
def test_an_exported_step_is_the_network(examples: int) -> None:
    check_streaming(gallery(examples), (6, 13, 1), gradients=False)


@torch.no_grad()
def test_vectors_are_means_and_deviations_through_the_projection() -> None:
    network = gallery()
    x = torch.randn(2, 6, 20, 13, 1)
    features = x
    for layer in list(network.layers)[: [name for name, _ in network.named_children()].index("squares")]:
        features = layer.clip(features)
    window = features[0, :, 20 - 5 :].numpy()
    both = np.concatenate([window.mean(1), np.sqrt(window.var(1) + 1e-4)]) - network.embedding.center.numpy()
    wanted = network.embedding.projection.numpy() @ both
    np.testing.assert_allclose(network.vectors(x)[0, :, -1], wanted / np.linalg.norm(wanted), atol=2e-5)
    # At the start of a stream there are less frames: those there are count.
    first = features[0, :, :2].numpy()
    both = np.concatenate([first.mean(1), np.sqrt(first.var(1) + 1e-4)]) - network.embedding.center.numpy()
    wanted = network.embedding.projection.numpy() @ both
    np.testing.assert_allclose(network.vectors(x)[0, :, 1], wanted / np.linalg.norm(wanted), atol=2e-5)


def test_the_features_are_those_of_the_network_that_was_trained() -> None:
    """A gallery takes all weights of a `CoTcn` but its classifier, under their names."""
    own = {name for name in CoTcn(SMALL).state_dict() if not name.startswith("fc.")}
    assert own == {name for name in gallery().state_dict() if name.split(".")[0] not in ("embedding", "comparison")}


def test_the_nearest_prototype_wins_and_what_is_near_to_none_is_the_last_class() -> None:
    comparison = gallery().comparison
    prototypes = comparison.prototypes
    assert comparison.clip(prototypes.T[None]).argmax(1).tolist() == [[0, 1, 2]]
    away = torch.linalg.svd(prototypes).Vh[-1]  # at right angles to all of them
    logits = comparison.clip(away[None, :, None])[0, :, 0]
    torch.testing.assert_close(logits, torch.tensor([0.0, 0.0, 0.0, 0.75]), atol=1e-6, rtol=0)


def test_what_is_nearer_to_an_example_of_anything_else_is_the_last_class() -> None:
    comparison = gallery(5).comparison
    x = np.random.default_rng(0).standard_normal((2, 7, 30)).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    cosines = np.einsum("rd,bdt->brt", comparison.prototypes.numpy(), x)
    none = np.maximum(cosines[:, 3:].max(1, keepdims=True), 0.25)
    wanted = 3 * np.concatenate([cosines[:, :3], none], 1)
    np.testing.assert_allclose(comparison.clip(torch.from_numpy(x)), wanted, atol=1e-5)
    assert comparison.frame_out((7,)) == (4,) and {0, 3} < set(wanted.argmax(1).ravel())
    assert (none > 0.25).any() and (none == 0.25).any()


def test_as_many_examples_as_a_file_has_are_loaded_and_too_few_rows_refused() -> None:
    network = gallery()
    for wanted in (gallery(5), gallery(2), gallery()):
        network.load_weights(wanted.state_dict(), "no gallery")
        torch.testing.assert_close(network.comparison.prototypes, wanted.comparison.prototypes, atol=0, rtol=0)
    weights = network.state_dict()
    for rows in (torch.zeros(2, 7), torch.zeros(4, 6), torch.zeros(7), torch.tensor(1.0)):
        with pytest.raises(ValueError, match="no gallery: 1 tensors are of another shape"):
            network.load_weights({**weights, "comparison.prototypes": rows}, "no gallery")
