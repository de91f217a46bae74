"""What of an edit takes effect while running."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest

from gateway.config.settings import (
    AccessLog,
    Address,
    Control,
    Limits,
    Role,
    Secret,
    Timeouts,
    Token,
)
from gateway.core.flags import Exemptions, Page, Scope
from gateway.core.paths import compile_path
from gateway.state.definitions import definitions_digest, settle
from tests.state.stage import SETTINGS, SITE, USER


@pytest.mark.parametrize(
    "edit",
    [
        {"flags": (USER,)},
        {"ttl": 5.0},
        {"allow": Exemptions(networks=(ip_network("10.0.0.0/8"),))},
        {"page": Page(title="Back soon")},
        {"trusted_proxies": (ip_network("127.0.0.1/32"),)},
        {"timeouts": Timeouts(response=5.0)},
        {"limits": Limits(connections=5)},
        {"control": Control(tokens=(Token("ci", Secret("s"), Role.OPERATOR),))},
    ],
)
def test_most_keys_take_effect_at_once(edit: dict[str, Any]) -> None:
    loaded = replace(SETTINGS, **edit)
    settled = settle(SETTINGS, loaded)
    assert (settled.settings, settled.notices) == (loaded, ())


@pytest.mark.parametrize(
    "edit",
    [
        {"upstream": Address("127.0.0.1", 8001)},
        {"listen": Address("127.0.0.1", 1)},
        {"proxy_protocol": (ip_network("10.0.0.0/8"),)},
        {"listen_mode": 0o660},
        {"workers": 2},
        {"store": "sqlite:other.db"},
        {"access_log": AccessLog(None)},
    ],
)
def test_what_was_bound_at_the_start_waits_for_a_restart(edit: dict[str, Any]) -> None:
    settled = settle(SETTINGS, replace(SETTINGS, flags=(USER,), **edit))
    assert settled.settings == replace(SETTINGS, flags=(USER,))
    assert [notice.path for notice in settled.notices] == list(edit)
    assert "restart" in str(settled.notices[0])


def test_tokens_never_leave_an_address_that_needs_them() -> None:
    guarded = Control(Address("0.0.0.0", 9090), (Token("ci", Secret("s"), Role.OPERATOR),))  # noqa: S104
    running = replace(SETTINGS, control=guarded)
    settled = settle(running, SETTINGS)
    assert settled.settings.control == guarded
    assert [notice.path for notice in settled.notices] == ["control.listen"]


def test_equal_definitions_have_one_digest() -> None:
    def settings() -> object:
        methods = frozenset({"GET", "POST", "PUT", "DELETE", "PATCH"})
        scope = Scope(paths=(compile_path("/search"),), methods=methods)
        return replace(SETTINGS, flags=(SITE, replace(USER, scope=scope)))

    assert definitions_digest(settings()) == definitions_digest(settings())


@pytest.mark.parametrize(
    "flag",
    [
        replace(SITE, name="other"),
        replace(SITE, description="x"),
        replace(SITE, scope=Scope(paths=(compile_path("/search"),))),
        replace(SITE, scope=Scope(paths=(compile_path("/search", case_sensitive=True),))),
        replace(SITE, allow=Exemptions(networks=(ip_network("10.0.0.0/8"),))),
        replace(SITE, state=replace(SITE.state, ttl=5.0)),
    ],
)
def test_other_definitions_have_another(flag: Any) -> None:
    digests = {
        definitions_digest(replace(SETTINGS, flags=flags))
        for flags in [(SITE,), (flag,), (SITE, flag), (flag, SITE)]
    }
    assert len(digests) == 4


def test_exemptions_of_the_whole_site_are_part_of_it() -> None:
    allow = Exemptions(networks=(ip_network("10.0.0.0/8"),))
    assert definitions_digest(SETTINGS) != definitions_digest(replace(SETTINGS, allow=allow))
