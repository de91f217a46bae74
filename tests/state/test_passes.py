"""Passes: signed with a key, for one flag and a while; what makes one worth nothing, everywhere."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest
from itsdangerous import URLSafeSerializer

from gateway.config.settings import Secret, Settings
from gateway.core.flags import Exemptions
from gateway.core.gated import GatedRule
from gateway.core.overrides import Override
from gateway.core.passes import Gate, Pass, Shown, revocation_key, revoked
from gateway.core.snapshot import Snapshot
from gateway.state.live import LiveState
from gateway.state.passes import LONGEST_TOKEN, Passes
from gateway.stores.base import StoredState, StoreError
from gateway.stores.memory import MemoryStore
from tests.state.stage import ON, SETTINGS, Clock, FlakyStore
from tests.support.flags import flag

KEY = Secret("k3y-of-links")
KEYED = replace(SETTINGS, allow=Exemptions(key=KEY))


def keyed(key: str | None) -> Settings:
    return replace(SETTINGS, allow=Exemptions(key=key))


def gate_of(snapshot: Snapshot, name: str = "site") -> Gate:
    rule = snapshot.rule(name)
    assert isinstance(rule, GatedRule)
    return rule.gate


def gate(clock: Clock, name: str = "site", key: str = KEY, **overrides: Override) -> Gate:
    stored = {revocation_key(each): override for each, override in overrides.items()}
    found = Passes(clock).gates(key, stored)(flag(name))
    assert found is not None
    return found


def cookies(*values: str, name: str = "site") -> list[tuple[bytes, bytes]]:
    return [(b"Cookie", f"a=b; maintenance-bypass.{name}={value}".encode()) for value in values]


def test_token_opens_its_flag_until_it_expires(clock: Clock) -> None:
    token, made = gate(clock).issue(7200)

    assert gate(clock).opened_by(token.encode()) == made
    assert gate(clock).shown(cookies(token)) is Shown.VALID
    assert made.expires == clock.now + 7200
    clock.now += 7199
    assert gate(clock).shown(cookies(token)) is Shown.VALID
    clock.now += 1
    assert gate(clock).shown(cookies(token)) is Shown.VOID


def test_token_expires_where_it_was_valid_and_is_remembered(clock: Clock) -> None:
    remembering = gate(clock)
    token, _ = remembering.issue(60)

    assert remembering.shown(cookies(token)) is Shown.VALID
    clock.now += 60
    assert remembering.shown(cookies(token)) is Shown.VOID


def test_token_of_another_flag_or_key_is_none(clock: Clock) -> None:
    passes = Passes(clock)
    token, _ = gate(clock).issue(60)

    for name, key in (("search", KEY), ("site", "another"), ("sit", KEY)):
        other = passes.gates(key, {})(flag(name))
        assert other is not None
        assert other.opened_by(token.encode()) is None
    own = flag("site", allow=Exemptions(key="the flag's own"))
    owned = passes.gates(KEY, {})(own)
    assert owned is not None
    assert owned.opened_by(token.encode()) is None
    assert passes.gates(None, {})(flag("site")) is None


def test_no_change_of_a_token_is_valid(clock: Clock) -> None:
    token, _ = gate(clock).issue(60)
    opened = gate(clock).opened_by

    for at in range(len(token)):
        for other in ("A", "_", "."):
            if token[at] != other and not _same(token, at, other):
                assert opened((token[:at] + other + token[at + 1 :]).encode()) is None
        assert opened(token[:at].encode()) is None
    for odd in (b"", b".", b"\xff", b"x" * 5000, b"." * LONGEST_TOKEN):
        assert opened(odd) is None


@pytest.mark.parametrize(
    "more", [b" ", b"=", b";", b"\r\n", b"=\r\nSet-Cookie: a=b", b"=; Domain=b"]
)
def test_a_token_with_anything_behind_it_is_none(clock: Clock, more: bytes) -> None:
    token, _ = gate(clock).issue(60)

    assert gate(clock).opened_by(token.encode() + more) is None


def _same(token: str, at: int, other: str) -> bool:
    # The last letter of base64 has bits that are not read.
    changed = (token[:at] + other + token[at + 1 :]).split(".")
    parts = zip(changed, token.split("."), strict=False)
    return len(changed) == 2 and all(_bytes(one) == _bytes(two) for one, two in parts)


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.mark.parametrize("says", [[], ["a", 0], ["a", "b", "c"], {}, "text", 7, [None] * 3, None])
def test_what_another_program_signed_with_the_key_is_none(clock: Clock, says: object) -> None:
    for salt in (b"maintenance-bypass\0site", b"itsdangerous"):
        signed = URLSafeSerializer(KEY, salt=salt).dumps(says)
        assert gate(clock).opened_by(str(signed).encode()) is None


def test_cookie_is_found_on_any_line_and_of_several_one_is_enough(clock: Clock) -> None:
    token, _ = gate(clock).issue(60)
    opened = gate(clock).shown

    assert opened(cookies("stale", token)) is Shown.VALID
    assert opened([(b"cOOkie", f"maintenance-bypass.site={token};a=b".encode())]) is Shown.VALID
    assert opened(cookies("stale")) is Shown.VOID
    for line in (f"xmaintenance-bypass.site={token}", f"maintenance-bypass.sit={token}", ""):
        assert opened([(b"Cookie", line.encode())]) is Shown.NOTHING
    assert opened([(b"Cookies", f"maintenance-bypass.site={token}".encode())]) is Shown.NOTHING


def test_no_more_cookies_are_tried_than_a_browser_may_have_kept(clock: Clock) -> None:
    token, _ = gate(clock).issue(60)

    assert gate(clock).shown(cookies(*"123", token)) is Shown.VALID
    assert gate(clock).shown(cookies(*"1234", token)) is Shown.VOID


def test_what_one_of_two_histories_has_revoked_is(clock: Clock) -> None:
    token, made = gate(clock).issue(60)
    key = revocation_key("site")
    one = {key: revoked(None, made.id, now=0.0, by="ann")}

    for histories in ((one, {}), ({}, one)):
        both = Passes(clock).gates(KEY, *histories)(flag("site"))
        assert both is not None
        assert both.opened_by(token.encode()) is None


def test_token_tells_nothing_but_what_a_pass_is(clock: Clock) -> None:
    token, made = gate(clock).issue(60)

    assert json.loads(_bytes(token.split(".")[0])) == [made.id, made.round, made.expires]
    assert len(token) <= LONGEST_TOKEN // 2
    assert KEY not in token
    assert KEY not in repr(gate(clock))


async def test_revoking_is_durable_and_outlives_flips_resets_and_edits(
    clock: Clock, store: FlakyStore
) -> None:
    live = LiveState(KEYED, store, clock=clock, monotonic=clock, environ={})
    await live.start()
    before = gate_of(live.snapshot)
    token, _ = before.issue(600)
    revision = live.snapshot.revision

    after = await live.revoke_passes("site", None, by="ann", reason="left")

    assert after.revision == revision + 1
    assert gate_of(after).opened_by(token.encode()) is None
    newer, _ = gate_of(after).issue(600)
    await live.flip("site", ON, by="ann")
    await live.reset("site", by="ann")
    await live.close()
    again = LiveState(
        replace(KEYED, ttl=7.0, flags=(*KEYED.flags, flag("more"))),
        store,
        clock=clock,
        monotonic=clock,
        environ={},
    )
    await again.start()
    assert gate_of(again.snapshot).opened_by(token.encode()) is None
    assert gate_of(again.snapshot).opened_by(newer.encode()) is not None
    entry = next(each for each in await again.audit() if each.action == "revoke")
    assert (entry.by, entry.flag, entry.reason) == ("ann", "site", "left")
    await again.close()


async def test_a_revocation_that_cannot_be_stored_changes_nothing(
    clock: Clock, store: FlakyStore
) -> None:
    live = LiveState(KEYED, store, clock=clock, monotonic=clock, environ={})
    await live.start()
    token, _ = gate_of(live.snapshot).issue(600)
    store.broken = True

    with pytest.raises(StoreError):
        await live.revoke_passes("site", None, by="ann")

    assert isinstance(gate_of(live.snapshot).opened_by(token.encode()), Pass)
    store.broken = False
    await live.close()


async def test_another_key_is_another_yaml_so_that_drains_wait_until_all_have_it(
    clock: Clock,
) -> None:
    digests = set()
    for key in (None, "one", "two"):
        live = LiveState(keyed(key), MemoryStore(), clock=clock, monotonic=clock, environ={})
        digests.add(live.definitions)
    assert len(digests) == 3


async def test_one_member_s_revocation_is_followed_by_another(
    clock: Clock, store: FlakyStore
) -> None:
    one, other = (
        LiveState(KEYED, store, clock=clock, monotonic=clock, environ={}) for _ in range(2)
    )
    await one.start()
    token, _ = gate_of(one.snapshot).issue(600)
    await other.start()
    assert gate_of(other.snapshot).opened_by(token.encode()) is not None

    await one.revoke_passes("site", None, by="ann")

    assert gate_of(await other.fresh()).opened_by(token.encode()) is None
    assert isinstance(await store.read(), StoredState)
    await other.close()
    await one.close()
