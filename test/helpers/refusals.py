"""One-line assertions that a call is refused with a certain advice."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from co_perception.continual.convert.site import ConversionError


def assert_refused(advice: str, function: Callable[..., object], *args: object, **kwargs: object) -> None:
    """function(*args, **kwargs) raises a ValueError whose message matches the regular expression `advice`."""
    with pytest.raises(ValueError, match=advice):
        function(*args, **kwargs)


def assert_unsupported(reason: str, function: Callable[..., object], *args: object, **kwargs: object) -> list[str]:
    """function(*args, **kwargs) raises a ConversionError of which a reason matches; gives all reasons.

    The whole message will not do: it quotes lines of source, and a test has what it looks for in its own.
    """
    with pytest.raises(ConversionError) as refused:
        function(*args, **kwargs)
    reasons = [each.reason for each in refused.value.unsupported]
    assert any(re.search(reason, each) for each in reasons), reasons
    return reasons
