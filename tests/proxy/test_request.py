"""A request's head: taken apart, refused where it is ambiguous, and written anew."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.proxy.body import NO_BODY, ChunkedBody, LengthBody
from gateway.proxy.errors import ClientError
from gateway.proxy.request import MAX_FIELDS, RequestHead, RequestReader
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


def refused(data: bytes) -> int:
    with pytest.raises(ClientError) as caught:
        read_request(data)
    return caught.value.status


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
    "line",
    [
        b"GET http://u@b.test/ HTTP/1.1",
        b"GET http:///x HTTP/1.1",
        b"GET http://b.test:99999/ HTTP/1.1",
        b"GET http://a b/ HTTP/1.1",
        b"GET ftp://b.test/ HTTP/1.1",
        b"GET b.test:80 HTTP/1.1",
        b"GET x HTTP/1.1",
        b"GET * HTTP/1.1",
        b"POST * HTTP/1.1",
        b"GET /a#b HTTP/1.1",
        b"GET #b HTTP/1.1",
        b"GET /a b HTTP/1.1",
        b"GET /a\tb HTTP/1.1",
        b"GET /a\x01 HTTP/1.1",
        b"GET /a\x7f HTTP/1.1",
        b"GET  / HTTP/1.1",
        b"GET /  HTTP/1.1",
        b"GET\t/ HTTP/1.1",
        b"GET / HTTP/1.1 ",
        b"GET / http/1.1",
        b"GET / HTTP/1.",
        b"GET / HTTP/1.11",
        b"GET / HTTP/01.1",
        b"GET / HTTP/1,1",
        b"GET / RTSP/1.0",
        b"GET / ICE/1.0",
        b"GET /",
        b"GET",
        b"",
        b"G\x00T / HTTP/1.1",
        b"GE(T) / HTTP/1.1",
        b"get / HTTP/1.1",
        b"Get / HTTP/1.1",
        b"SOURCE / ICE/1.0",
        b"DESCRIBE / RTSP/1.0",
    ],
)
def test_malformed_request_lines_are_400(line: bytes) -> None:
    assert refused(raw(line=line)) == 400


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"GET / HTTP/2.0", 505),
        (b"PRI * HTTP/2.0", 505),
        (b"GET / HTTP/0.9", 505),
        (b"GET / HTTP/1.2", 505),
        (b"GET / HTTP/3", 505),
        (b"CONNECT b.test:443 HTTP/1.1", 405),
        (b"CONNECT http://b.test/ HTTP/1.1", 405),
        (b"BREW / HTTP/1.1", 501),
        (b"BREW /caf\xc3\xa9 HTTP/1.1", 501),
    ],
)
def test_what_is_known_but_not_done_has_its_own_status(line: bytes, status: int) -> None:
    assert refused(raw(line=line)) == status


@pytest.mark.parametrize(
    "host",
    [
        None,
        b"",
        b" ",
        b"a,b",
        b"a b",
        b"a/b",
        b"u@a",
        b"a:b",
        b"a:-1",
        b"a:65536",
        b"a:1:2",
        b"[::1",
        b"::1",
        b"a%zz",
        b"a\\b",
        b"a?b",
        b"a#b",
        b'"a"',
        b"http://a",
        b"\xc3\xa9.test",
        b"a\x00",
    ],
)
def test_a_missing_or_malformed_host_is_400(host: bytes | None) -> None:
    assert refused(raw(host=host)) == 400


@pytest.mark.parametrize(
    "host",
    [b"a", b"a.test:8080", b"a:", b"a:0", b"a:65535", b"[::1]:80", b"127.0.0.1", b"a_b", b"a%41"],
)
def test_a_host_goes_on_as_it_came(host: bytes) -> None:
    assert forwarded(host=host)[1] == b"Host: " + host
    assert parse(host=host).host == host


def test_a_second_host_is_400_even_the_same() -> None:
    assert refused(raw(b"Host: a.test")) == 400
    assert refused(raw(b"host: b.test")) == 400


def test_an_old_request_needs_no_host() -> None:
    assert forwarded(line=b"GET / HTTP/1.0", host=None)[1] == b"Host: default.test"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "lines",
    [
        [b"Content-Length: 5", b"Content-Length: 5"],
        [b"Content-Length: 5", b"Content-Length: 6"],
        [b"Content-Length: 5, 5"],
        [b"Content-Length: +5"],
        [b"Content-Length: -5"],
        [b"Content-Length: 5 5"],
        [b"Content-Length: 0x5"],
        [b"Content-Length: 5_0"],
        [b"Content-Length:"],
        [b"Content-Length: 99999999999999999999"],
        [b"Content-Length: 5\x0b"],
        [b"Content-Length: \xd9\xa5"],
        [b"Content-Length: 5", b"Transfer-Encoding: chunked"],
        [b"Transfer-Encoding: chunked", b"Content-Length: 0"],
        [b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"],
        [b"Transfer-Encoding: gzip, chunked"],
        [b"Transfer-Encoding: chunked, gzip"],
        [b"Transfer-Encoding: chunked, chunked"],
        [b"Transfer-Encoding: identity"],
        [b"Transfer-Encoding: chunke\xe4"],
        [b"Transfer-Encoding: xchunked"],
        [b'Transfer-Encoding: "chunked"'],
        [b"Transfer-Encoding: chunked;q=1"],
        [b"Transfer-Encoding: \x0bchunked"],
        [b"Transfer-Encoding:"],
        [b"Transfer-Encoding : chunked"],
        [b"Transfer-Encoding: gzip", b"Transfer-Encoding: chunked"],
    ],
)
def test_ambiguous_framing_is_400(lines: list[bytes]) -> None:
    assert refused(raw(*lines, line=b"POST / HTTP/1.1")) == 400


def test_chunks_in_an_old_request_are_400() -> None:
    assert refused(raw(b"Transfer-Encoding: chunked", line=b"POST / HTTP/1.0")) == 400


@pytest.mark.parametrize(
    "lines",
    [
        [b"X : y"],
        [b" X: y"],
        [b"X"],
        [b": y"],
        [b"X y: z"],
        [b"X: y", b" folded"],
        [b"X: y", b"\tfolded"],
        [b"X: a\rb"],
        [b"X: a\nb"],
        [b"X: a\x00b"],
        [b"X: a\x0bb"],
        [b"X: a\x7f"],
        [b"X\xc3: y"],
        [b"X\x00: y"],
        [b'"X": y'],
        [b"X@: y"],
    ],
)
def test_malformed_fields_are_400(lines: list[bytes]) -> None:
    assert refused(raw(*lines)) == 400


def test_too_many_fields_are_431() -> None:
    assert refused(raw(*[b"X: y"] * MAX_FIELDS)) == 431


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


@pytest.mark.parametrize("value", [b"100-continue, x", b"200-ok", b"100", b"", b'"100-continue"'])
def test_other_expectations_are_417(value: bytes) -> None:
    assert refused(raw(b"Expect: " + value)) == 417


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
        b"Proxy-Authorization: x",
        b"TE: gzip, trailers",
        b"Trailer: X",
        b"Upgrade: h2c",
        b"HTTP2-Settings: x",
        b"X-Stays: 3",
    )

    assert lines[2:] == [b"X-Stays: 3", b"TE: trailers", b"X-Forwarded-For: 192.0.2.1"]


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
    assert parse(*lines, line=line).repeatable is repeatable


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


def outcome(reading: RequestReader, head: bytes) -> tuple[object, ...]:
    try:
        read = reading.read(head)
    except ClientError as error:
        return (error.status,)
    return read.method, read.target, read.host, read.client, read.forwarded(), read.repeatable


@given(st.lists(HEADS, max_size=6), st.booleans())
def test_a_head_is_read_the_same_whatever_came_before_it(
    heads: list[bytes],
    trusted: bool,  # noqa: FBT001 drawn
) -> None:
    kept = reader(trusted=trusted)

    for head in [head for head in heads for _ in range(2)]:
        assert outcome(kept, head) == outcome(reader(trusted=trusted), head)
