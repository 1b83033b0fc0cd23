"""Runs the first Python example of a page on poses of a drawn person who raises an arm: `readme_example.py README.md`.

It needs NumPy and the package alone. Ends with status 1 where the example does not say that the right arm is raised.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
from pathlib import Path

import numpy as np

# A person who stands and faces the camera, in pixels: nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles.
STANDING = [
    (320, 90), (326, 84), (314, 84), (334, 88), (306, 88), (352, 140), (288, 140), (360, 190), (280, 190), (362, 238),
    (278, 238), (340, 242), (300, 242), (342, 330), (298, 330), (344, 415), (296, 415),
]  # fmt: skip
ELBOW, WRIST = 8, 10  # of the right arm


def recording(frames: int = 45) -> list[np.ndarray]:
    """(17, 3) arrays at 15 Hz: for a second the arm hangs, then it is raised to the side and held."""
    found = []
    for frame in range(frames):
        joints = np.array([(x, y, 0.9) for x, y in STANDING], np.float32)
        angle = np.radians(170) * np.clip((frame - 15) / 8, 0, 1)  # from straight down
        shoulder = joints[6, :2]
        for joint, length in ((ELBOW, 50.0), (WRIST, 98.0)):
            joints[joint, :2] = shoulder + length * np.array([-np.sin(angle), np.cos(angle)])
        found.append(joints)
    return found


def main(page: Path) -> int:
    """Runs the example with `recording`; its output is printed."""
    example = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)[0]
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(compile(example, str(page), "exec"), {"recording": recording()})
    lines = output.getvalue().splitlines()
    print("\n".join(lines[-3:]))
    loaded = sorted(name for name in ("torch", "rclpy", "cv2") if name in sys.modules)
    if loaded or not any("raising_right" in line for line in lines[-5:]):
        print(f"expected raising_right at the end without {loaded or 'other packages'}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
