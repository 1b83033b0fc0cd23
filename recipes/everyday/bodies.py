"""Bodies in space, many at once: proportions, composed postures, falls and paths over the floor.

Arrays are (B, T, 13, 3) in m: B windows of T frames, joints as in `takes.JOINTS`, axes of a camera's optical frame (x
to the right, y downwards, z away), so that the floor is a plane of constant y. Numbers are given per window, (B,) or
(B, T). Nothing here is random; `examples` draws the numbers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]

NOSE, L_SHOULDER, R_SHOULDER, L_ELBOW, R_ELBOW, L_WRIST, R_WRIST, L_HIP, R_HIP, L_KNEE, R_KNEE, L_ANKLE, R_ANKLE = (
    range(13)
)
MIRROR = (0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11)
LEGS = (L_KNEE, R_KNEE, L_ANKLE, R_ANKLE)
SIDES = ((L_SHOULDER, L_ELBOW, L_WRIST), (R_SHOULDER, R_ELBOW, R_WRIST))
DOWN = np.array([0, 1, 0], np.float32)
# Shares of the length from head to hips, for takes that lack shoulders and hips.
NECK_SHARE, SHOULDER_HALF, HIP_HALF, TORSO_TO_THIGH = 0.3, 0.17, 0.09, 0.62


def unit(vectors: Floats) -> Floats:
    """Vectors (..., 3) of length one; those of no length stay."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-6)


def middle(bodies: Floats, one: int, other: int) -> Floats:
    """The middle between two joints, (..., 3)."""
    return (bodies[..., one, :] + bodies[..., other, :]) / 2


def frame_of(bodies: Floats) -> tuple[Floats, Floats]:
    """The directions to the left and to the front of each body, level, each (..., 3)."""
    across = bodies[..., L_SHOULDER, :] - bodies[..., R_SHOULDER, :] + bodies[..., L_HIP, :] - bodies[..., R_HIP, :]
    left = unit(across * np.array([1, 0, 1], np.float32))
    return left, np.cross(left, -DOWN).astype(np.float32)


def mirrored(bodies: Floats) -> Floats:
    """The mirror image, left and right exchanged; of points in a picture too."""
    image = bodies[..., MIRROR, :]
    image[..., 0] *= -1
    return image


def proportioned(bodies: Floats, factors: Floats) -> Floats:
    """Bodies whose parts are longer or shorter by factors (B, 8): torso, head, shoulders, upper arms, forearms, hips,
    thighs, shanks."""
    torso, head, shoulders, upper, fore, hips, thigh, shank = factors.T[:, :, None, None]
    pelvis, neck = middle(bodies, L_HIP, R_HIP), middle(bodies, L_SHOULDER, R_SHOULDER)
    out = np.empty_like(bodies)
    new_neck = pelvis + (neck - pelvis) * torso
    out[..., NOSE, :] = new_neck + (bodies[..., NOSE, :] - neck) * head
    for shoulder, elbow, wrist in SIDES:
        out[..., shoulder, :] = new_neck + (bodies[..., shoulder, :] - neck) * shoulders
        out[..., elbow, :] = out[..., shoulder, :] + (bodies[..., elbow, :] - bodies[..., shoulder, :]) * upper
        out[..., wrist, :] = out[..., elbow, :] + (bodies[..., wrist, :] - bodies[..., elbow, :]) * fore
    for hip, knee, ankle in ((L_HIP, L_KNEE, L_ANKLE), (R_HIP, R_KNEE, R_ANKLE)):
        out[..., hip, :] = pelvis + (bodies[..., hip, :] - pelvis) * hips
        out[..., knee, :] = out[..., hip, :] + (bodies[..., knee, :] - bodies[..., hip, :]) * thigh
        out[..., ankle, :] = out[..., knee, :] + (bodies[..., ankle, :] - bodies[..., knee, :]) * shank
    return out


def placed_otherwise(bodies: Floats, deviation: float, rng: np.random.Generator) -> Floats:
    """Bodies whose joints are found elsewhere on the body, the same way in all frames, as sets and estimators differ.

    Args:
        bodies: (B, T, 13, 3).
        deviation: of the offset of each joint along each axis of the trunk, in torsos; both sides of a body share it.
    """
    left, front = frame_of(bodies)
    torso = np.linalg.norm(middle(bodies, L_SHOULDER, R_SHOULDER) - middle(bodies, L_HIP, R_HIP), axis=-1)
    offset = rng.normal(0, deviation, (len(bodies), 13, 3)).astype(np.float32)
    alike = offset[:, MIRROR] * np.array([-1, 1, 1], np.float32)
    first = np.arange(13) <= np.array(MIRROR)
    offset = np.where(first[:, None], offset, alike) * np.array([0.5, 1, 1], np.float32)
    axes = np.stack([left, front, np.broadcast_to(DOWN, left.shape)], -2)  # (B, T, 3 axes, 3)
    return (bodies + np.einsum("bja,btac->btjc", offset, axes) * torso[..., None, None]).astype(np.float32)


def filled(take: Floats) -> Floats:
    """A take (T, 13, n) whose joints are known in every frame: linear in time over gaps, still before the first and
    after the last frame that knows a joint. A joint that no frame knows stays unknown."""
    gaps = np.asarray(~np.isfinite(take).all(-1))
    out = take.copy()
    times = np.arange(len(take))
    for joint in np.flatnonzero(gaps.any(0) & ~gaps.all(0)):
        known = ~gaps[:, joint]
        for axis in range(take.shape[-1]):
            out[:, joint, axis] = np.interp(times, times[known], take[known, joint, axis])
    return out


def completed(take: Floats) -> Floats:
    """A take (T, 13, 3) without gaps, its shoulders and hips estimated from head, elbows, knees if it lacks them.

    The hips lie a torso from the head and a thigh from the knees, behind the line between these; on it where it is
    stretched.
    """
    if np.isfinite(take).all():
        return take
    take = filled(take)
    if np.isfinite(take[:, [L_HIP, R_HIP, L_SHOULDER, R_SHOULDER]]).all():
        return take
    out = take.copy()
    head, knees = take[:, NOSE], (take[:, L_KNEE] + take[:, R_KNEE]) / 2
    across = unit((take[:, L_KNEE] - take[:, R_KNEE] + take[:, L_ELBOW] - take[:, R_ELBOW]) * [1, 0, 1])
    span = np.linalg.norm(head - knees, axis=-1)
    height = np.nanpercentile(span, 95)
    torso = height / (1 + TORSO_TO_THIGH)
    thigh = height - torso
    # Triangle of sides torso, thigh and span: where the foot of its height lies, and how long that is.
    along = np.clip((span**2 + torso**2 - thigh**2) / (2 * np.maximum(span, 1e-3)), 0, torso)
    off = np.sqrt(np.maximum(torso**2 - along**2, 0))
    line = unit(knees - head)
    back = -np.cross(across, -DOWN)
    back = unit(back - (back * line).sum(-1, keepdims=True) * line)
    pelvis = head + line * along[:, None] + back * off[:, None]
    neck = head + (pelvis - head) * NECK_SHARE
    for sign, shoulder, hip in ((1, L_SHOULDER, L_HIP), (-1, R_SHOULDER, R_HIP)):
        out[:, shoulder] = neck + sign * across * SHOULDER_HALF * torso / 0.6
        out[:, hip] = pelvis + sign * across * HIP_HALF * torso / 0.6
    return out.astype(np.float32)


def bent(start: Floats, end: Floats, first: Floats, second: Floats, towards: Floats) -> Floats:
    """The joint between `start` and `end` (..., 3), `first` from the one and `second` from the other, `towards` a side.

    Where the two are too far from each other it lies on the line between them.
    """
    line = end - start
    span = np.maximum(np.linalg.norm(line, axis=-1), 1e-4)
    along = np.clip((span**2 + first**2 - second**2) / (2 * span), -first, first)
    along = np.where(span >= first + second, span * first / np.maximum(first + second, 1e-4), along)
    off = np.sqrt(np.maximum(first**2 - along**2, 0)) * (span < first + second)
    direction = line / span[..., None]
    side = unit(towards - (towards * direction).sum(-1, keepdims=True) * direction)
    return start + direction * along[..., None] + side * off[..., None]


def limb(bodies: Floats, one: int, other: int) -> Floats:
    """Length between two joints in the first frame, (B, 1)."""
    return np.linalg.norm(bodies[:, :1, one] - bodies[:, :1, other], axis=-1)


def seated(bodies: Floats, rise: Floats, spread: Floats, shank_angle: Floats, lean: Floats) -> Floats:
    """Standing bodies on a chair: the trunk stays and leans, the legs are set.

    Args:
        rise: of the thighs over the level, rad (B, 1); spread: of each knee outwards, rad (B, 2); shank_angle: of each
            shank from the vertical to the front, rad (B, 2); lean: of the trunk to the front, rad (B, 1).
    """
    out = bodies.copy()
    left, front = frame_of(bodies)
    pelvis = middle(bodies, L_HIP, R_HIP)
    upper = [NOSE, *SIDES[0], *SIDES[1]]
    offsets = bodies[..., upper, :] - pelvis[..., None, :]
    c, s = np.cos(lean)[..., None, None], np.sin(lean)[..., None, None]
    ahead, up = (offsets * front[..., None, :]).sum(-1, keepdims=True), -offsets[..., 1:2]
    level = offsets - ahead * front[..., None, :] + up * DOWN
    out[..., upper, :] = (
        pelvis[..., None, :] + level + (ahead * c + up * s) * front[..., None, :] - (up * c - ahead * s) * DOWN
    )
    for number, (sign, hip, knee, ankle) in enumerate(((1, L_HIP, L_KNEE, L_ANKLE), (-1, R_HIP, R_KNEE, R_ANKLE))):
        thigh, shank = limb(bodies, hip, knee), limb(bodies, knee, ankle)
        turn, tilt = spread[:, number, None, None] * sign, shank_angle[:, number, None, None]
        flat = front * np.cos(turn) + left * np.sin(turn)
        out[..., knee, :] = out[..., hip, :] + thigh[..., None] * (
            flat * np.cos(rise)[..., None] - DOWN * np.sin(rise)[..., None]
        )
        out[..., ankle, :] = out[..., knee, :] + shank[..., None] * (DOWN * np.cos(tilt) + flat * np.sin(tilt))
    return out


def turned(bodies: Floats, axis: Floats, angle: Floats, about: Floats) -> Floats:
    """Bodies turned by `angle` (B, T) about the unit vector `axis` (B, 3) through the points `about` (B, T, 3)."""
    offsets = bodies - about[..., None, :]
    axis = np.broadcast_to(axis[:, None, None], offsets.shape)
    c, s = np.cos(angle)[..., None, None], np.sin(angle)[..., None, None]
    dot = (offsets * axis).sum(-1, keepdims=True)
    return (about[..., None, :] + offsets * c + np.cross(axis, offsets) * s + axis * dot * (1 - c)).astype(np.float32)


def with_knees(bodies: Floats, drop: Floats) -> Floats:
    """Bodies whose knees give way to the front: all above the ankles sinks by `drop` (B, T) of the legs' length."""
    out = bodies.copy()
    _, front = frame_of(bodies)
    for hip, knee, ankle in ((L_HIP, L_KNEE, L_ANKLE), (R_HIP, R_KNEE, R_ANKLE)):
        thigh, shank = limb(bodies, hip, knee), limb(bodies, knee, ankle)
        sunk = bodies[..., hip, :] + (bodies[..., ankle, :] - bodies[..., hip, :]) * drop[..., None]
        out[..., hip, :] = sunk
        out[..., knee, :] = bent(sunk, bodies[..., ankle, :], thigh, shank, front)
    shift = middle(out, L_HIP, R_HIP) - middle(bodies, L_HIP, R_HIP)
    upper = [NOSE, *SIDES[0], *SIDES[1]]
    out[..., upper, :] = bodies[..., upper, :] + shift[..., None, :]
    return out


def with_wrists(bodies: Floats, wrists: Floats, elbow_side: Floats) -> Floats:
    """Bodies whose wrists are elsewhere: `wrists` (B, T, 2, 3) left and right in the trunk's own frame.

    That frame has its origin in the middle of the shoulders, lengths in arms, and the axes left, front and down the
    trunk. Elbows bend to `elbow_side` (B, 2, 3) of the same axes; wrists out of reach come nearer.
    """
    out = bodies.copy()
    neck, pelvis = middle(bodies, L_SHOULDER, R_SHOULDER), middle(bodies, L_HIP, R_HIP)
    down = unit(pelvis - neck)
    left = unit(bodies[..., L_SHOULDER, :] - bodies[..., R_SHOULDER, :])
    axes = np.stack([left, np.cross(left, -down), down], -2)  # (B, T, 3 axes, 3)
    for number, (shoulder, elbow, wrist) in enumerate(SIDES):
        upper, fore = limb(bodies, shoulder, elbow), limb(bodies, elbow, wrist)
        arm = upper + fore
        wanted = neck + np.einsum("bta,btac->btc", wrists[:, :, number] * arm[..., None], axes)
        reach = wanted - out[..., shoulder, :]
        span = np.linalg.norm(reach, axis=-1, keepdims=True)
        wanted = out[..., shoulder, :] + reach * np.minimum(1, 0.98 * arm[..., None] / np.maximum(span, 1e-4))
        towards = np.einsum("ba,btac->btc", elbow_side[:, number], axes)
        out[..., wrist, :] = wanted
        out[..., elbow, :] = bent(out[..., shoulder, :], wanted, upper, fore, towards)
    return out


def picture(bodies: Floats, yaw: Floats, pitch: Floats, distance: Floats, aside: Floats, roll: Floats) -> Floats:
    """Bodies (B, T, 13, 3) in a camera's picture, (B, T, 13, 2) in focal lengths.

    Args:
        yaw: of the bodies about the vertical, rad (B,); pitch: of the camera downwards, rad; distance: of its lens from
            the middle of the first bodies, m; aside: x, y of that middle in the picture, focal lengths (B, 2); roll: of
            the camera, rad.
    """
    offsets = bodies - np.nanmean(bodies, (1, 2), keepdims=True)
    x, y, z = np.moveaxis(offsets, -1, 0)
    c, s = np.cos(yaw)[:, None, None], np.sin(yaw)[:, None, None]
    x, z = x * c - z * s, x * s + z * c
    c, s = np.cos(pitch)[:, None, None], np.sin(pitch)[:, None, None]
    y, z = y * c - z * s, y * s + z * c
    away = distance[:, None, None]
    depth = np.maximum(z + away, 0.3)
    u, v = (x + aside[:, 0, None, None] * away) / depth, (y + aside[:, 1, None, None] * away) / depth
    c, s = np.cos(roll)[:, None, None], np.sin(roll)[:, None, None]
    return np.stack([u * c - v * s, u * s + v * c], -1).astype(np.float32)
