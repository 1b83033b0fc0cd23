"""HTML page of one explanation: the answer in words, what carried it, and the skeleton in motion; one file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from itertools import pairwise
from pathlib import Path

import numpy as np

from co_perception.evaluation.explanation import Explanation

SIZE = 320  # of the picture of the skeleton [pixels]
FAINT = 0.005  # a probability that is next to none
LEAST_SCORE = 0.05  # of a joint that is drawn
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2933; max-width: 70em; margin: 2em auto; padding: 0 1em }
h1 { margin-bottom: 0 } h2 { font-size: 16px; margin: 0 0 .5em }
p.small { color: #6b7785; font-size: 13px; margin: .3em 0 }
table { border-collapse: collapse; font-size: 13px } th { font-weight: normal; text-align: right; padding: 2px 8px }
td { text-align: right; padding: 2px 8px; min-width: 3.6em } td.none { color: #9aa5b1 } thead th { color: #6b7785 }
.side { display: flex; gap: 2em; flex-wrap: wrap; align-items: flex-start; margin: 1.5em 0 } svg { background: #eef1f4 }
"""
SCRIPT = """
const data = JSON.parse(document.getElementById("poses").textContent);
const svg = document.getElementById("skeleton"), time = document.getElementById("time");
let frame = 0;
function draw() {
  const joints = data.frames[frame];
  let marks = "";
  for (const [a, b] of data.links) if (joints[a] && joints[b])
    marks += `<line x1="${joints[a][0]}" y1="${joints[a][1]}" x2="${joints[b][0]}" y2="${joints[b][1]}" stroke="#6b7785"
      stroke-width="2"/>`;
  joints.forEach((joint, n) => { if (joint)
    marks += `<circle cx="${joint[0]}" cy="${joint[1]}" r="${3 + 9 * data.weights[n]}" fill="${data.weights[n] > 0.3 ?
      "#d55e00" : "#0072b2"}"/>`; });
  svg.innerHTML = marks;
  time.textContent = (-data.seconds[frame]).toFixed(2) + " s before the answer";
  frame = (frame + 1) % data.frames.length;
}
draw();
setInterval(draw, data.period_ms);
"""


def write_explanation(
    path: Path, found: Explanation, joints: Sequence[str], links: Sequence[tuple[int, int]], recognizer: str
) -> None:
    """Writes the page.

    Args:
        path: of the file.
        found: the explanation.
        joints: names, in the order of the poses.
        links: pairs of joints that a bone connects.
        recognizer: its name.
    """
    question = f", {escape(found.group)}" if found.group else ""
    equal = (
        "The replay gives the same probabilities as then, to the last bit."
        if found.equal
        else "<b>The replay does not give the probabilities of then: another model, backend or machine.</b>"
    )
    body = f"""
<h1>{escape(found.label)}</h1>
<p>{escape(found.subject or "the scene")}{question}, at {found.stamps_ns[-1] / 1e9:.3f} s, by {escape(recognizer)}:
probability {found.score:.3f}. Next came <b>{escape(found.runner_up)}</b> with {found.runner_up_score:.3f}. {equal}</p>
<p>{escape(_tipping(found, joints))}</p>
<div class="side"><div><svg id="skeleton" width="{SIZE}" height="{SIZE}"></svg><p id="time" class="small"></p>
<p class="small">Large and orange: what carried most of the score.</p></div>
<div><h2>What the probability loses where a joint is hidden</h2>{_table(found, joints)}</div></div>
<p>Each number is an answer of the network to the same seconds without that joint. Negative: without it the answer would
have been surer. Hiding several joints at once is not the sum of hiding each.</p>
<script id="poses" type="application/json">{_poses(found, links)}</script><script>{SCRIPT}</script>"""
    page = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(found.label)}: why</title>'
        f"<style>{STYLE}</style>{body}</html>\n"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")


def words(found: Explanation, joints: Sequence[str]) -> str:
    """The explanation in a few lines, for a terminal."""
    heaviest = ", ".join(f"{_spoken(joints[n])} {found.joints[n]:+.3f}" for n in found.heaviest[:4])
    part = int(np.argmax(found.cells.clip(0).sum(axis=0)))
    begin_s, end_s = ((found.stamps_ns[-1] - found.parts_ns[place]) / 1e9 for place in (part, part + 1))
    return (
        f"{found.subject or 'the scene'}: {found.label} {found.score:.3f}, then {found.runner_up} "
        f"{found.runner_up_score:.3f}. Replay equal to the last bit: {'yes' if found.equal else 'no'}.\n"
        f"Carried by (what is lost without it): {heaviest}; most of it {begin_s:.1f} to {end_s:.1f} s before.\n"
        f"{_tipping(found, joints)}"
    )


def _tipping(found: Explanation, joints: Sequence[str]) -> str:
    if not found.tipped:
        return "No set of up to half of the joints was found whose hiding changes the answer."
    names = ", ".join(_spoken(joints[n]) for n in found.tipping)
    return f"Without {names} the answer would have been {found.tipped}."


def _table(found: Explanation, joints: Sequence[str]) -> str:
    """Rows of joints, the heaviest first, and columns of parts of time."""
    borders = [(border - found.stamps_ns[-1]) / 1e9 for border in found.parts_ns]
    head = "".join(f"<th>{begin:.1f} to<br>{min(end, 0.0):.1f} s</th>" for begin, end in pairwise(borders))
    largest = max(float(np.abs(found.cells).max()), float(np.abs(found.joints).max()), 1e-6)
    rows = "".join(
        f"<tr><th>{escape(_spoken(joints[n]))}</th>{_cell(found.joints[n], largest)}"
        f"{''.join(_cell(value, largest) for value in found.cells[n])}</tr>"
        for n in found.heaviest
    )
    return f"<table><thead><tr><th></th><th>all the time</th>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _cell(value: float, largest: float) -> str:
    value = value if abs(value) >= 0.0005 else 0.0  # a sign of it means nothing
    red, green, blue = (213, 94, 0) if value > 0 else (0, 114, 178)
    faint = ' class="none"' if abs(value) < FAINT else ""
    return f'<td{faint} style="background: rgba({red},{green},{blue},{abs(value) / largest:.2f})">{value:+.3f}</td>'


def _spoken(joint: str) -> str:
    """A joint's name in words."""
    return joint.replace("_", " ")


def _poses(found: Explanation, links: Sequence[tuple[int, int]]) -> str:
    """The poses scaled to the picture, as JSON; a joint that was not found is null."""
    visible = [pose.data[pose.data[:, -1] > LEAST_SCORE, :2] for pose in found.poses]
    points = np.concatenate(visible) if any(map(len, visible)) else np.zeros((1, 2))
    low, high = points.min(axis=0), points.max(axis=0)
    scale = (SIZE - 40) / max(float((high - low).max()), 1e-6)
    frames = [
        [
            [round(20 + float(x), 1) for x in (row[:2] - low) * scale] if row[-1] > LEAST_SCORE else None
            for row in pose.data
        ]
        for pose in found.poses
    ]
    gaps = np.diff(found.stamps_ns) if len(found.stamps_ns) > 1 else np.array([100_000_000])
    weights = found.joints.clip(0) / max(float(found.joints.max()), 1e-6)
    return json.dumps({
        "frames": frames,
        "links": [list(pair) for pair in links if pair[0] != pair[1]],
        "weights": [round(float(weight), 3) for weight in weights],
        "seconds": [(stamp_ns - found.stamps_ns[-1]) / 1e9 for stamp_ns in found.stamps_ns],
        "period_ms": max(float(np.median(gaps)) / 1e6, 30.0),
    })  # fmt: skip
