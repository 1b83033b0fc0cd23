"""The restricted unpickler: plain arrays come through, nothing else does, and nothing is run."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from co_perception.runtime.untrusted.limits import RefusedPickleError
from co_perception.runtime.untrusted.unpickle import load, read_arrays


def through(value: Any, protocol: int = pickle.DEFAULT_PROTOCOL) -> Any:
    return load(io.BytesIO(pickle.dumps(value, protocol)))


class Call:
    """Pickles as the call of a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


ARRAYS = [
    np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    np.asfortranarray(np.arange(6, dtype=np.int64).reshape(2, 3)),
    np.arange(3, dtype=">f8"),
    np.array([True, False]),
    np.array(2.5, np.float16),
    np.zeros((0, 3), np.uint8),
]


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype}{array.shape}")
def test_arrays_come_through(array: Any, protocol: int) -> None:
    found = through({"a": [array, (array,)]}, protocol)
    for got in (found["a"][0], found["a"][1][0]):
        np.testing.assert_array_equal(got, array)
        assert (got.dtype, got.shape) == (array.dtype, array.shape)


def test_plain_containers_come_through() -> None:
    value = {"a": [1, 2.5, None, True, b"x"], "b": {"c": ("d",)}}
    assert through(value) == value


@pytest.mark.parametrize("number", [np.int64(-3), np.float32(0.5), np.bool_(True)])
def test_single_numbers_come_through_as_pythons(number: Any) -> None:
    [found] = through([number])
    assert found == number and type(found) in (int, float, bool)


@pytest.mark.parametrize(
    ("attack", "named"),
    [
        (Call(os.system, "touch ran"), "system"),
        (Call(subprocess.check_call, ["touch", "ran"]), "subprocess.check_call"),
        (Call(eval, "open('ran', 'w')"), "builtins.eval"),
        (Call(getattr, np.ndarray, "tofile"), "builtins.getattr"),
        (Call(np.load, "ran", None, True), "numpy.load"),
        (OrderedDict(a=1), "collections.OrderedDict"),
        (Path("x"), "pathlib"),
        ({1, 2}, "set"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_everything_else_is_refused_by_name_and_nothing_is_run(
    attack: Any, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "weights.ckpt"
    file.write_bytes(pickle.dumps({"params": ARRAYS[0], "then": attack}))
    with pytest.raises(RefusedPickleError, match=named) as caught:
        read_arrays(file)
    assert str(file) in str(caught.value)
    assert not Path("ran").exists()


def test_arrays_of_objects_are_refused() -> None:
    for array in (np.array([{}, None], object), np.array(["text"]), np.zeros(2, [("a", "f4")]), np.zeros(1, "M8[s]")):
        with pytest.raises(RefusedPickleError):
            through(array)


def test_bytes_that_were_written_for_python_2_come_through() -> None:
    np.testing.assert_array_equal(through(ARRAYS[0], protocol=2), ARRAYS[0])


def test_what_numpy_save_wraps_a_dict_into_comes_through(tmp_path: Path) -> None:
    np.save(tmp_path / "dict.npy", np.array({"x": [ARRAYS[0]], "names": ["a"]}, object))
    with (tmp_path / "dict.npy").open("rb") as file:
        np.lib.format.read_magic(file)
        np.lib.format.read_array_header_1_0(file)
        found = load(file)
    np.testing.assert_array_equal(found["x"][0], ARRAYS[0])
    assert found["names"] == ["a"]
    with pytest.raises(RefusedPickleError, match="system"):
        through(np.array(Call(os.system, "true"), object))


def test_an_array_whose_bytes_do_not_fit_its_shape_is_refused() -> None:
    whole = pickle.dumps(np.zeros(4, np.float32), 4)
    assert whole.count(b"K\x04\x85") == 1  # the shape (4,)
    with pytest.raises(RefusedPickleError, match="does not come with the 32 bytes it needs"):
        load(io.BytesIO(whole.replace(b"K\x04\x85", b"K\x08\x85")))


def test_type_flags_that_would_turn_numbers_into_pointers_are_ignored() -> None:
    # A dtype's pickled state ends in flags, and NumPy believes them: 63 says that elements are Python objects.
    whole = pickle.dumps(np.full(2, 7, np.int64), 4)
    state = b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t"
    assert whole.count(state) == 1
    found = load(io.BytesIO(whole.replace(state, state[:-2] + b"\x3ft")))
    np.testing.assert_array_equal(found, np.full(2, 7))
    assert not found.dtype.hasobject


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.999])
def test_a_truncated_file_is_refused(share: float, tmp_path: Path) -> None:
    whole = pickle.dumps({"params": np.arange(1000.0)})
    file = tmp_path / "weights.ckpt"
    file.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(RefusedPickleError, match="cut off, damaged or no pickle"):
        read_arrays(file)


NUMBERED = "it numbers an object"


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"\x80\x04Nr\xff\xff\xff\x3f.", NUMBERED),  # a high number for a remembered object costs no memory
        (b"(p99999999\n.", NUMBERED),
        (b"\x80\x04Nq\x09.", NUMBERED),
        (b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x09\x00\x00\x00zip_codec\x86R.", "zip_codec"),
        (
            b"\x80\x02cnumpy\ndtype\n}U\x08__call__K\x01sb.",
            "cut off, damaged",
        ),  # sets attributes on what stands for NumPy
        (b"\x80\x02cnumpy\nndarray\n}U\x08__call__K\x01sb.", "cut off, damaged"),
        (b"<html>404</html>", "cut off, damaged or no pickle"),
        (b"\x80\x02X\x01\x00\x00\x00aQ.", "points outside itself"),
    ],
)
def test_other_pickles_are_refused_and_change_nothing(payload: bytes, message: str) -> None:
    with pytest.raises(RefusedPickleError, match=message):
        load(io.BytesIO(payload))
    np.testing.assert_array_equal(through(ARRAYS[0]), ARRAYS[0])


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_arrays(tmp_path / "none")
