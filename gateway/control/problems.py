"""Errors as RFC 9457 problem documents: the one place where a failure becomes an answer.

The owner of an error decides what the caller reads. A caller's mistake says how to mend it,
the store's says that nothing was changed, and a fault of ours says nothing but that it was.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.core.patches import PatchError
from gateway.state.live import RevisionMoved, UnknownFlag
from gateway.stores.base import StoreError

CONTENT_TYPE = "application/problem+json"
STORE_RETRY = 5  # seconds until a caller may ask again after the store was out of reach

_log = logging.getLogger("gateway.control")

# RFC 9110's names where http.HTTPStatus of Python 3.11 still has the older ones.
_TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}


class Problem(Exception):  # noqa: N818 the name RFC 9457 gives it
    """A call that ends in an error: ``members`` are extension members of the document."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **members: object,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})
        self.members = members

    def response(self) -> web.Response:
        """The answer; its ``title`` is the status's own name, as for ``about:blank``."""
        document = {
            "type": "about:blank",
            "title": _TITLES.get(self.status) or HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            **self.members,
        }
        text = json.dumps(document, ensure_ascii=False, indent=2) + "\n"
        return self.sent_with(web.Response(text=text, content_type=CONTENT_TYPE))

    def sent_with(self, response: web.Response) -> web.Response:
        """Its status and fields on an answer that says it in other words."""
        response.set_status(self.status)
        response.headers.update(self.headers)
        if "Connection" in self.headers:
            response.force_close()  # the field alone would not
        return response


class Refusal(Problem):
    """A call turned away for who sent it, or from where: the audit notes it.

    ``by`` is the token's name where one was known.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        by: str = "unknown",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, detail, headers=headers)
        self.by = by


def invalid(errors: Sequence[tuple[str, str]]) -> Problem:
    """422 for a well-formed document that is not valid; ``errors`` are (path, message)."""
    listed = [{"path": path, "message": message} for path, message in errors]
    said = "; ".join(f"{path}: {message}" if path else message for path, message in errors)
    return Problem(422, said, errors=listed)


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answers whatever goes wrong further in with a problem document."""
    try:
        return await handler(request)
    except Exception as error:  # noqa: BLE001 the guard of this application: a fault shows no internals
        return as_problem(request, error).response()


def moved(current: int) -> Problem:
    """412: another change came first; the answer carries the revision that holds now."""
    return Problem(
        412,
        f"The flags are at revision {current} now, which is not what If-Match names. "
        "Look again, then repeat the call.",
        headers={"ETag": f'"{current}"'},
        revision=current,
    )


def shown(text: str, limit: int = 100) -> str:
    """A caller's text fit for a message or a log line: quoted, escaped, bounded."""
    cut = text if len(text) <= limit else text[:limit] + "…"
    escaped = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in cut)
    return f'"{escaped}"'


def as_problem(request: web.Request, error: Exception) -> Problem:
    """What the caller is told of an error; one that is a fault of ours is logged."""
    match error:
        case Problem():
            problem = error
        case PatchError():
            problem = invalid(error.errors)
        case RevisionMoved():
            problem = moved(error.current)
        case UnknownFlag():
            problem = Problem(404, "This flag has just left the YAML.")
        case StoreError():
            problem = _store_problem(request, error)
        case web.RequestPayloadError():
            problem = Problem(400, "The body does not end as its framing says.")
        case web.HTTPException():
            problem = _routing_problem(request, error)
        case _:
            _log.error("%s %s failed", request.method, shown(request.path), exc_info=error)
            problem = Problem(500, "The gateway failed at this call; its log says how.")
    return problem


def _store_problem(request: web.Request, error: StoreError) -> Problem:
    _log.warning("%s %s: the store failed: %s", request.method, shown(request.path), error)
    return Problem(
        503,
        f"The store cannot be used now, and nothing was changed: {error}",
        headers={"Retry-After": str(STORE_RETRY)},
    )


def _routing_problem(request: web.Request, error: web.HTTPException) -> Problem:
    # What aiohttp raises by itself, said in our own words.
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return Problem(
            405,
            f"{shown(request.path)} takes {allowed}, not {error.method}.",
            headers={"Allow": allowed},
            allowed=sorted(error.allowed_methods),
        )
    if isinstance(error, web.HTTPNotFound):
        return Problem(404, f"There is nothing at {shown(request.path)}; / lists the calls.")
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return Problem(413, "The request's body is too large; at most 1 MiB is read.")
    return Problem(error.status, error.reason)
