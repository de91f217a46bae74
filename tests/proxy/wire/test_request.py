"""A request's head: taken apart, refused where it is ambiguous, and written anew."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.proxy.wire.body import NO_BODY, ChunkedBody, LengthBody
from gateway.proxy.wire.errors import ClientError
from gateway.proxy.wire.request import RequestHead, RequestReader
from tests.support.heads import read_request, reader

# What the app is told of the way, beside X-Forwarded-For: last, and tested with the peer.
WAY = (b"X-Forwarded-Proto: http", b"X-Forwarded-Host: ")


def raw(*lines: bytes, line: bytes = b"GET / HTTP/1.1", host: bytes | None = b"a.test") -> bytes:
    hosts = [] if host is None else [b"Host: " + host]
    return b"".join(one + b"\r\n" for one in (line, *hosts, *lines)) + b"\r\n"


def parse(*lines: bytes, **more: bytes) -> RequestHead:
    return read_request(raw(*lines, **more))


def forwarded(*lines: bytes, **more: bytes) -> list[bytes]:
    """The lines of the head as the app gets it."""
    sent = parse(*lines, **more).forwarded()
    assert sent.endswith(b"\r\n\r\n")
    return [line for line in sent[:-4].split(b"\r\n") if not line.startswith(WAY)]


@pytest.mark.parametrize(
    "target",
    [
        b"/",
        b"/%zz%",
        b"/a?",
        b"/a??b=&&c",
        b"//host/x",
        b"/@evil",
        b"//evil@x",
        b"/a/../b/./c",
        b"/a//b",
        b"/%2e%2e/%2F",
        b'/"<>|^`{}\\[]',
        b"/http://x/",
        b"/caf\xc3\xa9?q=\xff\x80",
        b"/;a=b",
        b"/?x=http://y",
        b"/*",
        b"/" + b"a" * 8000,
    ],
)
def test_a_target_goes_on_byte_for_byte(target: bytes) -> None:
    assert forwarded(line=b"GET " + target + b" HTTP/1.1")[0] == b"GET " + target + b" HTTP/1.1"


@given(
    st.binary(min_size=0, max_size=60).map(
        lambda data: bytes(c for c in data if c > 0x20 and c not in b"\x7f#")
    )
)
def test_any_visible_target_goes_on_byte_for_byte(rest: bytes) -> None:
    assert parse(line=b"GET /" + rest + b" HTTP/1.1").target == b"/" + rest


@pytest.mark.parametrize(
    ("line", "target", "host"),
    [
        (b"GET http://b.test/x?y HTTP/1.1", b"/x?y", b"b.test"),
        (b"GET HTTP://b.test:81 HTTP/1.1", b"/", b"b.test:81"),
        (b"GET https://b.test?y HTTP/1.1", b"/?y", b"b.test"),
        (b"GET http://b.test//x HTTP/1.1", b"//x", b"b.test"),
        (b"OPTIONS http://b.test HTTP/1.1", b"*", b"b.test"),
        (b"OPTIONS http://b.test/ HTTP/1.1", b"/", b"b.test"),
        (b"OPTIONS * HTTP/1.1", b"*", b"a.test"),
    ],
)
def test_absolute_form_becomes_origin_form_and_its_authority_the_host(
    line: bytes, target: bytes, host: bytes
) -> None:
    lines = forwarded(line=line)

    assert lines[0].split(b" ")[1] == target
    assert [one for one in lines if one.startswith(b"Host")] == [b"Host: " + host]


@pytest.mark.parametrize(
    "host",
    [b"a", b"a.test:8080", b"a:", b"a:0", b"a:65535", b"[::1]:80", b"127.0.0.1", b"a_b", b"a%41"],
)
def test_a_host_goes_on_as_it_came(host: bytes) -> None:
    assert forwarded(host=host)[1] == b"Host: " + host
    assert parse(host=host).host == host


def test_an_old_request_needs_no_host() -> None:
    assert forwarded(line=b"GET / HTTP/1.0", host=None)[1] == b"Host: default.test"  # type: ignore[arg-type]


def test_blanks_around_a_value_are_no_part_of_it() -> None:
    request = parse(
        b"Content-Length: \t 5 \t", b"Expect:  100-continue ", line=b"POST / HTTP/1.1", host=b" b "
    )

    assert (request.host, request.block.content_length, request.block.expects_continue) == (
        b"b",
        5,
        True,
    )
    assert parse(b"Transfer-Encoding: \tchunked ", line=b"POST / HTTP/1.1").block.chunked


def test_bodies_are_framed_as_they_came() -> None:
    assert parse().body() is NO_BODY
    assert parse(b"Content-Length: 0").body() is NO_BODY
    assert isinstance(parse(b"Content-Length: 5").body(), LengthBody)
    assert isinstance(parse(b"Transfer-Encoding: Chunked").body(), ChunkedBody)
    assert b"Content-Length: 0" in forwarded(b"Content-Length: 0", line=b"POST / HTTP/1.1")
    assert forwarded(line=b"POST / HTTP/1.1") == [
        b"POST / HTTP/1.1",
        b"Host: a.test",
        b"X-Forwarded-For: 192.0.2.1",
    ]
    assert forwarded(b"Transfer-Encoding: Chunked")[-2:] == [
        b"Transfer-Encoding: chunked",
        b"X-Forwarded-For: 192.0.2.1",
    ]


def test_hop_by_hop_fields_and_those_that_connection_names_end_here() -> None:
    lines = forwarded(
        b"Connection: close, X-Hop",
        b"connection: x-other",
        b"X-Hop: 1",
        b"x-oTHer: 2",
        b"Keep-Alive: 5",
        b"Proxy-Connection: close",
        b"TE: gzip, trailers",
        b"Trailer: X",
        b"Upgrade: h2c",
        b"HTTP2-Settings: x",
        b"X-Stays: 3",
    )

    assert lines[2:] == [b"X-Stays: 3", b"TE: trailers", b"X-Forwarded-For: 192.0.2.1"]


def test_credentials_for_a_proxy_that_asks_for_none_are_the_apps() -> None:
    lines = forwarded(b"Proxy-Authorization: x")

    assert lines[2:] == [b"Proxy-Authorization: x", b"X-Forwarded-For: 192.0.2.1"]


def test_connection_cannot_name_away_what_matters() -> None:
    kept = [b"Cookie: a=b", b"Authorization: x", b"Content-Length: 5"]
    lines = forwarded(
        b"Connection: Host, Cookie, Authorization, Content-Length, X-Forwarded-For, close",
        *kept,
    )

    assert lines == [
        b"GET / HTTP/1.1",
        b"Host: a.test",
        *kept,
        b"X-Forwarded-For: 192.0.2.1",
    ]


@pytest.mark.parametrize(
    "line",
    [
        b"X-Maintenance: site",
        b"x-maintenance-bypass: 1",
        b"X_Maintenance: site",
        b"X-Maintenance_User: 1",
        b"X-Forwarded-For: 1.1.1.1",
        b"X-Forwarded-Proto: https",
        b"X-Forwarded-User: admin",
        b"X_Forwarded_For: 1.1.1.1",
        b"X_FORWARDED-User: admin",
        b"Forwarded: for=1.1.1.1",
        b"Transfer_Encoding: chunked",
        b"Content_Length: 5",
        b"Proxy_Connection: x",
    ],
)
def test_what_a_client_must_not_say_ends_here(line: bytes) -> None:
    assert forwarded(line) == [b"GET / HTTP/1.1", b"Host: a.test", b"X-Forwarded-For: 192.0.2.1"]


def test_a_trusted_proxy_may_say_where_a_request_came_from_but_no_more() -> None:
    request = read_request(
        raw(b"X-Forwarded-Proto: https", b"X-Forwarded-User: a", b"X-Maintenance: site"),
        trusted=True,
    )

    assert request.forwarded().split(b"\r\n")[2:-3] == [
        b"X-Forwarded-Proto: https",
        b"X-Forwarded-User: a",
        b"X-Forwarded-For: 192.0.2.1",
    ]


def test_all_other_fields_go_on_in_order_with_their_duplicates() -> None:
    kept = [
        b"User-Agent: x",
        b"Cookie: a=1",
        b"X-Original-URL: /x",
        b"Cookie: b=2",
        b"accept: */*",
        b"If_Odd: 1",
        b"X-Requested-With: y",
        b"Empty: ",
        b"Utf: \xc3\xa9",
    ]

    assert forwarded(*kept)[2:-1] == kept


def test_a_decision_sees_every_field_as_it_came() -> None:
    request = parse(b"Cookie: a=1", b"Connection: cookie, x", b"Cookie: a=2", b"X: y")

    assert [value for name, value in request.fields if name == b"Cookie"] == [b"a=1", b"a=2"]
    assert (b"X", b"y") in request.fields


def test_accept_lines_are_one_list() -> None:
    assert parse(b"Accept: a/b", b"accept: c/d").block.accept == b"a/b, c/d"
    assert parse().block.accept is None


@pytest.mark.parametrize(
    ("line", "lines", "kept"),
    [
        (b"GET / HTTP/1.1", [], True),
        (b"GET / HTTP/1.1", [b"Connection: Close"], False),
        (b"GET / HTTP/1.1", [b"Connection: keep-alive, close"], False),
        (b"GET / HTTP/1.0", [], False),
        (b"GET / HTTP/1.0", [b"Connection: Keep-Alive"], True),
        (b"GET / HTTP/1.0", [b"Connection: keep-alive, close"], False),
        (b"GET / HTTP/1.0", [b"Proxy-Connection: keep-alive"], False),
    ],
)
def test_whether_the_connection_is_kept(line: bytes, lines: list[bytes], *, kept: bool) -> None:
    assert parse(*lines, line=line).block.keep_alive is kept


WEBSOCKET = [b"Connection: keep-alive, Upgrade", b"Upgrade: WebSocket"]


def test_a_websocket_upgrade_goes_on() -> None:
    assert forwarded(*WEBSOCKET)[2:4] == [b"Connection: Upgrade", b"Upgrade: websocket"]


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        (b"GET / HTTP/1.1", [b"Connection: Upgrade", b"Upgrade: h2c"]),
        (b"GET / HTTP/1.1", [b"Connection: Upgrade", b"Upgrade: websocket, h2c"]),
        (b"GET / HTTP/1.1", [b"Connection: Upgrade", b"Upgrade: websocket", b"Upgrade: h2c"]),
        (b"GET / HTTP/1.1", [b"Upgrade: websocket"]),
        (b"GET / HTTP/1.1", [b"Connection: Upgrade"]),
        (b"POST / HTTP/1.1", WEBSOCKET),
        (b"GET / HTTP/1.0", WEBSOCKET),
        (b"GET / HTTP/1.1", [*WEBSOCKET, b"Content-Length: 5"]),
        (b"GET / HTTP/1.1", [*WEBSOCKET, b"Transfer-Encoding: chunked"]),
    ],
)
def test_no_other_upgrade_goes_on(line: bytes, lines: list[bytes]) -> None:
    sent = forwarded(*lines, line=line)

    assert not [one for one in sent if one.lower().startswith((b"upgrade", b"connection"))]


@pytest.mark.parametrize(
    ("line", "lines", "repeatable"),
    [
        (b"GET / HTTP/1.1", [], True),
        (b"PUT / HTTP/1.1", [], True),
        (b"DELETE / HTTP/1.1", [b"Content-Length: 0"], True),
        (b"PUT / HTTP/1.1", [b"Content-Length: 1"], False),
        (b"GET / HTTP/1.1", [b"Transfer-Encoding: chunked"], False),
        (b"POST / HTTP/1.1", [], False),
        (b"PATCH / HTTP/1.1", [], False),
        (b"TRACE / HTTP/1.1", [], False),
        (b"GET / HTTP/1.1", WEBSOCKET, False),
    ],
)
def test_what_may_be_sent_a_second_time(
    line: bytes, lines: list[bytes], *, repeatable: bool
) -> None:
    assert parse(*lines, line=line).repeatable() is repeatable


@given(st.binary(max_size=200))
def test_garbage_is_refused_or_read_never_anything_else(data: bytes) -> None:
    status = 0
    try:
        read_request(b"GET / HTTP/1.1\r\nHost: a\r\n" + data + b"\r\n\r\n")
    except ClientError as error:
        status = error.status
    assert status in {0, 400, 417, 431}


LINES = st.lists(
    st.sampled_from(
        [b"Host: b", b"Cookie: a", b"Connection: close", b"Content-Length: 3", b"X: y",
         b"X-Forwarded-For: 1", b"Transfer-Encoding: chunked", b"Upgrade: websocket",
         b"Connection: upgrade"]
    ),
    max_size=3,
)  # fmt: skip
HEADS = st.builds(
    lambda method, target, minor, lines: raw(
        *lines, line=b"%b %b HTTP/1.%d" % (method, target, minor)
    ),
    st.sampled_from([b"GET", b"POST", b"OPTIONS", b"BREW", b"CONNECT"]),
    st.sampled_from([b"/", b"/a b", b"*", b"http://c.test/x", b"/x HTTP/1.1"]),
    st.integers(0, 1),
    LINES,
)


@pytest.mark.parametrize(
    ("data", "again"),
    [
        (raw(b"X: y", line=b"POST /b?c HTTP/1.1"), True),
        (raw(b"X: z"), False),
        (raw(b"X: y", line=b"GET / HTTP/1.0"), False),
        (raw(b"X: y", line=b"GET /\r\n HTTP/1.1"), False),
        (raw(b"X: y", line=b"GET http://a.test/ HTTP/1.1"), False),
        (raw(b"X: y", line=b"BREW / HTTP/1.1"), False),
        (b"\r\n" + raw(b"X: y"), False),
        (raw(b"X: y") + b"x", False),
        (raw(b"X: y") * 2, False),
        (raw(b"X: y")[:-1], False),
        (raw(b"X: y")[3:], False),
    ],
)
def test_one_head_alone_with_the_same_fields_is_known_again(data: bytes, *, again: bool) -> None:
    kept = reader()
    assert kept.again(raw(b"X: y"), 1000) is None

    kept.read(raw(b"X: y"))

    assert (kept.again(data, len(data)) is not None) is again
    assert kept.again(data, len(data) - 1) is None


def outcome(reading: RequestReader, head: bytes) -> tuple[object, ...]:
    try:
        read = reading.read(head)
    except ClientError as error:
        return (error.status,)
    return read.method, read.target, read.host, read.client, read.forwarded(), read.repeatable()


@given(st.lists(HEADS, max_size=6), st.booleans())
def test_a_head_is_read_the_same_whatever_came_before_it(
    heads: list[bytes],
    trusted: bool,  # noqa: FBT001 drawn
) -> None:
    kept = reader(trusted=trusted)

    for head in [head for head in heads for _ in range(2)]:
        assert outcome(kept, head) == outcome(reader(trusted=trusted), head)
