"""Reading ``flags``: each one's scope, who it holds, how, and what contradicts itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from gateway.config.addresses import host_pattern
from gateway.config.applying import read_notice, read_strip
from gateway.config.errors import Report
from gateway.config.exemptions import NEEDS_USER, path_pattern, read_exemptions
from gateway.config.holding import read_hold
from gateway.config.identities import read_identity
from gateway.config.nodes import Node, Table
from gateway.config.pages import read_page
from gateway.config.scalars import (
    boolean,
    choice,
    duration,
    percentage,
    positive_duration,
    text,
    token_text,
    word,
)
from gateway.config.section import Section, is_null
from gateway.config.triggers import read_source
from gateway.config.windows import read_flag_window
from gateway.core.flags import Flag, FlagState, HoldTerms, Mode, Page, Scope
from gateway.core.methods import SAFE_METHODS

LONGEST_NAME = 64


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a flag takes from the site: the ttl in seconds, the folder of templates, the terms."""

    ttl: float
    folder: Path
    hold: HoldTerms


def read_flags(top: Section, defaults: Defaults) -> tuple[Flag, ...]:
    """The flags in the order written; without the key, one for the whole site: ``site``."""
    node = top.node("flags")
    if node is None or is_null(node):
        state = FlagState(enabled=False, ttl=defaults.ttl, ttl_inherited=True)
        return (Flag("site", state, hold=defaults.hold),)
    if not isinstance(node, Table):
        top.section("flags")  # reports the wrong type
        return ()
    for name, inner in node.entries.items():
        if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
            top.report.add(inner.origin, _NAMES)
    return tuple(
        read_flag(name, inner, defaults, top.report) for name, inner in node.entries.items()
    )


def read_flag(name: str, node: Node, defaults: Defaults, report: Report) -> Flag:
    """One flag; whatever is wrong with it is reported, and stands at its default."""
    with _flag_section(node, report) as section:
        case_sensitive = section.take("case_sensitive", boolean, default=False)
        scope = _read_scope(section, case_sensitive=case_sensitive)
        page = read_page(section.section("page"), defaults.folder)
        identity = read_identity(section)
        flag = Flag(
            name=name,
            state=_read_state(section, defaults, page),
            description=section.take("description", text, ""),
            scope=scope,
            identity=identity,
            allow=read_exemptions(
                section.section("allow"),
                case_sensitive=case_sensitive,
                knows_users=section.given("user"),
            ),
            page=page,
            strict=section.take("strict", boolean, default=False),
            hold=read_hold(section.section("hold"), defaults.hold),
            notice=read_notice(section.section("notice")),
            strip=read_strip(section.section("strip")),
            trigger=read_source(section, defaults.folder, case_sensitive=case_sensitive),
            longest=section.take("max", positive_duration, None),
        )
        _refuse_contradictions(section, flag)
    return flag


def _flag_section(node: Node, report: Report) -> Section:
    if isinstance(node, Table):
        return Section(node, report)
    # ``site:`` with nothing after it is a flag without keys, as ``site: {}`` is.
    outer = Section(Table(node.origin, {"": node}), report)
    outer.section("")
    return Section(Table(node.origin), report)


def _read_scope(section: Section, *, case_sensitive: bool) -> Scope:
    scope = Scope(
        hosts=section.each("hosts", host_pattern),
        paths=section.each("paths", path_pattern(case_sensitive=case_sensitive)),
        methods=frozenset(method.upper() for method in section.each("methods", token_text)),
    )
    for key in ("hosts", "paths", "methods"):
        # A list whose last entry was commented out must not come to mean the whole site.
        if section.is_empty(key):
            section.refuse(key, "is empty; leave the key out if it is not to restrict the flag")
    return scope


def _read_state(section: Section, defaults: Defaults, page: Page) -> FlagState:
    own = {"page.message": page.message, "page.retry_after": page.retry_after}
    page_keys = frozenset(key for key, value in own.items() if value is not None)
    return FlagState(
        enabled=section.take("enabled", boolean, default=section.given("user")),
        users=tuple(dict.fromkeys(section.each("users", word))),
        rollout=section.take("rollout", percentage, 0.0),
        ttl=section.take("ttl", duration, defaults.ttl),
        mode=section.take("mode", choice(Mode), Mode.UNAVAILABLE),
        message=page.message,
        retry_after=page.retry_after,
        window=read_flag_window(section),
        ttl_inherited=not section.given("ttl"),
        written=frozenset(key for key in _STATE_KEYS if section.given(key)) | page_keys,
    )


def _refuse_contradictions(section: Section, flag: Flag) -> None:
    if not section.given("user"):
        needs_user = {"users": flag.state.users, "rollout": flag.state.rollout}
        for key, value in needs_user.items():
            if value:
                section.refuse(key, NEEDS_USER)
    for key in ("enabled", "window"):
        if section.given("source") and section.given(key):
            section.refuse(key, "is for source to say; leave one of the two out")
    methods = flag.scope.methods
    if flag.state.mode is Mode.READ_ONLY and methods and methods <= SAFE_METHODS:
        message = "read-only lets GET, HEAD and OPTIONS pass: with these methods it holds nothing"
        section.refuse("mode", message)
    if flag.state.mode is Mode.ANONYMOUS and (
        not section.given("strip") or section.is_empty("strip")
    ):
        section.refuse("mode", "anonymous needs strip, such as strip: {cookies: [sessionid]}")


# Not "." and "..", which a URL would swallow, nor "-x", which a command line would.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_NAMES = (
    "a flag's name is of letters, digits, dots, hyphens and underscores, "
    f"starts with no dot or hyphen, and is at most {LONGEST_NAME} long"
)
_STATE_KEYS = ("enabled", "users", "rollout", "ttl", "mode", "window", "source")
