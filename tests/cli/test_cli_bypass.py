"""``gateway bypass``: what goes over the wire, and the link that comes back."""

from __future__ import annotations

import pytest

from tests.support.fake_control import FakeControl, flag_document

LINK = {
    "flag": "site",
    "id": "vncT4x1q",
    "url": "https://shop.example/-/maintenance/bypass/site?token=t&to=%2F",
    "token": "t",
    "expires": "2030-03-17T19:46:40.000Z",
    "revision": 7,
}


async def test_link_is_asked_for_and_printed_alone_on_its_line(control: FakeControl) -> None:
    control.answers["POST /flags/site/bypass"] = 201, LINK
    words = ("--for", "2h", "--site", "https://shop.example/", "--reason", "look")

    result = await control.run("bypass", "site", *words)

    asked = {"for": "2h", "url": "https://shop.example/", "reason": "look"}
    assert control.calls[0].document == asked
    link, until = result.stdout.splitlines()
    assert link == LINK["url"]
    assert until.endswith("; gateway bypass site --revoke vncT4x1q ends it")


async def test_how_long_is_to_be_said(control: FakeControl) -> None:
    result = await control.run("bypass", "site")

    assert (result.exit_code, control.calls) == (2, [])
    assert "--for 2h" in result.stderr


@pytest.mark.parametrize(
    ("one", "query", "told"),
    [
        ("all", "", "every link past site is revoked since revision 7\n"),
        ("vncT4x1q", "?id=vncT4x1q", "the link vncT4x1q past site is revoked since revision 7\n"),
    ],
)
async def test_links_are_revoked(control: FakeControl, one: str, query: str, told: str) -> None:
    control.answers["DELETE /flags/site/bypass"] = 200, flag_document()

    result = await control.run("bypass", "site", "--revoke", one)

    assert control.calls[0].line == f"DELETE /api/v1/flags/site/bypass{query}"
    assert result.stdout == told
