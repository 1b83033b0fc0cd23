"""Two processes train as one does, launched as Lightning launches them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from ddp_training import train

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_two_processes_train_as_one(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'test'}", "OMP_NUM_THREADS": "1"}
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    command = [sys.executable, str(ROOT / "test/ddp_training.py"), str(tmp_path / "two"), "2"]
    subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=tmp_path)
    train(tmp_path / "one", 1)
    alone = read(tmp_path / "one/0.pt")
    ranks = [read(tmp_path / f"two/{rank}.pt") for rank in (0, 1)]
    for name, size in (("drawn", 32), ("validated", 9)):
        both = [Counter(rank[name]) for rank in ranks]
        assert sum(both, Counter()) == Counter({example: 2 for example in range(size)})  # once in each of two epochs
        assert max(some.total() for some in both) <= 2 * (size + 1) // 2
    for rank in ranks:
        torch.testing.assert_close(rank["weights"], alone["weights"])
        assert rank["history"][-1] == pytest.approx(alone["history"][-1], abs=1e-6)
        assert rank["evaluated"]["accuracy"] == pytest.approx(rank["history"][-1]["val_accuracy"])
    assert ranks[0]["weights"].keys() == ranks[1]["weights"].keys()
    assert all(torch.equal(value, ranks[1]["weights"][name]) for name, value in ranks[0]["weights"].items())


def read(path: Path) -> dict[str, Any]:
    return torch.load(path, weights_only=True)
