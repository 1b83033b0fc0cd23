"""Files that a service may name: only below one folder, whoever asks. No ROS in here."""

from __future__ import annotations

from pathlib import Path


def inside(folder: str, name: str) -> Path:
    """The file `name` below `folder` (where ~ is the user's home).

    Raises: ValueError for no name, for one that leads out of the folder, and for the folder itself.
    """
    root = Path(folder).expanduser().resolve()
    path = (root / name).resolve()
    if not name or path == root or root not in path.parents:
        raise ValueError(
            f"path names a file below {root} (parameter snapshot_folder), such as 'people.safetensors', got {name!r}."
        )
    return path
