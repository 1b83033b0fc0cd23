"""Settings: their ranges, YAML and the command line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from co_perception.training.config import TrainConfig, from_arguments


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("epochs", 0, "epochs is at least 1, got 0"),
        ("seed", None, "seed is never None, got None"),
        ("lr", 0.0, "above 0"),
        ("optimizer", "lamb", "one of adamw, adam, sgd"),
        ("mode", "frames", "one of clip, step"),
        ("label_smoothing", 1.0, "share from 0 to below 1"),
        ("patience", 0, "None to never stop"),
        ("seed", -1, "at least 0"),
        ("color", 1, "no setting 'color'; there are: accelerator, balance"),
    ],
)
def test_values_out_of_range_are_refused(setting: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrainConfig().replace(**{setting: value})


def test_yaml_keeps_everything(tmp_path: Path) -> None:
    config = TrainConfig(lr=3e-4, mode="step", patience=3, clip_gradient=1.0, precision="bf16-mixed", balance=True)
    config.to_yaml(tmp_path / "train.yaml")
    assert TrainConfig.from_yaml(tmp_path / "train.yaml") == config


def test_yaml_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "train.yaml"
    path.write_text("lr: 1e-4  # YAML 1.1 takes this for a text\nmode: step\n")
    assert TrainConfig.from_yaml(path) == TrainConfig(lr=1e-4, mode="step")
    path.write_text("epochs: 3\nlearning_rate: 1\n")
    with pytest.raises(ValueError, match="learning_rate"):
        TrainConfig.from_yaml(path)
    path.write_text("epochs: many\n")
    with pytest.raises(ValueError, match="epochs"):
        TrainConfig.from_yaml(path)
    with pytest.raises(FileNotFoundError, match="to_yaml"):
        TrainConfig.from_yaml(tmp_path / "none.yaml")


def test_the_command_line_wins_over_the_file_and_the_file_over_the_base(tmp_path: Path) -> None:
    (tmp_path / "train.yaml").write_text("epochs: 3\nlr: 0.5\n")
    arguments = [f"--train={tmp_path / 'train.yaml'}", "--train.lr", "1e-2"]
    assert from_arguments(arguments, TrainConfig(seed=7)) == TrainConfig(epochs=3, lr=0.01, seed=7)
    assert from_arguments(["--train.patience=null"], TrainConfig(patience=2)).patience is None
    assert from_arguments([], TrainConfig(seed=7)) == TrainConfig(seed=7)


@pytest.mark.parametrize("argument", ["--train.lr=fast", "--train.mode=frog", "--train.color=1", "stray"])
def test_what_is_not_understood_is_refused(argument: str) -> None:
    with pytest.raises(ValueError, match=r"lr|mode|color|stray"):
        from_arguments([argument])


def test_the_settings_in_the_documentation_are_settings(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs/training.md").read_text()
    [shown] = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "train.yaml").write_text(shown)
    assert TrainConfig.from_yaml(tmp_path / "train.yaml").select == "f1"
    for arguments in re.findall(r"TrainConfig\((\w.*?)\)", text):
        assert eval(f"TrainConfig({arguments})") != TrainConfig()
