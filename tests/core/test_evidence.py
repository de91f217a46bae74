"""Other fields than the request line may name a path; hosts are read from all places."""

from __future__ import annotations

import pytest

from gateway.core.evidence import Evidence
from gateway.core.paths import compile_host
from gateway.core.request import Facts
from tests.support.flags import ask, patterns


@pytest.mark.parametrize(
    "name",
    [b"X-Original-URL", b"x-rewrite-url", b"X_Original_URL", b"X-Original-URI", b"X-Forwarded-Uri"],
)
def test_field_that_replaces_the_target_only_adds_to_holds(name: bytes) -> None:
    away = Evidence(Facts(target=b"/search", fields=((name, b"/other"),)))
    assert away.may_ask_for(patterns("/search"))
    assert away.may_ask_for(patterns("/other"))
    assert Evidence(Facts(target=b"/x", fields=((name, b"/%73earch?x"),))).may_ask_for(
        patterns("/search")
    )


def test_field_that_replaces_the_target_breaks_an_exemption() -> None:
    assert not Evidence(ask("/help", X_Original_URL="/search")).asks_only_for(patterns("/help"))
    assert Evidence(ask("/help", X_Original_URL="/help/a")).asks_only_for(patterns("/help"))
    assert Evidence(ask("/help", X_Original_URL="/doc")).asks_only_for(patterns("/help", "/doc"))


@pytest.mark.parametrize("name", [b"SCRIPT_NAME", b"script-name"])
@pytest.mark.parametrize("target", [b"/help/search?x", b"http://a.test/help/search"])
def test_prefix_that_gunicorn_takes_off_the_target_is_off(name: bytes, target: bytes) -> None:
    evidence = Evidence(Facts(target=target, fields=((name, b"/help"),)))
    assert evidence.may_ask_for(patterns("= /search"))
    assert evidence.may_ask_for(patterns("/help/search"))
    assert not evidence.asks_only_for(patterns("/help"))


def test_path_that_a_cgi_variable_names_counts_too() -> None:
    evidence = Evidence(Facts(target=b"/help", fields=((b"PATH_INFO", b"/search"),)))
    assert evidence.may_ask_for(patterns("/search"))
    assert not evidence.asks_only_for(patterns("/help"))


def test_forwarded_prefix_is_put_before_the_target() -> None:
    evidence = Evidence(ask("/x", X_Forwarded_Prefix="/search/"))
    assert evidence.readings.exact[:1] == ("/x",)
    assert evidence.may_ask_for(patterns("/search/x"))


@pytest.mark.parametrize(
    "host",
    [b"example.com", b"EXAMPLE.com:8080", b"example.com.", b"example.com.:80", b"u@example.com"],
)
def test_host_is_read_without_case_port_and_final_dot(host: bytes) -> None:
    assert Evidence(Facts(host=host)).hosts == ("example.com",)


def test_ipv6_host_keeps_its_brackets() -> None:
    assert Evidence(Facts(host=b"[::1]:80")).hosts == ("[::1]",)


def test_authority_of_an_absolute_target_is_a_host_too() -> None:
    evidence = Evidence(Facts(target=b"http://b.example:80/x", host=b"a.example"))
    assert evidence.hosts == ("a.example", "b.example")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"X-Forwarded-Host", b"shop.example"),
        (b"x_forwarded_host", b"SHOP.example.:8080"),
        (b"X-Forwarded-Host", b"other.example, shop.example"),
        (b"X-Forwarded-Host", b" ,shop.example,"),
        (b"X-Forwarded-Host", b'"shop.example"'),
        (b"X-Original-Host", b"shop.example"),
        (b"X-HTTP-Host-Override", b"shop.example"),
        (b"Forwarded", b"for=192.0.2.1;host=shop.example;proto=https"),
        (b"forwarded", b'for=192.0.2.1, Host = "shop.example:8080"'),
        (b"Forwarded", b'host=other.example, for=_x;host="sh\\op.example"'),
        (b"Forwarded", b'for="_a\\"b;c"; HOST=shop.example'),
    ],
)
def test_a_host_that_a_field_names_only_adds_to_holds(name: bytes, value: bytes) -> None:
    evidence = Evidence(Facts(host=b"origin.internal", fields=((name, value),)))
    assert evidence.may_be_for((compile_host("shop.example"),))
    assert evidence.may_be_for((compile_host("origin.internal"),))
    assert not evidence.may_be_for((compile_host("none.example"),))


@pytest.mark.parametrize("name", [b"X-Forwarded-For", b"Host", b"X-Forwarded-Port", b"Referer"])
def test_other_fields_name_no_host(name: bytes) -> None:
    evidence = Evidence(Facts(host=b"a.b", fields=((name, b"shop.example"),)))
    assert evidence.hosts == ("a.b",)


def test_hosts_that_fields_name_are_remembered_with_the_fields_alone() -> None:
    memo: dict[object, object] = {}
    fields = ((b"X-Forwarded-Host", b"shop.example"),)
    for host in (b"a.example", b"b.example"):
        evidence = Evidence(Facts(host=host, fields=fields, memo=memo))
        assert evidence.hosts == (host.decode(), "shop.example")


@pytest.mark.parametrize("fields", [(), ((b"X-Forwarded-Host", b"a.b"),)])
def test_request_without_a_host_may_be_for_any(fields: tuple[tuple[bytes, bytes], ...]) -> None:
    """Which site an app takes it for is unknown, whatever a proxy says on top."""
    assert Evidence(Facts(host=b"", fields=fields)).may_be_for((compile_host("example.com"),))
    assert not Evidence(Facts(host=b"a.b")).may_be_for((compile_host("example.com"),))


def test_patterns_of_either_case_are_asked_with_the_right_reading() -> None:
    evidence = Evidence(ask("/Search"))
    assert evidence.may_ask_for(patterns("/x", "~ ^/s"))
    assert evidence.may_ask_for(patterns("/search"))
    assert evidence.asks_only_for(patterns("/x", "~ ^/S"))
    assert evidence.asks_only_for(patterns("/Search"))
