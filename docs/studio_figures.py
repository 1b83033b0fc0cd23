"""Draws docs/studio.png, studio_teach.png, live.jpg and phone.png: pages of the studio in headless Chromium.

The first two are over drawn people; the teaching loads torch, which takes some seconds. The line for a terminal is
shown as it is printed in a workspace. The last two are of a running graph, in which the demo's sample clip is played.

    co-perception weights fetch sports2d_demo movenet_multipose
    python docs/studio_figures.py [annotate] [teach] [live]
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "test")]

from helpers.bag_writer import SECOND, T0, Frame, Person, write_bag  # noqa: E402
from helpers.drawn_people import Figure, recording  # noqa: E402
from helpers.studio_browser import DESKTOP, PHONE, browser_context, served  # noqa: E402

from co_perception.commands.studio_endpoints import workshop  # noqa: E402
from co_perception.data.annotations.intervals import Interval, write_annotations  # noqa: E402
from co_perception.studio.application import application  # noqa: E402
from co_perception.studio.live import LivePage  # noqa: E402
from co_perception.studio.recording_annotations import AnnotatedRecording, Proposal  # noqa: E402

RATE_HZ, PATIENCE_MS, WIDTH = 15, 900_000, 992
SHOW_LINE = """() => { document.querySelector("#taught pre").textContent =
  "ros2 run co_perception skeleton_activity_node --ros-args -p model_path:=/home/me/studio/gallery/mine"; }"""


UNTIL_S, ACT_S, REST_S = 3.4, 5, 1
LEAST_HZ = 10.0  # at which all has to come
LABELS = "walk, jump, stand still"


class RunningNode:
    """A graph in which one recognizer runs, as the pages see it."""

    folder = None
    summary: Mapping[str, Any] | None = None

    def recognizers(self) -> list[str]:
        return ["/skeleton_activity"]


def two_people(folder: Path) -> AnnotatedRecording:
    """Twenty seconds, some of which are marked and some proposed."""
    figures = [Figure("wave", 1), Figure("squat", 2)]
    frames = []
    for n in range(20 * RATE_HZ):
        shown = [Person(f"p{k}", each.frame(n / RATE_HZ)) for k, each in enumerate(figures)]
        frames.append(Frame(T0 + n * SECOND // RATE_HZ, shown))
    path = write_bag(folder / "monday", {"/skeletons": frames})

    def interval(label: str, subject: str, start_s: int, end_s: int) -> Interval:
        return Interval(T0 + start_s * SECOND, T0 + end_s * SECOND, label, subject)

    write_annotations(path / "annotations.csv", [interval("wave", "p0", 0, 4), interval("squat", "p1", 4, 7)])
    proposals = [Proposal(interval("wave", "p0", 9, 13), 0.6), Proposal(interval("squat", "p1", 11, 14), 0.4)]
    return AnnotatedRecording(path, proposals=proposals)


@contextmanager
def opened(recordings: Sequence[AnnotatedRecording], live: LivePage, out: Path, size: dict[str, int]) -> Iterator[Any]:
    """A page of the studio over these recordings."""
    with ExitStack() as stack:
        own = stack.enter_context(workshop(recordings, out))
        address = stack.enter_context(served(application(recordings, [*live.endpoints(), *own])))
        context = stack.enter_context(browser_context(address, size))
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.goto(address)
        page.wait_for_function("() => document.getElementById('state').textContent.includes('saved')")
        yield page


def annotate_page(folder: Path) -> None:
    with opened([two_people(folder)], LivePage(None, "no ROS here"), folder / "out", DESKTOP) as page:
        page.locator("#view").focus()
        for key in ["ArrowDown", *["Shift+ArrowRight"] * 5, "Enter"]:
            page.keyboard.press(key)
        page.wait_for_timeout(1000)
        page.screenshot(path=HERE / "studio.png")


def teach_page(folder: Path) -> None:
    graph: Any = RunningNode()
    paths = [recording(folder / name, seed) for seed, name in enumerate(("monday", "tuesday"), 1)]
    recordings = [AnnotatedRecording(path) for path in paths]
    with opened(recordings, LivePage(graph), folder / "out", {"width": WIDTH, "height": 760}) as page:
        page.click("nav >> text=Teach")
        page.click("#teaching button")
        page.wait_for_selector("#taught pre")
        page.wait_for_selector("#taught button")
        page.evaluate(SHOW_LINE)
        page.evaluate(
            "() => document.querySelectorAll('header, h1, section:nth-of-type(n + 3)').forEach((each) => each.remove())"
        )
        page.screenshot(path=HERE / "studio_teach.png", full_page=True)


def live_page(folder: Path) -> None:
    """The page at a desk and on a phone, while the clip is played and recorded."""
    from replayed_clip import replaying_robot

    from co_perception.nodes.live.live_graph import LiveGraph

    graph = LiveGraph(folder=folder)
    with ExitStack() as stack:
        robot = stack.enter_context(replaying_robot(UNTIL_S))
        address = stack.enter_context(served(application([], LivePage(graph).endpoints())))
        stack.callback(graph.close)
        desk = stack.enter_context(browser_context(address, DESKTOP))
        phone = desk.browser.new_context(viewport=PHONE, has_touch=True)
        pages = [context.new_page() for context in (desk, phone)]
        for page in pages:
            page.set_default_timeout(PATIENCE_MS)
            page.goto(f"{address}/pages/live.html")
            page.wait_for_function("() => document.getElementById('activity').textContent.includes('/activity')")
        for field, value in {"name": "monday", "labels": LABELS, "act_s": str(ACT_S), "rest_s": str(REST_S)}.items():
            pages[0].fill(f"#{field}", value)
        pages[0].click("#start")
        robot.plays.set()
        robot.ended.wait(60)
        pages[0].screenshot(path=folder / "live.jpg", type="jpeg", quality=85)
        pages[1].screenshot(path=folder / "phone.png")
        health = str(pages[0].evaluate("() => document.getElementById('lines').innerText"))
    rates_hz = [float(found) for found in re.findall(r"come ([\d.]+) times a second", health)]
    if len(rates_hz) < 3 or min(rates_hz) < LEAST_HZ:
        raise RuntimeError(f"this machine is too busy to play the clip: {health}")
    for name in ("live.jpg", "phone.png"):
        shutil.copy(folder / name, HERE)


def main(arguments: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, draw in (("annotate", annotate_page), ("teach", teach_page), ("live", live_page)):
            if not arguments or name in arguments:
                (Path(folder) / name).mkdir()
                draw(Path(folder) / name)


if __name__ == "__main__":
    main(sys.argv[1:])
