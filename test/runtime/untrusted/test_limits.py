"""A file is never asked for more than it has, and a pickle is checked before it is read."""

from __future__ import annotations

import io
import pickle
import pickletools
from pathlib import Path
from typing import Any

import pytest
from helpers.random_search import examples
from hypothesis import given
from hypothesis import strategies as st

from co_perception.runtime.untrusted.limits import SHARED, RefusedPickleError, _Unfolded, bounded, check_claims

CORPUS = Path(__file__).parents[2] / "corpus"
FLAT = st.none() | st.integers() | st.text(max_size=3) | st.booleans()  # bytes are calls, before protocol 3
NESTED = st.recursive(
    FLAT,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.tuples(inner).map(lambda one: (one, one, [one]))
        | st.dictionaries(st.text(max_size=2), inner, max_size=3)
    ),
    max_leaves=12,
)


def hashed(value: Any) -> int:
    """How many objects hashing it would look at; lists and dicts, which cannot be hashed, count as one."""
    return 1 + sum(map(hashed, value)) if isinstance(value, tuple) else 1


def largest(value: Any) -> int:
    """Of the value and all that it holds."""
    held = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return max([hashed(value), *map(largest, held)])


@examples(200)
@given(NESTED, st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_tuples_are_followed_through_every_protocol(value: Any, protocol: int) -> None:
    data = pickle.dumps([value], protocol)
    unfolded = _Unfolded()
    found = [unfolded.follow(opcode, argument) for opcode, argument, _ in pickletools.genops(data)]
    assert max(found) == largest([value])


def test_a_key_that_takes_years_to_hash_is_refused_at_once() -> None:
    with pytest.raises(RefusedPickleError, match="a tuple that unfolds to more than its"):
        check_claims(io.BytesIO((CORPUS / "pickle/trap_key_of_doubled_tuples").read_bytes()))


def test_a_little_sharing_is_no_harm() -> None:
    shape = (1, 2, 3, 4)
    check_claims(io.BytesIO(pickle.dumps({(shape,) * (SHARED // 10): [shape] * 1000}, 4)))


def test_pickles_in_a_row_are_looked_at_one_by_one() -> None:
    file = io.BytesIO(b"".join(pickle.dumps(part, 2) for part in ({"a": (1, 2)}, [3], "b")))
    for _ in range(3):
        check_claims(file)
    assert not file.read()


@pytest.mark.parametrize("data", [b"", b"\x80\x04", b"a.", b"\x86.", b"h\x05.", b"no pickle"])
def test_what_is_no_pickle_is_an_error(data: bytes) -> None:
    with pytest.raises((ValueError, IndexError, KeyError)):
        check_claims(io.BytesIO(data))


class Asked(io.BytesIO):
    """Remembers the most that it was asked for."""

    most = 0

    def read(self, count: int | None = -1, /) -> bytes:
        self.most = max(self.most, count or 0)
        return super().read(count)


@pytest.mark.parametrize("claim", [1 << 40, 1 << 62])
def test_no_room_is_asked_for_beyond_the_end(claim: int) -> None:
    file = Asked(b"x" * 100_000)
    assert bounded(file).read(10) == b"x" * 10
    assert len(bounded(file).read(claim)) == file.most == 99_990
    file.seek(200_000)
    assert bounded(file).read(claim) == b""


def test_it_reads_as_the_file_does(tmp_path: Path) -> None:
    data = bytes(range(256)) * 1000
    (tmp_path / "a").write_bytes(data)
    with (tmp_path / "a").open("rb") as plain:
        file = bounded(plain)
        assert (file.read(3), file.tell(), file.read(70_000)) == (data[:3], 3, data[3:70_003])
        assert file.seek(-5, 2) == len(data) - 5 and file.read() == data[-5:]
