"""Bad input gets the right status and a clear message, and the gateway goes on."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.exchange import Ask, Line, exchange
from tests.support.gateway_process import GatewayProcess, Reply
from tests.support.plain_app import PlainApp
from tests.support.servers import BIN

FLAGS = """
flags:
  site: {}
  reindex: {paths: [/search], user: {cookie: uid}}
"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    folder = tmp_path_factory.mktemp("bad")
    with PlainApp() as app, GatewayProcess(folder, app.url, FLAGS) as process:
        yield process


def goes_on(gateway: GatewayProcess) -> bool:
    got = exchange(gateway.port, Ask("/still?here"))
    return (got.status, got.body) == (200, b"GET /still?here 0") and gateway.program.alive()


def problem(reply: Reply) -> str:
    """The detail of a problem document, which every error of the API is."""
    assert reply.content_type == "application/problem+json", reply
    assert reply.document["status"] == reply.status
    detail = reply.document["detail"]
    assert isinstance(detail, str)
    return detail


def test_unknown_flag_is_404_and_names_the_one_meant(gateway: GatewayProcess) -> None:
    reply = gateway.call("PATCH", "flags/sites", {"enabled": True})

    assert reply.status == 404
    assert 'Did you mean "site"?' in problem(reply)


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ({"enabled": "yes"}, "enabled"),
        ({"enabled": 1}, "enabled"),
        ({"rollout": 101}, "rollout"),
        ({"ttl": "soon"}, "ttl"),
        ({"mode": "sideways"}, "mode"),
        ({"users": "ada"}, "users"),
        ({"colour": "red"}, "colour"),
        ({"enabled": True, "for": -1}, "for"),
        ([], "object"),
    ],
)
def test_wrong_type_is_422_and_names_the_key(
    gateway: GatewayProcess, document: object, named: str
) -> None:
    body = b"[]" if document == [] else None
    reply = gateway.call("PATCH", "flags/site", document, body=body)

    assert reply.status == 422
    assert named in problem(reply)


@pytest.mark.parametrize("body", [b"{", b"enabled=true", b"\xff\xfe", b"{}{}", b"[" * 100_000])
def test_bad_json_is_400(gateway: GatewayProcess, body: bytes) -> None:
    reply = gateway.call("PATCH", "flags/site", body=body)

    assert reply.status == 400
    assert "JSON" in problem(reply)


@pytest.mark.parametrize("token", [None, "wrong"])
def test_flip_without_the_right_token_is_401(gateway: GatewayProcess, token: str | None) -> None:
    reply = gateway.call("PATCH", "flags/site", {"enabled": True}, token=token)

    assert reply.status == 401
    assert "oken" in problem(reply)
    assert goes_on(gateway)


def test_wrong_method_and_wrong_path_of_the_api_say_so(gateway: GatewayProcess) -> None:
    wrong_method = gateway.call("POST", "flags/site", {"enabled": True})
    wrong_path = gateway.call("GET", "flogs")

    assert (wrong_method.status, wrong_path.status) == (405, 404)
    assert "PATCH" in problem(wrong_method)
    assert problem(wrong_path)


def test_control_api_is_not_on_the_public_port(gateway: GatewayProcess) -> None:
    got = exchange(gateway.port, Ask("/api/v1/flags"))

    assert got.body == b"GET /api/v1/flags 0"  # the app's business


RAW = {
    "garbage": (b"\x00\x01\x02garbage\r\n\r\n", 400),
    "a TLS hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64, 400),
    "the HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "HTTP/0.9": (b"GET /\r\n\r\n", 400),
    "HTTP/3.0": (b"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505),
    "no Host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two Hosts": (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    "a bad Host": (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    "a name with a space": (b"GET / HTTP/1.1\r\nHost: a\r\nX : 1\r\n\r\n", 400),
    "a folded field": (b"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n", 400),
    "a NUL in a value": (b"GET / HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n", 400),
    "a fragment": (b"GET /#x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "two lengths": (
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        400,
    ),
    "length and chunked": (
        b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0",
        400,
    ),
    "an odd coding": (
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "a negative length": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
    "CONNECT": (b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 405),
    "a head too large": (
        b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: %b\r\n" % (b"v" * 1000) * 50 + b"\r\n",
        431,
    ),
    "a target too long": (b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n" % (b"a" * 100_000), 414),
}


@pytest.mark.parametrize("name", RAW)
def test_bad_bytes_get_their_status_and_the_connection_is_closed(
    gateway: GatewayProcess, name: str
) -> None:
    data, status = RAW[name]
    with Line(gateway.port) as line:
        line.send(data)
        got = line.answer()

        assert got.status == status, got
        assert got.body
        assert b"Traceback" not in got.body
        assert (got.one("connection") or "").lower() == "close"
        assert line.ended()
    assert goes_on(gateway)


def test_bad_chunk_never_reaches_the_app_as_a_whole_body(gateway: GatewayProcess) -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    with Line(gateway.port) as line:
        line.send(head + b"5\r\nhello\r\nzz\r\n")
        got = line.answer()

    assert got.status == 400
    assert goes_on(gateway)


def test_good_request_before_a_bad_one_is_answered(gateway: GatewayProcess) -> None:
    with Line(gateway.port) as line:
        line.send(Ask("/good").encode() + b"nonsense\r\n\r\n")

        assert line.answer().body == b"GET /good 0"
        assert line.answer().status == 400


def test_client_that_leaves_in_the_middle_does_no_harm(gateway: GatewayProcess) -> None:
    for data in (b"GET", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf"):
        with Line(gateway.port) as line:
            line.send(data)
    assert goes_on(gateway)


def test_app_out_of_reach_is_502_and_no_traceback(tmp_path: Path) -> None:
    with PlainApp() as app:
        url = app.url
    with GatewayProcess(tmp_path, url, FLAGS) as gateway:
        got = exchange(gateway.port, Ask("/", fields=(("Accept", "text/html"),)))

        assert got.status == 502
        assert b"<html" in got.body.lower()
        assert "Traceback" not in gateway.log_tail()


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("upstream: ftp://app", "upstream"),
        ("listen: nowhere", "listen"),
        ("flags: {search: {paths: [search]}}", "flags.search.paths[0]"),
        ("flagz: {}", "flagz"),
        ("store: mongodb://x", "store"),
    ],
)
def test_wrong_config_refuses_to_start_and_says_where(
    tmp_path: Path, line: str, named: str
) -> None:
    config = tmp_path / "config.yaml"
    rest = "" if line.startswith("upstream") else "upstream: http://127.0.0.1:9\n"
    config.write_text(f"# a comment\n{rest}{line}\n")
    for verb in ("check", "serve"):
        run = subprocess.run(
            [str(BIN / "gateway"), verb, "-c", str(config)],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

        assert run.returncode == 2, run
        said = run.stdout + run.stderr
        assert f"config.yaml:{2 if not rest else 3}: {named}" in said
        assert "Traceback" not in said
