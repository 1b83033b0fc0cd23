"""Parts of the live page by themselves, in a real browser: the view of pictures, and the lanes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("rosbags")
pytest.importorskip("uvicorn", reason="the extra [studio] is not installed: no page of the studio is tested")
pytest.importorskip("playwright.sync_api", reason="Playwright is missing: no page of the studio is tested")

from helpers.studio_browser import CHROMIUM, browser_context, served

from co_perception.studio.application import application
from co_perception.studio.live import LivePage

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium (apt install chromium): no page of the studio is tested"),
]


@pytest.fixture
def page() -> Iterator[Any]:
    """A page of the studio that shows nothing of its own."""
    app = application([], LivePage(None, "no ROS here").endpoints())
    with served(app) as address, browser_context(address) as context:
        made = context.new_page()
        made.goto(f"{address}/pages/live.html")
        made.wait_for_function("() => document.getElementById('state').textContent.includes('no ROS here')")
        yield made


VIEW = """async () => {
  const { View } = await import("/pages/live_view.js");
  const canvas = document.body.appendChild(document.createElement("canvas"));
  const picture = await new Promise((made) => canvas.toBlob(made));
  let arrive;
  const answer = () => new Response(picture, {headers: {"X-Stamp": "0"}});
  window.fetch = () => new Promise((take) => { arrive = () => take(answer()); });
  let drawn = 0;
  const view = new View(canvas, () => {}, () => (drawn += 1));
  const show = async () => {
    const coming = view.picture({topic: "/eye"});
    arrive();
    await coming;
    view.draw();
  };
  const old = view.picture({topic: "/other"});
  view.clear(); // another topic is chosen
  arrive();
  await old;
  const left = view.pictures.length;
  await show();
  view.draw();
  await show();
  return [left, view.pictures.length, drawn];
}"""


def test_of_another_topic_no_picture_is_left_and_stamps_need_not_differ(page: Any) -> None:
    assert page.evaluate(VIEW) == [0, 2, 2]


CAPTIONS = """async () => {
  const { View } = await import("/pages/live_view.js");
  const canvas = document.createElement("canvas");
  const pen = canvas.getContext("2d");
  const drawn = [];
  pen.fillRect = (...box) => drawn.push(box);
  const view = new View(canvas, () => {}, () => {});
  const activities = ["p1", "p2", "p3", "p4"].map((subject) => ({subject, label: "stands", status: "valid"}));
  view.said({activities}, () => "red");
  const written = [];
  const places = [[200, 60], [230, 60], [260, 64], [500, 60]]; // three side by side, one far away
  places.forEach((place, n) => view.caption(pen, `p${n + 1}`, place, "red", 640, written));
  return drawn;
}"""


def test_captions_of_people_side_by_side_cover_no_other(page: Any) -> None:
    boxes = page.evaluate(CAPTIONS)
    assert len(boxes) == 4 and boxes[0][1] == boxes[3][1] == 60 - 38
    for n, (left, top, wide, high) in enumerate(boxes):
        for x, y, w, h in boxes[:n]:
            assert left >= x + w or x >= left + wide or top >= y + h or y >= top + high
    assert all(top >= 0 for _, top, _, _ in boxes)


LANES = """async () => {
  const { Lanes } = await import("/pages/live_lanes.js");
  const lanes = new Lanes(document.createElement("canvas"), document.createElement("canvas"), () => {}, () => "red");
  const say = (second, first, count) => lanes.add({stamp: String(BigInt(second * 10) * 100000000n), activities:
    [...Array(count).keys()].map((n) => (
      {subject: `p${first + n}`, group: "", status: "valid", label: "walk", progress: 1, best: [["walk", 0.9]]}))});
  for (const second of [100, 100.5, 101]) say(second, 0, 15); // more people than there are lanes
  const crowd = [...lanes.lanes.values()].map(({name, scores}) => [name, scores.length]);
  say(104, 50, 1); // somebody else, long after
  return [crowd, lanes.lanes.size, [...lanes.lanes.values()].at(-1).name];
}"""


def test_a_crowd_does_not_take_its_lanes_from_each_other(page: Any) -> None:
    crowd, size, last = page.evaluate(LANES)
    assert crowd == [[f"p{n}", 3] for n in range(12)]
    assert (size, last) == (12, "p50")
