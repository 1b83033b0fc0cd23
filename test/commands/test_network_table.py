"""The table that a network is chosen by: where its times come from, and the page that shows it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from co_perception.commands import network_table
from co_perception.commands.network_table import HEADER, StepTimes, markdown, read_steps, sources_of, table
from co_perception.networks.cost import Row, rows
from co_perception.networks.variants import Published

ROOT = Path(__file__).parents[2]
ROW = Row(
    name="cox3d_s", params=3_790_000, macs_per_step=153_000_000, macs_per_clip=0, receptive_field=69, delay=40,
    stride=1, rate_hz=5.0, min_progress=0.75, answers_after=41, padding=28, state_bytes=0,
    published=Published(accuracy=64.71, step_accuracy=((13, 60.18),), source="a paper"), difference={}, note="",
)  # fmt: skip


def test_a_line_has_what_a_network_is_chosen_by() -> None:
    [header, line] = table([ROW], StepTimes({"cox3d_s": 6.5}), {"x3d_s_kinetics400": "absent"})
    found = dict(zip(header, line, strict=True))
    # 0.75 of 69 frames are 51.75: the 52nd comes 51 fifths of a second after the first.
    assert (found["first label"], found["age"], found["step"]) == ("10.2 s", "8.0 s", "6.5 ms")
    assert (found["stream"], found["clip"], found["reported by"]) == ("60.2", "64.7", "a")
    assert found["weights"] == "x3d_s_kinetics400 (absent), x3d_s_pyslowfast"
    assert found["their accuracy"] == "73.3"


def test_the_first_label_is_that_of_the_network_s_own_share() -> None:
    causal = {"receptive_field": 29, "answers_after": 1, "padding": 28, "min_progress": 0.2}
    [_, line] = table([Row(**{**vars(ROW), **causal})], StepTimes({}), {})
    assert line[HEADER.index("first label")] == "1.0 s"  # 0.2 of 29 frames are 5.8: the sixth of five a second


def test_what_is_not_known_is_a_dash() -> None:
    nothing = Row(**{**vars(ROW), "name": "costr", "published": Published()})
    [_, line] = table([nothing], StepTimes({}), {})
    assert [cell for title, cell in zip(HEADER, line, strict=True) if cell == "-"] == ["-"] * 6
    assert sources_of([nothing]) == {}


def test_an_answer_of_a_strided_network_comes_with_a_whole_step() -> None:
    strided = Row(**{**vars(ROW), "receptive_field": 107, "stride": 8, "answers_after": 64, "padding": 44})
    assert [strided.label_after(share) for share in (0.5, 0.6, 0.75, 1.0)] == [64, 72, 88, 112]


def test_times_are_those_of_the_file_of_this_folder_or_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = read_steps(None)
    assert shown.source == "docs/speed.md" and {"cox3d_s", "costgcn_mod", "cooadtr_b1"} <= shown.ms.keys()
    page = (ROOT / "docs/speed.md").read_text()
    assert re.search(rf"^\| cox3d_s \| {shown.ms['cox3d_s']:.3g} \|", page, re.MULTILINE)

    own = [("cox3d_s", "float32", 9.0), ("cox3d_s", "float32", 7.0), ("cox3d_s", "int8", 1.0)]
    network_table.STEPS.parent.mkdir(parents=True)
    network_table.STEPS.write_text(json.dumps([dict(network=n, dtype=d, ms_p50=ms) for n, d, ms in own]))
    assert read_steps(None) == StepTimes({"cox3d_s": 7.0}, "out/bench/steps.json")
    (tmp_path / "other.json").write_text('{"a": 1}')
    with pytest.raises(ValueError, match="is not what benchmarks/steps.py writes"):
        read_steps(tmp_path / "other.json")
    with pytest.raises(FileNotFoundError):
        read_steps(tmp_path / "none.json")


def test_without_a_page_nothing_is_invented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(network_table, "PAGE", tmp_path / "none.md")
    assert read_steps(None).ms == {} and "benchmarks/steps.py" in read_steps(None).words


@pytest.mark.slow
def test_the_page_shows_the_table() -> None:
    page = (ROOT / "docs/networks.md").read_text()
    [shown] = re.findall(r"<!-- begin of co-perception networks --markdown -->\n(.*)\n<!-- end -->", page, re.DOTALL)
    made = markdown(table(rows(), read_steps(None), {}))
    assert shown == made, "co-perception networks --markdown prints the lines anew"
