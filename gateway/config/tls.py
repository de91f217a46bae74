"""Reading ``tls`` and ``upstream_tls``: what visitors are shown, and what the app has to show."""

from __future__ import annotations

from pathlib import Path

from gateway.config.addresses import host_name
from gateway.config.certificates import (
    certificate,
    choose_by_name,
    client_context,
    contents,
    load_pair,
)
from gateway.config.errors import Invalid
from gateway.config.nodes import Broken, Items, Node, Table
from gateway.config.scalars import boolean, word
from gateway.config.section import Section, is_null
from gateway.config.settings import Certificate, Tls, UpstreamTls

Pair = tuple[Path, Path]


def read_tls(top: Section, folder: Path) -> Tls | None:
    """``tls``: one certificate, or several, each for the names that it is made out to."""
    given = top.given("tls")
    if isinstance(top.node("tls"), Items):
        top.refuse("tls", "must be a mapping: several are {certs: [{cert: FILE, key: FILE}]}")
        return None
    with top.section("tls") as section:
        alone = given and not section.given("certs")
        first = _read_certificate(section, folder, needed=alone)
        others = _read_others(section, folder)
        certificates = [each for each in (first, *others) if each is not None]
        _refuse_nameless(section, certificates)
    if not certificates:
        return None
    choose_by_name(certificates)
    return Tls(tuple(certificates))


def read_upstream_tls(top: Section, folder: Path, *, https: bool) -> UpstreamTls | None:
    """``upstream_tls``; an upstream of https has it whether it is written or not."""
    if not https and not top.is_empty("upstream_tls") and top.given("upstream_tls"):
        top.refuse("upstream_tls", "is for an upstream of https:// alone")
    with top.section("upstream_tls") as section:
        ca, pair = _read_path(section, "ca", folder), _read_pair(section, folder, needed=False)
        server_name = section.take("server_name", host_name, None)
        verify = section.take("verify", boolean, default=True)
        if not verify and section.given("ca"):
            section.refuse("ca", "goes with verify: true; without, any certificate is taken")
        if not https:
            return None
        files = tuple(path for path in (ca, *(pair or ())) if path is not None)
        try:
            digest = contents(files)
            context = client_context(ca, verify=verify)
            if pair is not None:
                load_pair(context, *pair)
        except Invalid as error:
            _refuse_files(section, error, ca, pair)
            return None
    return UpstreamTls(server_name, verify, files, digest, context)


def _read_others(section: Section, folder: Path) -> list[Certificate | None]:
    node = section.node("certs")
    if node is None or is_null(node) or isinstance(node, Broken):
        return []
    if not isinstance(node, Items) or not node.items:
        section.report.add(node.origin, "must be a list, such as [{cert: a.pem, key: a.key}]")
        return []
    return [_read_item(item, section, folder) for item in node.items]


def _read_item(node: Node, outer: Section, folder: Path) -> Certificate | None:
    if isinstance(node, Table):
        with Section(node, outer.report) as section:
            return _read_certificate(section, folder, needed=True)
    outer.report.add(node.origin, "must be {cert: FILE, key: FILE}")
    return None


def _read_certificate(section: Section, folder: Path, *, needed: bool) -> Certificate | None:
    pair = _read_pair(section, folder, needed=needed)
    if pair is None:
        return None
    try:
        return certificate(*pair)
    except Invalid as error:
        _refuse_files(section, error, None, pair)
        return None


def _read_pair(section: Section, folder: Path, *, needed: bool) -> Pair | None:
    cert, key = _read_path(section, "cert", folder), _read_path(section, "key", folder)
    if needed or section.given("cert") or section.given("key"):
        for name in ("cert", "key"):
            if not section.given(name):
                section.refuse(name, "is missing: TLS needs both cert and key")
    return None if cert is None or key is None else (cert, key)


def _read_path(section: Section, key: str, folder: Path) -> Path | None:
    found = section.take(key, word, None)
    return None if found is None else folder / found


def _refuse_files(section: Section, error: Invalid, ca: Path | None, pair: Pair | None) -> None:
    """Report what is wrong with files at the key that names them; where it is two, at the key."""
    name = "key"
    if error.files == (ca,):
        name = "ca"
    elif pair is not None and error.files == pair[:1]:
        name = "cert"
    section.report.add(section.place(name), str(error), *error.files)


def _refuse_nameless(section: Section, certificates: list[Certificate]) -> None:
    # The first serves whoever asks for no name, or for none of the others.
    for each in certificates[1:]:
        if not each.names:
            message = f"{each.cert} names no host (subjectAltName), so it would never be shown"
            section.report.add(section.place("certs"), message, each.cert)
