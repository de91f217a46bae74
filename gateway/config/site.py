"""Reading the whole document: the top-level keys, and what contradicts what."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

from gateway.config.access_log import read_access_log
from gateway.config.addresses import collide, is_local, listen, network, origin, upstream
from gateway.config.control import read_control
from gateway.config.errors import Invalid, Report
from gateway.config.exemptions import read_site_exemptions
from gateway.config.flags import Defaults, read_flags
from gateway.config.holding import read_hold
from gateway.config.nodes import Node, Scalar, Table
from gateway.config.pages import read_page
from gateway.config.passed import Passed, refuse_passed
from gateway.config.redis_address import REDIS_SCHEMES, parse_redis_address, redis_files
from gateway.config.scalars import choice, duration, integer, positive_duration, text
from gateway.config.section import Read, Section
from gateway.config.settings import (
    DEFAULT_LISTEN,
    Address,
    Drain,
    Limits,
    OnAppDown,
    Settings,
    Timeouts,
)
from gateway.config.tls import read_tls, read_upstream_tls
from gateway.config.toggle import refuse_toggle
from gateway.config.webhooks import read_webhooks
from gateway.core.flags import HoldTerms


def read_settings(
    root: Table, path: Path | None, report: Report, passed: Passed | None = None
) -> Settings:
    """Every key of the document. What is wrong is reported; only then is the value a filler."""
    folder = path.absolute().parent if path else Path.cwd()
    with Section(root, report) as top:
        _pass_over_anchors(top)
        hold = read_hold(top.section("hold"), HoldTerms())
        defaults = Defaults(ttl=top.take("ttl", duration, 300.0), folder=folder, hold=hold)
        app = _read_upstream(top, path)
        flags = read_flags(top, defaults)
        settings = Settings(
            upstream=app,
            upstream_tls=read_upstream_tls(top, folder, https=app.tls),
            listen=top.take("listen", listen, DEFAULT_LISTEN),
            listen_mode=top.take("listen_mode", _mode, None),
            tls=read_tls(top, folder),
            proxy_protocol=top.each("proxy_protocol", network),
            workers=top.take("workers", _workers, 1),
            trusted_proxies=top.each("trusted_proxies", network),
            timeouts=_read_timeouts(top.section("timeouts")),
            limits=_read_limits(top.section("limits")),
            control=read_control(top.section("control")),
            store=top.take("store", _store(folder), f"sqlite:{folder / 'gateway.db'}"),
            ttl=defaults.ttl,
            drain=_read_drain(top.section("drain")),
            on_app_down=top.take("on_app_down", choice(OnAppDown), OnAppDown.ERROR),
            hold=hold,
            allow=read_site_exemptions(top.section("allow")),
            page=read_page(top.section("page"), folder, of_site=True),
            cors_origins=_read_cors(top.section("cors")),
            access_log=read_access_log(top, folder),
            flags=flags,
            webhooks=read_webhooks(top, [flag.name for flag in flags]),
            path=path,
        )
        _refuse_contradictions(top, settings)
        if passed is not None:
            refuse_passed(top, settings, passed)
    return settings


def _read_upstream(top: Section, path: Path | None) -> Address:
    if not top.given("upstream") and path is None:
        top.report.add(replace(top.origin, path="GATEWAY_UPSTREAM"), _NO_FILE)
    elif not top.given("upstream"):
        top.refuse("upstream", "is missing: where the app is, such as http://127.0.0.1:8000")
    return top.take("upstream", upstream, Address())


def _read_timeouts(section: Section) -> Timeouts:
    usual = Timeouts()
    with section:
        return Timeouts(
            connect=section.take("connect", positive_duration, usual.connect),
            response=section.take("response", positive_duration, usual.response),
            idle=section.take("idle", positive_duration, usual.idle),
            header=section.take("header", positive_duration, usual.header),
            body=section.take("body", positive_duration, usual.body),
            linger=section.take("linger", duration, usual.linger),
            shutdown=section.take("shutdown", duration, usual.shutdown),
        )


def _read_drain(section: Section) -> Drain:
    usual = Drain()
    with section:
        return Drain(
            grace=section.take("grace", duration, usual.grace),
            orphans=section.take("orphans", duration, usual.orphans),
        )


def _read_limits(section: Section) -> Limits:
    usual = Limits()
    with section:
        return Limits(
            connections=section.take("connections", integer(1, 1_000_000), usual.connections),
            header_bytes=section.take("header_bytes", integer(512, 1 << 20), usual.header_bytes),
            body_bytes=section.take("body_bytes", integer(0, 1 << 50), usual.body_bytes),
            body_rate=section.take("body_rate", integer(0, 1 << 30), usual.body_rate),
        )


def _mode(node: Node) -> int:
    # YAML 1.1 has octal numbers, and nodes do not: 0660 is the text that it is.
    found = text(node)
    if not re.fullmatch(r"0?[0-7]{3}", found, re.ASCII):
        raise Invalid("must be permissions in octal, such as 0660")
    return int(found, 8)


def _workers(node: Node) -> int:
    if isinstance(node, Scalar) and node.value == "auto":
        return _cores()
    try:
        return integer(0, 1024)(node) or _cores()
    except Invalid as error:
        raise Invalid(f"{error}, or auto: one for each core") from error


def _cores() -> int:
    # Those that this process may run on, where the system tells.
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed is not None else os.cpu_count() or 1


def _store(folder: Path) -> Read[str]:
    def read(node: Node) -> str:
        found = text(node)
        kind, colon, rest = found.partition(":")
        if kind in REDIS_SCHEMES and colon:
            return _redis(found)
        if found in {"memory", "memory:"}:  # a bare "memory:" is a mapping to YAML
            return "memory:"
        if kind != "sqlite" or not rest.strip() or not rest.isprintable():
            raise Invalid("must be sqlite:PATH, redis://HOST:PORT or memory")
        return f"sqlite:{folder / rest}"

    return read


def _redis(url: str) -> str:
    try:
        address = parse_redis_address(url)
    except ValueError as error:
        raise Invalid(str(error)) from error
    for path in redis_files(address):
        try:
            path.read_bytes()
        except OSError as error:
            raise Invalid(f"names a file that cannot be read: {error.strerror}") from error
    return url


def _read_cors(section: Section) -> tuple[str, ...]:
    with section:
        return tuple(dict.fromkeys(section.each("origins", origin)))


def _pass_over_anchors(top: Section) -> None:
    for key in top.names():
        if key.startswith("x-"):  # a place for anchors, as in Compose files
            top.node(key)


def _refuse_contradictions(top: Section, settings: Settings) -> None:
    control = settings.control.listen
    if control is not None and collide(settings.listen, control):
        where = "listen" if top.given("listen") else "control"
        top.refuse(where, "listen and control.listen are the same; choose another port for one")
    refuse_toggle(top.section("control"), settings)
    if settings.listen_mode is not None and settings.listen.path is None:
        top.refuse("listen_mode", "is for listen: unix:/path alone")
    if settings.store == "memory:" and settings.workers > 1:
        where = "store" if top.given("store") else "workers"
        top.refuse(where, "memory is one process's own; for several workers say sqlite:PATH")
    for listener in filter(None, (settings.listen, control)):
        if _points_at(settings.upstream, listener):
            top.refuse("upstream", "is the gateway's own address: it would call itself")


def _points_at(target: Address, listener: Address) -> bool:
    return (target.path is not None or is_local(target)) and collide(target, listener)


_NO_FILE = (
    "is not set: where the app is, such as http://127.0.0.1:8000; "
    "or `gateway init` writes a config.yaml to start from"
)
