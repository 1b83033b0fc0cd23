"""A build backend that runs nothing: it answers pip's question for a source archive's metadata from its PKG-INFO.

`pip download` asks the build backend of a source archive for name and version, and setuptools' backend answers by
running the archive's setup.py. `co_perception.runtime.store.pip_download` copies this file into a folder as
`setuptools/build_meta.py`, ahead of the real one for that single call, so nothing out of the archive is executed and no
build requirement is downloaded. Standard library only: it is not run as part of co_perception.
"""

from __future__ import annotations

import shutil
from email.parser import HeaderParser
from pathlib import Path


def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: object = None) -> str:
    """Writes `<name>-<version>.dist-info/METADATA`; the working folder is the unpacked archive (PEP 517)."""
    del config_settings
    headers = HeaderParser().parsestr(Path("PKG-INFO").read_text("utf-8"))
    info = Path(metadata_directory) / f"{headers['Name'].replace('-', '_')}-{headers['Version']}.dist-info"
    info.mkdir()
    shutil.copyfile("PKG-INFO", info / "METADATA")
    return info.name


class __legacy__:
    """What pip asks where an archive has a setup.py and no pyproject.toml: `setuptools.build_meta:__legacy__`."""

    prepare_metadata_for_build_wheel = staticmethod(prepare_metadata_for_build_wheel)
