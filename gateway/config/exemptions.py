"""Reading ``allow``: what every flag, or one flag, lets through."""

from __future__ import annotations

from gateway.config.addresses import network
from gateway.config.errors import Invalid
from gateway.config.nodes import Node
from gateway.config.scalars import secret, text, word
from gateway.config.section import Read, Section
from gateway.core.flags import Exemptions
from gateway.core.paths import PathPattern, PatternError, compile_path

NEEDS_USER = "needs the flag to have user, such as user: {cookie: uid}"


def read_site_exemptions(section: Section) -> Exemptions:
    """The exemptions from every flag: by path and by address, and by links that ``key`` signs."""
    with section:
        if section.node("users") is not None:
            section.refuse("users", "belongs into a flag's allow: the flag says who a user is")
        return Exemptions(
            paths=section.each("paths", path_pattern(case_sensitive=False)),
            networks=section.each("ips", network),
            key=section.take("key", secret, None),
        )


def read_exemptions(section: Section, *, case_sensitive: bool, knows_users: bool) -> Exemptions:
    """One flag's own exemptions; ``users`` only if the flag says where a user is read."""
    with section:
        users = frozenset(section.each("users", word))
        if users and not knows_users:
            section.refuse("users", NEEDS_USER)
        return Exemptions(
            paths=section.each("paths", path_pattern(case_sensitive=case_sensitive)),
            networks=section.each("ips", network),
            users=users,
            key=section.take("key", secret, None),
        )


def path_pattern(*, case_sensitive: bool) -> Read[PathPattern]:
    def read(node: Node) -> PathPattern:
        try:
            return compile_path(text(node), case_sensitive=case_sensitive)
        except PatternError as error:
            raise Invalid(str(error)) from error

    return read
