"""The numbers of a run: counted by hand, and by the package."""

import pytest

from co_perception.evaluation import run
from co_perception.evaluation.moments import Moment


def moment(time_s: float, label: str = "", score: float = 0.0, warm: bool = True) -> Moment:
    return Moment(time_s, label, 1.0, ((label, score),) if label else (), warm)


RUN = [moment(0.0, warm=False), moment(0.1, warm=False), moment(0.2, "sit", 0.5), moment(0.3, "sit", 0.7), moment(0.4)]


def test_percentiles_are_in_milliseconds() -> None:
    assert run.percentiles_ms([0.001 * i for i in range(101)]) == {"p50": 50.0, "p95": 95.0, "p99": 99.0}
    assert run.percentiles_ms([]) == {"p50": None, "p95": None, "p99": None}


def test_end_to_end_is_from_sending_to_hearing() -> None:
    heard = [run.Heard({}, stamp_ns=5, received_ns=2_500), run.Heard({}, stamp_ns=6, received_ns=9_000)]
    assert run.end_to_end_s(heard, {5: 500}) == [2e-6]


def test_warm_up_is_counted_in_answers() -> None:
    assert run.warm_up_frames(RUN) == 2
    assert run.warm_up_frames(RUN[:2]) == 2
    assert run.warm_up_frames(RUN[2:]) == 0


def test_labels_over_time_leave_out_what_had_none() -> None:
    (only,) = run.labels_over_time(RUN)
    assert only == {"label": "sit", "from_s": 0.2, "to_s": 0.3, "frames": 2, "mean_score": 0.6}


def test_what_was_said_of_each_subject_is_told_apart() -> None:
    heard = [
        run.Heard({"": RUN[0], "p2": RUN[0]}, 0, 0),
        run.Heard({"": RUN[1]}, 1, 1),
        run.Heard({"p1": RUN[2], "p2": RUN[2]}, 2, 2),
    ]
    assert run.tracks(heard) == {"": RUN[:2], "p2": [RUN[0], RUN[2]], "p1": [RUN[2]]}


def test_people_have_labels_over_time_and_a_share_of_warm_up() -> None:
    returning = [*RUN[:4], moment(2.0, "sit", 0.9)]
    people = run.people_over_time({"": RUN, "p1": returning, "p2": RUN[:2]}, bridge_s=0.5)
    assert people == {
        "p1": {
            "from_s": 0.0,
            "to_s": 2.0,
            "frames": 5,
            "warm_up_share": 0.4,
            "labels": [
                {"label": "sit", "from_s": 0.2, "to_s": 0.3, "frames": 2, "mean_score": 0.6},
                {"label": "sit", "from_s": 2.0, "to_s": 2.0, "frames": 1, "mean_score": 0.9},
            ],
        },
        "p2": {"from_s": 0.0, "to_s": 0.1, "frames": 2, "warm_up_share": 1.0, "labels": []},
    }


@pytest.mark.parametrize(
    ("step_s", "source_hz", "speed"), [(0.04, 60.0, 0.5 / 2.4), (0.001, 25.0, 1.0), (0.02, 25.0, 1.0)]
)
def test_the_pace_leaves_half_of_the_time_to_everything_else(step_s: float, source_hz: float, speed: float) -> None:
    assert run.pace(step_s, source_hz) == pytest.approx(speed)


def test_a_pace_needs_a_time_and_a_rate() -> None:
    with pytest.raises(ValueError, match="takes time"):
        run.pace(0.0, 25.0)


def test_versions_name_what_is_installed_and_nothing_else() -> None:
    found = run.versions(("numpy", "no-such-package"))
    assert set(found) == {"python", "numpy"}


def test_the_machine_has_a_name() -> None:
    assert run.machine()
