"""The API's description, OpenAPI 3.1, made of the routes so that it cannot lag behind."""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus

from gateway.control.bodies import JSON, MERGE_PATCH
from gateway.control.documents import Document
from gateway.control.problems import CONTENT_TYPE
from gateway.control.route import Query, Route
from gateway.control.schemas import SCHEMAS

_PARAMETERS = {
    "flag": "The flag's name.",
    "user": "The user, percent-encoded (a slash as %2F).",
    "guard": "The guard's id, which is its owner's.",
    "member": "The member's name, as status lists it.",
}
_IF_MATCH: Document = {
    "name": "If-Match",
    "in": "header",
    "description": "A revision; 412 where the flags have moved on from it.",
    "schema": {"type": "string"},
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
        "parameters": _parameters(route),
        "responses": _responses(route),
    }
    if route.takes is not None:
        types = (MERGE_PATCH, JSON) if route.method == "PATCH" else (JSON,)
        schema = {"schema": _reference(route.takes)}
        operation["requestBody"] = {"required": True, "content": dict.fromkeys(types, schema)}
    if not route.in_api:
        operation["security"] = [{}]
    return operation


def _parameters(route: Route) -> list[Document]:
    named: list[Document] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": _PARAMETERS[name],
            "schema": {"type": "string"},
        }
        for name in re.findall(r"{(\w+)}", route.path)
    ]
    matched = [_IF_MATCH] if route.answers == "FlagAtRevision" and route.changes else []
    return [*named, *map(_query, route.queries), *matched]


def _query(query: Query) -> Document:
    one: Document = {"type": query.kind}
    return {
        "name": query.name,
        "in": "query",
        "required": query.required,
        "description": query.description,
        "schema": {"type": "array", "items": one} if query.repeats else one,
    }


def _responses(route: Route) -> Document:
    responses: Document = {str(route.done): _done(route)}
    everywhere = (401, 403, 429) if route.in_api else (403,)
    for status in sorted({*everywhere, *route.errors}):
        responses[str(status)] = {
            "description": HTTPStatus(status).phrase,
            "content": {CONTENT_TYPE: {"schema": _reference("Problem")}},
        }
    return responses


def _done(route: Route) -> Document:
    if not route.answers:
        text: Document = {"text/plain": {"schema": {"type": "string"}}}
        return {"description": "Done", "content": text}
    content = {JSON: {"schema": _reference(route.answers)}}
    done: Document = {"description": "Done", "content": content}
    if route.answers in {"Flags", "FlagAtRevision", "Explanation", "Status"}:
        done["headers"] = {
            "ETag": {"description": "The revision, quoted", "schema": {"type": "string"}}
        }
    return done


def _reference(name: str) -> Document:
    return {"$ref": f"#/components/schemas/{name}"}
