"""Settings of the tests of training."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def always_on_one_thread(one_thread: None) -> None:
    """For every test here."""
