"""Draws the pictures of the documentation: `python docs/figures.py`. One of them shows the results in out/demo."""

from __future__ import annotations

import importlib.util
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.image
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from co_perception.skeletons.layouts import LAYOUTS, Layout

HERE = Path(__file__).parent
INK, PALE, COMPUTED, STORED = "#1f2933", "#d9e2ec", "#d9730d", "#0b6e99"
FRAMES, DEPTH = 7, 3
Coloring = Callable[[int, int], str | None]  # color of a layer's output for a frame; None where it is not computed


def continual() -> None:
    """Three layers of kernel 3: the work of a clip network for each new frame, and that of a continual one."""
    figure, (clip, step) = plt.subplots(1, 2, figsize=(11, 3.9))
    _pyramid(clip, "Clip network: every frame, all of this again", lambda _layer, _frame: COMPUTED)
    _pyramid(step, "Continual network: one column", lambda _layer, frame: COMPUTED if frame == FRAMES - 1 else None)
    for axes in (clip, step):
        axes.text(FRAMES - 1, -0.4, "new frame", ha="center", va="top", color=INK, fontsize=10)
    step.text(1.2, 3.42, "kept as state: 2 past inputs a layer", color=STORED, fontsize=10)
    figure.savefig(HERE / "continual.png", dpi=110, bbox_inches="tight", facecolor="white")
    plt.close(figure)


def _pyramid(axes: Axes, title: str, color: Coloring) -> None:
    axes.set_title(title, fontsize=12.5, color=INK, loc="left", fontweight="bold")
    for layer in range(DEPTH + 1):
        for frame in range(2 * layer, FRAMES):
            _node(axes, layer, frame, color)
            if layer and _fill(layer, frame, color) == COMPUTED:
                for tap in range(3):
                    axes.plot(
                        [frame - tap, frame], [layer - 0.76, layer - 0.24], color=INK, lw=0.8, alpha=0.7, zorder=1
                    )
    for layer in range(DEPTH + 1):
        axes.text(
            -0.8, layer, "frames" if layer == 0 else f"layer {layer}", ha="right", va="center", color=INK, fontsize=10
        )
    axes.set_xlim(-2.6, FRAMES - 0.3)
    axes.set_ylim(-0.75, DEPTH + 0.75)
    axes.axis("off")


def _fill(layer: int, frame: int, color: Coloring) -> str | None:
    if layer == 0 and frame < FRAMES - 1 and color(0, 0) == COMPUTED:
        return PALE  # given frames cost nothing, but the clip network must keep them all
    return color(layer, frame)


def _node(axes: Axes, layer: int, frame: int, color: Coloring) -> None:
    fill = _fill(layer, frame, color)
    stored = fill is None and layer < DEPTH and frame >= FRAMES - 3
    face = fill or (STORED if stored else "white")
    edge = PALE if face == "white" else face
    style = "dashed" if face == "white" else "solid"
    box = FancyBboxPatch((frame - 0.27, layer - 0.22), 0.54, 0.44, boxstyle="round,pad=0.02,rounding_size=0.1")
    box.set(facecolor=face, edgecolor=edge, linestyle=style, linewidth=1.2, zorder=2)
    axes.add_patch(box)


# Positions of the joints of a person who faces us, of the left side and the middle; the right side mirrors the left.
BODY = {
    "nose": (0, 8.1), "eye_inner": (0.3, 8.6), "eye": (0.72, 8.75), "eye_outer": (1.12, 8.6), "ear": (1.35, 8.1),
    "mouth": (0.3, 7.65), "head": (0, 8.1), "neck": (0, 7.2), "spine_shoulder": (0, 6.5), "spine_middle": (0, 5.1),
    "spine_base": (0, 3.9), "middle_hip": (0, 3.9), "shoulder": (1.15, 6.4), "elbow": (1.75, 5.0), "wrist": (2.2, 3.7),
    "hand": (2.35, 3.2), "hand_tip": (2.6, 2.35), "thumb": (1.75, 2.8), "index": (2.3, 2.6), "pinky": (2.85, 2.9),
    "hip": (0.65, 3.8), "knee": (0.75, 2.0), "ankle": (0.8, 0.3), "heel": (0.55, -0.15), "foot": (1.15, -0.15),
    "foot_index": (1.3, -0.2), "big_toe": (1.05, -0.3), "small_toe": (1.5, -0.15),
}  # fmt: skip


def skeletons() -> None:
    """The joint layouts side by side, with the numbers and the links of the graphs."""
    figure, axes = plt.subplots(1, len(LAYOUTS), figsize=(15, 5.2))
    for axis, layout in zip(axes, sorted(LAYOUTS.values(), key=len), strict=True):
        _skeleton(axis, layout)
    figure.subplots_adjust(0, 0, 1, 0.95, 0.02, 0)
    figure.savefig(HERE / "skeletons.png", dpi=110, bbox_inches="tight", facecolor="white")
    plt.close(figure)


def _skeleton(axes: Axes, layout: Layout) -> None:
    where = [_place(layout, joint) for joint in layout.joints]
    for joint, towards in layout.links:
        axes.plot(*zip(where[joint], where[towards], strict=True), color=PALE, lw=2.5, zorder=1)
    for number, (joint, (x, y)) in enumerate(zip(layout.joints, where, strict=True)):
        color = COMPUTED if joint.startswith("left") else STORED if joint.startswith("right") else INK
        axes.scatter(x, y, s=95, color=color, zorder=2, linewidths=0)
        axes.text(x, y - 0.02, str(number), color="white", fontsize=6, ha="center", va="center", zorder=3)
    axes.set_title(layout.name, fontsize=12.5, color=INK, fontweight="bold")
    axes.set(xlim=(-3.1, 3.1), ylim=(-0.8, 9.2), aspect="equal")
    axes.axis("off")


def _place(layout: Layout, joint: str) -> tuple[float, float]:
    part = joint.removeprefix("left_").removeprefix("right_")
    if part == "neck" and layout.name != "ntu25":
        part = "spine_shoulder"  # the middle of the shoulders under another name
    x, y = BODY[part]
    return (x if joint.startswith("left") else -x), y


def behavior_tree() -> None:
    """The example tree of docs/behaviors.md, as the example itself makes it: sequences and selectors as boxes."""
    spec = importlib.util.spec_from_file_location("greeting_tree", HERE.parent / "examples" / "greeting_tree.py")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    figure, axes = plt.subplots(figsize=(11, 3.6))
    width = _subtree(axes, example.make_tree(), 0.0, 0)[1]
    axes.set_xlim(-0.55, width - 0.45)
    axes.set_ylim(-2.45, 0.45)
    axes.axis("off")
    figure.savefig(HERE / "behavior_tree.png", dpi=110, bbox_inches="tight", facecolor="white")
    plt.close(figure)


def _subtree(axes: Axes, behavior: Any, left: float, depth: int) -> tuple[float, float]:
    """Draws a behavior and what is below it from x = left on; gives the x of its middle, and where the next begins."""
    middles, end = [], left
    for child in behavior.children:
        middle, end = _subtree(axes, child, end, depth + 1)
        middles.append(middle)
    middle, end = (sum(middles) / len(middles), end) if middles else (left, left + 1.0)
    for below in middles:
        axes.plot([middle, below], [-depth, -depth - 1], color=INK, lw=1, zorder=1)
    sign = {"Selector": "?", "Sequence": "\u2192"}.get(type(behavior).__name__, "")
    condition = type(behavior).__name__ in ("OnActivity", "ActivityStands")
    color = PALE if sign else STORED if condition else COMPUTED
    text = f"{sign}  {behavior.name}" if sign else "\n".join(textwrap.wrap(behavior.name, 13))
    axes.text(
        middle, -depth, text, ha="center", va="center", fontsize=10, color=INK if sign else "white", zorder=2,
        bbox=dict(boxstyle="round,pad=0.45" if not condition else "round4,pad=0.5", facecolor=color, edgecolor=INK),
    )  # fmt: skip
    return middle, end


def demo(folder: Path = HERE.parent / "out" / "demo") -> None:
    """The film of `make demo` as an animated picture: every third frame, 480 pixels wide."""
    from PIL import Image

    from co_perception.data.video import VideoReader

    with VideoReader(str(folder / "annotated.mp4")) as reader:
        shown = [Image.fromarray(frame.pixels) for number, frame in enumerate(reader) if number % 3 == 0]
        duration_ms = round(3000 / reader.rate_hz)
    small = [picture.resize((480, round(480 * picture.height / picture.width)), Image.LANCZOS) for picture in shown]
    small[0].save(
        HERE / "demo.webp", save_all=True, append_images=small[1:], duration=duration_ms, loop=0, quality=55, method=6
    )


if __name__ == "__main__":
    continual()
    skeletons()
    behavior_tree()
    if (HERE.parent / "out" / "demo" / "timeline.png").exists():
        demo()
