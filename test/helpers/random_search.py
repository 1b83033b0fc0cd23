"""Number of examples of a hypothesis test, scaled by the profile: few in `make test`, many in `make test-random`."""

from __future__ import annotations

from typing import Any

from hypothesis import settings

USUAL = 100  # max_examples of the profile "repeatable"


def examples(count: int, **others: Any) -> settings:
    """`count` examples in the profile "repeatable", proportionally more in the profile "random"."""
    return settings(max_examples=count * settings.default.max_examples // USUAL, **others)  # type: ignore[union-attr]
