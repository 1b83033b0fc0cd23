"""Guard of the file names that a service takes: only files below one folder. No ROS in here."""

from __future__ import annotations

from pathlib import Path

from co_perception.engine.paths import expanded


def file_inside(folder: str, name: str) -> Path:
    """The path of `path_inside`, where it is a file that can be read to its end.

    Raises:
        ValueError: as `path_inside`, and for what is no file: opening a named pipe would wait for its writer for ever.
        FileNotFoundError: where there is nothing.
    """
    path = path_inside(folder, name)
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}: ~/snapshot writes one")
    if not path.is_file():
        raise ValueError(f"{path} is no file but a folder, a pipe or a device: name a file that ~/snapshot wrote")
    return path


def path_inside(folder: str, name: str) -> Path:
    """The file `name` below `folder`; ~ at its beginning is the user's home.

    Raises:
        ValueError: for no name, for one that leads out of the folder, and for the folder itself.
    """
    root = Path(folder).resolve()
    path = (root / expanded(name)).resolve()
    if not name or path == root or root not in path.parents:
        raise ValueError(
            f"path names a file below {root} (parameter snapshot_folder), such as 'people.safetensors', got {name!r}."
        )
    return path
