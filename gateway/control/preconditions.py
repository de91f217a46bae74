"""Revisions as entity tags: what ``ETag`` says and what ``If-Match`` asks."""

from __future__ import annotations

import re

from aiohttp import web

from gateway.control.problems import Problem, moved

# A proxy that compresses makes a tag weak, and people write the bare number: both mean it.
_TAG = re.compile(r'(?:W/)?"([^"]*)"|([0-9]+)', re.ASCII)
_REVISION = re.compile(r"[0-9]{1,18}", re.ASCII)


def etag(revision: int) -> str:
    return f'"{revision}"'


def if_match(request: web.Request, current: int) -> int | None:
    """The revision a change must still find, None: any.

    Several tags may be named: the ``current`` revision where it is one of them, else 412.
    400 where the field is malformed.
    """
    fields = request.headers.getall("If-Match", [])
    if not fields or [field.strip() for field in fields] == ["*"]:
        return None
    if current not in {_revision(tag.strip()) for tag in ",".join(fields).split(",")}:
        raise moved(current)
    return current


def _revision(tag: str) -> int:
    found = _TAG.fullmatch(tag)
    if found is None:
        raise Problem(400, 'If-Match must be a revision, as in If-Match: "5".')
    text = found[1] if found[1] is not None else found[2]
    return int(text) if _REVISION.fullmatch(text) else -1  # a tag that is not ours never matches
