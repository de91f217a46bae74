"""What method a request may come to, whoever names it."""

from __future__ import annotations

import pytest

from gateway.core.methods import named_methods, only_reads, opens_tunnel


def reads(method: bytes, target: bytes = b"/", *fields: tuple[bytes, bytes]) -> bool:
    return only_reads(method, named_methods(method, target, fields))


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"OPTIONS"])
def test_safe_method_reads(method: bytes) -> None:
    assert reads(method)
    assert reads(method, b"/?_method=GET", (b"X-HTTP-Method-Override", b"get"))
    assert reads(method, b"/?method=POST&a_method=POST&%20", (b"X-Method", b"POST"))


@pytest.mark.parametrize(
    "method", [b"POST", b"PUT", b"PATCH", b"DELETE", b"get", b"TRACE", b"PROPFIND"]
)
def test_other_method_writes(method: bytes) -> None:
    assert not reads(method)


@pytest.mark.parametrize(
    "name",
    [
        b"X-HTTP-Method-Override",
        b"x-http-method-override",
        b"X-HTTP-Method",
        b"X-Method-Override",
        b"X_HTTP_Method_Override",
    ],
)
def test_field_that_names_another_method_counts_both_ways(name: bytes) -> None:
    assert not reads(b"GET", b"/", (name, b"POST"))
    assert not reads(b"GET", b"/", (name, b" delete"))
    assert not reads(b"GET", b"/", (name, b"GET, POST"))
    assert not reads(b"GET", b"/", (name, b"GET"), (name, b"PUT"))
    assert not reads(b"POST", b"/", (name, b"GET"))


@pytest.mark.parametrize(
    "query",
    [
        b"_method=DELETE",
        b"a=1&_method=delete",
        b"a;_method=PUT",
        b"%5Fmethod=POST",
        b"_METHOD=%50OST",
        b"_method=GET&_method=POST",
    ],
)
def test_query_that_names_another_method_counts(query: bytes) -> None:
    assert not reads(b"GET", b"/x?" + query)


def test_empty_override_names_nothing() -> None:
    assert named_methods(b"get", b"/?_method=", [(b"X-HTTP-Method", b"")]) == {b"GET"}


@pytest.mark.parametrize(
    ("fields", "opens"),
    [
        ((), False),
        (((b"Upgrade", b"websocket"),), True),
        (((b"upgrade", b"h2c, WebSocket"),), True),
        (((b"Upgrade", b"h2c"),), False),
        (((b"X-Upgrade", b"websocket"),), False),
    ],
)
def test_a_websocket_is_no_reading(
    fields: tuple[tuple[bytes, bytes], ...],
    opens: bool,  # noqa: FBT001 a table's column
) -> None:
    assert opens_tunnel(fields) is opens
