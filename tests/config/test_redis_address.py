"""The address of a Redis store: every form, and what is wrong with others."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config.redis_address import (
    RedisAddress,
    RedisTls,
    parse_redis_address,
    redis_files,
    without_password,
)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://db", RedisAddress((("db", 6379),))),
        ("redis://[::1]:7000/2", RedisAddress((("::1", 7000),), db=2)),
        ("redis://:p%40ss@db/", RedisAddress((("db", 6379),), password="p@ss")),
        ("redis://ann:x@db", RedisAddress((("db", 6379),), username="ann", password="x")),
        ("redis+unix:///run/redis.sock?db=1", RedisAddress(socket="/run/redis.sock", db=1)),
        ("redis+unix://:x@/run/r.sock", RedisAddress(socket="/run/r.sock", password="x")),
        (
            "redis+sentinel://:x@a,b:26380/main/4?sentinel_password=y",
            RedisAddress(
                (("a", 26379), ("b", 26380)),
                service="main",
                db=4,
                password="x",
                sentinel_password="y",
            ),
        ),
        ("rediss://db", RedisAddress((("db", 6379),), tls=RedisTls())),
        (
            "rediss+sentinel://a/main?ca=/ca.pem&verify=ca",
            RedisAddress(
                (("a", 26379),), service="main", tls=RedisTls(ca=Path("/ca.pem"), verify="ca")
            ),
        ),
        (
            "redis://db?prefix=shop&wait=2&wait_timeout=300ms&timeout=1s",
            RedisAddress((("db", 6379),), prefix="{shop}", wait=2, wait_timeout=0.3, timeout=1.0),
        ),
        ("redis://db?prefix={a.b}", RedisAddress((("db", 6379),), prefix="{a.b}")),
    ],
)
def test_every_form_is_read(url: str, address: RedisAddress) -> None:
    assert parse_redis_address(url) == address


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("redis:", "must be redis://HOST"),
        ("redis://", "must be redis://HOST"),
        ("redis://host name", "must be redis://HOST"),
        ("redis://h:0", "port from 1 to 65535"),
        ("redis://h:99999", "port from 1 to 65535"),
        ("redis://h/one", "number of a database"),
        ("redis://h/0/1", "number of a database"),
        ("redis://a,b", "one host"),
        ("redis://ann@h", "user without a password"),
        ("redis://:pa#ss@h", "written %23"),
        ("redis://[::1", "no address"),
        ("redis+unix://host/run/r.sock", "three slashes"),
        ("redis+unix:///", "three slashes"),
        ("redis+sentinel://a,b", "must name the service"),
        ("redis+sentinel://a,/main", "must be redis://HOST"),
        ("redis://h?wiat=1", "known: prefix, timeout, wait, wait_timeout"),
        ("redis://h?ca=/ca.pem", "an option that there is not here"),
        ("redis://h?db=1", "an option that there is not here"),
        ("redis://h?wait=1&wait=2", "an option twice"),
        ("redis://h?wait", "not name=value"),
        ("redis://h?wait=-1", "wrong option wait: must be a number"),
        ("redis://h?wait_timeout=soon", "wrong option wait_timeout"),
        ("redis://h?wait_timeout=2s", "wait_timeout of at least 1ms"),
        ("redis://h?timeout=1m", "timeout from 50ms to 10s"),
        ("redis://h?prefix=a%20b", "wrong option prefix"),
        ("rediss://h?ca=ca.pem", "wrong option ca: must be an absolute path"),
        ("rediss://h?key=/key.pem", "key without cert"),
        ("rediss://h?verify=no", "must be full, ca or none"),
    ],
)
def test_anything_else_is_an_error_that_says_why(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_redis_address(url)


def test_no_password_is_shown() -> None:
    url = "redis+sentinel://ann:hunter2@a,b/main?sentinel_password=hunter3"
    address = parse_redis_address(url)
    assert "hunter" not in repr(address) + str(address) + without_password(url)
    assert without_password(url) == "redis+sentinel://a,b/main"
    assert without_password("sqlite:/a@b.db") == "sqlite:/a@b.db"
    assert str(address) == "redis a:26379,b:26379 main"


def test_the_files_of_tls_are_named() -> None:
    address = parse_redis_address("rediss://h?ca=/a&cert=/b&key=/c")
    assert redis_files(address) == (Path("/a"), Path("/b"), Path("/c"))
    assert redis_files(parse_redis_address("redis://h")) == ()
