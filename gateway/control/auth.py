"""Who calls: bearer tokens (RFC 6750) and their roles.

The tokens are the settings' as they hold now, so an edit of the YAML revokes one at once.
Secrets are compared as digests, all of them each time: neither the length of a token nor
its place in the list shows in the time an answer takes.

Whatever shows a token in another way than the ``Authorization`` field has it recognized here
too: the count of wrong ones, and what the audit says of them, is one.
"""

from __future__ import annotations

import hmac
import math
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.config.settings import Control, Role, Token
from gateway.control.problems import Problem, Refusal
from gateway.control.public import is_public
from gateway.control.route import OPEN, is_forward_auth
from gateway.control.services import SERVICES
from gateway.control.shapes import LONGEST_OWNER
from gateway.control.throttle import Throttle
from gateway.core.calls import TOGGLE
from gateway.core.methods import SAFE_METHODS
from gateway.state.guards import UnknownGuard

LONGEST_ACTOR = 100  # characters

_OWNER = re.compile(f"[!-.0-~]{{1,{LONGEST_OWNER}}}")
_REALM = 'Bearer realm="maintenance-gateway"'


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a call is by, for the audit, and what they may do.

    ``claim`` is whom the caller says it is. ``token`` is the one shown, None where none is wanted;
    ``until``, in seconds since the epoch, is when its having been shown is worth nothing any more.
    """

    name: str
    role: Role
    claim: str = ""
    token: Token | None = None
    until: float = math.inf


CALLER = web.RequestKey("caller", Caller)
ADMITTED = web.RequestKey("admitted", bool)  # by something else than a bearer token
THROTTLE = web.AppKey("throttle", Throttle)


@web.middleware
async def auth(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Lets a caller through to what their role may do; 401, 403 or 429 otherwise."""
    if request.get(ADMITTED) or is_forward_auth(request.path):
        return await handler(request)
    tokens = _wanted(request, request.app[SERVICES].state.settings.control)
    caller = Caller("local", Role.OPERATOR)
    if tokens:
        token = recognize(request, _presented(request), tokens)
        caller = Caller(token.name, token.role, token=token)
        authorize(request, caller)
    if request.method not in SAFE_METHODS:
        caller = replace(caller, claim=_claim(request))
    request[CALLER] = caller
    return await handler(request)


def actor(request: web.Request) -> str:
    """Who the audit says it was: the token's name, and whom the caller says it is.

    ``X-Actor`` is a claim, never a proof, so it only ever stands in brackets.
    """
    caller = request[CALLER]
    return f"{caller.name} ({caller.claim})" if caller.claim else caller.name


async def guard_of(request: web.Request, flag: str) -> str | None:
    """The id of the guard of ``flag`` that makes this call for its command (``X-Guard``).

    None where it is not there, or not the flag's: then the call is as anybody's.
    """
    barrier, claimed = request.app[SERVICES].barrier, request.headers.get("X-Guard")
    if claimed is not None and not _OWNER.fullmatch(claimed):
        raise Problem(400, f"X-Guard must be a guard's id, of {LONGEST_OWNER} characters at most.")
    if barrier is None or claimed is None:
        return None
    with suppress(UnknownGuard):
        found = await barrier.guards.find(claimed)
        return found.id if found.flag == flag else None
    return None


def recognize(request: web.Request, secret: str, tokens: Iterable[Token]) -> Token:
    """The token that this secret is; 401 where it is none, 429 where too many were none.

    A right one is recognized at any time: nobody's guesses lock its bearer out.
    """
    digest, found = _digest(secret), None
    for token in tokens:
        if hmac.compare_digest(digest, _digest(token.secret)):
            found = token
    if found is not None:
        return found
    throttle, peer = request.app[THROTTLE], request.remote or ""
    if wait := throttle.wait(peer):
        # A connection each makes the next guess dearer than it was.
        raise Refusal(
            429,
            f"Too many wrong tokens came from this address; try again in {wait} s.",
            headers={"Retry-After": str(wait), "Connection": "close"},
        )
    throttle.failed(peer)
    raise Refusal(
        401,
        "The gateway does not know this token.",
        headers={"WWW-Authenticate": f'{_REALM}, error="invalid_token"'},
    )


def still_welcome(request: web.Request) -> bool:
    """Whether who made this call, which goes on, could make it now."""
    services, caller = request.app[SERVICES], request[CALLER]
    tokens = services.state.settings.control.tokens
    known = caller.token in tokens if caller.token is not None else not tokens
    return known and services.clock() < caller.until


def _wanted(request: web.Request, control: Control) -> tuple[Token, ...]:
    # The tokens of which one must be shown; none of them: the call is open.
    if request.path == TOGGLE:
        toggle = control.toggle
        return (Token("toggle", toggle.key, Role.OPERATOR),) if toggle else control.tokens
    if request.path not in OPEN:
        return control.tokens
    if request.path == "/metrics" and control.metrics_token is not None:
        return (*control.tokens, Token("metrics", control.metrics_token, Role.VIEWER))
    if request.path == "/metrics" and is_public(request):
        return control.tokens  # the site's visitors are no business of each other's
    return ()


def _presented(request: web.Request) -> str:
    keys = request.query.getall("access_key", []) if request.path == TOGGLE else []
    if len(keys) == 1 and keys[0]:
        return keys[0]
    fields = request.headers.getall("Authorization", [])
    scheme, _, token = fields[0].strip().partition(" ") if fields else ("", "", "")
    if len(fields) == 1 and scheme.lower() == "bearer" and token.strip():
        return token.strip()
    kind = Problem if request.method in SAFE_METHODS else Refusal
    raise kind(
        401,
        "This call needs a token: send one field, Authorization: Bearer TOKEN.",
        headers={"WWW-Authenticate": _REALM},
    )


def _claim(request: web.Request) -> str:
    claim = request.headers.get("X-Actor", "").strip()
    if len(claim) > LONGEST_ACTOR or not claim.isprintable():
        raise Problem(400, f"X-Actor must be {LONGEST_ACTOR} printable characters at most.")
    return claim


def authorize(request: web.Request, caller: Caller) -> None:
    """403 for a viewer who would change something.

    A call that does not exist is 404 or 405 for a viewer too.
    """
    if caller.role is Role.OPERATOR or request.method in SAFE_METHODS:
        return
    if request.match_info.http_exception is None:
        raise Refusal(
            403,
            f"The token \"{caller.name}\" is a viewer's: it reads, and an operator's flips.",
            by=caller.name,
            headers={"WWW-Authenticate": f'{_REALM}, error="insufficient_scope"'},
        )


def _digest(secret: str) -> bytes:
    return sha256(secret.encode("utf-8", "surrogateescape")).digest()
