"""The studio in a real browser: annotations by keys and pointer, undo, a killed tab, two tabs, nothing from outside."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rosbags")
pytest.importorskip("uvicorn", reason="the extra [studio] is not installed: no page of the studio is tested")
pytest.importorskip("playwright.sync_api", reason="Playwright is missing: no page of the studio is tested")

import numpy as np
from helpers.bag_writer import (
    SECOND,
    T0,
    Frame,
    Person,
    image,
    skeleton_array,
    store,
    write_bag,
    write_messages,
)
from helpers.drawn_people import Figure
from helpers.studio_browser import CHROMIUM, PATIENCE_MS, browser_context, served

from co_perception.data.annotations.intervals import Interval, read_annotations, write_annotations
from co_perception.studio.application import application
from co_perception.studio.recording_annotations import AnnotatedRecording, Proposal

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium (apt install chromium): no page of the studio is tested"),
]
STEP = SECOND // 15


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    figures = (Figure("wave", 3), Figure("squat", 11))
    frames = [
        Frame(T0 + n * STEP, [Person(f"p{k}", each.frame(n / 15)) for k, each in enumerate(figures)])
        for n in range(300)
    ]
    return write_bag(tmp_path / "monday", {"/skeletons": frames})


PROPOSALS = [
    Proposal(Interval(T0 + start * SECOND, T0 + end * SECOND, label, subject), share)
    for start, end, label, subject, share in (
        (2, 4, "wave", "p0", 0.9), (5, 6, "stop", "p0", 0.6), (10, 12, "squat", "p1", 0.4),
    )
]  # fmt: skip


@pytest.fixture
def address(bag: Path) -> Iterator[str]:
    with served(application([AnnotatedRecording(bag, proposals=PROPOSALS)])) as found:
        yield found


@pytest.fixture
def context(address: str) -> Iterator[Any]:
    """A browser, which may report a refused answer on its console."""
    with browser_context(address, expected=("409",)) as made:
        yield made


def opened(context: Any, address: str) -> Any:
    page = context.new_page()
    page.goto(address)
    state(page, "saved")
    return page


def state(page: Any, text: str) -> None:
    """Waits until the page says so."""
    page.wait_for_function("text => document.getElementById('state').textContent.includes(text)", arg=text)


def press(page: Any, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def labels(page: Any, *names: str) -> None:
    for name in names:
        page.fill("#label", name)
        page.press("#label", "Enter")


def written(bag: Path, expected: Sequence[tuple[float, float, str, str]]) -> None:
    """Waits until the file has these annotations, in seconds."""
    end = time.monotonic() + PATIENCE_MS / 1e3
    while True:
        file = bag / "annotations.csv"
        rows = read_annotations(file) if file.is_file() else []
        found = [((row.start_ns - T0) / SECOND, (row.end_ns - T0) / SECOND, row.label, row.subject) for row in rows]
        if found == expected:
            return
        assert time.monotonic() < end, found
        time.sleep(0.05)


RECORDED = """() => localStorage.setItem("studio recording", JSON.stringify({labels: "stop, squat, wave, bow"}))"""


@pytest.mark.parametrize("marked", [["wave"], ["wave", "jump"]])
def test_labels_have_the_numbers_that_they_had_on_the_page_live(bag: Path, marked: list[str]) -> None:
    """Of another recording, which has a label that was not offered there, they have those that they have."""
    found = [Interval(T0 + n * SECOND, T0 + n * SECOND + STEP, label, "p0") for n, label in enumerate(marked)]
    write_annotations(bag / "annotations.csv", found)
    with served(application([AnnotatedRecording(bag)])) as address, browser_context(address) as context:
        page = opened(context, address)
        assert page.locator("#labels li").all_inner_texts() == marked
        page.evaluate(RECORDED)
        page.reload()
        state(page, "saved")
        shown = page.locator("#labels li").all_inner_texts()
    assert shown == (["stop", "squat", "wave", "bow"] if marked == ["wave"] else marked)


def test_intervals_are_made_changed_and_taken_back_by_keys(context: Any, address: str, bag: Path) -> None:
    page = opened(context, address)
    labels(page, "wave", "squat")  # known by the proposals, in the order wave, stop, squat
    press(page, "1", *["Shift+ArrowRight"] * 4, "1")
    written(bag, [(0, 4, "wave", "p0")])
    press(page, "ArrowDown", "3", *["Shift+ArrowRight"] * 3, "3")
    both = [(0, 4, "wave", "p0"), (4, 7, "squat", "p1")]
    written(bag, both)
    press(page, "p", "Shift+ArrowRight", "s")  # the interval before, split a second after its begin
    written(bag, [(0, 4, "wave", "p0"), (4, 5, "squat", "p1"), (5, 7, "squat", "p1")])
    press(page, "Control+z")
    written(bag, both)
    press(page, "Control+y", "Control+z")
    written(bag, both)
    press(page, "Home", "ArrowUp", "End", "p", *["Shift+ArrowRight"] * 2, "]")
    written(bag, [(0, 2, "wave", "p0"), (4, 7, "squat", "p1")])
    press(page, "Delete")
    written(bag, [(4, 7, "squat", "p1")])
    press(page, "Control+z", "Control+z")
    written(bag, both)
    state(page, "saved")


def test_a_frame_is_a_stamp(context: Any, address: str, bag: Path) -> None:
    page = opened(context, address)
    labels(page, "wave")
    page.wait_for_timeout(500)  # joints come after the page
    press(page, *["ArrowRight"] * 5, "1", *["ArrowRight"] * 4, "ArrowLeft", "1")
    written(bag, [(5 * STEP / SECOND, 8 * STEP / SECOND, "wave", "p0")])


def test_the_pointer_chooses_moves_and_goes(context: Any, address: str, bag: Path) -> None:
    page = opened(context, address)
    labels(page, "wave")
    press(page, "1", *["Shift+ArrowRight"] * 5, "1")
    written(bag, [(0, 5, "wave", "p0")])
    box = page.locator("#timeline").bounding_box()
    of_second = (box["width"] - 110) / 20
    x, y = box["x"] + 110, box["y"] + 22 + 17
    page.mouse.click(x + 2 * of_second, y)
    page.mouse.move(x + 5 * of_second - 1, y)
    page.mouse.down()
    page.mouse.move(x + 8 * of_second, y, steps=5)
    page.mouse.up()
    page.wait_for_timeout(600)
    state(page, "saved")
    [row] = read_annotations(bag / "annotations.csv")
    assert row.start_ns == T0 and abs((row.end_ns - T0) / SECOND - 8) < 0.1


def test_a_killed_tab_loses_nothing(context: Any, address: str, bag: Path) -> None:
    page = opened(context, address)
    labels(page, "wave")
    page.route("**/intervals", lambda route: route.abort())  # the last change does not get through
    press(page, "1", "Shift+ArrowRight", "1")
    page.wait_for_function("Object.keys(localStorage).length > 0")
    page.close()
    assert not (bag / "annotations.csv").exists()
    again = context.new_page()
    again.goto(address)
    written(bag, [(0, 1, "wave", "p0")])
    state(again, "saved")


def test_what_a_killed_tab_left_is_of_its_own_recording_alone(tmp_path: Path) -> None:
    """Both are called alike, and neither has annotations."""
    bags = []
    for n in range(2):
        frames = [Frame(T0 + n * SECOND + k * STEP, [Person("p0", Figure("wave", 3).frame(k / 15))]) for k in range(30)]
        (tmp_path / str(n)).mkdir()
        bags.append(write_bag(tmp_path / str(n) / "monday", {"/skeletons": frames}))
    with (
        served(application([AnnotatedRecording(bag) for bag in bags])) as address,
        browser_context(address, expected=("ERR_FAILED",)) as made,
    ):
        page = opened(made, address)
        labels(page, "wave")
        page.route("**/intervals", lambda route: route.abort())
        press(page, "1", "Shift+ArrowRight", "1")
        page.wait_for_function("Object.keys(localStorage).length > 0")
        page.close()
        other = opened(made, f"{address}/#1")
        other.wait_for_timeout(600)
        assert not (bags[1] / "annotations.csv").exists()
        opened(made, address)
        written(bags[0], [(0, 1, "wave", "p0")])


def test_of_two_tabs_the_second_is_told(context: Any, address: str, bag: Path) -> None:
    one, other = opened(context, address), opened(context, address)
    for page in (one, other):
        labels(page, "wave")
    press(one, "1", "Shift+ArrowRight", "1")
    written(bag, [(0, 1, "wave", "p0")])
    press(other, "1", *["Shift+ArrowRight"] * 3, "1")
    state(other, "changed elsewhere")
    written(bag, [(0, 1, "wave", "p0")])


def test_proposals_are_accepted_refused_and_doubted(context: Any, address: str, bag: Path) -> None:
    page = opened(context, address)
    press(page, *["Shift+ArrowRight"] * 3, "a")
    written(bag, [(2, 4, "wave", "p0")])
    press(page, "Control+z")
    written(bag, [])
    press(page, "u", "a")  # what it is least sure of, in another lane
    written(bag, [(10, 12, "squat", "p1")])
    press(page, "u", "r", "ArrowUp", "Shift+A")  # the other one is refused, so that nothing of it is left
    page.wait_for_timeout(600)
    written(bag, [(10, 12, "squat", "p1")])


@pytest.fixture
def filmed(tmp_path: Path) -> Path:
    """A recording with pictures: red until 10 s, then blue; people are left of the middle."""
    types = store()
    figure = Figure("wave", 3)
    poses, pictures = [], []
    for n in range(300):
        stamp_ns = T0 + n * STEP
        pixels = np.zeros((48, 64, 3), np.uint8)
        pixels[..., 0 if n < 150 else 2] = 200
        poses.append((stamp_ns, skeleton_array(Frame(stamp_ns, [Person("p0", figure.frame(n / 15))]), types)))
        pictures.append((stamp_ns, image(types, stamp_ns, pixels)))
    return write_messages(tmp_path / "filmed", {"/skeletons": poses, "/eye": pictures}, types=types)


def bright(page: Any, x: float, y: float) -> list[bool]:
    """Whether red, green and blue of the view are, at shares of its width and height."""
    color: list[int] = page.evaluate(
        "([x, y]) => { const view = document.getElementById('view');"
        "return [...view.getContext('2d').getImageData(x * view.width, y * view.height, 1, 1).data].slice(0, 3); }",
        [x, y],
    )
    return [share > 150 for share in color]


def test_the_picture_of_the_stamp_is_behind_the_figures(filmed: Path) -> None:
    with served(application([AnnotatedRecording(filmed)])) as address, browser_context(address) as made:
        page = opened(made, address)

        def shows(red: bool, blue: bool) -> None:
            end = time.monotonic() + PATIENCE_MS / 1e3
            while bright(page, 0.75, 0.9) != [red, False, blue]:
                assert time.monotonic() < end, (red, blue)
                page.wait_for_timeout(50)

        shows(True, False)
        press(page, *["Shift+ArrowRight"] * 12)
        shows(False, True)
        press(page, *["Shift+ArrowLeft"] * 5)
        shows(True, False)
        press(page, "v", "v")  # the figures alone
        shows(False, False)
        press(page, "v")
        shows(True, False)
