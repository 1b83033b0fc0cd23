"""Uprightness of the people in sight: whether the camera seems to be mounted otherwise than the settings say."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable

from co_perception.engine.picture_turn import PictureTurn
from co_perception.engine.target import Pose
from co_perception.engine.time import NANO
from co_perception.pose.second_look import torso_vector

LONG_S = 30.0  # for which everybody has to lie or hang
LEAST = 100  # poses in that time, of which most have to agree
MOST = 0.9
RETAINED = 4096


class Uprightness:
    """Notes which way torsos point in the upright pictures, and says so where it is none but another for long.

    Args:
        turn: that the settings ask for.
    """

    def __init__(self, turn: PictureTurn) -> None:
        self._turn = turn
        self._noted: deque[tuple[int, int]] = deque(maxlen=RETAINED)  # stamp, and quarters that torsos are turned by

    def note(self, poses: Iterable[Pose], stamp_ns: int) -> None:
        """Takes the people of one frame, in pixels of the upright picture."""
        for pose in poses:
            if (quarters := torso_quarters(pose)) is not None:
                self._noted.append((stamp_ns, quarters))
        while self._noted and not 0 <= stamp_ns - self._noted[0][0] <= LONG_S * NANO:
            self._noted.popleft()

    @property
    def warning(self) -> str:
        """What is wrong, and the `rotate` with which people would stand; empty where they do, or too few were found."""
        if len(self._noted) < LEAST or self._noted[-1][0] - self._noted[0][0] < 0.8 * LONG_S * NANO:
            return ""
        quarters, count = Counter(quarters for _, quarters in self._noted).most_common(1)[0]
        if quarters == 0 or count < MOST * len(self._noted):
            return ""
        more = -quarters if self._turn.mirrored else quarters  # the mirror image is made after the turn
        rotate = (self._turn.rotate + 90 * more) % 360
        return (
            f"Everybody in sight has been {'hanging upside down' if quarters == 2 else 'lying across the picture'} for "
            f"{LONG_S:.0f} s: if the camera is mounted so, set rotate to {rotate} (it is {self._turn.rotate})."
        )


def torso_quarters(pose: Pose) -> int | None:
    """Quarters clockwise by which a picture has to be turned for a torso to stand upright, 0 to 3; None without one."""
    across, down = torso_vector(pose)
    if across == down == 0:
        return None
    if abs(down) >= abs(across):
        return 0 if down > 0 else 2
    return 1 if across > 0 else 3  # the head is on the left, on the right
