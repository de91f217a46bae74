"""A notice in a real browser: it is seen, it hides what it shall, and no policy is broken by it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.support.chromium import PROGRAM, chromium
from tests.support.gateway_process import GatewayProcess

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no chromium is installed")

TEXT = "Search is <b>being rebuilt</b>. Results may be missing."
FLAGS = f"""
flags:
  search: {{mode: notice, enabled: true, notice: {{banner: "{TEXT}", hide: ["#q"]}}}}
"""
STRICT = "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'"
LETTING_IN = {
    "any": "img-src data:",
    "self": f"{STRICT}; style-src 'self'",
    "nonce": f"{STRICT}; style-src 'nonce-c2VjcmV0'",
    "path": f"{STRICT}; style-src http://127.0.0.1:*/-/maintenance/notice/",
}
# Pages are laid out in many ways; a banner is as wide as any of them, and above the rest.
LAYOUTS = ["", "display: flex; flex-direction: column; min-height: 100vh",
           "display: grid; grid-template-columns: 1fr 3fr"]  # fmt: skip
PAGE = """<!doctype html><html lang="en"><head><link rel="icon" href="data:,"><title>Shop</title>
<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/own.css">
</head><body><h1>Shop</h1><form id="q"><input></form><p>Welcome.</p></body></html>"""
LOOK = """(() => {
  const banner = document.querySelector("[role=status]"), style = getComputedStyle(banner);
  const box = banner.getBoundingClientRect();
  const light = color => color.match(/[\\d.]+/g).slice(0, 3).map(part => part / 255)
    .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
  const lights = [light(style.color), light(style.backgroundColor)].sort((a, b) => b - a);
  return {
    text: banner.innerText,
    above: [...document.body.children].every(other => other === banner || !other.clientHeight
      || other.getBoundingClientRect().top >= box.bottom),
    wide: box.width >= document.body.clientWidth - 20,
    contrast: (lights[0] + 0.05) / (lights[1] + 0.05),
    hidden: getComputedStyle(document.querySelector("#q")).display === "none",
  };
})()"""


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[tuple[str, dict[str, str]]]:
    """A site behind the gateway, with the policy and the layout that are set in what is given."""
    site = {"policy": "", "layout": ""}

    async def page(_request: web.Request) -> web.Response:
        headers = {"Content-Security-Policy": site["policy"]}
        return web.Response(text=PAGE, content_type="text/html", headers=headers)

    async def style(_request: web.Request) -> web.Response:
        text = f"body {{ {site['layout']} }} div {{ color: pink; background: pink }}"
        return web.Response(text=text, content_type="text/css")

    app = web.Application()
    app.router.add_get("/", page)
    app.router.add_get("/own.css", style)
    async with TestServer(app, host="127.0.0.1") as server:
        with GatewayProcess(folder, f"http://127.0.0.1:{server.port}", FLAGS) as gateway:
            yield gateway.url, site


async def test_notice_is_seen_and_hides_under_every_policy_that_lets_styles_in(
    tmp_path: Path,
) -> None:
    async with (
        served(tmp_path / "gateway") as (url, site),
        chromium(tmp_path / "browser") as browser,
    ):
        for policy, text in LETTING_IN.items():
            site["policy"] = text
            async with browser.tab(dark=policy == "self") as tab:
                await tab.open(url)
                seen = await tab.value(LOOK)

                assert seen["text"] == TEXT, policy
                assert seen["hidden"] is True, policy
                assert seen["contrast"] >= 7, policy  # WCAG 2.2, 1.4.6 AAA
                assert policy in {"nonce", "path"} or tab.complaints == []  # own.css has none
        for layout in LAYOUTS:
            site.update(policy="img-src data:", layout=layout)
            async with browser.tab(width=390) as tab:
                await tab.open(url)
                seen = await tab.value(LOOK)

                assert (seen["above"], seen["wide"]) == (True, True), layout
        site["policy"] = f"{STRICT}; style-src 'none'"
        async with browser.tab() as tab:
            await tab.open(url)
            seen = await tab.value(LOOK)

            assert (seen["text"], seen["hidden"]) == (TEXT, False)  # said, though plain
