"""The plain way to write a proxy with aiohttp: its server, its client, streams between.

``python bench/aiohttp_proxy.py UPSTREAM FORWARD_PORT REFUSE_PORT PAGE``
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import uvloop
from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, web
from multidict import CIMultiDict
from yarl import URL

HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


def end_to_end(fields: CIMultiDict[str]) -> CIMultiDict[str]:
    return CIMultiDict((k, v) for k, v in fields.items() if k.lower() not in HOP_BY_HOP)


async def serve(upstream: str, forward_port: int, refuse_port: int, page: bytes) -> None:
    connector = TCPConnector(limit=0, keepalive_timeout=60)
    session = ClientSession(
        connector=connector,
        auto_decompress=False,
        cookie_jar=DummyCookieJar(),
        timeout=ClientTimeout(total=None),
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
    )

    async def forward(request: web.BaseRequest) -> web.StreamResponse:
        async with session.request(
            request.method,
            URL(upstream + request.raw_path, encoded=True),
            headers=end_to_end(CIMultiDict(request.headers)),
            data=request.content if request.body_exists else None,
            allow_redirects=False,
        ) as answer:
            response = web.StreamResponse(
                status=answer.status, headers=end_to_end(CIMultiDict(answer.headers))
            )
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
            return response

    async def refuse(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(
            status=503, body=page, content_type="text/html", headers={"Retry-After": "300"}
        )

    for handler, port in ((forward, forward_port), (refuse, refuse_port)):
        runner = web.ServerRunner(web.Server(handler))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    origin, forward_to, refuse_at, page_file = sys.argv[1:]
    page_bytes = Path(page_file).read_bytes()
    uvloop.run(serve(origin, int(forward_to), int(refuse_at), page_bytes))
