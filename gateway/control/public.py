"""Calls that come over the public port (``control.path``), handed on by the data plane.

They come over socket pairs that nobody else can connect to, so that what they say of their client
is believed. The same field of any other caller is only a field.
"""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.control.connection import Connection
from gateway.core.calls import CLIENT_FIELD


@web.middleware
async def introduced(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Knows each call by its client's address, however it has come."""
    if is_public(request):
        request = request.clone(remote=request.headers.get(CLIENT_FIELD, ""))
    return await handler(request)


def is_public(request: web.BaseRequest) -> bool:
    """Whether the call came over the public port."""
    connection = request.protocol
    return isinstance(connection, Connection) and connection.private
