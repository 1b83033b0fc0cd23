"""Who may use the studio: this machine's own browser, or whoever has the token."""

from __future__ import annotations

import re
import secrets
import socket
from dataclasses import dataclass

LOCAL = ("127.0.0.1", "localhost")
COOKIE = "co_perception_studio"
TOKEN = "token"  # in the address that is opened first
EVERYWHERE = ("", "0.0.0.0", "::")  # hosts that stand for all addresses of this machine
PORT = re.compile(r":\d{1,5}$")  # of a host; a browser leaves port 80 out


@dataclass(frozen=True)
class Access:
    """The rule by which a request is let in. It keeps pages of other sites out, which a browser may send here.

    Args:
        host: the address that is served.
        token: what a request must carry; empty: it must name this machine as its host instead, so that no page of
            another site reaches it by a name of its own.

    Raises:
        ValueError: for an address of others without a token.
    """

    host: str = LOCAL[0]
    token: str = ""

    def __post_init__(self) -> None:
        if self.host not in LOCAL and not self.token:
            raise ValueError(f"{self.host} can be reached from elsewhere: that needs a token")

    @classmethod
    def to(cls, host: str) -> Access:
        """The rule for an address; with a new token where others reach it."""
        return cls(host, "" if host in LOCAL else secrets.token_urlsafe(12))

    def allows(self, host: str, origin: str | None, token: str, embedded_in: str = "") -> bool:
        """Whether a request is answered.

        Args:
            host, origin: its headers of these names.
            token: what it carries in its cookie, or in its address.
            embedded_in: of a picture, script or the like, whose page asks for it, as the header Sec-Fetch-Site says;
                empty for what is opened by itself. A page of elsewhere that shows a picture of here sends no origin.
        """
        if origin not in (None, f"http://{host}") or embedded_in not in ("", "same-origin", "none"):
            return False
        if not self.token:
            return PORT.sub("", host) in LOCAL
        return secrets.compare_digest(token.encode(), self.token.encode())

    def address(self, port: int) -> str:
        """What is opened in a browser."""
        host = _own_address() if self.host in EVERYWHERE else self.host
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}:{port}/" + (f"?{TOKEN}={self.token}" if self.token else "")


def _own_address() -> str:
    """The address under which others reach this machine, where it has several; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # of the block for documentation (RFC 5737): only the route is looked up
            return str(probe.getsockname()[0])
        except OSError:
            return socket.gethostname()
