"""Real frameworks are asked what they make of a request; the gateway must hold whatever one
of them takes to be in scope, and may exempt only what all of them take to be exempt."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.scope.corpus import FIELDS, HOSTS, USERS, all_targets, mutants
from tests.scope.judge import (
    ALL_BUT_HELP,
    HOST,
    SEARCH,
    Verdict,
    all_but_ops,
    judge,
    listed,
)
from tests.scope.servers import NAMES, Said, Server, missing, serve

SOURCES = {"cookie": ("cookie", "uid"), "header": ("header", "X-User-Id")}


@pytest.fixture(scope="module", params=NAMES)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    if reason := missing(request.param):
        pytest.skip(reason)
    with serve(request.param, tmp_path_factory.mktemp("scope")) as server:
        yield server


def all_said(server: Server, target: bytes, verdict: Verdict, *lines: bytes) -> list[Said]:
    """What the app says when it is asked straight, and by what the gateway makes of it."""
    said = [server.ask(target, *lines)]
    rewritten = verdict.sent and not verdict.sent.startswith(b"GET " + target + b" ")
    return [*said, server.send(verdict.sent)] if rewritten else said


def test_whatever_the_app_takes_for_search_is_held(server: Server) -> None:
    reached = 0
    for target in (*all_targets(), *mutants(1, 40)):
        verdict = judge(SEARCH, target)
        pages = {said.page for said in all_said(server, target, verdict)}
        reached += "search" in pages
        assert "search" not in pages or verdict.word != "forwarded", target
    assert reached > 10


def test_what_is_exempt_reaches_the_exempt_page_alone(server: Server) -> None:
    exempted = 0
    for target in (*all_targets(), *mutants(2, 40)):
        verdict = judge(ALL_BUT_HELP, target)
        if verdict.word != "exempt":
            continue
        exempted += 1
        # An app may have no page for something odd below ``/help``; that is exempt still.
        below = verdict.sent.startswith(b"GET /help/")
        assert server.send(verdict.sent).page in {"help", "-", "other" if below else "help"}, target
    assert exempted > 3


def test_field_that_moves_the_target_moves_no_request_out_of_scope(server: Server) -> None:
    for target, line in FIELDS:
        for snap in (SEARCH, ALL_BUT_HELP):
            verdict = judge(snap, target, line)
            page = server.send(verdict.sent).page if verdict.sent else ""
            assert page != "search", (target, line)


@pytest.mark.parametrize("source", SOURCES)
def test_whoever_the_app_takes_for_bob_is_held(server: Server, source: str) -> None:
    place, name = SOURCES[source]
    snap, found = listed(place, name), 0
    for lines in USERS:
        verdict = judge(snap, b"/", *lines)
        for said in all_said(server, b"/", verdict, *lines):
            if getattr(said, source).strip("\0\ufeff \xa0\x85") == "bob":
                found += 1
                assert verdict.word != "forwarded", lines
    assert found > 1


@pytest.mark.parametrize("source", SOURCES)
def test_whoever_is_exempt_is_so_to_the_app(server: Server, source: str) -> None:
    place, name = SOURCES[source]
    snap, found = all_but_ops(place, name), 0
    for lines in USERS:
        verdict = judge(snap, b"/", *lines)
        if verdict.word == "exempt":
            found += 1
            assert getattr(server.send(verdict.sent), source) in {"ops", ""}, lines
    assert found > 0


def test_whatever_the_app_takes_to_be_for_a_host_is_held(server: Server) -> None:
    found = 0
    for host, target, lines in HOSTS:
        verdict = judge(HOST, target, *lines, host=host)
        found += _named(server.ask(target, *lines, host=host)) == "shop.example"
        # The gateway settles which host it is: what it sends on counts, and nothing else.
        named = _named(server.send(verdict.sent)) if verdict.sent else ""
        assert named != "shop.example", (host, target, lines)
    assert found > 3


def _named(said: Said) -> str:
    return said.host.lower().partition(":")[0].rstrip(".")
