"""The card of the shipped everyday model: what it was trained on, its figures, where it breaks, what it is not for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from recipes.everyday.accuracy_page import people, sets, videos
from recipes.everyday.labels import GROUPS, class_names

NAME = "cotcn_everyday"
HEAD = """# {name}

What: `cotcn` (0.21 M parameters, 128 channels, 2.1 s at 15 Hz, `body13`, one person) on everyday activities in three
groups, each with an answer of its own: {groups}.
`no_motion` and `no_gesture` mean that nothing of the group's list happens. Answers below the threshold of their
group ({thresholds}) are UNCERTAIN.

Data, all with terms that allow training and sharing what was learned: UTD-MHAD skeletons (ICIP 2015; public domain, as
its authors say), the adults of Kinder-Gator (2018; README: for use in animation and recognition), JHMDB joints of split
1, training part (HMDB51: CC BY 4.0), UI-PRMD (2018, PDDL 1.0), Vicon Physical Action (UCI, CC BY 4.0 as UCI states),
eight activities of CMU motion capture (free for all uses), held poses of lzq (Apache-2.0). They are 3,182 takes of 38
named people and of others without names. Joints in space are seen by drawn cameras; people who sit or lie and gesture,
idle people, people on the floor, gestures, short acts of the whole body, ways down and up are composed; falls are
simulated (`recipes/everyday`, docs/recipes.md). Nothing of `test/` or of any video that is reported was trained on.

Split and figures, by `make accuracy` ({settings}): folds by person, the same settings in all. The weights here were
trained once more on everybody; temperatures, biases and thresholds come from a fold whose people were not trained on.
"""
FOOT = """
## Where it breaks

- Acts that look alike from the side are confused, as the tables say. Crossing the arms and curling them is "clapping",
  knocking "waving", heading a ball and pulling "pushing".
- Throwing, pushing, punching and clapping of data sets never seen are "none", walking or another of these more often
  than not. Punches of UT-Interaction, a third of a second long, are told for a few frames each, between "throwing".
- In one of the six falls of GMDCSA-24 that were looked at, a man who lies with his feet to the camera is
  "sitting" or "standing" (docs/falls.md).
- One of two men who sit was told to stand in the first second in which he was seen.
- Of two men who walk slowly, turn, or carry something on video, walking is told in two of five answers.
- Where a camera moves towards a person or away, or tilts, within a few seconds, the body seems to grow, shrink, rise or
  sink; nothing of that was trained. `camera_motion` of the pose node takes it out.
- Drinking, lying and most seated gestures were never recorded but composed: there is no figure of them here.
- Cameras were drawn between 2 and 7 m away and from -10 to 38 degrees downwards; beyond, expect less. Of people who are
  cut off above the knees neither posture nor motion was trained.

License: weights Apache-2.0; the data as above.

Not for: safety. It is no fall alarm and no medical device, whatever `falling` and `lying` say. It judges nobody's
health, work or intent, and identifies nobody.
"""


def card(content: Mapping[str, Any], thresholds: Sequence[float]) -> str:
    """The card, from what `accuracy` measured and the thresholds of the model's groups."""
    names, begin, groups = class_names(), 0, []
    for group, classes in GROUPS.items():
        groups.append(f"{group} ({', '.join(names[begin : begin + len(classes)])})")
        begin += len(classes)
    limits = ", ".join(f"{group} {limit:.2f}" for group, limit in zip(GROUPS, thresholds, strict=True))
    folds = [content[name] for name in sorted(content) if name.startswith("fold")]
    head = HEAD.format(name=NAME, groups="; ".join(groups), thresholds=limits, settings=content["settings"])
    lines = [head, *people(folds), "", *sets(content), *(videos(content["video"]) if "video" in content else ())]
    return "\n".join(lines) + "\n" + FOOT
