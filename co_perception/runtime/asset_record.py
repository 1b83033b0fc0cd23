"""What is known of a file that others published inside a package: two frozen records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["weights", "model", "video", "data"]
"""weights: arrays that are converted for a network of ours · model: a network of others, run as it is · video · data:
what networks are trained on."""


@dataclass(frozen=True)
class Distribution:
    """One file on a package index. file: its name there; sha256, bytes: of that file."""

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
    """One file inside a distribution.

    name: what this project calls it; member: its path in the distribution; inner: where `member` is itself a zip
    archive, the path in there; sha256, bytes: of that file; licence: SPDX id under which the package gives it; source:
    who made it and where it comes from; about: what it is.
    """

    name: str
    kind: Kind
    distribution: Distribution
    member: str
    sha256: str
    bytes: int
    licence: str
    source: str
    about: str
    inner: str = ""

    @property
    def path(self) -> str:
        """Where it lies, for people: the way through the archives."""
        return f"{self.member}/{self.inner}" if self.inner else self.member
