"""Log whose repetitions are held back by message: another trouble at the same place is logged at once."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

from rclpy.impl.rcutils_logger import RcutilsLogger

from co_perception.nodes.core.short_text import shortened

MOST_TEXTS = 64  # that are remembered
_NUMBER = re.compile(r"\d+(\.\d+)?")  # "3 frames dropped" a second after "2 frames dropped" is no news


class ThrottledLog:
    """Logs a message, shortened, unless the same one, whatever numbers it has, was logged within `period_s`.

    rclpy's own throttle is by line of code: where one line logs whatever is wrong, a second trouble within
    that time is lost.

    Args:
        logger: of the node.
        now_s: a steady clock [s].
    """

    def __init__(self, logger: RcutilsLogger, now_s: Callable[[], float] = monotonic) -> None:
        self._logger, self._now_s = logger, now_s
        self._logged_s: OrderedDict[str, float] = OrderedDict()

    def warning(self, text: str, period_s: float) -> None:
        """Logs a warning."""
        if self._is_due(text, period_s):
            self._logger.warning(shortened(text))

    def error(self, text: str, period_s: float) -> None:
        """Logs an error."""
        if self._is_due(text, period_s):
            self._logger.error(shortened(text))

    def _is_due(self, text: str, period_s: float) -> bool:
        key, now_s = _NUMBER.sub("0", shortened(text)), self._now_s()
        if now_s - self._logged_s.get(key, now_s - period_s) < period_s:
            return False
        self._logged_s[key] = now_s
        self._logged_s.move_to_end(key)
        if len(self._logged_s) > MOST_TEXTS:
            self._logged_s.popitem(last=False)
        return True
