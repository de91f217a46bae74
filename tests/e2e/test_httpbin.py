"""httpbin under gunicorn, unmodified, answers the same with the gateway before it as without.

Every request goes straight to gunicorn and through the gateway; status, reason, fields in
order, framing and body bytes are compared. httpbin echoes what it was sent, so this shows
what the gateway does to requests as well. What the gateway adds to a request
(``X-Forwarded-*``) is added by hand to the one that goes straight.
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from tests.support.exchange import Ask, Fields, Got, Line, exchange
from tests.support.gateway_process import GatewayProcess
from tests.support.servers import Program, gunicorn

HOST = "shop.localhost:8000"
FORWARDED: Fields = (
    ("X-Forwarded-For", "127.0.0.1"),
    ("X-Forwarded-Proto", "http"),
    ("X-Forwarded-Host", HOST),
)
# Of one connection, not of the answer (RFC 9110, 7.6.1), or of the moment. The framing that
# Transfer-Encoding tells of is compared by itself.
NOT_COMPARED = {"connection", "keep-alive", "transfer-encoding", "date"}
RANDOM = re.compile(r'(nonce|opaque)="?[0-9a-f]+"?')

MULTIPART = (
    b"--frontier\r\n"
    b'Content-Disposition: form-data; name="note"\r\n\r\nsmall \xc3\xbcmlaut\r\n'
    b"--frontier\r\n"
    b'Content-Disposition: form-data; name="file"; filename="a b.bin"\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n" + bytes(range(256)) * 16 + b"\r\n"
    b"--frontier--\r\n"
)
FORM = (("Content-Type", "application/x-www-form-urlencoded"),)
JSON = (("Content-Type", "application/json"),)
TEXT = (("Content-Type", "text/plain"),)
BASIC = base64.b64encode(b"user:passwd").decode()
BROWSER = (
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"),
    ("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"),
    ("Accept-Language", "en-GB,en;q=0.9"),
    ("Accept-Encoding", "gzip, deflate, br"),
    ("Cookie", 'uid=u-1; odd="a b"; empty=; flag'),
    ("Referer", "http://shop.localhost:8000/?x=1"),
    ("Upgrade-Insecure-Requests", "1"),
    ("Cache-Control", "max-age=0"),
)
MIB = 2**20

METHODS = [
    Ask("/get?a=1&a=2&b=&c"),
    Ask("/get", "HEAD"),
    Ask("/get", "OPTIONS"),
    Ask("/get", "POST"),
    Ask("/get", fields=BROWSER),
    Ask("/post", "POST"),
    Ask("/post", "POST", FORM, b"name=J%C3%BCrgen&comment=a+b%26c&empty="),
    Ask("/post", "POST", JSON, '{"name": "Jürgen", "n": [1, 2.5, null]}'.encode()),
    Ask("/post", "POST", JSON, b"{not json"),
    Ask("/post", "POST", (("Content-Type", "multipart/form-data; boundary=frontier"),), MULTIPART),
    Ask("/post", "POST", TEXT, (b"first ", b"second ", b"third")),
    Ask("/put", "PUT", TEXT, b"put"),
    Ask("/patch", "PATCH", TEXT, b"patch"),
    Ask("/delete", "DELETE"),
    Ask("/delete", "DELETE", TEXT, b"with a body"),
    Ask("/anything", "PROPFIND"),
    Ask("/anything", "GET", TEXT, b"a body on GET"),
]
ANSWERS = [
    *(Ask(f"/status/{code}") for code in (200, 201, 204, 304, 400, 401, 404, 418, 500, 502, 503)),
    Ask("/status/204", "DELETE"),
    Ask("/status/201", "POST", TEXT, b"x"),
    Ask("/redirect/3"),
    Ask("/relative-redirect/2"),
    Ask("/absolute-redirect/2"),
    Ask("/redirect-to?url=http%3A%2F%2Felsewhere.example%2F%252F%3Fq"),
    Ask("/redirect-to?url=/get&status_code=307", "POST", TEXT, b"x"),
    Ask("/cookies/set?uid=1&theme=dark"),
    Ask("/cookies/set/one/two"),
    Ask("/cookies/delete?uid"),
    Ask("/cookies", fields=(("Cookie", 'a=1; b="two words"; c=%20; a=again'),)),
    Ask("/cookies", fields=(("Cookie", "a=1"), ("Cookie", "b=2"))),
    Ask("/response-headers?X-Twice=1&X-Twice=2&Server=mine&Set-Cookie=a%3D1&Set-Cookie=b%3D2"),
    Ask("/gzip"),
    Ask("/deflate"),
    Ask("/brotli"),
    Ask("/image/png"),
    Ask("/image/png", "HEAD"),
    Ask("/image/svg"),
    Ask("/image", fields=(("Accept", "image/webp"),)),
    Ask("/bytes/100000?seed=1"),
    Ask("/bytes/0"),
    Ask("/stream/20"),
    Ask("/stream-bytes/50000?seed=2&chunk_size=1000"),
    Ask("/drip?duration=0.4&numbytes=4&delay=0"),
    Ask("/range/1024"),
    Ask("/range/1024", fields=(("Range", "bytes=100-299"),)),
    Ask("/range/1024", fields=(("Range", "bytes=-1"),)),
    Ask("/range/1024", fields=(("Range", "bytes=2000-"),)),
    Ask("/etag/abc"),
    Ask("/etag/abc", fields=(("If-None-Match", '"abc"'),)),
    Ask("/etag/abc", fields=(("If-Match", '"other"'),)),
    Ask("/cache", fields=(("If-Modified-Since", "Mon, 01 Jan 2024 00:00:00 GMT"),)),
    Ask("/cache/60"),
    Ask("/basic-auth/user/passwd"),
    Ask("/basic-auth/user/passwd", fields=(("Authorization", f"Basic {BASIC}"),)),
    Ask("/hidden-basic-auth/user/passwd"),
    Ask("/bearer", fields=(("Authorization", "Bearer abc.def"),)),
    Ask("/digest-auth/auth/user/passwd"),
    Ask("/links/5/1"),
    Ask("/encoding/utf8"),
    Ask("/html"),
    Ask("/xml"),
    Ask("/robots.txt"),
    Ask("/deny"),
    Ask("/forms/post"),
    Ask("/delay/1"),
    Ask("/no/such/page"),
]
REQUESTS = [
    Ask("/headers", fields=BROWSER),
    Ask("/headers", fields=(("X-Empty", ""), ("X-Latin", "caf\xe9"), ("x-lower_case", "1"))),
    Ask("/headers", fields=(("X-Twice", "1"), ("X-Other", "2"), ("X-Twice", "3"))),
    Ask("/headers", fields=(("X-Long", "v" * 6000),)),
    Ask("/headers?show_env=1"),
    Ask("/user-agent"),
    Ask("/ip"),
    *(
        Ask(f"/anything{rest}")
        for rest in (
            "/%zz",
            "/a%2Fb%2f%41",
            "//doubled///slashes",
            "/;a=b;c",
            "?",
            "?&&=&a=%zz&b=+%20+&?x",
            "/../get",
            "/a/./b/../c",
            "/%2e%2e/get",
            '/"quoted"<>|{}^`',
            "/~tilde!$'()*,:@",
            "/%C3%BC%00%0a",
            "/back\\slash",
            "/" + "long/" * 700,
        )
    ),
    Ask("//anything/x"),
    Ask(f"http://{HOST}/anything/absolute?form"),
]
UPLOADS = [
    Ask("/anything", "PUT", TEXT, b"0123456789abcde\n" * (4 * MIB // 16)),
    Ask("/anything", "POST", TEXT, tuple([b"0123456789abcde\n" * 4096] * 48)),
    Ask("/post", "POST", (), bytes(range(256)) * 4096),
]


@dataclass(frozen=True, slots=True)
class Site:
    """gunicorn's port, and the gateway in front of it."""

    app: Program
    app_port: int
    gateway: GatewayProcess

    def log_tail(self) -> str:
        return f"{self.gateway.log_tail()}\n--- gunicorn\n{self.app.log_tail()}"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("httpbin")
    options = ["--worker-class", "gthread", "--threads", "8", "--keep-alive", "30"]
    app, port = gunicorn("httpbin:app", folder, options=options)
    upstream = f"http://127.0.0.1:{port}"
    with app, GatewayProcess(folder / "gateway", upstream, "flags:\n  site: {}\n") as gateway:
        yield Site(app, port, gateway)


def named(ask: Ask) -> str:
    about = ask.fields[0][0] if ask.fields else ""
    return f"{ask.method} {ask.target[:40]} {about} {len(ask.body)}"


def seen(got: Got) -> tuple[int, str, str, list[tuple[str, str]], bytes]:
    """An answer but for what is of one connection, of the moment, or random."""
    fields = [
        (name, RANDOM.sub(r"\1", value))
        for name, value in got.fields
        if name.lower() not in NOT_COMPARED
    ]
    return got.status, got.reason, got.framing, fields, got.body


def straight(ask: Ask) -> Ask:
    """The request as the gateway is to hand it on, for sending it without the gateway."""
    return replace(ask, fields=(*ask.fields, *FORWARDED))


@pytest.mark.parametrize("ask", [*METHODS, *ANSWERS, *REQUESTS, *UPLOADS], ids=named)
def test_answer_is_the_same_as_without_the_gateway(site: Site, ask: Ask) -> None:
    without = exchange(site.app_port, straight(ask))

    through = exchange(site.gateway.port, ask)

    assert seen(through) == seen(without)


def test_one_kept_connection_serves_the_whole_table_the_same(site: Site) -> None:
    asks = [ask for ask in [*METHODS, *REQUESTS, *ANSWERS] if "delay" not in ask.target]
    with Line(site.gateway.port) as line:
        for ask in asks:
            assert seen(line.ask(ask)) == seen(exchange(site.app_port, straight(ask))), ask


def test_pipelined_requests_are_answered_in_order(site: Site) -> None:
    with Line(site.gateway.port) as line:
        line.send(b"".join(Ask(f"/bytes/{n}?seed=3").encode() for n in range(1, 21)))

        assert [len(line.answer().body) for _ in range(20)] == list(range(1, 21))


def test_stream_arrives_while_the_app_is_still_sending(site: Site) -> None:
    with Line(site.gateway.port) as line:
        line.send(Ask("/drip?duration=1.5&numbytes=3&delay=0").encode())
        _, _, _ = line.head()
        started = time.monotonic()
        got = line.read_body(3)

    assert got == b"***"
    assert time.monotonic() - started > 0.7  # the first byte did not wait for the last


def test_flag_takes_one_part_of_the_unmodified_app_out_of_service(
    tmp_path_factory: pytest.TempPathFactory, site: Site
) -> None:
    folder = tmp_path_factory.mktemp("scoped")
    flags = "flags:\n  images: {paths: [/image], enabled: true}\n"
    with GatewayProcess(folder, f"http://127.0.0.1:{site.app_port}", flags) as gateway:
        held = exchange(gateway.port, Ask("/image/png"))
        other = exchange(gateway.port, Ask("/html"))

    assert held.status == 503
    assert held.one("x-maintenance") == "images"
    assert held.one("cache-control") == "no-store"
    assert other.status == 200


def test_503_of_the_app_itself_is_not_dressed_up_as_ours(site: Site) -> None:
    got = exchange(site.gateway.port, Ask("/status/503"))

    assert got.status == 503
    assert got.all("x-maintenance") == []
    assert got.all("retry-after") == []
