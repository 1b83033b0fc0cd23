"""Folder of results that are whole or absent: written inside it under another name, then renamed into their places."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

SUMMARY, REPORT, CONDITIONS = "summary.json", "report.html", "conditions"
FRAMES, LATENCIES = "frames.jsonl", "latencies.jsonl"
RESULTS = (SUMMARY, REPORT, CONDITIONS, FRAMES, LATENCIES)  # all that a run may write


class ResultFileError(OSError):
    """A result that could not be written, with its file; other errors of the system are about what is read."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns an OSError inside, such as that of a full disk, into a `ResultFileError` that names the file."""
    try:
        yield
    except OSError as error:
        raise ResultFileError(error.errno, error.strerror or str(error), str(path)) from error


@contextmanager
def replaced_results(folder: Path, names: Sequence[str] = RESULTS) -> Iterator[Path]:
    """A new folder for the results of one run; at the end they take the place of an earlier run's in `folder`.

    Nothing of the earlier run stays, and files that are no results are left alone. After an error the earlier run is as
    it was.

    Args:
        folder: made where it does not exist.
        names: files and folders that a run may write.

    Raises:
        OSError: where `folder` cannot be made.
    """
    existed = folder.is_dir()
    folder.mkdir(parents=True, exist_ok=True)
    work = Path(mkdtemp(prefix=".run_", dir=folder))
    new, old = work / "new", work / "old"
    try:
        new.mkdir()
        old.mkdir()
        yield new
        for name in names:
            if (folder / name).exists():
                (folder / name).rename(old / name)
        for name in names:
            if (new / name).exists():
                (new / name).rename(folder / name)
    finally:
        shutil.rmtree(work, ignore_errors=True)
        if not existed:
            with suppress(OSError):  # it has results
                folder.rmdir()
