"""The dashboard as a person uses it: by mouse, by keyboard, on a phone, without JavaScript.

One gateway of two workers and one browser serve all of it.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.support.chromium import PROGRAM, Browser, Tab, chromium
from tests.support.exchange import Ask, exchange
from tests.support.gateway_process import TOKEN, GatewayProcess
from tests.support.plain_app import PlainApp
from tests.support.servers import wait_until

pytestmark = [
    pytest.mark.skipif(PROGRAM is None, reason="no chromium is installed"),
    pytest.mark.asyncio(loop_scope="module"),
]

VIEWER = "e2e-viewer-token"
FLAGS = """
flags:
  site: {description: The whole shop.}
  search: {paths: [/search], page: {message: Search is being rebuilt.}}
  reindex: {paths: [/account], user: {cookie: uid}, users: [ann]}
"""
PAGES = ("/", "/flags/reindex", "/audit", "/explain?url=/search&method=GET")
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
AXE = CACHE / "maintenance-gateway" / "node" / "node_modules" / "axe-core" / "axe.min.js"
# A log-in form with a token alone has no name to ask for.
HINTS = ("Password forms should have (optionally hidden) username fields",)


class Guarded(GatewayProcess):
    """Two workers, and a token of each role."""

    def config_text(self, flags: str) -> str:
        roles = f"ops: {{token: {TOKEN}, role: operator}}, board: {{token: {VIEWER}, role: viewer}}"
        text = super().config_text(flags).replace(f"token: {TOKEN}", f"tokens: {{{roles}}}")
        return f"{text}workers: 2\n"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    with (
        PlainApp() as app,
        Guarded(tmp_path_factory.mktemp("dashboard"), app.url, FLAGS) as running,
    ):
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    async with chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def tab(gateway: GatewayProcess, browser: Browser) -> AsyncIterator[Tab]:
    """At the overview, logged in as an operator."""
    async with browser.tab() as tab:
        await log_in(tab, gateway)
        yield tab
        assert [each for each in tab.complaints if not any(hint in each for hint in HINTS)] == []
    gateway.reset("site", "search", "reindex")


async def log_in(tab: Tab, gateway: GatewayProcess, token: str = TOKEN) -> None:
    await tab.open(f"{gateway.control_url}/login")
    await tab.value(f"document.getElementById('token').value = {token!r}")
    await click(tab, ".login-form .button")
    await tab.loaded()


async def click(tab: Tab, selector: str) -> None:
    await tab.value(f"document.querySelector({json.dumps(selector)}).click()")


async def shown(tab: Tab, condition: str) -> None:
    """Wait until the page fulfils a condition in JavaScript, looked at whenever it changes."""
    await tab.value(
        f"""new Promise((resolve) => {{
          const look = () => {{ if ({condition}) {{ watch.disconnect(); resolve(true); }} }};
          const watch = new MutationObserver(look);
          const all = {{subtree: true, childList: true, characterData: true, attributes: true}};
          watch.observe(document, all);
          look();
        }})"""
    )


async def words(tab: Tab, selector: str = "body") -> str:
    return str(await tab.value(f"document.querySelector({json.dumps(selector)}).innerText"))


async def press(tab: Tab, key: str, text: str = "") -> None:
    codes = {"Tab": 9, "Enter": 13, " ": 32}
    about: dict[str, Any] = {"key": key, "windowsVirtualKeyCode": codes[key]}
    await tab.call("Input.dispatchKeyEvent", type="keyDown", **about, text=text)
    await tab.call("Input.dispatchKeyEvent", type="keyUp", **about)


def state(gateway: GatewayProcess, flag: str) -> Any:
    return gateway.call("GET", f"flags/{flag}").document


def asked(gateway: GatewayProcess, target: str = "/") -> int:
    return exchange(gateway.port, Ask(target)).status


def in_state(flag: str, wanted: str) -> str:
    return f"document.getElementById('flag-{flag}').dataset.state === '{wanted}'"


async def test_a_wrong_token_is_told_and_the_right_one_opens(
    gateway: GatewayProcess, browser: Browser
) -> None:
    async with browser.tab() as tab:
        await log_in(tab, gateway, "guess")
        assert "does not know this token" in await words(tab)
        assert await tab.value("document.activeElement.id") == "token"
        await tab.value(f"document.getElementById('token').value = {TOKEN!r}")
        await click(tab, ".login-form .button")
        await tab.loaded()
        assert await tab.value("location.pathname") == "/"
        assert "reindex is on" in await words(tab, "h1")
        assert await tab.value("document.cookie") == ""  # no script gets at the session


async def test_a_flag_is_flipped_with_a_reason_in_one_press(
    gateway: GatewayProcess, tab: Tab
) -> None:
    await tab.value("window.here = true; document.getElementById('why-site').value = 'new disk'")
    await click(tab, "#flag-site .switch")
    await shown(tab, in_state("site", "on"))
    assert await tab.value("window.here")  # the page was not loaded again
    assert "site is on." in await words(tab, "#said")
    assert "new disk" in await words(tab, "#flag-site")
    assert await tab.value("document.getElementById('why-site').value") == ""
    assert (state(gateway, "site")["by"], state(gateway, "site")["reason"]) == ("ops", "new disk")
    wait_until(lambda: asked(gateway) == 503, "the site is held")
    await click(tab, "#flag-site .switch")
    await shown(tab, in_state("site", "off"))
    wait_until(lambda: asked(gateway) == 200, "the site is open")


async def test_a_second_operator_s_change_appears_and_what_was_typed_stays(
    gateway: GatewayProcess, tab: Tab
) -> None:
    await tab.value("document.getElementById('why-site').focus()")
    await tab.call("Input.insertText", text="half a rea")
    gateway.flip("search", enabled=True, reason="the other operator")
    await shown(tab, in_state("search", "on"))
    assert "the other operator" in await words(tab, "#flag-search")
    assert "search is on now." in await tab.value("document.getElementById('news').textContent")
    await shown(tab, "document.querySelector('#audit').innerText.includes('the other operator')")
    assert await tab.value("document.activeElement.id") == "why-site"
    assert await tab.value("document.activeElement.value") == "half a rea"


async def test_the_counters_move(gateway: GatewayProcess, tab: Tab) -> None:
    gateway.flip("search", enabled=True)
    wait_until(lambda: asked(gateway, "/search") == 503, "search is held")
    refused = "document.querySelector('[data-counter=refused] .figure').textContent"
    await shown(tab, f"{refused} === '0'")
    for _ in range(30):
        asked(gateway, "/search")
    await shown(tab, f"parseFloat({refused}) > 0")
    line = "document.querySelector('[data-counter=refused] .line').getAttribute('d')"
    assert "L" in await tab.value(line)


async def test_users_are_added_and_removed(gateway: GatewayProcess, tab: Tab) -> None:
    await tab.open(f"{gateway.control_url}/flags/reindex")
    await tab.value("document.getElementById('add').value = 'bob\\nEve <b>'")
    await click(tab, ".add .button")
    await shown(tab, "document.getElementById('user-bob')")
    assert state(gateway, "reindex")["users"] == ["ann", "bob", "Eve <b>"]
    await click(tab, "#user-bob button")
    await shown(tab, "!document.getElementById('user-bob')")
    assert state(gateway, "reindex")["users"] == ["ann", "Eve <b>"]
    await click(tab, "#change button[value=change]")
    await shown(tab, "document.querySelector('.wrong')")
    gateway.call("PUT", "flags/reindex/users/zoe")
    await shown(tab, "document.getElementById('user-zoe')")
    assert "Say what to change" in await words(tab, "#change")  # whatever happens elsewhere


async def test_a_session_that_is_over_leads_to_the_log_in_and_flips_nothing(
    gateway: GatewayProcess, tab: Tab
) -> None:
    await tab.call("Network.clearBrowserCookies")
    # The page may have found it out by itself just now, and be on its way.
    await tab.value("document.querySelector('#flag-site .switch')?.click()")
    await tab.loaded()
    assert await tab.value("location.pathname") == "/login"
    assert state(gateway, "site")["enabled"] is False


async def test_a_viewer_has_nothing_to_press(gateway: GatewayProcess, browser: Browser) -> None:
    async with browser.tab() as tab:
        await log_in(tab, gateway, VIEWER)
        assert "board" in await words(tab, ".who")
        assert await tab.value("document.querySelectorAll('main button').length") == 0


async def test_a_flag_is_flipped_by_keyboard_alone(gateway: GatewayProcess, tab: Tab) -> None:
    for _ in range(40):
        await press(tab, "Tab")
        if await tab.value("document.activeElement.matches('#flag-site .switch')"):
            break
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert await tab.value(outline) == "solid"  # where one is can be seen
    await press(tab, " ", " ")
    await shown(tab, in_state("site", "on"))
    assert await tab.value("document.activeElement.matches('#flag-site .switch')")
    assert state(gateway, "site")["enabled"] is True


async def test_without_javascript_it_is_whole(gateway: GatewayProcess, browser: Browser) -> None:
    async with browser.tab() as tab:
        await tab.call("Emulation.setScriptExecutionDisabled", value=True)
        await tab.open(f"{gateway.control_url}/login")
        await type_into(tab, "#token", TOKEN)
        await press(tab, "Enter", "\r")
        await tab.loaded()
        await type_into(tab, "#why-search", "by hand")
        await press(tab, "Enter", "\r")
        await tab.loaded()
        assert "search is on." in str(await tab.call("DOM.getDocument", depth=-1))
    flag = state(gateway, "search")
    assert (flag["enabled"], flag["reason"]) == (True, "by hand")
    gateway.reset("search")


async def type_into(tab: Tab, selector: str, text: str) -> None:
    root = (await tab.call("DOM.getDocument"))["root"]["nodeId"]
    found = await tab.call("DOM.querySelector", nodeId=root, selector=selector)
    await tab.call("DOM.focus", nodeId=found["nodeId"])
    await tab.call("Input.insertText", text=text)


@pytest.mark.parametrize("width", [320, 390])
async def test_nothing_is_wider_than_a_phone(
    gateway: GatewayProcess, browser: Browser, width: int
) -> None:
    async with browser.tab(width=width, height=700) as tab:
        await tab.open(f"{gateway.control_url}/login")
        assert await tab.value("document.documentElement.scrollWidth") == width
        await log_in(tab, gateway)
        for path in PAGES:
            await tab.open(gateway.control_url + path)
            assert await tab.value("document.documentElement.scrollWidth") == width, path


@pytest.mark.skipif(not AXE.is_file(), reason="no axe-core: tests/install-servers.sh installs it")
@pytest.mark.parametrize("dark", [False, True])
async def test_axe_finds_no_violation(
    gateway: GatewayProcess, browser: Browser, *, dark: bool
) -> None:
    async with browser.tab(dark=dark) as tab:
        gateway.flip("search", enabled=True, reason="axe")
        wait_until(lambda: asked(gateway, "/search") == 503, "search is held")
        await tab.open(f"{gateway.control_url}/login")
        assert await violations(tab) == []
        await log_in(tab, gateway)
        for path in PAGES:
            await tab.open(gateway.control_url + path)
            assert await violations(tab) == [], path
        await tab.open(f"{gateway.url}/search")
        assert await violations(tab) == []
    gateway.reset("search")


async def violations(tab: Tab) -> Any:
    await tab.value(f"(() => {{ {AXE.read_text()} }})()")
    return await tab.value(
        """axe.run(document, {iframes: false, resultTypes: ["violations"]}).then((found) =>
          found.violations.map((each) => [each.id, each.nodes.map((node) => node.html)]))"""
    )
