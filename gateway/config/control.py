"""Reading ``control``: where the control API listens, and who may call it."""

from __future__ import annotations

import hmac

from gateway.config.addresses import host_pattern, is_local, listen
from gateway.config.errors import Invalid
from gateway.config.nodes import Node, Table
from gateway.config.scalars import choice, secret
from gateway.config.section import Section, is_null
from gateway.config.settings import Address, Control, Role, Token
from gateway.config.toggle import public_path, read_toggle
from gateway.core.paths import HostPattern

# The name that control.token goes by in the audit.
UNNAMED = "operator"


def read_control(section: Section) -> Control:
    with section:
        control = Control(
            listen=_read_listen(section),
            tokens=(*_read_token(section), *_read_tokens(section)),
            metrics_token=section.take("metrics_token", secret, None),
            hosts=section.each("hosts", _own_host),
            path=section.take("path", public_path, None),
            toggle=read_toggle(section),
        )
        _refuse_open(section, control)
        _refuse_ambiguous(section, control)
    return control


def _read_listen(section: Section) -> Address | None:
    # Absent is the default, but null says that there is to be no control listener.
    node = section.node("listen")
    if node is not None and is_null(node):
        return None
    return section.take("listen", listen, Control().listen)


def _own_host(node: Node) -> HostPattern:
    found = host_pattern(node)
    if not found.key:
        raise Invalid("would be the name of any page's host as well; write names out")
    return found


def _read_token(section: Section) -> tuple[Token, ...]:
    found = section.take("token", secret, None)
    return (Token(UNNAMED, found, Role.OPERATOR),) if found else ()


def _read_tokens(section: Section) -> tuple[Token, ...]:
    node = section.node("tokens")
    if not isinstance(node, Table):
        section.section("tokens")  # reports the wrong type
        return ()
    named = [_named_token(name, inner, section) for name, inner in node.entries.items()]
    return tuple(token for token in named if token is not None)


def _named_token(name: str, node: Node, outer: Section) -> Token | None:
    if not isinstance(node, Table):
        outer.report.add(node.origin, "must be {token: ..., role: viewer or operator}")
        return None
    if not name.isprintable() or not name.strip():
        outer.report.add(node.origin, "must have a name of printable characters")
    with Section(node, outer.report) as section:
        found = section.take("token", secret, None)
        role = section.take("role", choice(Role), Role.VIEWER)
        if not section.given("token"):
            section.refuse("token", "is missing")
    return Token(name, found, role) if found else None


def _refuse_open(section: Section, control: Control) -> None:
    exposed = control.listen is not None and not is_local(control.listen)
    # A wrong token has its own error; an absent one and an empty list of them are what counts.
    tokens = section.given("token") or (section.given("tokens") and not section.is_empty("tokens"))
    if exposed and not tokens:
        passed = control.listen is not None and control.listen.passed is not None
        where = "a socket of systemd's" if passed else "not loopback"
        message = f"is {where}, so it needs control.token: anybody could flip the flags"
        section.refuse("listen", message)
    if control.path is not None and not tokens:
        message = "is on the public port, so it needs control.token: anybody could flip the flags"
        section.refuse("path", message)


def _refuse_ambiguous(section: Section, control: Control) -> None:
    """Two names for one secret: nobody could say who did what, or with which role."""
    for at, token in enumerate(control.tokens):
        for other in control.tokens[:at]:
            if hmac.compare_digest(token.secret, other.secret):
                section.refuse("tokens", f"{token.name} has the same token as {other.name}")
            if token.name == other.name:
                section.refuse(
                    "tokens", f"{token.name} is the name of control.token; choose another"
                )
        if control.toggle is not None and hmac.compare_digest(token.secret, control.toggle.key):
            section.refuse("toggle", f"has the token of {token.name} as its key")
