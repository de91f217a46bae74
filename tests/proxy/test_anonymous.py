"""Requests without their credentials: the app gets all of them but what is named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gateway.core.flags import Flag, FlagState, Identity, IdentitySource, Mode, Strip
from tests.support.wire import head, ok

ON = FlagState(enabled=True, mode=Mode.ANONYMOUS)
MEMBERS = Flag("members", ON, strip=Strip(("sessionid",), ("Authorization",)))
COOKIES = (b"Cookie: a=1; sessionid=x", b"Authorization: Bearer y", b"cookie: sessionid=z")


async def test_app_gets_the_request_without_the_credentials(start: Any) -> None:
    stage = await start(MEMBERS)
    client = await stage.client()
    await client.get(b"/?sessionid=x", *COOKIES, b"X-Odd:  kept ")
    wire, request = await stage.app.serve()
    page = ok(b"<html><body>", b"Content-Type: text/html", b"Set-Cookie: sessionid=new")
    await wire.send(page)
    answer = await client.answer()

    assert request.line == b"GET /?sessionid=x HTTP/1.1"
    assert request.all(b"Cookie") == [b"a=1"]
    assert request.one(b"Authorization") is None
    assert b"\r\nX-Odd:  kept \r\n" in request.head
    assert request.one(b"X-Maintenance-Notice") is None
    assert answer.head + answer.body == page


async def test_same_request_has_them_again_once_the_flag_is_off(start: Any) -> None:
    stage = await start(MEMBERS)
    client = await stage.client()
    await client.get(b"/", *COOKIES)
    wire, without = await stage.app.serve()
    await wire.send(ok())
    await client.answer()
    stage.live.hold(replace(MEMBERS, state=replace(ON, enabled=False)))
    await client.get(b"/", *COOKIES)
    request = await wire.message()

    assert without.one(b"Authorization") is None
    assert request.all(b"Cookie") == [b"a=1; sessionid=x", b"sessionid=z"]
    assert request.one(b"Authorization") == b"Bearer y"


async def test_user_is_still_known_by_the_cookie_that_is_taken_out(start: Any) -> None:
    mine = replace(
        MEMBERS,
        state=replace(ON, users=("ann",)),
        identity=Identity((IdentitySource("cookie", "sessionid"),)),
    )
    stage = await start(mine)
    client = await stage.client()
    await client.get(b"/", b"Cookie: sessionid=ann")
    wire, without = await stage.app.serve()
    rule = stage.live.snapshot.rule("members")
    watched = stage.plane.in_flight.watch(rule, "ann", stage.live.snapshot.revision + 1)
    flying = watched.counts().in_flight
    await wire.send(ok())
    await client.answer()
    await client.get(b"/", b"Cookie: sessionid=bob")
    other = await wire.message()

    assert without.one(b"Cookie") is None
    assert flying == 1
    assert other.one(b"Cookie") == b"sessionid=bob"


async def test_strips_of_several_flags_add_up_beside_an_upload(start: Any) -> None:
    key = Flag("key", ON, strip=Strip((), ("X-Api-Key",)))
    stage = await start(MEMBERS, key)
    client = await stage.client()
    await client.send(
        head(b"POST / HTTP/1.1", b"Host: a.test", b"X-Api-Key: k", *COOKIES, b"Content-Length: 5")
        + b"hello"
    )
    wire, request = await stage.app.serve()
    await wire.send(ok())

    assert request.body == b"hello"
    assert [name for name, _ in request.fields][:3] == [b"Host", b"Cookie", b"Content-Length"]
    assert (await client.answer()).status == 200
