"""What the dashboard shows, and what its forms do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.config import ConfigError
from gateway.control.dashboard.listing import EACH, listing
from gateway.core.flags import Flag, FlagState, Page
from gateway.stores.base import StoreError
from tests.support.control import SEARCH, TOKENS, Stage
from tests.support.dashboard import HTML, visitor


async def test_the_overview_shows_every_flag_with_state_scope_and_origin(stage: Stage) -> None:
    await stage.patch("search", {"enabled": True, "reason": "new <index>", "for": "30m"})
    one = await visitor(stage)
    assert "search and reindex are on" in one.words
    assert "site Off Answers with its page : the whole site" in one.words.replace("page:", "page :")
    for said in ("/search", "*.example.com", "POST", "new <index>", "by local", "an override"):
        assert said in one.words
    assert "until 2030-03-17 18:16 UTC" in one.words
    assert "On for 1 user" in one.words
    assert "new <index>" not in one.text


async def test_anybody_but_a_browser_still_gets_the_calls_as_plain_text(stage: Stage) -> None:
    response = await stage.client.get("/")
    assert response.content_type == "text/plain"
    assert response.headers["Vary"] == "Accept"


async def test_a_flag_is_flipped_with_a_reason_under_the_token_s_name(start: Any) -> None:
    stage = await start(tokens=TOKENS)
    one = await visitor(stage, "operator-secret")
    response = await one.post(
        "/flags/site", do="on", reason=" moving the database ", back="overview"
    )
    assert response.headers["Location"] == "../?done=on&flag=site#flag-site"
    await one.get("/?done=on&flag=site")
    assert "site is on." in one.words
    view = stage.state.snapshot.view("site")
    assert view is not None
    assert (view.state.enabled, view.by, view.reason) == (True, "ci", "moving the database")
    await one.post("/flags/site", do="off")
    assert stage.state.snapshot.view("site").state.enabled is False  # type: ignore[union-attr]


async def test_a_press_on_a_page_that_is_out_of_date_never_does_the_opposite(stage: Stage) -> None:
    one = await visitor(stage)  # its switch says "turn on"
    await stage.patch("site", {"enabled": True})
    await one.post("/flags/site", do="on")
    assert stage.state.snapshot.views[0].state.enabled is True


async def test_a_flip_may_undo_itself_and_be_put_back_to_the_yaml(stage: Stage) -> None:
    one = await visitor(stage)
    await one.post("/flags/site", do="on", for_="30m")
    assert stage.state.snapshot.views[0].override.lift is not None  # type: ignore[union-attr]
    await one.post("/flags/site", do="reset")
    assert stage.state.snapshot.views[0].override is None


async def test_other_keys_are_changed_and_those_left_empty_stay_as_they_are(stage: Stage) -> None:
    one = await visitor(stage)
    fields = {"mode": "read-only", "ttl": "90s", "page.message": "Soon.", "page.retry_after": "2m"}
    await one.post("/flags/search", do="change", **fields)
    state = stage.state.snapshot.view("search").state  # type: ignore[union-attr]
    assert (state.mode, state.ttl, state.message, state.retry_after) == (
        *("read-only", 90.0, "Soon.", 120),
    )
    await one.post("/flags/search", do="change", mode="", ttl="0", **{"page.message": ""})
    state = stage.state.snapshot.view("search").state  # type: ignore[union-attr]
    assert (state.mode, state.ttl, state.message) == ("read-only", 0.0, "Soon.")


@pytest.mark.parametrize(
    ("path", "fields", "status", "said"),
    [
        ("/flags/site", {"do": "toggle"}, 422, "do: must be one of"),
        ("/flags/site", {"do": "on", "for": "soon"}, 422, "for:"),
        ("/flags/site", {"do": "on", "reason": "x" * 4001}, 422, "reason"),
        ("/flags/site", {"do": "change", "ttl": "x"}, 422, "ttl:"),
        ("/flags/site", {"do": "change", "ttl": " "}, 422, "Say what to change"),
        ("/flags/site", {"do": "change", "rollout": "some"}, 422, "rollout:"),
        ("/flags/none", {"do": "on"}, 404, "There is no flag"),
        ("/flags/site/users", {"add": "bob"}, 409, "is for everybody"),
        ("/flags/reindex/users", {"add": " \n"}, 422, "Say whom"),
    ],
)
async def test_what_makes_no_sense_is_said_on_a_page_and_changes_nothing(
    stage: Stage, path: str, fields: dict[str, str], status: int, said: str
) -> None:
    one = await visitor(stage)
    before = stage.state.snapshot.revision
    await one.post(path, status, **fields)
    assert said in one.words
    assert stage.state.snapshot.revision == before


async def test_users_are_added_removed_and_found_among_thousands(stage: Stage) -> None:
    one = await visitor(stage)
    await one.post("/flags/reindex/users", add="bob\r\n eve <x> \n\nbob", reason="shard 7")
    await one.post("/flags/reindex/users", remove="ann")
    view = stage.state.snapshot.view("reindex")
    assert view is not None
    assert view.state.users == ("bob", "eve <x>")
    many = "\n".join(f"user-{number}" for number in range(3000))
    await one.post("/flags/reindex/users", add=many)
    await one.get("/flags/reindex")
    assert "3,002 users" in one.words
    assert one.text.count('name="remove"') == EACH
    await one.get("/flags/reindex?q=USER-299&page=1")
    assert one.text.count('name="remove"') == 11
    await one.get("/flags/reindex?q=nobody-of-that-name")
    assert "0 users with" in one.words


def test_a_listing_gives_the_nearest_page_that_there_is() -> None:
    named = [(str(number), number) for number in range(120)]
    assert [listing(named, "", page).page for page in ("", "2", "9", "0", "-1", "x", "²")] == [
        *(1, 2, 3, 1, 1, 1, 1),
    ]
    assert list(listing(named, "", "3").shown) == list(range(100, 120))
    assert listing([], "x", "1").pages == 1


async def test_hundreds_of_flags_are_paged_and_found_by_name(start: Any) -> None:
    flags = tuple(Flag(f"flag-{number}", FlagState(enabled=False)) for number in range(300))
    stage = await start(flags=flags)
    one = await visitor(stage)
    assert one.text.count('data-flag="') == EACH
    assert "Page 1 of 6" in one.words
    await one.get("/?q=flag-29")
    assert one.text.count('data-flag="') == 11


async def test_names_with_any_signs_lead_to_their_own_page(start: Any) -> None:
    odd = 'a/b "<c>&?#%2F'
    stage = await start(flags=(Flag(odd, FlagState(enabled=False)),))
    one = await visitor(stage)
    path = "/flags/a%2Fb%20%22%3Cc%3E%26%3F%23%252F"
    assert f'href=".{path}"' in one.text
    await one.get(path)
    await one.post(path, do="on")
    assert stage.state.snapshot.views[0].state.enabled is True


async def test_errors_of_the_yaml_the_store_and_tasks_show_at_the_top(stage: Stage) -> None:
    error = ConfigError("config.yaml", 14, "flags.search.paths[0]", 'must start with "/"')
    stage.state._yaml.errors = (error,)
    stage.state.reach.error = "disk is gone"
    stage.state.followers.failures["following the YAML"] = "RecursionError: too deep"
    one = await visitor(stage)
    for said in ("config.yaml:14", "flags.search.paths[0]", 'must start with "/"', "disk is gone"):
        assert said in one.words
    assert "RecursionError" in one.words


async def test_an_audit_that_cannot_be_read_leaves_the_flags_to_be_seen(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any) -> None:
        raise StoreError("disk I/O error")

    monkeypatch.setattr(stage.store, "audit", fail)
    one = await visitor(stage)
    assert "The audit cannot be read" in one.words
    await one.get("/audit", 503)
    assert "The store cannot be used" in one.words


async def test_the_audit_tells_who_did_what_when_and_why(stage: Stage) -> None:
    await stage.patch("site", {"enabled": True, "reason": "moving <b>"})
    for number in range(60):
        await stage.patch("search", {"ttl": number + 1})
    one = await visitor(stage)
    await one.get("/audit")
    assert one.text.count('id="entry-') == 50
    assert "moving" not in one.words
    older = one.text.partition("audit?before=")[2].partition('"')[0]
    await one.get(f"/audit?before={older}")
    assert "local flipped site enabled true moving <b>" in one.words


async def test_a_request_is_explained_and_one_that_is_none_is_told_so(stage: Stage) -> None:
    one = await visitor(stage)
    await one.get("/explain?url=/search&method=GET&header=Cookie:+uid%3Dann%0D%0AX:+y&client=")
    assert "reindex holds it back" in one.words
    assert "User ann is listed." in one.words
    await one.get("/explain?url=search&method=GET")
    assert "must start with /" in one.words


async def test_a_page_is_shown_as_visitors_get_it_and_can_do_nothing(start: Any) -> None:
    own = "<title>{{ title }}</title><script>steal()</script>"
    page = Page(title="Own", template="/x/own.html", source=own)
    stage = await start(flags=(SEARCH, replace(SEARCH, name="own", page=page)))
    one = await visitor(stage)
    for name, title in (("search", "Closed for maintenance"), ("own", "Own")):
        response = await one.get(f"/flags/{name}/page")
        policy = response.headers["Content-Security-Policy"]
        assert policy.startswith("sandbox; ")
        assert "frame-ancestors 'self'" in policy
        assert response.headers["X-Frame-Options"] == "SAMEORIGIN"
        assert title in one.text
    await one.get("/flags/search")
    assert 'src="../flags/search/page?revision=' in one.text
    assert 'sandbox=""' in one.text


async def test_files_are_kept_by_browsers_under_the_address_that_has_their_digest(
    stage: Stage,
) -> None:
    one = await visitor(stage)
    address = one.text.partition('rel="stylesheet" href="./')[2].partition('"')[0]
    response = await stage.client.get(f"/{address}")
    assert response.content_type == "text/css"
    assert "immutable" in response.headers["Cache-Control"]
    response = await stage.client.get("/assets/dashboard.css")
    assert response.headers["Cache-Control"] == "no-store"
    response = await stage.client.get("/assets/..%2f..%2fpyproject.toml", headers=HTML)
    assert response.status == 404


async def test_a_fault_shows_a_page_without_internals(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crash(*_: Any, **__: Any) -> None:
        raise RuntimeError("inner secret")

    one = await visitor(stage)
    monkeypatch.setattr(stage.state, "flip", crash)
    await one.post("/flags/site", 500, do="on")
    assert "inner secret" not in one.text
