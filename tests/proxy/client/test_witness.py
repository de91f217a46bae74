"""One line for each answered request, whoever answered it, and nothing secret in it."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import ip_network
from typing import Any, cast

import pytest

from gateway.config.settings import Control, LogFormat, OnAppDown, Secret, Toggle
from gateway.core.flags import HoldTerms, Mode, Notice
from gateway.proxy.client import witness
from gateway.proxy.client.witness import without_secrets
from gateway.proxy.exchange import Exchange
from gateway.telemetry.log_lines import line_form
from tests.support.flags import flag
from tests.support.proxy_stage import Stage
from tests.support.wire import RawApp, head, ok

HOLDING = replace(flag("site", mode=Mode.HOLD), hold=HoldTerms(seconds=600.0))
NOTICE = replace(flag("note", mode=Mode.NOTICE), notice=Notice("Soon."))
UPGRADE = (b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Key: x")
SWITCHED = head(b"HTTP/1.1 101 Switching", b"Connection: Upgrade", b"Upgrade: websocket")


class Log:
    """Keeps the lines, read again."""

    form = line_form(LogFormat.JSON, "m")

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def add(self, line: bytes) -> None:
        self.lines.append(json.loads(line))

    def one(self, **some: Any) -> dict[str, Any]:
        """The only line, with these among its fields."""
        (line,) = self.lines
        assert {name: line[name] for name in some} == some
        return line


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    """Has each line at once."""
    monkeypatch.setattr(witness, "AT_ONCE", 1)
    return Log()


async def logged(start: Any, log: Log, *flags: Any, **settings: Any) -> Stage:
    stage: Stage = await start(*flags, **settings)
    stage.plane.log_to(cast("Any", log))
    return stage


async def answered(stage: Stage, data: bytes = ok(), *lines: bytes) -> bytes:
    """Ask once, have the app answer, and return what the client got of a whole answer."""
    client = await stage.client()
    await client.get(b"/search?q=1", *lines)
    app, _ = await stage.app.serve()
    await app.send(data)
    answer = await client.answer()
    return answer.body


async def test_forwarded_request(start: Any, log: Log) -> None:
    stage = await logged(start, log)
    body = await answered(stage, ok(b"hello"), b"Referer: http://a/", b"User-Agent: curl")
    assert body == b"hello"
    line = log.one(
        client="127.0.0.1",
        method="GET",
        target="/search?q=1",
        protocol="HTTP/1.1",
        status=200,
        bytes=5,
        decision="forward",
        reason="no_flag_holds",
        flag=None,
        mode=None,
        end="whole",
        referer="http://a/",
        user_agent="curl",
    )
    assert 0 < line["app_seconds"] < line["seconds"]


async def test_each_of_a_connection_has_its_own(start: Any, log: Log) -> None:
    stage = await logged(start, log)
    client = await stage.client()
    for number in range(3):
        await client.get(b"/%d" % number)
        app = stage.app.accepted[0] if stage.app.accepted else await stage.app.accept()
        await app.message()
        await app.send(ok(b"x" * number))
        await client.answer()
    found = [(line["target"], line["bytes"]) for line in log.lines]
    assert found == [("/0", 0), ("/1", 1), ("/2", 2)]


async def test_body_in_pieces_is_counted_as_it_went_out(start: Any, log: Log) -> None:
    stage = await logged(start, log)
    client = await stage.client()
    await client.get()
    app, _ = await stage.app.serve()
    await app.send(head(b"HTTP/1.1 404 No", b"Transfer-Encoding: chunked"))
    await client.until(b"\r\n\r\n")
    await app.send(b"3\r\nabc\r\n")
    await client.until(b"abc\r\n")
    await app.send(b"0\r\n\r\n")
    await client.until(b"0\r\n\r\n")
    await stage.idle()
    log.one(status=404, bytes=13)


async def test_head_has_no_body(start: Any, log: Log) -> None:
    stage = await logged(start, log)
    client = await stage.client()
    await client.send(head(b"HEAD / HTTP/1.1", b"Host: a"))
    app, _ = await stage.app.serve()
    await app.send(head(b"HTTP/1.1 200 OK", b"Content-Length: 5"))
    await client.until(b"\r\n\r\n")
    await stage.idle()
    log.one(method="HEAD", bytes=0, status=200)


async def test_refused_request(start: Any, log: Log) -> None:
    stage = await logged(start, log, flag("site"))
    client = await stage.client()
    await client.get()
    answer = await client.answer()
    log.one(
        status=503,
        bytes=len(answer.body),
        decision="refuse",
        flag="site",
        reason="site",
        mode="unavailable",
        app_seconds=None,
    )


async def test_page_with_a_notice_is_counted_with_it(start: Any, log: Log) -> None:
    stage = await logged(start, log, NOTICE)
    page = b"<html><body>hello</body></html>"
    html = head(b"HTTP/1.1 200 OK", b"Content-Type: text/html", b"Content-Length: %d" % len(page))
    body = await answered(stage, html + page, b"Accept: text/html")
    assert len(body) > len(page)
    log.one(bytes=len(body), flag="note", reason="notice", decision="forward", mode="notice")


async def test_page_with_a_notice_in_chunks_is_counted_to_its_end(start: Any, log: Log) -> None:
    stage = await logged(start, log, NOTICE)
    client = await stage.client()
    await client.get(b"/", b"Accept: text/html")
    app, _ = await stage.app.serve()
    await app.send(
        head(b"HTTP/1.1 200 OK", b"Content-Type: text/html", b"Content-Length: 40") + b"<html>"
    )
    await client.until(b"\r\n\r\n")
    await app.send(b"<body>" + b"x" * 28)
    sent = await client.until(b"0\r\n\r\n")
    await stage.idle()
    assert log.one(status=200)["bytes"] >= len(sent)


async def test_app_that_gives_no_answer(start: Any, log: Log, caplog: Any) -> None:
    stage = await logged(start, log)
    client = await stage.client()
    await client.send(head(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 0"))
    app, _ = await stage.app.serve()
    app.close()
    assert (await client.answer()).status == 502
    caplog.clear()
    assert log.one(status=502, decision="forward", reason="no_flag_holds")["app_seconds"] > 0


async def test_answer_cut_short(start: Any, log: Log, caplog: Any) -> None:
    stage = await logged(start, log)
    client = await stage.client()
    await client.get()
    app, _ = await stage.app.serve()
    await app.send(head(b"HTTP/1.1 200 OK", b"Content-Length: 9") + b"abc")
    await client.until(b"abc")
    app.close()
    await client.ended()
    await stage.idle()
    caplog.clear()
    log.one(status=200, bytes=3, end="cut")


@pytest.mark.parametrize("some", [True, False])
async def test_client_that_leaves(
    start: Any,
    log: Log,
    some: bool,  # noqa: FBT001 a parameter
) -> None:
    stage = await logged(start, log)
    client = await stage.client()
    await client.get()
    app, _ = await stage.app.serve()
    if some:
        await app.send(head(b"HTTP/1.1 200 OK", b"Content-Length: 9") + b"abc")
        await client.until(b"abc")
    client.reset()
    await stage.until(lambda: bool(log.lines), "its line")
    app.close()
    await stage.idle()
    log.one(status=200 if some else 499, bytes=3 if some else 0, end="client_left")


async def test_request_that_cannot_be_read(start: Any, log: Log) -> None:
    stage = await logged(start, log)
    client = await stage.client()
    await client.send(b"nonsense\r\n\r\n")
    assert (await client.answer()).status == 400
    log.one(status=400, method=None, target=None, protocol=None, client="127.0.0.1", decision=None)


async def test_upload_that_is_too_slow_has_one_line(start: Any, log: Log) -> None:
    stage = await logged(start, log)
    client = await stage.client()
    await client.send(head(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 9"))
    await stage.app.accept()
    await stage.after(31)
    assert (await client.answer()).status == 408
    await stage.idle()
    log.one(status=408, method="POST")


async def test_websocket_has_its_line_at_its_end(start: Any, log: Log) -> None:
    stage = await logged(start, log)
    client = await stage.client()
    await client.get(b"/ws", *UPGRADE)
    app, _ = await stage.app.serve()
    await app.send(SWITCHED + b"\x81\x02hi")
    await client.until(b"hi")
    assert log.lines == []
    client.close()
    app.close()
    await stage.idle()
    await stage.until(lambda: bool(log.lines), "its line")
    log.one(status=101, bytes=4, target="/ws", end="whole")


async def test_websocket_that_the_app_resets_was_cut(start: Any, log: Log) -> None:
    stage = await logged(start, log)
    client = await stage.client()
    await client.get(b"/ws", *UPGRADE)
    app, _ = await stage.app.serve()
    await app.send(SWITCHED)
    await client.until(b"\r\n\r\n")
    app.reset()
    await client.ended()
    await stage.idle()
    log.one(status=101, end="cut")


async def test_websocket_that_a_drain_ends_within_a_frame_was_cut(start: Any, log: Log) -> None:
    stage = await logged(start, log, flag("site", enabled=False))
    client = await stage.client()
    await client.get(b"/ws", *UPGRADE)
    app, _ = await stage.app.serve()
    await app.send(SWITCHED + b"\x82\x05ab")
    await client.until(b"ab")
    rule = stage.live.snapshot.rule("site")
    assert rule is not None
    stage.plane.in_flight.watch(rule, None, stage.live.snapshot.revision + 1).close_endless()
    await stage.after(60)
    await stage.until(lambda: not stage.plane.clients, "it is gone")
    await stage.idle()
    log.one(status=101, end="cut")


async def test_request_that_was_held_says_for_how_long_and_by_whom(start: Any, log: Log) -> None:
    stage = await logged(start, log, HOLDING)
    client = await stage.client()
    await client.get()
    await stage.until(lambda: bool(stage.plane.usher.room), "it waits")
    stage.live.hold()
    await stage.after(0)
    await stage.after(5)
    app, _ = await stage.app.serve()
    await app.send(ok())
    await client.answer()
    line = log.one(decision="forward", flag="site", reason="no_flag_holds", status=200)
    assert line["held_seconds"] >= 5


async def test_client_that_left_while_it_was_held(start: Any, log: Log) -> None:
    stage = await logged(start, log, HOLDING)
    client = await stage.client()
    await client.get()
    await stage.until(lambda: bool(stage.plane.usher.room), "it waits")
    client.reset()
    await stage.after(0)
    await stage.until(lambda: not stage.plane.clients, "it is gone")
    log.one(status=499, decision="hold", flag="site", mode="hold", end="client_left")


async def test_time_of_a_connection_that_was_lost_while_it_waited_is_counted_once(
    start: Any, log: Log
) -> None:
    stage = await logged(start, log, HOLDING)
    client = await stage.client()
    await client.get()
    await stage.until(lambda: bool(stage.plane.usher.room), "it waits")
    now = stage.plane.time() + 100
    stage.plane.time = lambda: now
    for each in stage.plane.clients:
        each.transport.abort()
    await stage.until(lambda: not stage.plane.clients, "it is gone")
    line = log.one(status=499, decision="hold", end="client_left")
    assert 100 <= line["held_seconds"] <= line["seconds"] < 150


@pytest.mark.parametrize("some", [True, False])
async def test_answer_that_the_gateways_end_has_cut(
    start: Any,
    log: Log,
    some: bool,  # noqa: FBT001 a parameter
) -> None:
    stage = await logged(start, log)
    client = await stage.client()
    await client.get()
    app, _ = await stage.app.serve()
    if some:
        await app.send(head(b"HTTP/1.1 200 OK", b"Content-Length: 9") + b"abc")
        await client.until(b"abc")
    stage.plane.stop()
    await stage.until(lambda: not stage.plane.clients, "it is gone")
    log.one(status=200 if some else 499, bytes=3 if some else 0, end="cut")


async def test_request_that_waited_for_the_app_has_one_line(start: Any, log: Log) -> None:
    stage = await logged(
        start,
        log,
        app=RawApp(up=False),
        on_app_down=OnAppDown.HOLD,
        hold=HoldTerms(seconds=600.0),
    )
    client = await stage.client()
    await client.get()
    await stage.until(lambda: bool(stage.plane.usher.room), "it waits")
    stage.app.come_up()
    app = await stage.app.accept()
    await stage.until(lambda: len(stage.plane.pool) == 1, "the app is back")
    await stage.after(1)
    await app.message()
    await app.send(ok())
    await client.answer()
    assert log.one(status=200, flag=None)["held_seconds"] > 0


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        (b"/-/maintenance/bypass/site?token=SECRET&to=/", "/-/maintenance/bypass/site?***"),
        (b"/-/maintenance/bypass/site?t%6Fken=SECRET", "/-/maintenance/bypass/site?***"),
        (b"/toggle?access_key=SECRET", "/toggle?***"),
        (b"/toggle/x?%61ccess_key=SECRET", "/toggle/x?***"),
        (b"/-/control/api/v1/explain?header=SECRET", "/-/control/api/v1/explain?***"),
        (b"/TOGGLE?Access_Key=SECRET&a=1", "/TOGGLE?Access_Key=***&a=1"),
        (b"/t%6Fggle?a=1&acc%65ss_key=SECRET", "/t%6Fggle?a=1&acc%65ss_key=***"),
        (b"/TOGGLE?access_key=x;SECRET?SECRET;&a=1", "/TOGGLE?access_key=***&a=1"),
    ],
)
async def test_no_secret_is_in_a_line(start: Any, log: Log, target: bytes, shown: str) -> None:
    toggle = Toggle("/toggle", Secret("SECRET"), "site")
    stage = await logged(
        start, log, flag("site"), control=Control(path="/-/control", toggle=toggle)
    )
    client = await stage.client()
    secrets = (b"Authorization: Bearer SECRET", b"Cookie: a=SECRET")
    await client.get(target, *secrets, b"Referer: http://a" + target)
    await client.answer()
    line = log.one(target=shown)
    assert "SECRET" not in json.dumps({**line, "referer": ""})


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        (b"http://a/b?token=x&c=d#e", b"http://a/b?token=***&c=d#e"),
        (b"/?a;token=x;b&c", b"/?a;token=***&c"),
        (b"/?a=1;token=x&c=2", b"/?a=1;token=***&c=2"),
        (b"/?to=/b?token=x&c=2", b"/?to=/b?token=***&c=2"),
        (b"/a;token=x?b=%&token=y", b"/a;token=x?b=%&token=***"),
        (b"/?tokens=x&my_token=y&a=token=z", b"/?tokens=x&my_token=y&a=token=z"),
        (b"/token=x?a=%", b"/token=x?a=%"),
        (b"/?+token+=x", b"/?+token+=***"),
        (b"/?token", b"/?token"),
    ],
)
def test_only_the_values_of_secrets_are_hidden(address: bytes, shown: bytes) -> None:
    assert without_secrets(address) == shown


async def test_client_is_named_as_trusted_proxies_say(start: Any, log: Log) -> None:
    stage = await logged(start, log, flag("site"), trusted_proxies=(ip_network("127.0.0.0/8"),))
    client = await stage.client()
    await client.get(b"/", b"X-Forwarded-For: 203.0.113.9")
    await client.answer()
    log.one(client="203.0.113.9")


async def test_without_a_log_exchanges_are_the_plain_ones(start: Any) -> None:
    stage = await start()
    assert stage.plane.exchange is stage.plane.exchanges.plain is Exchange


async def test_lines_are_made_together_with_a_tick(
    start: Any, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(witness, "AT_ONCE", 3)
    stage = await logged(start, log, flag("site"))
    client = await stage.client()
    for number in range(5):
        await client.get(b"/%d" % number)
        await client.answer()
    assert [line["target"] for line in log.lines] == ["/0", "/1", "/2"]
    stage.plane._tick()
    assert [line["target"] for line in log.lines[3:]] == ["/3", "/4"]
