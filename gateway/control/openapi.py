"""The API's description, OpenAPI 3.1, made of the routes so that it cannot lag behind."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gateway.control.auth import LONGEST_ACTOR
from gateway.control.bodies import JSON, MERGE_PATCH
from gateway.control.documents import Document
from gateway.control.preview import PREVIEWED
from gateway.control.problems import CONTENT_TYPE
from gateway.control.route import Query, Route
from gateway.control.schemas import SCHEMAS
from gateway.control.shapes import ENTITY_TAGS, TEXT, USER, reference

_PARAMETERS: Mapping[str, tuple[str, Document]] = {
    "flag": ("The flag's name.", TEXT),
    "user": ("The user, percent-encoded (a slash as %2F).", USER),
    "guard": ("The guard's id, which is its owner's.", TEXT),
    "member": ("The member's name, as status lists it.", TEXT),
    "webhook": ("The webhook's name.", TEXT),
}
_IF_MATCH: Document = {
    "name": "If-Match",
    "in": "header",
    "description": "A revision; 412 where the flags have moved on from it.",
    "schema": ENTITY_TAGS,
}
_ACTOR: Document = {
    "name": "X-Actor",
    "in": "header",
    "description": "Who it is beside the token's name, for the audit; it is not checked.",
    "schema": {"type": "string", "pattern": "^[ -~]*$", "maxLength": LONGEST_ACTOR},
}
# A page, by what its reader takes; the status may be another where ``page.status`` says so.
_PAGE: Document = {
    **{type_: {"schema": TEXT} for type_ in PREVIEWED},
    CONTENT_TYPE: {"schema": reference("Problem")},
}

_EVERYWHERE = (403, 500)  # statuses that any call may end in
_WITH_TOKEN = (401, 429)
_ERRORS: Mapping[int, str] = {
    400: "The body is not JSON, or a field or parameter makes no sense.",
    401: "No token, or one that the gateway does not know.",
    403: "A viewer's token where an operator's is needed; another site's page, or a foreign Host.",
    404: "There is no such flag, guard, member or webhook.",
    408: "The body did not arrive in time, or the caller has left.",
    409: "It is at odds with what the flag is, who guards it, or that the member is here.",
    412: "The flags have moved on from the revision that If-Match names.",
    413: "The body is larger than 1 MiB.",
    415: "The body is of another type, or encoded.",
    422: "The body is JSON, but not valid: `errors` says where.",
    429: "Too many wrong tokens came from this address.",
    500: "A fault of the gateway's; its log says which.",
    503: "Not now: the store cannot be used, or this worker is ending.",
    504: "Not drained: `reason` says why.",
}
_FIELDS: Mapping[int, Mapping[str, str]] = {
    401: {"WWW-Authenticate": "How to show a token."},
    412: {"ETag": "The revision that holds, quoted."},
    415: {"Accept": "The types taken.", "Accept-Encoding": "`identity`."},
    429: {"Retry-After": "Seconds."},
    503: {"Retry-After": "Seconds."},
}


def describe(routes: Iterable[Route], version: str) -> Document:
    """The whole description of ``routes``."""
    paths: dict[str, Document] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Maintenance gateway control API",
            "version": version,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
        # The empty one: a gateway without tokens answers this machine alone, and asks for none.
        "security": [{"bearer": []}, {}],
    }


def _operation(route: Route) -> Document:
    operation: Document = {
        "summary": route.summary,
        "operationId": route.endpoint.__name__,
        "parameters": list(_parameters(route)),
        "responses": _responses(route),
    }
    if route.takes is not None:
        types = (MERGE_PATCH, JSON) if route.method == "PATCH" else (JSON,)
        schema = {"schema": reference(route.takes)}
        content = dict.fromkeys(types, schema)
        operation["requestBody"] = {"required": not route.bare, "content": content}
    if route.open:
        # /metrics alone may have a token of its own.
        operation["security"] = [{"bearer": []}, {}] if 401 in route.errors else [{}]
    return operation


def _parameters(route: Route) -> Iterator[Document]:
    for name in re.findall(r"{(\w+)}", route.path):
        description, schema = _PARAMETERS[name]
        yield {
            "name": name,
            "in": "path",
            "required": True,
            "description": description,
            "schema": schema,
        }
    yield from (_query(query, "query") for query in route.queries)
    yield from (_query(field, "header") for field in route.fields)
    if 412 in route.errors:
        yield _IF_MATCH
    if route.changes:
        yield _ACTOR


def _query(query: Query, place: str) -> Document:
    return {
        "name": query.name,
        "in": place,
        "required": query.required,
        "description": query.description,
        "schema": {"type": "array", "items": query.shape} if query.repeats else query.shape,
    }


def _responses(route: Route) -> Document:
    responses: Document = {str(route.done): _done(route)}
    everywhere = _EVERYWHERE if route.open else (*_EVERYWHERE, *_WITH_TOKEN)
    for status in sorted({*everywhere, *route.errors}):
        shape = "NotDrained" if status == 504 else "Problem"
        error: Document = {
            "description": _ERRORS[status],
            "content": {CONTENT_TYPE: {"schema": reference(shape)}},
        }
        if status in route.pages:
            error["content"] = _PAGE
        responses[str(status)] = error | _headers(_FIELDS.get(status, {}))
    return responses


def _done(route: Route) -> Document:
    if route.done in route.pages:
        return {"description": "A page of the gateway's", "content": _PAGE}
    if not route.answers:
        return {
            "description": "Done",
            "content": {type_: {"schema": TEXT} for type_ in route.types},
        }
    content = {JSON: {"schema": reference(route.answers)}}
    shape: Mapping[str, Any] = SCHEMAS[route.answers]
    tagged = "revision" in shape.get("properties", {})
    fields = {"ETag": "The revision, quoted."} if tagged else {}
    return {"description": "Done", "content": content, **_headers(fields)}


def _headers(fields: Mapping[str, str]) -> Document:
    if not fields:
        return {}
    headers = {name: {"description": said, "schema": TEXT} for name, said in fields.items()}
    return {"headers": headers}
