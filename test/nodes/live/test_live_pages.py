"""The live page in a real browser, at a desk and on a phone, over nodes that run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("mcap")
pytest.importorskip("rosbags")
pytest.importorskip("cv2")
pytest.importorskip("uvicorn", reason="the extra [studio] is not installed: no page of the studio is tested")
pytest.importorskip("playwright.sync_api", reason="Playwright is missing: no page of the studio is tested")

from helpers.drawn_people import Figure
from helpers.live_robot import Robot
from helpers.node_stream import picture
from helpers.studio_browser import CHROMIUM, DESKTOP, PHONE, browser_context, served

from co_perception.data.annotations.intervals import read_annotations
from co_perception.msg import Keypoint, Skeleton, SkeletonArray
from co_perception.nodes.core.messages import to_time
from co_perception.nodes.live.live_graph import LiveGraph
from co_perception.studio.application import application
from co_perception.studio.live import LivePage
from co_perception.studio.recording_annotations import AnnotatedRecording
from co_perception.studio.results_folder import ResultsFolder
from co_perception.studio.teach_endpoints import TaughtGallery, teach_endpoints

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium (apt install chromium): no page of the studio is tested"),
]


class WavingRobot(Robot):
    """Somebody who waves, in bluish pictures."""

    period_s = 0.066

    def __init__(self, bench: Any) -> None:
        super().__init__(bench)
        self._figure = Figure("wave", 3)

    def send(self, stamp_ns: int, seconds: float) -> None:
        keypoints = [Keypoint(x=float(x), y=float(y), z=float("nan"), score=float(score))
                     for x, y, _, score in self._figure.frame(seconds)]  # fmt: skip
        message = SkeletonArray(
            skeletons=[Skeleton(subject_id="p1", layout="coco17", score=1.0, keypoints=keypoints)],
            image_width=640, image_height=480,
        )  # fmt: skip
        message.header.stamp, message.header.frame_id = to_time(stamp_ns), "eye"
        image = picture(0.0, np.full((120, 160, 3), (40, 90, 140), np.uint8))
        image.header = message.header
        self.pictures.publish(image)
        self.skeletons.publish(message)


@pytest.fixture
def robot(bench: Any) -> Iterator[Robot]:
    with WavingRobot(bench) as made:
        yield made


class IdleTeacher:
    """Counts how often the page asks for what teaching needs."""

    def __init__(self) -> None:
        self.warmed = 0

    def warm(self) -> None:
        self.warmed += 1

    def teach(self, *_: Any) -> TaughtGallery:
        raise ValueError("nobody teaches here")


@pytest.fixture
def teacher() -> IdleTeacher:
    return IdleTeacher()


@pytest.fixture
def address(robot: Robot, tmp_path: Path, teacher: IdleTeacher) -> Iterator[str]:
    graph, recordings = LiveGraph(folder=tmp_path), list[AnnotatedRecording]()

    def opened(path: Path) -> int:
        recordings.append(AnnotatedRecording(path))
        return len(recordings) - 1

    teaching = teach_endpoints(recordings, ResultsFolder(tmp_path / "results"), teacher)
    with served(application(recordings, [*LivePage(graph, opened=opened).endpoints(), *teaching])) as found:
        yield found
        graph.close()


def visit(context: Any, address: str) -> Any:
    """The live page, once something is said in it."""
    page = context.new_page()
    page.goto(address)  # without recordings it leads to the live page
    page.wait_for_url("**/pages/live.html", wait_until="commit")
    says(page, "#now", "p1: ")
    return page


def says(page: Any, place: str, text: str) -> None:
    """Waits until a part of the page has a text."""
    page.wait_for_function(
        "([place, text]) => document.querySelector(place)?.textContent.includes(text)", arg=[place, text]
    )


def until(condition: Any) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_it_is_shown_what_there_is_while_the_page_is_open(robot: Robot, address: str) -> None:
    with browser_context(address) as context:
        assert robot.pictures.get_subscription_count() == 0
        page = visit(context, address)
        says(page, "#now", "%")
        says(page, "#lines", "pictures come")
        says(page, "#lines", "/skeleton_activity")
        says(page, "#age", "picture")
        color = page.evaluate(
            "() => { const view = document.getElementById('view');"
            "return [...view.getContext('2d').getImageData(view.width / 2, view.height - 8, 1, 1).data]; }"
        )
        assert all(abs(found - sent) < 12 for found, sent in zip(color, (40, 90, 140), strict=False))
        assert page.input_value("#pictures") == "" and "/image_raw (chosen)" in page.text_content("#pictures")
        robot.speaks = False
        says(page, "#lines", "sends nothing")
        page.close()
        until(lambda: robot.pictures.get_subscription_count() == 0)


def test_pictures_that_are_not_looked_at_are_not_subscribed_to(robot: Robot, address: str) -> None:
    with browser_context(address) as context:
        page = visit(context, address)
        until(robot.pictures.get_subscription_count)
        page.click("#shown summary")
        page.select_option("#pictures", "-")
        until(lambda: robot.pictures.get_subscription_count() == 0)
        says(page, "#now", "p1: ")


def test_threshold_and_reset_apply_while_it_runs(robot: Robot, address: str) -> None:
    with browser_context(address) as context:
        page = visit(context, address)
        page.click("#controls summary")
        slider = page.get_by_label("threshold", exact=True)
        slider.fill("0.9")
        says(page, "#recognizers", "threshold is 0.9")
        assert robot.learner.threshold == 0.9
        page.get_by_role("button", name="own").click()
        says(page, "#recognizers", "the model's own")
        assert robot.learner.threshold == 0.0
        before = robot.learner.resets
        page.get_by_role("button", name="Reset").click()
        says(page, "#recognizers", "forgotten")
        until(lambda: robot.learner.resets > before)


def test_a_phone_records_and_marks_by_taps(robot: Robot, address: str, teacher: IdleTeacher, tmp_path: Path) -> None:
    with browser_context(address, PHONE) as context:
        page = visit(context, address)
        page.fill("#name", "one")
        page.fill("#labels", "wave, squat")
        page.tap("#guided")
        page.tap("#start")
        wave, squat = (page.locator(f"#marks button[data-label={label}]") for label in ("wave", "squat"))
        assert wave.bounding_box()["height"] >= 80 and wave.bounding_box()["width"] >= 140
        wave.tap()
        page.wait_for_selector("#marks button[data-label=wave][aria-pressed=true]")
        page.wait_for_timeout(400)
        squat.tap()
        page.wait_for_selector("#marks button[data-label=squat][aria-pressed=true]")
        squat.tap()
        page.wait_for_selector("#marks button[data-label=squat][aria-pressed=false]")
        page.tap("#stop")
        says(page, "#summary", "2 marks")
        rows = read_annotations(tmp_path / "one" / "annotations.csv")
        assert [row.label for row in rows] == ["wave", "squat"]
        page.get_by_text("Look at the marks").tap()
        page.wait_for_function("() => document.getElementById('state').textContent.includes('saved')")
        assert page.input_value("#recording") == "0"
        assert teacher.warmed == 1  # as the recording ended, so that teaching does not wait for it
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_keys_mark_too(robot: Robot, address: str, tmp_path: Path) -> None:
    with browser_context(address) as context:
        page = visit(context, address)
        page.fill("#name", "keys")
        page.fill("#labels", "wave, squat")
        page.uncheck("#guided")
        page.click("#start")
        page.wait_for_selector("#marks button")
        page.click("#view")
        page.keyboard.press("2")
        page.wait_for_selector("#marks button[data-label=squat][aria-pressed=true]")
        page.keyboard.press(" ")
        page.wait_for_selector("#marks button[data-label=squat][aria-pressed=false]")
        page.click("#stop")
        says(page, "#summary", "1 mark,")
        assert [row.label for row in read_annotations(tmp_path / "keys" / "annotations.csv")] == ["squat"]


HOLD_MARKS = """() => {
  window.taps = [];
  document.getElementById("marks").addEventListener("click", ({ timeStamp }) => window.taps.push(timeStamp));
  const own = window.fetch;
  window.fetch = async (path, ...more) => {
    if (window.taps.length < 3 && path.includes("mark")) await new Promise((go) => (window.release = go));
    return own(path, ...more);
  };
}"""


def test_a_mark_is_where_it_was_tapped_however_slow_the_network_is(robot: Robot, address: str, tmp_path: Path) -> None:
    with browser_context(address) as context:
        page = visit(context, address)
        page.fill("#name", "slow")
        page.fill("#labels", "wave")
        page.uncheck("#guided")
        page.click("#start")
        page.wait_for_selector("#marks button")
        page.evaluate(HOLD_MARKS)
        for _ in range(3):
            page.click("#marks button")
            page.wait_for_timeout(300)
        page.evaluate("release()")
        page.wait_for_selector("#marks button[aria-pressed=true]")
        page.click("#marks button")
        page.wait_for_selector("#marks button[aria-pressed=false]")
        page.click("#stop")
        says(page, "#summary", "2 marks")
        taps_ms = page.evaluate("taps")
        borders = [each for row in read_annotations(tmp_path / "slow" / "annotations.csv")
                   for each in (row.start_ns, row.end_ns)]  # fmt: skip
        expected = [at_ms - taps_ms[0] for at_ms in taps_ms]
        assert [(each - borders[0]) / 1e6 for each in borders] == pytest.approx(expected, abs=30)


def test_two_browsers_end_one_recording_and_a_killed_one_sees_what_it_has(robot: Robot, address: str) -> None:
    with browser_context(address, DESKTOP, ("422",)) as context:
        page, other = visit(context, address), visit(context, address)
        page.fill("#name", "both")
        page.fill("#labels", "wave")
        page.uncheck("#guided")
        other.fill("#name", "mine")
        page.click("#start")
        for each in (page, other):
            says(each, "#progress", "both: ")
        other.evaluate("() => { document.getElementById('stop').click(); document.getElementById('stop').click(); }")
        for each in (page, other):
            says(each, "#summary", "Look at the marks")
            assert each.text_content("#summary").startswith("both: ")
        assert other.input_value("#name") == "mine"
        page.close()
        again = context.new_page()
        again.goto(f"{address}/pages/live.html")
        says(again, "#summary", "Look at the marks")


NOTE_PROMPTS = """() => {
  window.prompts = [];
  const prompt = document.getElementById("prompt");
  new MutationObserver(() => {
    if (window.prompts.at(-1) !== prompt.textContent) window.prompts.push(prompt.textContent);
  }).observe(prompt, {childList: true, characterData: true, subtree: true});
}"""


def test_a_countdown_tells_what_comes_next(robot: Robot, address: str, tmp_path: Path) -> None:
    with browser_context(address, PHONE) as context:
        page, other = visit(context, address), visit(context, address)  # who performs, and who looks on
        page.fill("#name", "plan")
        page.fill("#labels", "wave, squat")
        for field, value in {"repeats": "1", "act_s": "2", "rest_s": "2"}.items():
            page.fill(f"#{field}", value)
        for each in (page, other):
            each.evaluate(NOTE_PROMPTS)
        page.tap("#start")
        for each in (page, other):
            says(each, "#summary", "2 marks")
            assert each.evaluate("prompts.slice(0, 4)") == ["next: wave", "wave", "next: squat", "squat"]
    assert [row.label for row in read_annotations(tmp_path / "plan" / "annotations.csv")] == ["wave", "squat"]


def test_what_is_wrong_is_said(robot: Robot, address: str) -> None:
    with browser_context(address, DESKTOP, ("422", "507")) as context:
        page = visit(context, address)
        page.fill("#name", "../../etc")
        page.click("#start")
        says(page, "#summary", "named by letters")
        page.fill("#name", "fine")
        page.uncheck("#topics input:checked")
        page.click("#start")
        says(page, "#summary", "choose the skeletons")


def test_without_a_graph_it_says_why() -> None:
    app = application([], LivePage(None, "no ROS here").endpoints())
    with served(app) as address, browser_context(address) as context:
        page = context.new_page()
        page.goto(f"{address}/pages/live.html")
        says(page, "#state", "no ROS here")


def test_who_may_not_look_is_told_why(robot: Robot, address: str) -> None:
    with browser_context(address, DESKTOP, ("422",)) as context:
        page = context.new_page()
        refusal = {"status": 422, "json": {"error": "8 pages look already: close one"}}
        page.route("**/api/live/events*", lambda route: route.fulfill(**refusal))
        page.goto(f"{address}/pages/live.html")
        says(page, "#state", "8 pages look already")
