"""A flag's page as visitors get it, in a frame of the dashboard."""

from __future__ import annotations

from aiohttp import web

from gateway.control.preview import preview_flag


async def show_preview(request: web.Request) -> web.StreamResponse:
    """What the API shows of it, in a sandbox: the frame asks for HTML by itself."""
    return await preview_flag(request)
