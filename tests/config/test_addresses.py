from __future__ import annotations

import pytest

from gateway.config.addresses import collide, is_local
from gateway.config.settings import Address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("http://127.0.0.1:8000", Address("127.0.0.1", 8000)),
        ("http://app", Address("app", 80)),
        ("http://app/", Address("app", 80)),
        ("HTTP://app:81", Address("app", 81)),
        ("https://app.example.com", Address("app.example.com", 443, tls=True)),
        ("http://[::1]:8000", Address("::1", 8000)),
        ("unix:/run/app.sock", Address(path="/run/app.sock")),
        ("http://my_app-1.ns.svc:8000", Address("my_app-1.ns.svc", 8000)),
    ],
)
def test_an_upstream_is_a_scheme_a_host_and_a_port(read, text, address):
    assert read(f"upstream: '{text}'").upstream == address


@pytest.mark.parametrize(
    "text",
    ["app:8000", "ftp://app", "http://", "http://:80", "http://a b", "http://app:99999", "5", "yes",
     "http://app:x", "http://[::1", "http://1.2.3", "http://-a", "//app", "http://app:0", "[a]",
     "unix:", "unix:app.sock", "unix:/", "unix://", "http://a..b:", "http://é", ""],
)  # fmt: skip
def test_what_is_no_upstream_is_an_error(errors, text):
    (found,) = errors(f"upstream: '{text}'")

    assert found.startswith("config.yaml:1: upstream: ")


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        ("http://app/base", "a path"),
        ("http://app?x", "a query"),
        ("http://app?", "a query"),
        ("http://app#x", "a fragment"),
        ("http://user@app", "a user or password"),
        ("http://user:s3cret@app", "a user or password"),
    ],
)
def test_an_upstream_with_more_than_that_is_an_error(errors, extra, named):
    (found,) = errors(f"upstream: '{extra}'")

    assert found.startswith(f"config.yaml:1: upstream: must not have {named}")
    assert "s3cret" not in found


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8080", Address("127.0.0.1", 8080)),
        (":8080", Address("0.0.0.0", 8080)),  # noqa: S104 what is asked for
        ("[::]:8080", Address("::", 8080)),
        ("[::0001]:0", Address("::1", 0)),
        ("localhost:8080", Address("localhost", 8080)),
        ("unix:/run/gateway.sock", Address(path="/run/gateway.sock")),
    ],
)
def test_a_listener_is_a_host_and_a_port_or_a_socket(read, text, address):
    assert read(f"listen: '{text}'").listen == address


@pytest.mark.parametrize(
    "text",
    ["8080", "127.0.0.1", "host:", ":65536", "::1:80", "[127.0.0.1]:80", "[zz]:80", "a b:80",
     "http://a:80", "256.0.0.1:80", "*:80", "a:8\u0660", "unix:x", "unix:/" + "x" * 107],
)  # fmt: skip
def test_what_is_no_listener_is_an_error(errors, text):
    (found,) = errors(f"listen: '{text}'")

    assert found.startswith("config.yaml:1: listen: must ")


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("10.0.0.1", "10.0.0.1/32"),
        ("::1", "::1/128"),
        ("2001:db8::/32", "2001:db8::/32"),
    ],
)
def test_a_network_is_a_prefix_and_an_address_one_of_its_own(read, text, network):
    assert [str(each) for each in read(f"trusted_proxies: ['{text}']").trusted_proxies] == [network]


def test_bits_beyond_the_prefix_are_an_error_that_says_what_may_be_meant(errors):
    (found,) = errors("trusted_proxies: [10.0.0.1/8]")

    assert found.startswith("config.yaml:1: trusted_proxies[0]: has bits set beyond its prefix")
    assert found.endswith("; did you mean 10.0.0.0/8?")


@pytest.mark.parametrize("text", ["10.0.0.0/33", "10", "example.com", "10.0.0.0-10.0.0.9"])
def test_what_is_no_network_is_an_error(errors, text):
    (found,) = errors(f"trusted_proxies: [{text}]")

    assert "must be an address or a network" in found


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        (Address("127.0.0.1", 1), True),
        (Address("127.9.9.9", 1), True),
        (Address("::1", 1), True),
        (Address("LocalHost", 1), True),
        (Address(path="/run/x"), True),
        (Address("0.0.0.0", 1), False),  # noqa: S104 compared with, not bound
        (Address("::", 1), False),
        (Address("10.0.0.1", 1), False),
        (Address("localhost.example.com", 1), False),
    ],
)
def test_loopback_is_what_only_this_machine_reaches(address, loopback):
    assert is_local(address) is loopback


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (Address("127.0.0.1", 1), Address("127.0.0.1", 1), True),
        (Address("localhost", 1), Address("127.0.0.1", 1), True),
        (Address("0.0.0.0", 1), Address("127.0.0.1", 1), True),  # noqa: S104 compared with
        (Address("127.0.0.1", 1), Address("127.0.0.1", 2), False),
        (Address("127.0.0.1", 1), Address("127.0.0.2", 1), False),
        (Address("127.0.0.1", 0), Address("127.0.0.1", 0), False),
        (Address(path="/a"), Address(path="/a"), True),
        (Address(path="/a"), Address("127.0.0.1", 1), False),
    ],
)
def test_listeners_collide_where_one_port_would_be_taken_twice(one, other, same):
    assert collide(one, other) is same
