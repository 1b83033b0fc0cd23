"""What comes from outside stays text."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from co_perception.evaluation.markup import Markup, joined, shortened, tag


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
