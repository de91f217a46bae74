"""The page in a real browser: how it looks, and that it comes back with the site."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.core.decision import Reason
from gateway.core.flags import Flag, FlagState, Mode, Page
from gateway.core.snapshot import FlagView
from gateway.pages.answers import Answer
from gateway.pages.pages import Pages
from gateway.pages.wishes import Wish, Wishes
from tests.support.chromium import PROGRAM, Browser, Tab, chromium

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no chromium is installed")

WISHES = Wishes()
ICON = '<link rel="icon" href="data:,">'
FORM = f'<!doctype html>{ICON}<form method="post" action="/save"><button>Go</button></form>'
THE_SITE = f"<!doctype html>{ICON}<title>The site</title><h1>Open</h1>"
# The page's clock runs fifty times as fast, so that nobody waits for its 5 to 15 s.
FASTER = "const later = setTimeout; setTimeout = (call, wait) => later(call, wait / 50);"

SIZES = [(320, 568), (390, 844), (844, 390), (1280, 800), (2560, 1080)]


class Site:
    """A site that is closed until it is opened, and notes what it was asked."""

    def __init__(self) -> None:
        self.closed = True
        self.mode = Mode.UNAVAILABLE
        self.tells_methods = True
        self.asked: list[str] = []
        self.looked = asyncio.Event()  # a page asked whether it is open
        self.pages = Pages(Page())
        self.address = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path_qs}")
        if request.method == "HEAD":
            self.looked.set()
        if request.path == "/form" and request.method == "GET":
            return web.Response(text=FORM, content_type="text/html")
        if request.path == "/broken":
            made = self.pages.error(502, "Bad gateway", "No answer.", _wish(request))
            return _sent(made)
        if self.closed:
            return _sent(self._refusal(request))
        if request.path == "/moved":
            raise web.HTTPFound("/elsewhere")
        return web.Response(text=THE_SITE, content_type="text/html")

    def _refusal(self, request: web.Request) -> Answer:
        state = FlagState(enabled=True, mode=self.mode, message="Back soon.", retry_after=600)
        view = FlagView(Flag("site", state), state, "yaml", None)
        safe = request.method in {"GET", "HEAD"} or not self.tells_methods
        return self.pages.refusal(view, _wish(request), Reason.SITE, safe=safe)


def _wish(request: web.Request) -> Wish:
    return WISHES.of((name.encode(), value.encode()) for name, value in request.headers.items())


def _sent(answer: Answer) -> web.Response:
    _, *lines = answer.head.decode("ascii").splitlines()
    headers = dict(line.split(": ", 1) for line in lines)
    del headers["Content-Length"]
    return web.Response(status=answer.status, headers=headers, body=answer.body)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", site.answer)
    async with TestServer(app, host="127.0.0.1") as server:
        site.address = str(server.make_url("/")).rstrip("/")
        yield site


@pytest.fixture
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    async with chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


async def hurry(tab: Tab) -> None:
    await tab.call("Page.addScriptToEvaluateOnNewDocument", source=FASTER)


async def title(tab: Tab) -> str:
    return str(await tab.value("document.title"))


async def text(tab: Tab) -> str:
    return str(await tab.value("document.body.innerText"))


async def test_the_page_fits_every_screen_in_light_and_dark(site: Site, browser: Browser) -> None:
    background = "getComputedStyle(document.body).backgroundImage"
    seen = set()
    for path in ("/", "/broken"):
        for width, height in SIZES:
            for dark in (False, True):
                async with browser.tab(width=width, height=height, dark=dark) as tab:
                    await tab.open(site.address + path)
                    assert await tab.value("document.documentElement.scrollWidth") == width
                    assert await tab.value("document.querySelector('h1').clientHeight") > 0
                    assert tab.complaints == []
                    seen.add((dark, await tab.value(background)))
    assert len(seen) == 2  # one sky by day, one by night


async def test_the_page_speaks_arabic_from_the_right_on_a_phone(
    site: Site, browser: Browser
) -> None:
    async with browser.tab(width=390, height=844, dark=True) as tab:
        await tab.call("Network.setExtraHTTPHeaders", headers={"Accept-Language": "ar"})
        await tab.open(f"{site.address}/")
        assert await title(tab) == "الموقع قيد الصيانة"
        assert await tab.value("getComputedStyle(document.body).direction") == "rtl"
        assert await tab.value("document.documentElement.scrollWidth") == 390
        # The clock stands before the words, which is to their right.
        assert await tab.value(
            "document.querySelector('.when svg').getBoundingClientRect().left >"
            "document.querySelector('.when span').getBoundingClientRect().left"
        )
        # What a person wrote in English stays English, and reads from the left.
        assert await tab.value("document.querySelector('.message').lang") == ""
        assert (
            await tab.value("getComputedStyle(document.querySelector('.message')).direction")
            == "ltr"
        )
        assert tab.complaints == []


async def test_every_text_stands_out_from_what_is_behind_it(site: Site, browser: Browser) -> None:
    for dark in (False, True):
        for path in ("/", "/broken"):
            async with browser.tab(dark=dark) as tab:
                await tab.open(site.address + path)
                for place, ratio in (await tab.value(CONTRASTS)).items():
                    assert ratio >= 4.5, (place, dark, ratio)  # WCAG 2.2, 1.4.3 AA


async def test_the_page_loads_nothing_else_and_breaks_no_policy(
    site: Site, browser: Browser
) -> None:
    async with browser.tab() as tab:
        await tab.open(f"{site.address}/a?b=c")
        assert await tab.value("getComputedStyle(document.querySelector('main')).display") == "flex"
        assert await tab.value("document.getElementById('look').hidden") is False
        assert tab.complaints == []
        assert {address for address in tab.requested if not address.startswith("data:")} == {
            f"{site.address}/a?b=c"
        }
    assert site.asked == ["GET /a?b=c"]


async def test_the_page_comes_back_by_itself_when_the_site_does(
    site: Site, browser: Browser
) -> None:
    async with browser.tab() as tab:
        await hurry(tab)
        await tab.open(f"{site.address}/a?b=c")
        assert await title(tab) == "Down for maintenance"

        await asyncio.wait_for(site.looked.wait(), 20)  # it looks, and stays
        assert await title(tab) == "Down for maintenance"

        site.closed = False
        await tab.loaded()
        assert await title(tab) == "The site"
        assert await tab.value("location.href") == f"{site.address}/a?b=c"
        assert tab.complaints == []
    assert site.asked[0] == site.asked[-1] == "GET /a?b=c"
    assert set(site.asked[1:-1]) == {"HEAD /a?b=c"}


async def test_coming_back_keeps_the_fragment(site: Site, browser: Browser) -> None:
    async with browser.tab() as tab:
        await hurry(tab)
        await tab.open(f"{site.address}/a#part")
        site.closed = False
        await tab.loaded()
        assert await tab.value("location.href") == f"{site.address}/a#part"


async def test_a_site_that_comes_back_with_a_redirect_is_back(site: Site, browser: Browser) -> None:
    async with browser.tab() as tab:
        await hurry(tab)
        await tab.open(f"{site.address}/moved")
        site.closed = False
        await tab.loaded()
        assert await tab.value("location.pathname") == "/elsewhere"


async def test_a_hidden_page_does_not_look(site: Site, browser: Browser) -> None:
    async with browser.tab() as tab:
        await hurry(tab)
        await tab.open(f"{site.address}/")
        hide = (
            "Object.defineProperty(document, 'hidden', {value: %s, configurable: true});"
            "document.dispatchEvent(new Event('visibilitychange'));"
        )
        await tab.value(hide % "true")
        site.asked.clear()
        # Longer than its longest pause, on its own fast clock.
        await tab.value("new Promise((resolve) => setTimeout(resolve, 40000))")
        assert site.asked == []

        site.looked.clear()
        await tab.value(hide % "false")
        await asyncio.wait_for(site.looked.wait(), 20)


async def test_a_refused_form_is_kept_and_never_sent_again(site: Site, browser: Browser) -> None:
    async with browser.tab() as tab:
        await hurry(tab)
        await tab.open(f"{site.address}/form")
        await tab.value("document.querySelector('button').click()")
        await tab.loaded()
        assert await title(tab) == "Down for maintenance"

        site.closed = False
        await tab.value(CHANGED % "news")
        assert "not passed on" in await text(tab)
        assert "It is open again" in await text(tab)
        assert await tab.value("location.pathname") == "/save"
        await tab.value("document.getElementById('return').click()")
        await tab.until(lambda event: event["method"] == "Page.frameNavigated")
        assert await tab.value("location.pathname") == "/form"
    assert site.asked.count("POST /save") == 1


async def test_a_form_refused_unawares_is_not_sent_again_either(
    site: Site, browser: Browser
) -> None:
    site.tells_methods = False
    async with browser.tab() as tab:
        await hurry(tab)
        await tab.open(f"{site.address}/form")
        await tab.value("document.querySelector('button').click()")
        await tab.loaded()
        site.closed = False
        await tab.loaded()
        assert await title(tab) == "The site"
    assert site.asked.count("POST /save") == 1
    assert site.asked[-1] == "GET /save"


async def test_a_refused_write_of_a_readable_site_stays_put(site: Site, browser: Browser) -> None:
    site.mode = Mode.READ_ONLY
    async with browser.tab() as tab:
        await hurry(tab)
        await tab.open(f"{site.address}/form")
        await tab.value("document.querySelector('button').click()")
        await tab.loaded()
        assert "nothing was saved" in await text(tab)
        assert await tab.value("document.getElementById('look').hidden") is True


async def test_without_javascript_the_page_is_whole_and_comes_again(
    site: Site, browser: Browser
) -> None:
    async with browser.tab() as tab:
        await tab.call("Emulation.setScriptExecutionDisabled", value=True)
        await tab.open(f"{site.address}/a")
        document = await tab.call("DOM.getDocument", depth=-1)
        words = str(document)
        assert "Back soon." in words
        assert "in about 10 minutes" in words
        # The refresh is real: the parser made an element of it, with the calm interval.
        root = document["root"]["nodeId"]
        found = await tab.call(
            "DOM.querySelector", nodeId=root, selector='meta[http-equiv="refresh"][content="300"]'
        )
        assert found["nodeId"] != 0

        site.closed = False
        link = await tab.call("DOM.querySelector", nodeId=root, selector="a.button")
        box = (await tab.call("DOM.getBoxModel", nodeId=link["nodeId"]))["model"]["content"]
        for kind in ("mousePressed", "mouseReleased"):
            await tab.call(
                "Input.dispatchMouseEvent",
                type=kind,
                x=(box[0] + box[2]) / 2,
                y=(box[1] + box[5]) / 2,
                button="left",
                clickCount=1,
            )
        await tab.loaded()
        assert "Open" in str(await tab.call("DOM.getDocument", depth=-1))
    assert site.asked == ["GET /a", "GET /a"]


# Resolves once the element has words.
CHANGED = """new Promise((resolve) => {
  const element = document.getElementById("%s");
  const look = () => element.textContent && resolve(element.textContent);
  new MutationObserver(look).observe(element, {childList: true});
  look();
})"""

# For each text, its least contrast with any colour that can be behind it: the two ends of the
# sky, under the panel where it lies on one.
CONTRASTS = """(() => {
  const parse = (colour) => {
    const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number);
    return [r, g, b, a];
  };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3]));
  const light = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, two) => {
    const [high, low] = [light(one), light(two)].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  };
  const sky = getComputedStyle(document.body).backgroundImage.match(/rgb\\([^)]*\\)/g).map(parse);
  const found = {};
  for (const element of document.querySelectorAll("main, main *")) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own) continue;
    let behind = sky;
    for (const layer of [...ancestors(element)].reverse()) {
      const colour = parse(getComputedStyle(layer).backgroundColor);
      behind = behind.map((below) => over(colour, below));
    }
    const ink = parse(getComputedStyle(element).color);
    found[element.tagName + "." + element.className] =
      Math.min(...behind.map((below) => contrast(ink, below)));
  }
  return found;
  function* ancestors(element) {
    for (; element && element !== document.body; element = element.parentElement) yield element;
  }
})()"""
