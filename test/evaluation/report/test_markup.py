"""Text from outside stays text; axes have round numbers; images have a title."""

from __future__ import annotations

from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from co_perception.evaluation.report.markup import Markup, chart, duration, joined, shortened, tag, ticks, words


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, attrs))

    def handle_data(self, data: str) -> None:
        self.words += data


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"])))
def test_a_parser_reads_back_what_was_written(content: str) -> None:
    reader = Reader()
    reader.feed(tag("p", content, title=content))
    reader.close()
    assert reader.tags == [("p", [("title", content)])]
    assert reader.words == content


def test_elements_nest_and_texts_do_not() -> None:
    assert tag("p", "a < b", tag("b", "&")) == "<p>a &lt; b<b>&amp;</b></p>"
    assert joined(["<i>", Markup("<i>"), 0.5]) == "&lt;i&gt;<i>0.5"


def test_attributes() -> None:
    assert tag("line", x1=1.0, y2=2.345, stroke_width=3, class_="grid", id=None) == (
        '<line x1="1" y2="2.35" stroke-width="3" class="grid"/>'
    )
    assert tag("td") == "<td></td>"  # HTML would not close it otherwise


def test_what_html_forbids_is_replaced() -> None:
    assert tag("p", "a\x00b\x1bc\ud800") == "<p>a\ufffdb\ufffdc\ufffd</p>"


def test_long_names_are_cut() -> None:
    assert shortened("wave", 4) == "wave"
    assert shortened("pick up", 6) == "pick…"


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [
        (0, 21.3, [0, 5, 10, 15, 20]),
        (0, 3, [0, 0.5, 1, 1.5, 2, 2.5, 3]),
        (13, 187, [50, 100, 150]),
        (0, 0.004, [0, 0.001, 0.002, 0.003, 0.004]),
        (7, 7, [7]),
    ],
)
def test_ticks(low: float, high: float, found: list[float]) -> None:
    assert list(ticks(low, high)) == found


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (12.5, "12.5 s"), (75, "1:15 min"), (3599.7, "1:00:00 h"), (3725, "1:02:05 h")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_an_image_tells_what_it_shows() -> None:
    root = ElementTree.fromstring(chart(10, 20, "A & B", "two", words(1, 2, "<x>", turn=-90)))
    assert (root.get("role"), root.get("viewBox")) == ("img", "0 0 10 20")
    assert [child.text for child in root] == ["A & B", "two", "<x>"]
    assert root[2].get("transform") == "rotate(-90 1 2)"
