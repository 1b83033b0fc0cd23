"""One-line assertions that a call is refused with a certain advice."""

from __future__ import annotations

from collections.abc import Callable

import pytest


def assert_refused(advice: str, function: Callable[..., object], *args: object, **kwargs: object) -> None:
    """function(*args, **kwargs) raises a ValueError whose message matches the regular expression `advice`."""
    with pytest.raises(ValueError, match=advice):
        function(*args, **kwargs)
