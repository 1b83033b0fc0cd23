"""Pages of the studio that teach, judge and examine, in a real browser, with the commands that they start."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

pytest.importorskip("rosbags")
pytest.importorskip("lightning")
pytest.importorskip("uvicorn", reason="the extra [studio] is not installed: no page of the studio is tested")
pytest.importorskip("playwright.sync_api", reason="Playwright is missing: no page of the studio is tested")

from helpers.drawn_people import recording
from helpers.studio_browser import CHROMIUM, PHONE, browser_context, served

from co_perception.commands.studio_endpoints import workshop
from co_perception.data.annotations.intervals import write_annotations
from co_perception.data.annotations.sources import read_any
from co_perception.learners.gallery import Gallery
from co_perception.studio.application import application
from co_perception.studio.live import LivePage
from co_perception.studio.recording_annotations import AnnotatedRecording

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium (apt install chromium): no page of the studio is tested"),
]
PAGES = ("/", "/pages/teach.html", "/pages/judge.html", "/pages/doctor.html")
LONG_MS = 240_000  # of a job


class Studio(NamedTuple):
    address: str
    out: Path
    bags: list[Path]


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    bags = [recording(tmp_path / name, seed, rounds=2) for seed, name in enumerate(("monday", "tuesday"), 1)]
    recordings = [AnnotatedRecording(bag) for bag in bags]
    live = LivePage(None, "no ROS here").endpoints()
    with workshop(recordings, tmp_path / "out") as own, served(application(recordings, [*live, *own])) as address:
        yield Studio(address, tmp_path / "out", bags)


@pytest.fixture
def context(studio: Studio) -> Iterator[Any]:
    with browser_context(studio.address, expected=("422",)) as made:
        yield made


def opened(context: Any, address: str) -> Any:
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("nav a[aria-current]")
    return page


def ended(page: Any, name: str) -> None:
    """Waits until a job is done."""
    job = page.locator(".job", has_text=name).first
    try:
        job.locator(".state", has_text="done").wait_for(timeout=LONG_MS)
    except Exception as error:
        raise AssertionError(job.inner_text()) from error


def test_shows_are_known_at_once_and_what_is_marked_is_added(context: Any, studio: Studio) -> None:
    write_annotations(studio.bags[0] / "annotations.csv", [])
    write_annotations(studio.bags[1] / "annotations.csv", [])
    page = opened(context, studio.address)
    page.wait_for_function("() => document.getElementById('state').textContent.includes('saved')")
    page.keyboard.press("t")
    page.locator("#taught.error", has_text="mark an activity a few times").wait_for()
    for label in ("wave", "squat"):
        page.fill("#label", label)
        page.press("#label", "Enter")
    for number in (0, 1):  # an act of three seconds, a pause of 0.8 s, and the next
        page.keyboard.press("Home")
        for _ in range(4 * number):
            page.keyboard.press("Shift+ArrowRight")
        page.keyboard.press("12"[number])
        for _ in range(2):
            page.keyboard.press("Shift+ArrowRight")
        page.keyboard.press("12"[number])
    page.wait_for_function("() => document.getElementById('state').textContent.includes('saved')")
    page.click("#teach")
    page.locator("#taught", has_text="No activity has two shows").wait_for(timeout=LONG_MS)
    assert Gallery(studio.out / "gallery" / "mine").labels == ("squat", "wave")
    page.keyboard.press("Escape")
    page.locator("#view").focus()
    page.keyboard.press("Home")
    for _ in range(8):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("1")
    for _ in range(2):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("1")
    page.locator("#taught", has_text="Left out one by one").wait_for(timeout=LONG_MS)  # without being asked again
    assert [show.label for show in Gallery(studio.out / "gallery" / "mine").shows].count("wave") == 2


@pytest.mark.timeout(1500)
def test_from_shows_to_a_judged_model(context: Any, studio: Studio) -> None:
    page = opened(context, studio.address + "/pages/teach.html")
    page.locator("#labels label").nth(1).wait_for()
    page.click("#teaching button")
    page.locator("#taught", has_text="Left out one by one").wait_for(timeout=LONG_MS)
    assert (studio.out / "gallery/mine/metadata.json").is_file()
    page.fill("#epochs", "1")
    page.click("#training button")
    page.locator("#training output", has_text="in the queue").wait_for()
    page.reload()  # the job goes on
    ended(page, "train lesson 1")
    page.locator("#trained table").wait_for()
    shown = page.locator("#trained tbody").inner_text().split()
    held_out = json.loads((studio.out / "train/lesson 1/held_out.json").read_text())
    assert shown == [
        str(each) for name, row in zip(held_out["classes"], held_out["confusion"], strict=True) for each in (name, *row)
    ]

    page.goto(studio.address + "/pages/judge.html")
    for number, model in enumerate(("gallery/mine", "train/lesson 1"), 1):
        page.locator(f'#model option[value="{model}"]').wait_for(state="attached")
        page.select_option("#model", model)
        page.fill("#run", f"run {number}")
        page.click("#evaluating button")
        page.locator(".job", has_text=f"evaluate run {number}").wait_for()
    ended(page, "evaluate run 1")
    ended(page, "evaluate run 2")
    page.locator("#runs a").nth(1).wait_for()
    page.locator("#comparing button").click()
    page.locator("#comparison table").wait_for()
    assert "macro_f1" in page.locator("#comparison").inner_text()
    page.locator("#runs a").first.click()
    page.get_by_text("Confusion").first.wait_for()

    page.goto(studio.address + "/pages/judge.html")
    page.locator('#model option[value="gallery/mine"]').wait_for(state="attached")
    page.select_option("#model", "gallery/mine")
    page.fill("#rate", "3600")
    page.click("#tuning button")
    ended(page, "tune rules 1")
    page.locator("#tuned img").wait_for()
    assert page.evaluate("document.querySelector('#tuned img').naturalWidth") > 100


def test_annotations_are_downloaded_as_a_file_of_another_program(context: Any, studio: Studio, tmp_path: Path) -> None:
    page = opened(context, studio.address)
    page.wait_for_function("() => document.getElementById('state').textContent.includes('saved')")
    with page.expect_download() as download:
        page.click('#exports button[data-ending="eaf"]')
    assert download.value.suggested_filename == "monday.eaf"
    download.value.save_as(tmp_path / "monday.eaf")
    assert {each.label for each in read_any(tmp_path / "monday.eaf")} == {"wave", "squat"}
    (studio.bags[0] / "annotations.csv").unlink()
    page.click('#exports button[data-ending="csv"]')
    page.locator("#exported.error", has_text="nothing is annotated yet").wait_for()


def test_a_recording_is_examined(context: Any, studio: Studio) -> None:
    page = opened(context, studio.address + "/pages/doctor.html")
    page.locator("#source option").nth(2).wait_for(state="attached")
    page.select_option("#source", "1")
    page.click("#examining button")
    ended(page, "doctor tuesday 1")
    page.locator("#examined article").wait_for()
    found = json.loads((studio.out / "doctor/tuesday 1/findings.json").read_text())
    shown = page.locator("#examined").inner_text()
    for finding in found["findings"]:
        assert finding["remedy"] in shown
    assert found["streams"][1][0] in shown and found["commands"][0] in shown


def test_of_two_browsers_both_see_a_job_and_either_stops_it(context: Any, studio: Studio) -> None:
    page = opened(context, studio.address + "/pages/teach.html")
    page.locator("#labels label").nth(1).wait_for()
    page.fill("#epochs", "1000")
    page.click("#training button")
    page.locator(".job.running").wait_for()
    phone = context.browser.new_context(viewport=PHONE, has_touch=True)  # which shares nothing with the other
    other = opened(phone, studio.address + "/pages/judge.html")
    other.locator(".job.running", has_text="lesson 1").wait_for()
    other.locator(".job.running button", has_text="stop").tap()
    other.locator(".job.stopped").wait_for(timeout=LONG_MS)
    phone.close()
    page.locator(".job.stopped").wait_for()
    page.click("#training button")  # the same name once more, as it came to nothing
    page.locator("#training button:enabled").wait_for()  # it was answered
    assert "in the queue" in page.inner_text("#training output")


@pytest.mark.parametrize("path", PAGES)
def test_a_phone_shows_every_page_without_scrolling_sideways(studio: Studio, path: str) -> None:
    with browser_context(studio.address, PHONE) as context:
        page = opened(context, studio.address + path)
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_what_is_wrong_is_said_beside_the_button(context: Any, studio: Studio) -> None:
    page = opened(context, studio.address + "/pages/teach.html")
    page.locator("#recordings input").nth(1).wait_for()
    for box in page.locator("#recordings input").all():
        box.uncheck()
    page.click("#training button")
    page.locator("#training output.error", has_text="recordings is a list").wait_for()


USE = """async () => {
  const asked = [];
  let nodes = [];
  window.fetch = async (path, {body} = {}) => {
    asked.push([path, body ? JSON.parse(body) : null]);
    if (!body) return new Response(JSON.stringify(nodes.splice(0)));
    const fine = !body.includes("tight");
    return new Response(JSON.stringify(fine ? {} : {error: "it has no room"}), {status: fine ? 200 : 422});
  };
  nodes = ["/net", "/tight"];
  const { useOf } = await import("/pages/taught.js");
  const [running] = useOf("gallery/mine", "a line");
  document.body.append(running);
  while (!running.children.length) await new Promise((wake) => setTimeout(wake, 10));
  const words = [];
  for (const row of [...running.children]) {
    for (const button of row.querySelectorAll("button")) {
      button.click();
      while (button.disabled) await new Promise((wake) => setTimeout(wake, 10));
      words.push(row.querySelector("output").textContent);
    }
  }
  return [asked, words];
}"""


def test_a_gallery_goes_into_a_node_that_runs_and_out_of_it(context: Any, studio: Studio) -> None:
    asked, words = opened(context, studio.address + "/pages/doctor.html").evaluate(USE)
    sent = [content for path, content in asked if path == "/api/live/model"]
    assert sent == [{"node": node, "model": model} for node in ("/net", "/tight") for model in ("gallery/mine", "")]
    assert "/net recognizes with mine" in words[0] and "its own model" in words[1]
    assert words[2:] == ["it has no room"] * 2
