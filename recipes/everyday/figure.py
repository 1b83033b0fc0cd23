"""A jointed figure of a person in a physics simulation: thirteen bodies, 23 hinges, muscles as springs and dampers.

The simulator is MuJoCo (Todorov, Erez and Tassa, IROS 2012, doi 10.1109/IROS.2012.6386109). Lengths of the segments as
shares of the stature are those of Drillis and Contini (Body Segment Parameters, 1966), shares of the mass those of de
Leva (Journal of Biomechanics 29(9), 1996). Axes here are the simulator's: x to the person's front, y to their left, z
up; `joints` gives the axes of `takes.Take`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from recipes.everyday.bodies import Floats

STEP_S = 1 / 300
RATE_HZ = 30.0
STEPS = round(1 / RATE_HZ / STEP_S)  # of the simulation between frames
SIDES = ("l", "r")
# Hinge: axis, range in degrees, torque of a full muscle in Nm/rad, damping of a loose one in Nms/rad. Positive is
# flexion (to the front; of the knee to the back), to the outside, and to the left.
HINGES: dict[str, tuple[str, tuple[int, int], float, float]] = {
    "waist_flex": ("0 1 0", (-25, 70), 500, 4), "waist_side": ("-1 0 0", (-30, 30), 500, 4),
    "waist_turn": ("0 0 1", (-40, 40), 400, 4), "neck_flex": ("0 1 0", (-40, 50), 60, 0.8),
    "neck_side": ("-1 0 0", (-35, 35), 60, 0.8),
    "shoulder_flex": ("0 -1 0", (-50, 175), 80, 0.8), "shoulder_out": ("{side} 0 0", (-15, 110), 80, 0.8),
    "shoulder_turn": ("0 0 {side}", (-60, 60), 60, 0.5), "elbow": ("0 -1 0", (0, 145), 60, 0.5),
    "hip_flex": ("0 -1 0", (-20, 125), 500, 2), "hip_out": ("{side} 0 0", (-15, 45), 500, 2),
    "hip_turn": ("0 0 {side}", (-30, 40), 300, 1.5), "knee": ("0 1 0", (0, 145), 500, 1.5),
    "ankle": ("0 -1 0", (-45, 30), 500, 0.8),
}  # fmt: skip
TRUNK = ("waist_flex", "waist_side", "waist_turn", "neck_flex", "neck_side")
LIMBS = tuple(name for name in HINGES if name not in TRUNK)
NAMES = TRUNK + tuple(f"{name}_{side}" for side in SIDES for name in LIMBS)
"""The hinges of the figure; a trailing _l or _r is the side."""
PELVIS_RADIUS = 0.062  # of the stature
PARTS = ("torso", "arms", "legs", "shoulders", "hips")


@dataclass(frozen=True)
class Build:
    """How a person is built.

    Args:
        stature: m.
        mass: kg.
        parts: lengths by `PARTS`, as factors of the mean person's.
    """

    stature: float = 1.72
    mass: float = 70.0
    parts: tuple[float, ...] = (1.0,) * len(PARTS)


def _simulator() -> ModuleType:
    """MuJoCo. Raises: ModuleNotFoundError that names the extra."""
    try:
        import mujoco
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            'falls are simulated by MuJoCo, which is not installed: pip install "co_perception[recipes]"'
        ) from error
    return mujoco


class Figure:
    """One person of a given build in a world of a floor and a chair, which is put away at first.

    Args:
        build: of the person.
    """

    def __init__(self, build: Build) -> None:
        self._mujoco = mujoco = _simulator()
        self.build = build
        self.model = mujoco.MjModel.from_xml_string(_document(build))
        self.data = mujoco.MjData(self.model)
        self._sites = np.array([self.model.site(name).id for name in _site_names()])
        self._places = np.array([self.model.joint(name).qposadr[0] for name in NAMES])
        self._ranges = np.array([self.model.joint(name).range for name in NAMES]).T
        self._stiffness, self._damping = self.model.jnt_stiffness.copy(), self.model.dof_damping.copy()
        self._feet = [self.model.geom(f"foot_{side}").id for side in SIDES]

    def set_pose(self, angles: Floats, place: Floats, turn: Floats) -> None:
        """Puts the figure into a pose, without any movement.

        Args:
            angles: of the hinges `NAMES`, rad.
            place: of the pelvis, m (3,).
            turn: yaw to the left, pitch to the front, roll to the right of the pelvis, rad (3,).
        """
        self.data.qpos[:3], self.data.qpos[3:7] = place, _quaternion(*turn)
        self.data.qpos[self._places] = np.clip(angles, *self._ranges)
        self.data.qvel[:] = 0
        self._mujoco.mj_kinematics(self.model, self.data)

    def lowest(self) -> float:
        """Height of the figure's lowest point, m."""
        geoms = np.flatnonzero(self.model.geom_bodyid > 0)
        half = self.model.geom_size[geoms]
        axes = np.abs(self.data.geom_xmat[geoms].reshape(-1, 3, 3)[:, 2])  # how upright each of their axes is
        box = self.model.geom_type[geoms] == self._mujoco.mjtGeom.mjGEOM_BOX
        reach = np.where(box, (axes * half).sum(1), half[:, 0] + axes[:, 2] * half[:, 1])
        return float((self.data.geom_xpos[geoms, 2] - reach).min())

    def put_chair(self) -> None:
        """Puts the chair under the pelvis and the thighs, which it touches."""
        x, y, z = self.data.qpos[:3]
        self.model.geom("chair").pos = x + 0.06, y, z - PELVIS_RADIUS * self.build.stature - 1

    def move_from(self, before: Floats, seconds: float) -> None:
        """Gives the figure the velocity with which it came from the state `before` (see `state`) in so long."""
        velocity = np.zeros(self.model.nv)
        self._mujoco.mj_differentiatePos(self.model, velocity, seconds, before, self.data.qpos)
        self.data.qvel[:] = velocity

    def state(self) -> Floats:
        """A copy of the positions of all hinges and the pelvis, as `move_from` takes it."""
        return np.array(self.data.qpos)

    def set_muscles(self, tone: float, goals: Floats) -> None:
        """Sets what the muscles do.

        Args:
            tone: 0 (a body without consciousness) to 1 (somebody who stands stiff).
            goals: angles of the hinges `NAMES` that they pull to, rad.
        """
        strength = self.build.mass / 70 * tone
        self.model.jnt_stiffness[:] = self._stiffness * strength
        self.model.dof_damping[:] = self._damping * (1 + 7 * np.sqrt(tone))
        self.model.qpos_spring[self._places] = goals

    def set_foot_friction(self, friction: float) -> None:
        """Sets the coefficient of friction of both soles; 0.9 is a shoe on a floor, 0.05 one on ice."""
        self.model.geom_friction[self._feet, 0] = friction

    def advance(self, forces: Mapping[str, Floats] | None = None) -> None:
        """Simulates one frame, with forces in N (3,) on the middle of bodies ("trunk", "foot_l", "shank_r" ...)."""
        self.data.xfrc_applied[:] = 0
        for name, force in (forces or {}).items():
            self.data.body(name).xfrc_applied[:3] = force
        self._mujoco.mj_step(self.model, self.data, nstep=STEPS)

    def joints(self) -> NDArray[np.float32]:
        """(13, 3) in m with the axes of `takes.Take`: x to the right, y downwards, z to where the figure faced."""
        x, y, z = self.data.site_xpos[self._sites].T
        return np.stack([-y, -z, x], -1).astype(np.float32)


def _site_names() -> list[str]:
    pairs = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    return ["nose", *(f"{name}_{side}" for name in pairs for side in SIDES)]


def _quaternion(yaw: float, pitch: float, roll: float) -> Floats:
    """w, x, y, z of a turn by roll about x, then pitch about y, then yaw about z."""
    (cy, cp, cr), (sy, sp, sr) = (f(np.array([yaw, pitch, roll]) / 2) for f in (np.cos, np.sin))
    return np.array([cr * cp * cy + sr * sp * sy, sr * cp * cy - cr * sp * sy, cr * sp * cy + sr * cp * sy,
                     cr * cp * sy - sr * sp * cy])  # fmt: skip


def _hinges(names: tuple[str, ...], side: str = "") -> str:
    sign = "-1" if side == "r" else "1"
    return "".join(
        f'<joint name="{name}{"_" if side else ""}{side}" axis="{HINGES[name][0].format(side=sign)}" '
        f'range="{HINGES[name][1][0]} {HINGES[name][1][1]}" stiffness="{HINGES[name][2]}" damping="{HINGES[name][3]}"/>'
        for name in names
    )


def _capsule(end: tuple[float, float, float], radius: float, mass: float, name: str, collides: str) -> str:
    x, y, z = end
    return (
        f'<geom name="{name}" type="capsule" fromto="0 0 0 {x:.4f} {y:.4f} {z:.4f}" size="{radius:.4f}" '
        f'mass="{mass:.3f}" {collides}/>'
    )


# What may touch what: floor and chair 1, trunk 2, left leg 4; limbs touch the trunk, the right leg the left one.
_ON_TRUNK, _ON_BOTH = 'contype="0" conaffinity="3"', 'contype="0" conaffinity="7"'
_LEFT, _TRUNK = 'contype="4" conaffinity="3"', 'contype="2" conaffinity="1"'


def _document(build: Build) -> str:
    """The world as MuJoCo's XML."""
    h, m = build.stature, build.mass
    torso, _, _, _, hips = build.parts
    waist, neck, radius = 0.06 * h * torso, 0.228 * h * torso, PELVIS_RADIUS * h
    legs, arms = ("".join(part(build, side) for side in SIDES) for part in (_leg, _arm))
    return f"""<mujoco>
<compiler angle="degree"/>
<option timestep="{STEP_S:.6f}" integrator="implicitfast"/>
<default><joint type="hinge" limited="true" armature="0.01" solreflimit="0.02 1"/>
<geom friction="0.6 0.02 0.005" condim="4"/></default>
<worldbody><geom name="floor" type="plane" size="20 20 1" contype="1" conaffinity="0" friction="0.01 0.01 0.001"/>
<geom name="chair" type="box" size="0.24 0.24 1" pos="0 0 -9" contype="1" conaffinity="0"/>
<body name="pelvis" pos="0 0 1"><freejoint/>
<geom type="capsule" fromto="0 {-0.04 * h * hips:.4f} 0.01 0 {0.04 * h * hips:.4f} 0.01" size="{radius:.4f}"
 mass="{0.1117 * m:.3f}" {_TRUNK}/>{legs}
<body name="trunk" pos="0 0 {waist:.4f}">{_hinges(TRUNK[:3])}
{_capsule((0, 0, neck - radius), radius * 1.1, 0.3229 * m, "trunk", _TRUNK)}{arms}
<body name="head" pos="0 0 {neck:.4f}">{_hinges(TRUNK[3:])}
<geom name="head" type="capsule" fromto="0 0 {0.09 * h:.4f} 0 0 {0.125 * h:.4f}" size="{0.048 * h:.4f}"
 mass="{0.0694 * m:.3f}" contype="0" conaffinity="1"/>
<site name="nose" pos="{0.055 * h:.4f} 0 {0.095 * h:.4f}"/></body></body></body></worldbody></mujoco>"""


def _leg(build: Build, side: str) -> str:
    h, m, sign = build.stature, build.mass, 1 if side == "l" else -1
    factor, out = build.parts[PARTS.index("legs")], build.parts[PARTS.index("hips")]
    thigh, shank, ankle = 0.245 * h * factor, 0.246 * h * factor, 0.039 * h
    collides = _LEFT if side == "l" else _ON_BOTH
    return f"""<body name="thigh_{side}" pos="0 {sign * 0.052 * h * out:.4f} 0">{_hinges(LIMBS[4:7], side)}
<site name="hip_{side}"/>{_capsule((0, 0, -thigh), 0.038 * h, 0.1416 * m, f"thigh_{side}", collides)}
<body name="shank_{side}" pos="0 0 {-thigh:.4f}">{_hinges(("knee",), side)}<site name="knee_{side}"/>
{_capsule((0, 0, -shank), 0.027 * h, 0.0433 * m, f"shank_{side}", collides)}
<body name="foot_{side}" pos="0 0 {-shank:.4f}">{_hinges(("ankle",), side)}<site name="ankle_{side}"/>
<geom name="foot_{side}" type="box" size="{0.075 * h:.4f} {0.027 * h:.4f} {0.014 * h:.4f}"
 pos="{0.035 * h:.4f} 0 {0.014 * h - ankle:.4f}" mass="{0.0137 * m:.3f}" friction="0.9 0.02 0.005" {_ON_TRUNK}/>
</body></body></body>"""


def _arm(build: Build, side: str) -> str:
    h, m, sign = build.stature, build.mass, 1 if side == "l" else -1
    torso, factor, _, wide, _ = build.parts
    upper, fore, hand = 0.186 * h * factor, 0.146 * h * factor, 0.22 * h * factor
    return f"""<body name="upper_{side}" pos="0 {sign * 0.112 * h * wide:.4f} {0.205 * h * torso:.4f}">
{_hinges(LIMBS[:3], side)}<site name="shoulder_{side}"/>
{_capsule((0, 0, -upper), 0.026 * h, 0.0271 * m, f"upper_{side}", _ON_TRUNK)}
<body name="fore_{side}" pos="0 0 {-upper:.4f}">{_hinges(("elbow",), side)}<site name="elbow_{side}"/>
<site name="wrist_{side}" pos="0 0 {-fore:.4f}"/>
{_capsule((0, 0, -hand), 0.02 * h, 0.0223 * m, f"fore_{side}", _ON_TRUNK)}</body></body>"""
