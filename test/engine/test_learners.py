"""What every learner has, and what the ones that lack something say."""

from pathlib import Path
from typing import Any

import pytest

from co_perception.engine.learners import Learner
from co_perception.engine.target import Category


class Smallest(Learner):
    """The least a learner must bring."""

    def infer(self, data: Any) -> list[Category]:
        return [Category(0)]

    def reset(self) -> None: ...

    def save(self, path: Path | str) -> None: ...

    def load(self, path: Path | str | None = None) -> None: ...


def test_a_learner_must_infer_reset_save_and_load() -> None:
    assert Learner.__abstractmethods__ == {"infer", "reset", "save", "load"}
    with pytest.raises(TypeError, match="abstract"):
        Learner()  # type: ignore[abstract]


@pytest.mark.parametrize(("call", "given"), [("fit", [[]]), ("eval", [[]]), ("optimize", []), ("download", [])])
def test_what_a_learner_lacks_it_says_by_name(call: str, given: list[Any]) -> None:
    with pytest.raises(NotImplementedError, match="Smallest"):
        getattr(Smallest(), call)(*given)
