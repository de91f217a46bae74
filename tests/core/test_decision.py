"""Decisions: the first flag that holds decides, and everything says why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.core.decision import Forward, Hold, Reason, Refuse, decide, explain, must_ask
from gateway.core.flags import Flag, Mode
from gateway.core.identity import rollout_place, rollout_threshold
from gateway.core.request import Facts
from tests.support.flags import ask, exempt, flag, snapshot, user_flag


def held_by(request: Facts, *flags: Flag) -> str | None:
    decision = decide(request, snapshot(*flags), 0.0)
    return None if isinstance(decision, Forward) else decision.flag


def reason(request: Facts, *flags: Flag) -> Reason:
    """The reason of the last flag; ``decide`` must agree with it."""
    compiled = snapshot(*flags)
    verdicts = explain(request, compiled, 0.0)
    first = next((verdict for verdict in verdicts if verdict.holds), None)
    decision = decide(request, compiled, 0.0)
    if first is None:
        assert decision == Forward(Reason.NO_FLAG_HOLDS)
    else:
        assert decision == Refuse(first.flag, first.reason)
    assert all(verdict.detail for verdict in verdicts)
    return verdicts[-1].reason


def test_no_flag_forwards() -> None:
    assert decide(ask(), snapshot(), 0.0) == Forward(Reason.NO_FLAG_HOLDS)


def test_kill_switch_off_holds_nobody() -> None:
    assert reason(ask(), flag("site", enabled=False)) is Reason.DISABLED
    armed = user_flag("u", users=["bob"], enabled=False, rollout=100, hold_missing=True)
    assert reason(ask(cookie="uid=bob"), armed) is Reason.DISABLED


def test_site_flag_holds_every_request() -> None:
    assert reason(ask("/any"), flag("site")) is Reason.SITE
    assert reason(ask("*", "OPTIONS"), flag("site")) is Reason.SITE


def test_first_flag_that_holds_decides() -> None:
    flags = (
        flag("off", enabled=False),
        flag("docs", "/docs"),
        flag("search", "/search"),
        flag("site"),
    )
    assert held_by(ask("/search"), *flags) == "search"
    assert held_by(ask("/docs"), *flags) == "docs"
    assert held_by(ask("/else"), *flags) == "site"
    assert held_by(ask("/search"), flag("site"), flag("search", "/search")) == "site"


def test_feature_flag_holds_its_paths_alone() -> None:
    assert reason(ask("/search/a"), flag("f", "/search")) is Reason.FEATURE
    assert reason(ask("/searching"), flag("f", "/search")) is Reason.OTHER_PATH


def test_feature_flag_holds_its_hosts_alone() -> None:
    site = flag("f", hosts=["*.example.com", "example.org"])
    assert reason(ask(host="A.example.com:80"), site) is Reason.FEATURE
    assert reason(ask(host="example.org."), site) is Reason.FEATURE
    assert reason(ask(host="example.com"), site) is Reason.OTHER_HOST


def test_feature_flag_holds_its_methods_alone() -> None:
    posts = flag("f", methods=["POST"])
    assert reason(ask(method="POST"), posts) is Reason.FEATURE
    assert reason(ask(method="post"), posts) is Reason.FEATURE
    assert reason(ask(x_http_method_override="POST"), posts) is Reason.FEATURE
    assert reason(ask(), posts) is Reason.OTHER_METHOD
    assert reason(ask(method="HEAD"), flag("f", methods=["get"])) is Reason.FEATURE


def test_all_parts_of_a_scope_must_agree() -> None:
    one = flag("f", "/search", hosts=["a.b"], methods=["POST"])
    assert held_by(ask("/search", "POST", "a.b"), one) == "f"
    assert held_by(ask("/search", "POST", "x.b"), one) is None
    assert held_by(ask("/search", "GET", "a.b"), one) is None
    assert held_by(ask("/x", "POST", "a.b"), one) is None


def test_read_only_lets_reads_pass() -> None:
    writes = flag("writes", mode=Mode.READ_ONLY)
    for method in ("GET", "HEAD", "OPTIONS"):
        assert reason(ask(method=method), writes) is Reason.SAFE_METHOD
    for method in ("POST", "PUT", "PATCH", "DELETE", "get", "CONNECT"):
        assert reason(ask(method=method), writes) is Reason.SITE


def test_read_only_is_not_got_past_by_an_override() -> None:
    writes = flag("writes", mode=Mode.READ_ONLY)
    assert reason(ask(method="POST", x_http_method_override="GET"), writes) is Reason.SITE
    assert reason(ask(x_http_method_override="POST"), writes) is Reason.SITE
    assert reason(ask("/?_method=DELETE"), writes) is Reason.SITE
    assert reason(ask(x_http_method_override="GET"), writes) is Reason.SAFE_METHOD


def test_read_only_lets_no_websocket_through_since_it_may_write() -> None:
    writes = flag("writes", mode=Mode.READ_ONLY)
    assert reason(ask(upgrade="websocket"), writes) is Reason.SITE


def test_exempt_paths_are_those_of_the_flag_and_of_all() -> None:
    site = flag("site", allow=exempt("/ping"))
    everywhere = snapshot(site, allow=exempt("/healthz"))
    for path in ("/ping", "/healthz"):
        assert explain(ask(path), everywhere, 0.0)[0].reason is Reason.EXEMPT_PATH
        assert isinstance(decide(ask(path), everywhere, 0.0), Forward)
    for path in ("/other", "/ping/../other", "/healthz/%2e%2e/other", "/x/../ping"):
        assert isinstance(decide(ask(path), everywhere, 0.0), Refuse)


def test_exempt_address_passes_and_an_unreadable_one_does_not() -> None:
    site = flag("site", allow=exempt(networks=["10.0.0.0/8"]))
    assert reason(ask(client="10.1.2.3"), site) is Reason.EXEMPT_ADDRESS
    assert reason(ask(client="::ffff:10.1.2.3"), site) is Reason.EXEMPT_ADDRESS
    assert reason(ask(client="11.1.2.3"), site) is Reason.SITE
    assert reason(ask(client=""), site) is Reason.SITE


def test_user_flag_holds_only_that_user() -> None:
    one = user_flag("u", users=["bob", "eve"])
    assert reason(ask(cookie="a=1; uid=bob"), one) is Reason.USER_LISTED
    assert reason(ask(cookie="uid=ann; uid=bob"), one) is Reason.USER_LISTED
    assert reason(ask(cookie="uid=ann"), one) is Reason.USER_NOT_LISTED
    assert reason(ask(cookie="uid=Bob"), one) is Reason.USER_NOT_LISTED


def test_user_flag_holds_in_its_scope_alone() -> None:
    one = user_flag("u", "/search", users=["bob"])
    assert held_by(ask("/search", cookie="uid=bob"), one) == "u"
    assert reason(ask("/x", cookie="uid=bob"), one) is Reason.OTHER_PATH


def test_any_source_of_the_identity_holds() -> None:
    one = user_flag("u", sources=[("cookie", "uid"), ("header", "X-User")], users=["bob"])
    assert held_by(ask(x_user="bob"), one) == "u"
    assert held_by(ask(cookie="uid=ann", x_user="bob"), one) == "u"
    assert held_by(ask(cookie="uid=bob", x_user="ann"), one) == "u"


@pytest.mark.parametrize("cookie", ["a=1", "uid=", 'uid=""'])
def test_request_without_identity_is_held_only_if_told(cookie: str) -> None:
    assert (
        reason(ask(cookie=cookie), user_flag("u", users=["bob"], rollout=100)) is Reason.NO_IDENTITY
    )
    assert reason(ask(cookie=cookie), user_flag("u", hold_missing=True)) is Reason.IDENTITY_MISSING
    assert held_by(ask(cookie="uid=bob"), user_flag("u", hold_missing=True)) is None


def test_exempt_user_must_be_one_in_every_reading() -> None:
    one = user_flag("u", users=["bob"], rollout=100, allow=exempt(users=["ops"]))
    assert reason(ask(cookie="uid=ops"), one) is Reason.EXEMPT_USER
    assert reason(ask(cookie="uid=ops; uid=bob"), one) is Reason.USER_LISTED
    assert reason(ask(cookie="uid=ops; uid=eve"), one) is Reason.USER_IN_ROLLOUT
    assert reason(ask(cookie="uid=ann"), one) is Reason.USER_IN_ROLLOUT


def test_rollout_is_sticky_and_counts_any_reading() -> None:
    place = rollout_place("u", "bob") / 2**64 * 100
    inside, outside = user_flag("u", rollout=place + 0.01), user_flag("u", rollout=place - 0.01)
    assert reason(ask(cookie="uid=bob"), inside) is Reason.USER_IN_ROLLOUT
    assert reason(ask(cookie="uid=bob"), outside) is Reason.USER_NOT_LISTED
    assert reason(ask(cookie="uid=%62ob"), inside) is Reason.USER_IN_ROLLOUT
    assert rollout_threshold(place + 0.01) > rollout_place("u", "bob")


def test_order_holds_between_listed_users_and_other_flags() -> None:
    flags = (user_flag("a", users=["bob"]), flag("site"), user_flag("b", users=["eve", "bob"]))
    assert held_by(ask(cookie="uid=bob"), *flags) == "a"
    assert held_by(ask(cookie="uid=eve"), *flags) == "site"
    assert held_by(ask(cookie="uid=eve; uid=bob"), *reversed(flags)) == "b"


def test_target_with_endless_readings_is_held_by_the_first_path_flag() -> None:
    target = b"/x" + b"/a;b//c\\d/../%2e%3f%253b" * 400
    assert held_by(ask(target), flag("a", "/a", hosts=["other.org"]), flag("b", "/b")) == "b"


def test_store_is_asked_in_the_scope_of_a_flag_with_ttl_0() -> None:
    compiled = snapshot(flag("a", "/a"), flag("b", "/b", ttl=0, enabled=False))
    assert compiled.asks
    assert must_ask(ask("/b"), compiled)
    assert must_ask(ask("/x/../%62"), compiled)
    assert not must_ask(ask("/a"), compiled)
    assert not must_ask(ask("/b"), snapshot(flag("b", "/b")))


def test_store_is_asked_whoever_the_request_is_from() -> None:
    listed = user_flag("u", "/u", users=["bob"])
    compiled = snapshot(replace(listed, state=replace(listed.state, ttl=0)))
    assert must_ask(ask("/u"), compiled)
    assert not must_ask(ask("/x", cookie="uid=bob"), compiled)


def test_details_are_sentences_fit_for_a_terminal() -> None:
    compiled = snapshot(flag("f", "/a"), user_flag("u", users=["bob"]))
    request = ask(b"/x%1b[31m\xff", cookie="uid=b%1b\n")
    details = [verdict.detail for verdict in explain(request, compiled, 0.0)]
    assert details[0] == "/x%1b[31m\\udcff is not in /a, however it is read."
    assert all(detail.isprintable() and detail.endswith(".") for detail in details)


def test_detail_names_the_reading_that_holds() -> None:
    (verdict,) = explain(ask("/x/../%53earch/a"), snapshot(flag("f", "/search")), 0.0)
    assert verdict.detail == "The request is in the flag's scope: path /search/a is in /search."


@pytest.mark.parametrize("why", [Reason.SITE, Reason.FEATURE, Reason.USER_LISTED])
def test_flag_in_mode_hold_lets_wait_whom_it_would_refuse(why: Reason) -> None:
    one = {
        Reason.SITE: flag("f"),
        Reason.FEATURE: flag("f", "/search"),
        Reason.USER_LISTED: user_flag("f", users=["eve"]),
    }[why]
    request = ask("/search", cookie="uid=eve")
    assert decide(request, snapshot(one), 0.0) == Refuse("f", why)
    holding = replace(one, state=replace(one.state, mode=Mode.HOLD))
    assert decide(request, snapshot(holding), 0.0) == Hold("f", why)
    (verdict,) = explain(request, snapshot(holding), 0.0)
    assert (verdict.holds, verdict.reason) == (True, why)


def test_the_first_flag_decides_whether_it_lets_wait_or_refuses() -> None:
    waiting, refusing = flag("waiting", mode=Mode.HOLD), flag("refusing")
    assert decide(ask(), snapshot(waiting, refusing), 0.0) == Hold("waiting", Reason.SITE)
    assert decide(ask(), snapshot(refusing, waiting), 0.0) == Refuse("refusing", Reason.SITE)
