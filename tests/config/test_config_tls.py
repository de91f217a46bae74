"""Certificates: those that visitors are shown, and those that the app has to show."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from tests.support.certificates import Authority, self_signed


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of certificates: a for a.test, b for b.test, bare for nobody."""
    folder = tmp_path_factory.mktemp("issued")
    authority = Authority(folder, "ca")
    authority.issue("a", "DNS:a.test", "DNS:*.A.test")
    authority.issue("b", "DNS:b.test", "IP:127.0.0.1")
    authority.issue("bare")
    authority.issue("mail", "DNS:mail.test", usage="emailProtection")
    self_signed(folder, name="own")
    return folder


@pytest.fixture
def certificates(issued: Path, tmp_path: Path) -> None:
    for path in issued.iterdir():
        (tmp_path / path.name).symlink_to(path)


def test_tls_is_a_certificate_and_its_key(certificates, read, tmp_path):
    (found,) = read("tls: {cert: own.pem, key: own.key}").tls.certificates

    assert found.files == (tmp_path / "own.pem", tmp_path / "own.key")
    assert found.names == ()


def test_several_certificates_are_for_the_names_in_them(certificates, read):
    text = "tls: {certs: [{cert: a.pem, key: a.key}, {cert: b.pem, key: b.key}]}"

    names = [each.names for each in read(text).tls.certificates]
    assert names == [("a.test", "*.a.test"), ("b.test",)]


def test_one_certificate_may_stand_before_several(certificates, read):
    text = "tls: {cert: bare.pem, key: bare.key, certs: [{cert: b.pem, key: b.key}]}"

    assert [each.names for each in read(text).tls.certificates] == [(), ("b.test",)]


def test_certificates_may_come_from_the_environment(certificates, read, tmp_path):
    several = f'[{{"cert": "{tmp_path}/b.pem", "key": "{tmp_path}/b.key"}}]'
    one = {"GATEWAY_TLS_CERT": f"{tmp_path}/a.pem", "GATEWAY_TLS_KEY": f"{tmp_path}/a.key"}

    tls = read("", {**one, "GATEWAY_TLS_CERTS": several}).tls
    assert [each.cert.name for each in tls.certificates] == ["a.pem", "b.pem"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("{cert: own.pem}", "tls.key: is missing: TLS needs both cert and key"),
        ("{key: own.key}", "tls.cert: is missing: TLS needs both cert and key"),
        ("{cert: absent.pem, key: own.key}", "tls.cert: cannot be read: "),
        ("{cert: own.pem, key: absent.key}", "tls.key: cannot be read: "),
        ("{cert: own.pem, key: own.pem}", "tls.key: cannot be used together with cert: "),
        ("{cert: own.pem, key: a.key}", "tls.key: cannot be used together with cert: KEY_VALUES"),
        ("{cert: config.yaml, key: own.key}", "tls.key: cannot be used together with cert: "),
        ("{cert: mail.pem, key: mail.key}", "tls.cert: cannot be served: unsuitable"),
        ("{certs: []}", "tls.certs: must be a list"),
        ("{certs: {cert: a.pem, key: a.key}}", "tls.certs: must be a list"),
        ("{certs: [a.pem]}", "tls.certs[0]: must be {cert: FILE, key: FILE}"),
        ("{certs: [{cert: a.pem}]}", "tls.certs[0].key: is missing"),
        ("{certs: [{cert: a.pem, key: absent}]}", "tls.certs[0].key: cannot be read: "),
        ("{certs: [{cert: a.pem, key: a.key, x: 1}]}", "tls.certs[0].x: unknown key"),
        (
            "{cert: own.pem, key: own.key, certs: [{cert: bare.pem, key: bare.key}]}",
            "tls.certs: ",
        ),
    ],
)
def test_tls_that_would_not_serve_is_an_error(certificates, errors, text, error):
    (found,) = errors(f"tls: {text}")

    assert found.startswith(f"config.yaml:1: {error}")


def test_a_list_of_certificates_is_a_mapping_s(certificates, errors):
    (found,) = errors("tls: [{cert: a.pem, key: a.key}]")

    assert found.startswith("config.yaml:1: tls: must be a mapping")


def test_an_app_over_tls_is_verified_by_the_system_s_authorities(read):
    tls = read("upstream: https://app.test").upstream_tls

    assert (tls.verify, tls.server_name, tls.files) == (True, None, ())
    assert tls.context.verify_mode is ssl.CERT_REQUIRED
    assert tls.context.check_hostname


def test_how_an_app_is_verified_can_be_said(certificates, read, tmp_path):
    text = "upstream_tls: {ca: ca.pem, cert: a.pem, key: a.key, server_name: b.test}"
    tls = read(f"upstream: https://10.0.0.1\n{text}").upstream_tls

    assert tls.server_name == "b.test"
    assert [path.name for path in tls.files] == ["ca.pem", "a.pem", "a.key"]
    assert [each["subject"] for each in tls.context.get_ca_certs()] == [((("commonName", "ca"),),)]


def test_an_app_that_is_not_verified_is_one_that_was_said_to_be(read):
    tls = read("upstream: https://app.test\nupstream_tls: {verify: false}").upstream_tls

    assert tls.context.verify_mode is ssl.CERT_NONE


def test_an_app_without_tls_has_none(read):
    assert read("upstream: http://app.test\nupstream_tls: {}").upstream_tls is None


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("{ca: absent.pem}", "upstream_tls.ca: cannot be read: "),
        ("{ca: config.yaml}", "upstream_tls.ca: holds no PEM certificate: "),
        ("{cert: a.pem}", "upstream_tls.key: is missing: TLS needs both cert and key"),
        ("{cert: a.pem, key: absent}", "upstream_tls.key: cannot be read: "),
        ("{cert: a.pem, key: b.key}", "upstream_tls.key: cannot be used together with cert: "),
        ("{verify: false, ca: ca.pem}", "upstream_tls.ca: goes with verify: true"),
        ("{verify: never}", "upstream_tls.verify: must be true or false"),
        ("{server_name: 'a b'}", "upstream_tls.server_name: must be a host's name"),
    ],
)
def test_tls_to_the_app_that_would_not_work_is_an_error(certificates, errors, text, error):
    (found,) = errors(f"upstream: https://app.test\nupstream_tls: {text}")

    assert found.startswith(f"config.yaml:2: {error}")


def test_tls_to_an_app_that_speaks_none_is_an_error(certificates, errors):
    (found,) = errors("upstream_tls: {ca: ca.pem}\nupstream: http://app.test")

    assert found == "config.yaml:1: upstream_tls: is for an upstream of https:// alone"


def test_who_introduces_visitors_is_a_list_of_networks(read):
    found = read("proxy_protocol: [10.0.0.0/8, '::1']").proxy_protocol

    assert [str(each) for each in found] == ["10.0.0.0/8", "::1/128"]


@pytest.mark.parametrize(("text", "mode"), [("0660", 0o660), ("'666'", 0o666), ("600", 0o600)])
def test_the_permissions_of_a_socket_are_octal(read, text, mode):
    assert read(f"listen: unix:/run/g.sock\nlisten_mode: {text}").listen_mode == mode


@pytest.mark.parametrize("text", ["rw", "0999", "0", "01777", "-600", "true"])
def test_what_are_no_permissions_is_an_error(errors, text):
    (found,) = errors(f"listen: unix:/run/g.sock\nlisten_mode: {text}")

    assert found.startswith("config.yaml:2: listen_mode: must be ")


def test_a_port_has_no_permissions(errors):
    (found,) = errors("listen: :8080\nlisten_mode: 0660")

    assert found == "config.yaml:2: listen_mode: is for listen: unix:/path alone"
