"""The index leaves out only what cannot hold: it decides as trying every flag would."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.decision import (
    Forward,
    Hold,
    Reason,
    Refuse,
    Verdict,
    decide,
    explain,
    must_ask,
)
from gateway.core.evidence import Evidence
from gateway.core.flags import (
    Exemptions,
    Flag,
    FlagState,
    Identity,
    IdentitySource,
    Mode,
    Scope,
    Strip,
)
from gateway.core.identity import rollout_place
from gateway.core.outcomes import Decision
from gateway.core.request import Facts
from gateway.core.snapshot import Snapshot
from tests.support.flags import ask, exempt, flag, scope, snapshot, user_flag

PATHS = [
    "/",
    "/a",
    "/A/b",
    "/a/*",
    "/a/**/c",
    "/*",
    "= /a",
    "= /a/b",
    "~ ^/a/?$",
    "~ b",
    "/é",
    "/b",
    "/a.b",
]
HOSTS = ["a.org", "*.a.org", "*", "x-*.a.org", "b.org"]
USERS = ["u", "v", "w", "a b"]
TARGETS = [
    "/",
    "/a",
    "/b",
    "/a/b",
    "/a/x/c",
    "/A/B/c",
    "/a.json",
    "/a/b.xml/",
    "//a",
    "/%61/b",
    "/x/../a",
    "/a;x/b",
    "/%c3%a9",
    "/%C3%89/x",
    "*",
    "/a.b",
    "http://a.org/b",
    "/a/b/c/d/e",
    "/x?/a",
    "/a%2fb",
    "/b/%2e%2e/a",
]

scopes = st.builds(
    lambda paths, hosts, methods: scope(*paths, hosts=hosts, methods=methods),
    st.lists(st.sampled_from(PATHS), max_size=2),
    st.lists(st.sampled_from(HOSTS), max_size=2),
    st.lists(st.sampled_from(["GET", "POST", "PUT"]), max_size=1),
)
allows = st.builds(
    lambda paths, networks, users: exempt(*paths, networks=networks, users=users),
    st.lists(st.sampled_from(PATHS), max_size=1),
    st.lists(st.sampled_from(["10.0.0.0/8", "::/0"]), max_size=1),
    st.lists(st.sampled_from(USERS), max_size=1),
)
states = st.builds(
    FlagState,
    enabled=st.sampled_from([True, True, False]),
    users=st.lists(st.sampled_from(USERS), max_size=2).map(tuple),
    rollout=st.sampled_from([0, 0, 30, 100]),
    ttl=st.sampled_from([0.0, 300.0]),
    mode=st.sampled_from(Mode),
)
identities = st.none() | st.builds(
    Identity,
    st.lists(
        st.sampled_from([IdentitySource("cookie", "uid"), IdentitySource("header", "X-User")]),
        min_size=1,
        max_size=2,
        unique=True,
    ).map(tuple),
    st.sampled_from([False, False, True]),
)
flags = st.builds(
    Flag,
    st.just("name"),
    states,
    scope=scopes,
    identity=identities,
    allow=st.just(Exemptions()) | allows,
    strip=st.just(Strip(("sessionid",))),
)
snapshots = st.builds(
    lambda some, allow: snapshot(
        *(replace(one, name=f"f{i}") for i, one in enumerate(some)), allow=allow
    ),
    st.lists(flags, max_size=7),
    st.just(Exemptions()) | allows,
)
lines = st.sampled_from(
    [
        (b"Cookie", b"uid=u"),
        (b"cookie", b"a=1; uid=%76"),
        (b"Cookie", b"uid=a+b"),
        (b"X-User", b"w, u"),
        (b"X_USER", b'"v"'),
        (b"X-Original-URL", b"/a"),
        (b"X-HTTP-Method-Override", b"PUT"),
        (b"Accept", b"*/*"),
    ]
)
requests = st.builds(
    Facts,
    method=st.sampled_from([b"GET", b"POST", b"HEAD", b"get"]),
    target=st.sampled_from(TARGETS).map(str.encode),
    host=st.sampled_from([b"a.org", b"x.a.org:80", b"X-1.A.org.", b"c.org", b""]),
    fields=st.lists(lines, max_size=3).map(tuple),
    client=st.sampled_from(["10.0.0.1", "::ffff:10.0.0.1", "2001:db8::1", ""]),
)


def in_place(evidence: Evidence, one: Scope, mode: Mode) -> bool:
    """The scope, spelled out."""
    readings = evidence.readings.exact
    named = {method.decode() for method in evidence.methods}
    named |= {"GET"} if "HEAD" in named else set()
    return (
        (
            not one.hosts
            or not evidence.hosts
            or any(p.matches(h) for p in one.hosts for h in evidence.hosts)
        )
        and (
            not one.paths
            or any(p.holds(r.casefold() if p.folds else r) for p in one.paths for r in readings)
        )
        and (not one.methods or bool(named & one.methods))
        and not (mode is Mode.READ_ONLY and evidence.only_reads)
    )


def exempted(evidence: Evidence, allow: Exemptions) -> bool:
    """The exemptions by path and address, spelled out."""
    if all(any(p.strict(r) for p in allow.paths) for r in evidence.readings.exact):
        return True
    if not evidence.request.client:
        return False
    client = ip_address(evidence.request.client)
    return any(
        (getattr(client, "ipv4_mapped", None) or client) in network for network in allow.networks
    )


def holds(evidence: Evidence, one: Flag, allow: Exemptions, snap: Snapshot) -> bool:
    both = Exemptions(
        one.allow.paths + allow.paths,
        one.allow.networks + allow.networks,
        one.allow.users | allow.users,
    )
    if (
        not one.state.enabled
        or not in_place(evidence, one.scope, one.state.mode)
        or exempted(evidence, both)
    ):
        return False
    if one.identity is None:
        return True
    rule = snap.rules[[view.flag for view in snap.views].index(one)]
    assert rule.who is not None
    users = evidence.users(rule.who.readers)
    if not users:
        return one.identity.hold_missing
    if both.users and users <= rule.who.exempt:
        return False
    return any(
        user in one.state.users or rollout_place(one.name, user) / 2**64 * 100 < one.state.rollout
        for user in users
    )


def naive(request: Facts, snap: Snapshot, allow: Exemptions) -> str | tuple[str, ...]:
    """Try every flag in order: the first that holds, or else all that apply."""
    evidence = Evidence(request)
    about = [view.flag for view in snap.views if holds(evidence, view.flag, allow, snap)]
    going_on = tuple(flag.name for flag in about if flag.state.mode.lets_go_on)
    return next((flag.name for flag in about if flag.name not in going_on), going_on)


def name_of(decision: Decision) -> str | tuple[str, ...]:
    return decision.applying if isinstance(decision, Forward) else decision.flag


def outcome(verdicts: list[Verdict], snap: Snapshot) -> Decision:
    """What the first flag that holds comes to, or else all that apply."""
    first = next((verdict for verdict in verdicts if verdict.holds), None)
    view = snap.view(first.flag) if first else None
    if first is None or view is None:
        beside = [one for one in verdicts if one.reason in {Reason.NOTICE, Reason.ANONYMOUS}]
        return Forward(Reason.NO_FLAG_HOLDS, tuple(one.flag for one in beside))
    kind = Hold if view.state.mode is Mode.HOLD else Refuse
    return kind(first.flag, first.reason)


@settings(max_examples=400)
@given(st.lists(flags, max_size=7), st.just(Exemptions()) | allows, requests)
def test_index_decides_as_trying_every_flag_does(
    some: list[Flag], allow: Exemptions, request: Facts
) -> None:
    snap = snapshot(*(replace(one, name=f"f{i}") for i, one in enumerate(some)), allow=allow)
    assert name_of(decide(request, snap, 0.0)) == naive(request, snap, allow)


@settings(max_examples=300)
@given(snapshots, requests)
def test_decision_is_the_first_verdict_that_holds(snap: Snapshot, request: Facts) -> None:
    verdicts = explain(request, snap, 0.0)
    assert decide(request, snap, 0.0) == outcome(verdicts, snap)
    assert [verdict.flag for verdict in verdicts] == [view.flag.name for view in snap.views]


@settings(max_examples=200)
@given(snapshots, requests)
def test_store_is_asked_where_any_scope_with_ttl_0_is(snap: Snapshot, request: Facts) -> None:
    evidence = Evidence(request)
    expected = any(
        rule.place.outside(evidence) is None
        for rule, view in zip(snap.rules, snap.views, strict=True)
        if view.state.ttl == 0
    )
    assert must_ask(request, snap) == expected


@settings(max_examples=100)
@given(
    st.lists(
        st.tuples(st.sampled_from(["u", "v", "w"]), st.sampled_from(["/a", "/b"])),
        min_size=20,
        max_size=30,
    ),
    st.lists(flags, max_size=2),
    requests,
)
def test_many_user_flags_decide_in_order(
    listed: list[tuple[str, str]], others: list[Flag], request: Facts
) -> None:
    sources = (("cookie", "uid"), ("header", "X-User"))
    many = [user_flag("u", path, users=[user], sources=sources) for user, path in listed]
    mixed = [*many[:12], *others, *many[12:]]
    snap = snapshot(*(replace(one, name=f"f{i}") for i, one in enumerate(mixed)))
    assert name_of(decide(request, snap, 0.0)) == naive(request, snap, Exemptions())


def test_flags_that_cannot_hold_anybody_are_not_in_the_index() -> None:
    assert (
        snapshot(
            flag("site", enabled=False), user_flag("u"), user_flag("v", users=["a"], enabled=False)
        ).holding
        is None
    )
    assert snapshot(user_flag("u", rollout=1)).holding is not None
    assert snapshot(user_flag("u", hold_missing=True)).holding is not None


def test_thousand_flags_are_found_by_what_the_request_shows() -> None:
    paths = [flag(f"p{i}", f"/api/p{i}") for i in range(1000)]
    hosts = [flag(f"h{i}", hosts=[f"h{i}.org", f"*.h{i}.org"]) for i in range(1000)]
    users = [user_flag(f"u{i}", users=[f"user{i}"]) for i in range(1000)]
    index = snapshot(*paths, *hosts, *users).holding
    assert index is not None
    request = ask("/api/p7", host="a.h9.org", cookie="uid=user3")
    assert name_of(index.decide(Evidence(request))) == "p7"
    buckets = index._buckets(Evidence(request))
    assert sum(len(bucket.rules) for bucket in buckets) == 2
    assert name_of(decide(ask("/x", cookie="uid=user3"), snapshot(*users), 0.0)) == "u3"
