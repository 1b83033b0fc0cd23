"""Versions that would break what docs/security.md promises are refused, by name and before they are imported."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import pytest
import torch
from helpers.stepper_networks import FAMILIES

from co_perception.pose import mediapipe
from co_perception.runtime import versions
from co_perception.runtime.steppers import onnx_session
from co_perception.runtime.steppers.choose import stepper
from co_perception.runtime.untrusted.torch_file import SAFE_SINCE, load_plain
from co_perception.runtime.versions import installed, is_since, numbers, torch_advice

SETUP = (Path(__file__).parents[2] / "setup.py").read_text()


def dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


@pytest.mark.parametrize(
    ("version", "expected"),
    [("2.13.0+cpu", (2, 13, 0)), ("1.29.0.dev20260417008", (1, 29, 0)), ("2.6.0a0+git1", (2, 6, 0)), ("unknown", ())],
)
def test_a_version_is_its_leading_numbers(version: str, expected: tuple[int, ...]) -> None:
    assert numbers(version) == expected


def test_what_is_installed_is_found_without_importing_it() -> None:
    here = numbers(metadata.version("pytest"))
    assert is_since("pytest", here) and is_since("pytest", (1,)) and not is_since("pytest", (*here, 1))
    assert not is_since("no-such-package-anywhere", (0,))
    for each in metadata.distributions():
        assert numbers(installed(each.name) or "") == numbers(metadata.version(each.name)), each.name


def test_a_missing_torch_says_what_to_install() -> None:
    with pytest.raises(ImportError, match=r"co_perception\[torch\].*docs/bundle.md"), torch_advice():
        raise ModuleNotFoundError("No module named 'torch'", name="torch.nn")
    with pytest.raises(ImportError, match=r"co_perception\[train,ros\]'"), torch_advice("train,ros"):
        raise ModuleNotFoundError("No module named 'torch'", name="torch")
    with pytest.raises(ModuleNotFoundError, match="av"), torch_advice():
        raise ModuleNotFoundError("No module named 'av'", name="av")


@pytest.mark.parametrize("package", ["onnxruntime", "onnxruntime-gpu"])
def test_an_onnx_runtime_that_reports_is_not_stepped_in(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _install(monkeypatch, package, dotted(onnx_session.REPORTS_SINCE) + ".0")
    encoder = FAMILIES["encoder of 1"]()
    with pytest.raises(ImportError, match="report over the network .* pip install 'onnxruntime"):
        stepper(*encoder, "onnxruntime")
    made = stepper(*encoder)
    assert made.name == "eager" and "report over the network" in made.summary


def test_an_onnx_runtime_that_cannot_share_memory_is_not_stepped_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("onnxruntime.__version__", "1.20.1")
    with pytest.raises(ImportError, match=r"1\.20\.1 cannot share its memory .* pip install 'onnxruntime"):
        onnx_session.import_onnxruntime()


def test_a_mediapipe_that_reports_is_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    _install(monkeypatch, "mediapipe", dotted(mediapipe.REPORTS_SINCE))
    with pytest.raises(ImportError, match="may report over the network .* MoveNet does without it"):
        mediapipe.import_mediapipe()


def test_no_checkpoint_is_read_by_a_torch_that_may_run_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save({"a": torch.ones(2)}, tmp_path / "a.pth")
    monkeypatch.setattr(torch, "__version__", "2.5.1+cpu")
    with pytest.raises(ImportError, match=r"torch 2\.5\.1\+cpu may run code .*CVE-2025-32434"):
        load_plain(tmp_path / "a.pth")
    monkeypatch.setattr(torch, "__version__", dotted(SAFE_SINCE) + ".0")
    assert load_plain(tmp_path / "a.pth")["a"].tolist() == [1, 1]


def test_setup_asks_for_no_version_that_is_refused() -> None:
    assert f'"onnxruntime>={dotted(onnx_session.SHARES_SINCE)},<{dotted(onnx_session.REPORTS_SINCE)}"' in SETUP
    assert f'"mediapipe>=0.10.21,<{dotted(mediapipe.REPORTS_SINCE)}"' in SETUP
    asked = re.search(r'"torch>=([\d.]+)"', SETUP)
    assert asked and numbers(asked[1]) >= SAFE_SINCE


def _install(monkeypatch: pytest.MonkeyPatch, package: str, version: str) -> None:
    monkeypatch.setattr(versions, "installed", lambda asked: version if asked == package else None)
