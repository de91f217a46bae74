"""The shapes of the control API's documents, as JSON Schema."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gateway.control.documents import Document
from gateway.core.flags import Kind, Mode
from gateway.core.patches import LONGEST_TEXT, LONGEST_USER, MOST_USERS


def _object(properties: Mapping[str, object], *, required: Iterable[str] | None = None) -> Document:
    # All properties are always there, unless said otherwise.
    names = list(properties if required is None else required)
    return {"type": "object", "properties": dict(properties), "required": names}


def _closed(properties: Mapping[str, object]) -> Document:
    return {"type": "object", "properties": dict(properties), "additionalProperties": False}


def _list(items: Mapping[str, object]) -> Document:
    return {"type": "array", "items": dict(items)}


def _maybe(kind: str, **more: object) -> Document:
    return {"type": [kind, "null"], **more}


def _reference(name: str) -> Document:
    return {"$ref": f"#/components/schemas/{name}"}


_TEXT: Document = {"type": "string"}
_WHOLE: Document = {"type": "integer"}
_YES_NO: Document = {"type": "boolean"}
_MOMENT = _maybe("string", format="date-time")
_MODE: Document = {"type": "string", "enum": [mode.value for mode in Mode]}
_ROLLOUT: Document = {"type": "number", "minimum": 0, "maximum": 100}
_SECONDS: Document = {"type": ["number", "string"], "examples": [90, "90s", "5m", "2h"]}
_USER: Document = {"type": "string", "minLength": 1, "maxLength": LONGEST_USER}
_USERS: Document = {"type": "array", "items": _USER, "maxItems": MOST_USERS}
_REASON: Document = {"type": "string", "maxLength": LONGEST_TEXT}
_PAGE = {"message": _maybe("string"), "retry_after": _maybe("integer")}

_STATE: Document = {
    "mode": _MODE,
    "enabled": _YES_NO,
    "users": _list(_TEXT),
    "rollout": _ROLLOUT,
    "ttl": {"type": "number", "description": "Seconds."},
}

_FLAG: Document = {
    "flag": _TEXT,
    "kind": {"type": "string", "enum": [kind.value for kind in Kind]},
    **_STATE,
    "scope": _object({name: _list(_TEXT) for name in ("hosts", "paths", "methods")}),
    "window": {"type": "null"},
    "from": {"type": "string", "enum": ["yaml", "override"]},
    "since": _MOMENT,
    "by": _maybe("string"),
    "reason": _maybe("string"),
    "until": {**_MOMENT, "description": "When the flip undoes itself."},
    "in_flight": _WHOLE,
    "description": _TEXT,
    "strict": _YES_NO,
    "identity": _maybe("object"),
    "page": _object({"title": _maybe("string"), **_PAGE}),
    "yaml": _object({**_STATE, "page": _object(_PAGE)}),
    "override": _maybe("object", description="The keys that were flipped."),
}

_PATCH: Document = {
    "enabled": _maybe("boolean"),
    "users": {**_USERS, "type": ["array", "null"]},
    "rollout": {**_ROLLOUT, "type": ["number", "null"]},
    "ttl": {**_SECONDS, "type": ["number", "string", "null"]},
    "mode": {"enum": [*_MODE["enum"], None]},  # type: ignore[misc]
    "page": {
        "type": ["object", "null"],
        "properties": {
            "message": _maybe("string", maxLength=LONGEST_TEXT),
            "retry_after": {**_SECONDS, "type": ["number", "string", "null"]},
        },
    },
    "reason": _REASON,
    "for": {**_SECONDS, "description": "Undo it after this long."},
}

_ERROR = {"file": _TEXT, "line": _maybe("integer"), "path": _TEXT, "message": _TEXT, "text": _TEXT}

SCHEMAS: Mapping[str, Document] = {
    "Flag": _object(_FLAG),
    "FlagAtRevision": _object({**_FLAG, "revision": _WHOLE}),
    "Flags": _object({"revision": _WHOLE, "flags": _list(_reference("Flag"))}),
    "Patch": _closed(_PATCH),
    "UserChange": _closed({"add": _USERS, "remove": _USERS, "reason": _REASON}),
    "Explanation": _object(
        {
            "flag": _maybe("string"),
            "decision": {"type": "string", "enum": ["forward", "refuse"]},
            "reason": _TEXT,
            "request": _object({"method": _TEXT, "host": _TEXT, "target": _TEXT, "client": _TEXT}),
            "revision": _WHOLE,
            "verdicts": _list(
                _object({"flag": _TEXT, "holds": _YES_NO, "reason": _TEXT, "detail": _TEXT})
            ),
        }
    ),
    "Status": _object(
        {
            "revision": _WHOLE,
            "members": _list({"type": "object"}),
            "store": _object({"kind": _TEXT, "reachable": _YES_NO, "error": _maybe("string")}),
            "config": _object(
                {
                    "path": _maybe("string"),
                    "valid": _YES_NO,
                    "errors": _list(_object(_ERROR)),
                    "notices": {
                        **_list(_object(_ERROR)),
                        "description": "Keys that were edited and take effect with a restart.",
                    },
                }
            ),
            "in_flight": _WHOLE,
            "held": _WHOLE,
            "on": _list(_TEXT),
        }
    ),
    "Audit": _object(
        {
            "entries": _list(
                _object(
                    {
                        "id": {**_WHOLE, "description": "Counts up; give it as before."},
                        "at": _MOMENT,
                        "by": _TEXT,
                        "action": _TEXT,
                        "flag": _TEXT,
                        "reason": _TEXT,
                        "changes": _maybe("object"),
                        "revision": _WHOLE,
                    }
                )
            )
        }
    ),
    "Description": {"type": "object", "description": "An OpenAPI 3.1 document."},
    "Health": _object({"status": _TEXT}),
    "Problem": _object(
        {
            "type": _TEXT,
            "title": _TEXT,
            "status": _WHOLE,
            "detail": _TEXT,
            "errors": _list(_object({"path": _TEXT, "message": _TEXT})),
            "did_you_mean": _list(_TEXT),
            "revision": _WHOLE,
        },
        required=("type", "title", "status", "detail"),
    ),
}
