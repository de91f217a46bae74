"""The shapes of the control API's documents, as JSON Schema."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gateway.control.documents import Document
from gateway.core.flags import Kind, Mode
from gateway.core.patches import LONGEST_TEXT, LONGEST_USER, MOST_USERS
from gateway.core.quiescence import Standing


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
    "page": _object({"title": _maybe("string"), **_PAGE, "retry_after": _WHOLE}),
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

_MEMBER: Document = {
    "member": _TEXT,
    "state": {"type": "string", "enum": [standing.value for standing in Standing]},
    "host": _TEXT,
    "pid": _WHOLE,
    "slot": _WHOLE,
    "since": _MOMENT,
    "revision": {
        **_maybe("integer"),
        "description": "The one it has acknowledged; null: none, it has registered anew.",
    },
    "in_flight": _WHOLE,
    "abandoned": _WHOLE,
    "unmoved": {"type": "number", "description": "Seconds since its last beat was first seen."},
}

_BEFORE: Document = {
    "type": ["object", "null"],
    "description": "What is to be put back at the end.",
    "properties": {
        "ttl": {"type": ["number", "string", "null"]},
        "enabled": _maybe("boolean"),
        "was_on": _maybe("boolean"),
    },
    "additionalProperties": False,
}
_PROGRESS: Document = {"type": "object", "properties": {"done": _WHOLE, "of": _WHOLE}}
_GUARD_STATE: Document = {"type": "string", "enum": ["arming", "guarding", "lifting"]}

_GUARD: Document = {
    "id": {**_TEXT, "description": "The owner's; it is the last part of the guard's address."},
    "flag": _TEXT,
    "user": _maybe("string"),
    "owner": _TEXT,
    "by": _TEXT,
    "host": _TEXT,
    "since": _MOMENT,
    "command": _TEXT,
    "state": _GUARD_STATE,
    "progress": _PROGRESS,
    "before": _BEFORE,
    "abandoned": {**_YES_NO, "description": "Not heard of for its lease; the flag stays on."},
}
_ALWAYS_OF_A_GUARD = ("id", "flag", "user", "owner", "by", "since", "abandoned")

_DRAINED: Document = {
    "drained": _YES_NO,
    "flag": _TEXT,
    "user": _maybe("string"),
    "revision": _WHOLE,
    "members": _list(_TEXT),
    "waited": {"type": "number", "description": "Seconds."},
    "in_flight": {**_WHOLE, "description": "Still under way; 0 where it is drained."},
    "finished": {**_WHOLE, "description": "Ended by themselves."},
    "cut": {**_WHOLE, "description": "Tunnels and event streams that were closed."},
    "abandoned": {**_WHOLE, "description": "Given up before their end."},
    "missing": {**_list(_TEXT), "description": "Members that are gone and did not report."},
    "reason": {**_maybe("string"), "description": "Why it is not drained."},
}

SCHEMAS: Mapping[str, Document] = {
    "Flag": _object(_FLAG),
    "FlagAtRevision": _object({**_FLAG, "revision": _WHOLE}),
    "Flags": _object({"revision": _WHOLE, "flags": _list(_reference("Flag"))}),
    "Patch": _closed(_PATCH),
    "UserChange": _closed(
        {"add": _USERS, "remove": _USERS, "reason": _REASON, "for": _PATCH["for"]}
    ),
    "Drain": _closed(
        {
            "user": _maybe("string"),
            "timeout": {**_SECONDS, "description": "An hour at most; 30 s unless said."},
            "assume_gone": {**_list(_TEXT), "description": "Silent members that are gone."},
            "accept_orphans": _YES_NO,
        }
    ),
    "Drained": _object(_DRAINED),
    "Guard": _object(_GUARD, required=_ALWAYS_OF_A_GUARD),
    "GuardAtRevision": _object(
        {**_GUARD, "revision": _WHOLE}, required=(*_ALWAYS_OF_A_GUARD, "revision")
    ),
    "Guards": _object({"revision": _WHOLE, "guards": _list(_reference("Guard"))}),
    "NewGuard": {
        **_closed(
            {
                "user": _maybe("string"),
                "owner": {**_TEXT, "maxLength": 200, "description": "Nobody else's."},
                "command": {**_TEXT, "maxLength": 1000},
                "host": {**_TEXT, "maxLength": 1000},
                "before": _BEFORE,
                "take_over": {**_YES_NO, "description": "From a guard that is abandoned."},
            }
        ),
        "required": ["owner"],
    },
    "GuardNews": _closed({"state": _GUARD_STATE, "progress": _PROGRESS, "before": _BEFORE}),
    "Released": _object({"id": _TEXT, "revision": _WHOLE}),
    "Forgotten": _object({"member": _TEXT, "revision": _WHOLE}),
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
            "members": _list(_object(_MEMBER, required=("member", "revision"))),
            "guards": _list(_reference("Guard")),
            "store": _object(
                {
                    "kind": _TEXT,
                    "reachable": _YES_NO,
                    "writable": _YES_NO,
                    "error": _maybe("string"),
                }
            ),
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
            "failures": {
                **_list(_TEXT),
                "description": "Tasks of the gateway that fail, each with its error.",
            },
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
