"""Reading what a caller sent: JSON, and nothing that is only nearly JSON."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Collection, Mapping
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from aiohttp import web

from gateway.control.problems import Problem, invalid
from gateway.core.patches import LONGEST_TEXT

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MOST_FIELDS = 100  # of a form
MERGE_PATCH = "application/merge-patch+json"
BODY_TIMEOUT = 15.0  # seconds for the whole of it


async def read_json(request: web.Request, *types: str) -> object:
    """The body as a JSON value.

    A PATCH may say any type: browsers send none across origins unasked, and a bare ``curl -d``
    says that it is a form. Otherwise 415 where the type is none of ``types``, and always where
    the body is encoded; 400 where it is no JSON
    of RFC 8259: UTF-8, no NaN or infinity, no key twice, no half characters.
    """
    _check_type(request, types)
    body = await _read(request)
    try:
        text = body.decode()
        document: object = json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            object_pairs_hook=_once_each,
        )
        # An escaped half of a surrogate pair parses, and then cannot be written anywhere.
        json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise Problem(400, f"The body is not JSON: {_said(error)}") from error
    return document


async def read_object(request: web.Request, known: Collection[str], *types: str) -> dict[str, Any]:
    """The body as a JSON object that has no key but the ``known``; 422 otherwise."""
    document = await read_json(request, *types)
    if not isinstance(document, dict):
        raise invalid([("", "must be a JSON object")])
    unknown = [key for key in document if key not in known]
    if unknown:
        said = f"unknown key; known are {', '.join(known)}"
        raise invalid([(key, said) for key in unknown])
    return document


async def read_reason(request: web.Request) -> str:
    """Why, for calls that need no body: ``?reason=`` or a body ``{"reason": ...}``, which wins."""
    reason = check_reason(request.query.get("reason", ""))
    if request.can_read_body:
        document = await read_object(request, ("reason",), JSON)
        reason = check_reason(document.get("reason", reason))
    return reason


async def read_form(request: web.Request) -> dict[str, str]:
    """A form as browsers send it, of several values of one name the last; 415, 413 or 400."""
    if request.content_type != FORM:
        raise Problem(415, f"A form is sent as {FORM}.")
    body = await _read(request)
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise Problem(400, "The form cannot be read.") from error
    return dict(fields)


def read_text(document: Mapping[str, Any], key: str, most: int) -> str | None:
    """A text of a document, None where it has none; 422 for anything else, and past ``most``."""
    text = document.get(key)
    if text is None:
        return None
    if not isinstance(text, str):
        raise invalid([(key, "must be a text")])
    if len(text) > most:
        raise invalid([(key, f"has {len(text)} characters; at most {most}")])
    return text


def read_choice(document: Mapping[str, Any], key: str) -> bool:
    """true or false, false where it is not said; 422 for anything else."""
    choice = document.get(key, False)
    if not isinstance(choice, bool):
        raise invalid([(key, "must be true or false")])
    return choice


def check_reason(reason: object) -> str:
    """The reason as a text that the audit takes, or 422."""
    if not isinstance(reason, str):
        raise invalid([("reason", "must be a text")])
    if len(reason) > LONGEST_TEXT:
        raise invalid([("reason", f"has {len(reason)} characters; at most {LONGEST_TEXT}")])
    return reason


async def _read(request: web.Request) -> bytes:
    # aiohttp has no deadline of its own here, and waits on where a later chunk is broken.
    try:
        async with asyncio.timeout(BODY_TIMEOUT):
            return await request.read()
    except TimeoutError as error:
        closing = {"Connection": "close"}
        raise Problem(408, "The body did not arrive in time.", headers=closing) from error
    except ConnectionError as error:
        raise Problem(400, "The caller left before the body was whole.") from error


def _check_type(request: web.Request, types: tuple[str, ...]) -> None:
    accepted = ", ".join(types)
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Problem(415, "The body must not be encoded.", headers={"Accept-Encoding": "identity"})
    if request.method == "PATCH":
        return
    if request.content_type not in types or "Content-Type" not in request.headers:
        raise Problem(
            415,
            f"The body must be of type {accepted}: send Content-Type: {types[0]}",
            headers={"Accept": accepted},
        )


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


def _once_each(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("an object has the same key twice")
    return document


def _said(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    if isinstance(error, UnicodeEncodeError):
        return "a text holds half of a surrogate pair"
    return str(error)
