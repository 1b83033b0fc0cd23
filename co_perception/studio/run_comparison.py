"""Comparison of two evaluations: their figures beside each other, and how far their answers agree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from co_perception.data.parsing import parse_errors, read_json
from co_perception.evaluation.comparison import compare
from co_perception.evaluation.result_folder import SUMMARY
from co_perception.evaluation.run_identity import RunIdentity
from co_perception.evaluation.summary import AT_MOST
from co_perception.studio.endpoints import Endpoint, Question
from co_perception.studio.fields import in_thread
from co_perception.studio.results_folder import ResultsFolder


def comparison_endpoint(results: ResultsFolder) -> Endpoint:
    """Compares two evaluations of a folder, by their names."""

    def work(question: Question) -> dict[str, Any]:
        first, second = (results.whole("evaluate", question.query.get(name, "")) for name in ("first", "second"))
        return compared_runs(first, second)

    return Endpoint("/api/comparison", in_thread(work))


def compared_runs(first: Path, second: Path) -> dict[str, Any]:
    """Figures of two runs, as JSON.

    Returns:
        `models`: names of both; `rows`: of each group and figure both values, their difference, and which is better (0,
        1 or None); `notes`: what makes them hard to compare; `agreement`: share of frames with the same label, or None.

    Raises:
        ValueError: for a damaged summary, or runs over different recordings.
    """
    one, other = RunIdentity.read(first), RunIdentity.read(second)
    other.check_same_recordings(one)
    notes = []
    if one.recordings.keys() != other.recordings.keys():
        notes.append("Not all recordings are in both: the figures are of different frames.")
    found = [_figures(each) for each in (first, second)]
    if found[0].keys() != found[1].keys():
        notes.append("The two have different groups of labels.")
    rows = [
        {"group": group, **row}
        for group in found[0]
        if group in found[1]
        for row in _rows(found[0][group], found[1][group])
    ]
    agreement = None
    try:
        agreement = compare(second, first).agreement
    except ValueError:
        notes.append("The two have different labels, so that figures of all labels together mean different things.")
    known = agreement if agreement is not None and agreement == agreement else None
    return {"models": [one.recognizer, other.recognizer], "rows": rows, "notes": notes, "agreement": known}


def _figures(folder: Path) -> dict[str, Mapping[str, float | None]]:
    """The overall figures of each group of labels."""
    path = folder / SUMMARY
    with parse_errors(path, "what `evaluate --out` wrote"):
        found = read_json(path)["figures"]
        if found is None:
            raise ValueError("no frame could be judged")
        groups = {"": found} if "overall" in found else found
        return {str(group): dict(each["overall"]) for group, each in groups.items()}


def _rows(first: Mapping[str, float | None], second: Mapping[str, float | None]) -> Iterator[dict[str, Any]]:
    for name, one in first.items():
        other = second.get(name)
        if one is None and other is None:
            continue
        difference = None if one is None or other is None else round(other - one, 6)
        better = None
        if difference:
            better = int((difference > 0) != (name in AT_MOST))
        yield {"name": name, "values": [one, other], "difference": difference, "better": better}
