"""Who may use the studio: this machine's browser, or whoever has the token; never a page of another site."""

from __future__ import annotations

import re
from typing import Any

import pytest

pytest.importorskip("rosbags")
pytest.importorskip("starlette", reason="the extra [studio] is not installed: the studio is not tested")

from helpers.asgi_browser import Browser

from co_perception.studio.access import COOKIE, Access
from co_perception.studio.application import application

ROBOT = "192.168.1.7:8765"


@pytest.fixture
def access() -> Access:
    return Access.to("0.0.0.0")


@pytest.fixture
def browser(access: Access) -> Any:
    return Browser(application([], access=access))


def test_without_the_token_nothing_is_answered(browser: Any, access: Access) -> None:
    assert len(access.token) >= 16 and Access.to("0.0.0.0").token != access.token
    for path in ("/", "/pages/studio.js", "/api/recordings"):
        for wrong in ({}, {"cookie": f"{COOKIE}=x"}, {"cookie": f"{COOKIE}="}):
            assert browser.ask(path, host=ROBOT, **wrong).status == 403
            assert browser.ask(path, host="127.0.0.1:8765", **wrong).status == 403
        assert browser.ask(path, query="token=guess", host=ROBOT).status == 403


def test_the_printed_address_leaves_the_token_in_a_cookie(browser: Any, access: Access) -> None:
    path, _, query = access.address(8765).partition("?")
    assert path.startswith("http://") and path.endswith(":8765/")
    first = browser.ask("/", query=query, host=ROBOT)
    assert first.status == 303 and first.headers["location"] == "/"
    cookie = first.headers["set-cookie"]
    assert "HttpOnly" in cookie and "samesite=strict" in cookie.lower()
    given = cookie.split(";")[0]
    assert browser.ask("/", host=ROBOT, cookie=given).status == 200
    assert browser.ask("/", host=ROBOT, cookie=given, origin="http://evil.example").status == 403
    assert browser.ask("/", host=ROBOT, cookie=given, origin=f"http://{ROBOT}").status == 200


def test_on_this_machine_alone_no_token_is_needed() -> None:
    local = Access.to("127.0.0.1")
    assert local.token == "" and local.address(9000) == "http://127.0.0.1:9000/"
    browser = Browser(application([], access=local))
    assert browser.ask("/").status == 200 and browser.ask("/", host=ROBOT).status == 403


def test_a_host_without_a_port_is_that_of_port_80_and_is_this_machine_only_by_its_own_names() -> None:
    local = Access()
    for host in ("localhost", "127.0.0.1", "localhost:80", "127.0.0.1:65535"):
        assert local.allows(host, None, "") and local.allows(host, f"http://{host}", "")
        assert not local.allows(host, "null", "") and not local.allows(host, f"https://{host}", "")
    far = "evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.evil.example:80", "localhost@evil"
    for host in ("", ":80", "localhost:80:80", "localhost:", "127.0.0.1:x", "evil.example:localhost", *far):
        assert not local.allows(host, None, ""), host


def test_what_pages_of_elsewhere_show_of_here_is_refused(browser: Any, access: Access) -> None:
    """An image of another site, or of another port of this machine, sends the cookie of SameSite and no origin."""
    local: Any = Browser(application([]))
    shared = {"host": ROBOT, "cookie": f"{COOKIE}={access.token}"}
    for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)):
        fetched = {"sec-fetch-site": site, "sec-fetch-mode": "no-cors"}
        assert local.ask("/api/recordings", **fetched).status == status
        assert browser.ask("/api/recordings", **shared, **fetched).status == status
        assert local.ask("/", **{**fetched, "sec-fetch-mode": "navigate"}).status == 200  # a link on another page
    assert local.ask("/").headers["cross-origin-resource-policy"] == "same-origin"


def test_all_addresses_are_opened_at_one_that_others_reach() -> None:
    for host in ("", "::"):
        assert re.match(r"http://(\[?[^\]/]+\]?):80/\?token=", Access.to(host).address(80)), host


def test_others_are_never_let_in_without_a_token() -> None:
    with pytest.raises(ValueError, match="needs a token"):
        Access("0.0.0.0")
