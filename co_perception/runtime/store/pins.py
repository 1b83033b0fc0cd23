"""Checksums that were pinned on this machine, of files whose authors have published none.

Trust on first use: what the first fetch got is what every later one, on this machine or on one that the store's folder
is copied to, has to get. They are the JSON file `pins.json` in that folder.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from co_perception.engine.files import write_files
from co_perception.runtime.store.assets import Asset
from co_perception.runtime.store.pip_download import StoreError

FILE = "pins.json"
MOST_BYTES = 1 << 20


@dataclass(frozen=True)
class Pin:
    """What was fetched first: sha256 and bytes of the file, where it came from, and the day."""

    sha256: str
    bytes: int
    origin: str
    day: str


def find(folder: Path, item: Asset) -> Pin | None:
    """The pin of an asset in the store's folder; None: there is none, or it is of another address.

    Raises: StoreError for a file that is damaged.
    """
    pin = _read(folder).get(item.name)
    return pin if pin is not None and pin.origin == item.path else None


def add(folder: Path, item: Asset, sha256: str, size: int) -> None:
    """Pins an asset. Raises: as `find`."""
    day = datetime.now(timezone.utc).date().isoformat()
    _write(folder, {**_read(folder), item.name: Pin(sha256, size, item.path, day)})


def remove(folder: Path, name: str) -> None:
    """Removes the pin of an asset, if there is one. Raises: as `find`."""
    _write(folder, {each: pin for each, pin in _read(folder).items() if each != name})


def _write(folder: Path, pins: Mapping[str, Pin]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    content = json.dumps({name: asdict(pin) for name, pin in sorted(pins.items())}, indent=1)
    write_files({folder / FILE: content.encode()})


def _read(folder: Path) -> Mapping[str, Pin]:
    path = folder / FILE
    if not path.is_file():
        return {}
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"it has more than {MOST_BYTES} bytes")
        return {name: _checked(row) for name, row in json.loads(path.read_bytes()).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise StoreError(
            f"{path}, the checksums pinned here, is damaged ({error}). Restore it from a copy; without it the next "
            "fetch of these weights asks again whether you trust what comes"
        ) from None


def _checked(row: Mapping[str, Any]) -> Pin:
    pin = Pin(**row)
    if not re.fullmatch(r"[0-9a-f]{64}", pin.sha256) or type(pin.bytes) is not int:
        raise ValueError(f"{row} is no pin")
    return pin
