"""Records of all files that `co-perception weights fetch` can fetch: weights, models, videos and data of others.

They are the table `assets.toml` beside this file, which says what each entry means. None of these files is part of this
repository. Most lie inside a package on a package index; both checksums were computed from the published files:
`Distribution.sha256` of what the index serves, `Asset.sha256` of the one file inside that is used. Others lie where
their authors publish them, at an https address.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

AssetKind = Literal["weights", "model", "video", "data"]
"""weights: arrays converted for a network of this package; model: a network that is run as published; video; data: what
networks are trained on."""

TABLE = Path(__file__).with_name("assets.toml")
MOST_BYTES = 1 << 30  # of a file whose size nobody has published


@dataclass(frozen=True)
class Distribution:
    """A file on a package index: a wheel or a source archive. sha256, bytes: of the file."""

    package: str
    version: str
    file: str
    sha256: str
    bytes: int

    @property
    def is_wheel(self) -> bool:
        """Whether the file is a wheel; otherwise it is a source archive."""
        return self.file.endswith(".whl")

    @property
    def tags(self) -> tuple[str, str, str]:
        """(python, abi, platform) a wheel was built for; ("py3", "none", "any") suits every machine."""
        python, abi, platform = self.file.removesuffix(".whl").rsplit("-", 3)[1:]
        return python, abi, platform


@dataclass(frozen=True)
class Asset:
    """One file: inside a distribution, at an https address, or where this package does not download from.

    Args:
        name: in this package.
        distribution: that holds it; None: see `url` and `elsewhere`.
        member: path in the distribution.
        sha256, bytes: of the file itself; empty and 0 where nobody has published them.
        license: SPDX id under which the package, or the authors' repository, gives it.
        source: who made it and where it comes from.
        about: what it is.
        inner: where `member` is itself a zip archive, the path in it.
        url: where it is downloaded from over https.
        elsewhere: where it is published otherwise, in words.
        most_bytes: that are taken of a file whose size is not known.
        network, key_map, labels: of weights: the network they are for, how their parameters are renamed
            (`learners.weights`), and the label list of the last layer.
        data_set, accuracy, measured: of weights: what they were trained on, and the top-1 in percent that the source
            reports with what was measured; None: it reports none.
    """

    name: str
    kind: AssetKind
    distribution: Distribution | None
    member: str
    sha256: str
    bytes: int
    license: str
    source: str
    about: str
    inner: str = ""
    url: str = ""
    elsewhere: str = ""
    most_bytes: int = MOST_BYTES
    network: str = ""
    key_map: str = ""
    labels: str = ""
    data_set: str = ""
    accuracy: float | None = None
    measured: str = ""

    @property
    def path(self) -> str:
        """Path through the archives, or the address, for people to read."""
        if self.distribution is None:
            return self.url or self.elsewhere
        return f"{self.member}/{self.inner}" if self.inner else self.member

    @property
    def origin(self) -> str:
        """The package with its version and the path in it, or the address."""
        package = self.distribution
        return self.path if package is None else f"{self.member} in {package.package}=={package.version}"


class _Table(Mapping[str, Asset]):
    """The records by name, read from the file when they are first asked for."""

    @cached_property
    def _records(self) -> dict[str, Asset]:
        if sys.version_info >= (3, 11):
            import tomllib
        else:
            import tomli as tomllib
        content = tomllib.loads(TABLE.read_text("utf-8"))
        return {name: _record(name, row, content["sources"]) for name, row in content["assets"].items()}

    def __getitem__(self, name: str) -> Asset:
        return self._records[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)


def _record(name: str, row: Mapping[str, Any], sources: Mapping[str, Mapping[str, Any]]) -> Asset:
    own = dict(row)
    package = own.pop("from")
    source = dict(sources[package])
    found = {field.name: source.pop(field.name) for field in fields(Distribution) if field.name in source}
    distribution = Distribution(package, **found) if found else None
    absent: dict[str, Any] = {"member": "", "sha256": "", "bytes": 0}
    return Asset(name=name, distribution=distribution, **absent | source | own)


ASSETS: Mapping[str, Asset] = _Table()
"""Every asset by name."""


def asset(name: str) -> Asset:
    """The record of an asset; ValueError names those there are."""
    if name not in ASSETS:
        raise ValueError(f"no asset {name!r}; there are: {', '.join(ASSETS)}")
    return ASSETS[name]
