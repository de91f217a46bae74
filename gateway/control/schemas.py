"""The shapes of the control API's documents, as JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.control.drain import MOST_GONE
from gateway.control.guards import LONGEST_COMMAND, MOST_STATUS, STATES
from gateway.control.shapes import (
    COUNT,
    CRON,
    DURATION,
    LANDING,
    OWNER,
    PASS,
    PATIENCE,
    REASON,
    ROLLOUT,
    TEXT,
    TIME,
    USER,
    USERS,
    WHILE,
    WHOLE,
    WHOLE_DURATION,
    YES_NO,
    ZONE,
    Shape,
    asked,
    maybe,
    nullable,
    reference,
    several,
    thing,
    told,
)
from gateway.control.webhook_schemas import WEBHOOK_SCHEMAS
from gateway.core.flags import Kind, Mode
from gateway.core.quiescence import Standing

_MOMENT = maybe("string", format="date-time")
_MODES = [mode.value for mode in Mode]
_MODE: Shape = {"type": "string", "enum": _MODES}
_PAGE = {"message": maybe("string"), "retry_after": maybe("integer")}

_STATE: Shape = {
    "mode": _MODE,
    "enabled": YES_NO,
    "users": several(TEXT),
    "rollout": ROLLOUT,
    "ttl": {"type": "number", "description": "Seconds."},
}

_FLAG: Shape = {
    "flag": TEXT,
    "kind": {"type": "string", "enum": [kind.value for kind in Kind]},
    **_STATE,
    "on": told(YES_NO, "Whether it holds anybody, or applies, now: by switch, window or file."),
    "scope": thing({name: several(TEXT) for name in ("hosts", "paths", "methods")}),
    "window": maybe(
        "object",
        description=(
            "start and end, or cron and for; timezone, announce, and text; now and next: "
            "start and end of the occurrence that is and of the one after it, or null; holds: it "
            "alone has the flag on; announced: the next one is."
        ),
    ),
    "from": {"type": "string", "enum": ["yaml", "override"]},
    "since": _MOMENT,
    "by": maybe("string"),
    "reason": maybe("string"),
    "until": {**_MOMENT, "description": "When the flip undoes itself, or its window ends."},
    "in_flight": WHOLE,
    "held": told(WHOLE, "Requests that wait for it, on all workers."),
    "description": TEXT,
    "strict": YES_NO,
    "max": {**maybe("number"), "description": "Seconds after which, still on, it is forgotten."},
    "bypass": told(YES_NO, "Whether there may be links past it: it has an `allow.key`."),
    "notice": thing({"banner": TEXT, "hide": several(TEXT)}),
    "strip": thing({"cookies": several(TEXT), "headers": several(TEXT)}),
    "source": maybe("object", description="The trigger file that the flag is on by."),
    "identity": maybe("object"),
    "page": thing({"title": maybe("string"), **_PAGE, "retry_after": WHOLE}),
    "yaml": thing({**_STATE, "window": maybe("object"), "page": thing(_PAGE)}),
    "override": maybe("object", description="The keys that were flipped."),
}

_BESIDE = {"timezone": nullable(ZONE), "announce": nullable(DURATION)}
_ONCE: Shape = asked({"start": TIME, "end": TIME, **_BESIDE}, required=("start", "end"))
_AGAIN: Shape = asked({"cron": CRON, "for": WHILE, **_BESIDE}, required=("cron", "for"))

_PATCH: Shape = {
    "enabled": maybe("boolean"),
    "users": nullable(USERS),
    "rollout": nullable(ROLLOUT),
    "ttl": nullable(DURATION),
    "mode": {"enum": [*_MODES, None]},
    "page": nullable(
        asked(
            {
                "message": nullable(REASON),
                "retry_after": nullable(WHOLE_DURATION),
            }
        )
    ),
    "window": told({"anyOf": [_ONCE, _AGAIN, {"const": False}, {"type": "null"}]}, "false: none."),
    "reason": nullable(REASON),
    "for": told(nullable(WHILE), "Undo it after this long; a key must be there that is undone."),
}
# JSON Schema's way to say that "for" needs one of the keys that a flip may have.
_FOR_WHAT: Shape = {
    "anyOf": [
        {"properties": {"for": {"type": "null"}}},
        *({"required": [key]} for key in ("enabled", "users", "rollout", "ttl", "mode", "window")),
        {
            "required": ["page"],
            "properties": {"page": {"anyOf": [{"type": "null"}, {"minProperties": 1}]}},
        },
    ]
}
_SOMEBODY: Shape = {
    "anyOf": [
        {"required": [key], "properties": {key: {"minItems": 1}}} for key in ("add", "remove")
    ]
}

_ERROR = {"file": TEXT, "line": maybe("integer"), "path": TEXT, "message": TEXT, "text": TEXT}

_MEMBER: Shape = {
    "member": TEXT,
    "state": {"type": "string", "enum": [standing.value for standing in Standing]},
    "host": TEXT,
    "pid": WHOLE,
    "slot": WHOLE,
    "since": _MOMENT,
    "revision": {
        **maybe("integer"),
        "description": "The one it has acknowledged; null: none, it has registered anew.",
    },
    "in_flight": WHOLE,
    "abandoned": WHOLE,
    "unmoved": {"type": "number", "description": "Seconds since its last beat was first seen."},
    "lease": {"type": "number", "description": "Seconds that its lease runs on; 0: it is out."},
}

_BEFORE: Shape = told(
    nullable(
        asked(
            {
                "ttl": {"type": ["number", "string", "null"]},
                "enabled": maybe("boolean"),
                "was_on": maybe("boolean"),
            }
        )
    ),
    "What is to be put back at the end.",
)
_PROGRESS: Shape = asked({"done": COUNT, "of": COUNT}, required=("done", "of"))
_GUARD_STATE: Shape = {"type": "string", "enum": list(STATES)}
_OWNER: Shape = told(OWNER, "Nobody else's.")
_STATUS: Shape = {"type": "integer", "minimum": 0, "maximum": MOST_STATUS}
_LINE: Shape = {"type": "string", "maxLength": LONGEST_COMMAND}

_GUARD: Shape = {
    "id": {**TEXT, "description": "The owner's; it is the last part of the guard's address."},
    "flag": TEXT,
    "user": maybe("string"),
    "owner": TEXT,
    "by": TEXT,
    "host": TEXT,
    "since": _MOMENT,
    "command": TEXT,
    "state": _GUARD_STATE,
    "progress": _PROGRESS,
    "before": _BEFORE,
    "abandoned": {**YES_NO, "description": "Not heard of for its lease; the flag stays on."},
}
_ALWAYS_OF_A_GUARD = ("id", "flag", "user", "owner", "by", "since", "abandoned")

_DRAINED: Shape = {
    "drained": YES_NO,
    "flag": TEXT,
    "user": maybe("string"),
    "revision": WHOLE,
    "members": several(TEXT),
    "waited": {"type": "number", "description": "Seconds."},
    "in_flight": {**WHOLE, "description": "Still under way; 0 where it is drained."},
    "finished": {**WHOLE, "description": "Ended by themselves."},
    "cut": {**WHOLE, "description": "Tunnels and event streams that were closed."},
    "abandoned": {**WHOLE, "description": "Given up before their end."},
    "missing": {**several(TEXT), "description": "Members that are gone and did not report."},
    "unseen": {**YES_NO, "description": "Requests in scope go on over another proxy."},
    "reason": {**maybe("string"), "description": "Why it is not drained."},
}

_PROBLEM: Shape = {
    "type": TEXT,
    "title": TEXT,
    "status": {"type": "integer", "minimum": 400, "maximum": 599},
    "detail": TEXT,
    "errors": several(thing({"path": TEXT, "message": TEXT})),
    "did_you_mean": several(TEXT),
    "allowed": several(TEXT),
    "reasons": several(TEXT),
    "guard": reference("Guard"),
    "revision": WHOLE,
}
_ALWAYS_OF_A_PROBLEM = ("type", "title", "status", "detail")

SCHEMAS: Mapping[str, Shape] = {
    "Flag": thing(_FLAG),
    "FlagAtRevision": thing({**_FLAG, "revision": WHOLE}),
    "Toggled": thing({"flag": TEXT, "enabled": YES_NO, "revision": WHOLE}),
    "Flags": thing({"revision": WHOLE, "flags": several(reference("Flag"))}),
    "Patch": {**asked(_PATCH), **_FOR_WHAT},
    "UserChange": {
        **asked(
            {
                "add": USERS,
                "remove": USERS,
                "reason": REASON,
                "for": told(nullable(WHILE), 'Let those of "add" go after this long.'),
            }
        ),
        **_SOMEBODY,
    },
    "Reason": asked({"reason": REASON}),
    "NewLink": asked(
        {
            "for": told(WHILE, "How long it is valid."),
            "url": told(nullable(LANDING), "Where it leads to; / unless said."),
            "reason": REASON,
        },
        required=("for",),
    ),
    "Link": thing(
        {
            "flag": TEXT,
            "id": told(PASS, "What it is revoked by."),
            "url": told(TEXT, "What to open: whole if an address was given, else a path."),
            "token": told(TEXT, "What the link carries; a secret."),
            "expires": {"type": "string", "format": "date-time"},
            "revision": WHOLE,
        }
    ),
    "Drain": asked(
        {
            "user": nullable(USER),
            "timeout": told(PATIENCE, "An hour at most; 30 s unless said."),
            "assume_gone": {
                **several(TEXT),
                "maxItems": MOST_GONE,
                "description": "Silent members that are gone.",
            },
            "accept_orphans": YES_NO,
            "accept_unseen": YES_NO,
        }
    ),
    "Drained": thing(_DRAINED),
    "Guard": thing(_GUARD, required=_ALWAYS_OF_A_GUARD),
    "GuardAtRevision": thing(
        {**_GUARD, "revision": WHOLE}, required=(*_ALWAYS_OF_A_GUARD, "revision")
    ),
    "Guards": thing({"revision": WHOLE, "guards": several(reference("Guard"))}),
    "NewGuard": asked(
        {
            "user": nullable(USER),
            "owner": _OWNER,
            "command": nullable(_LINE),
            "host": nullable(_LINE),
            "before": _BEFORE,
            "take_over": told(YES_NO, "From a guard that is abandoned."),
        },
        required=("owner",),
    ),
    "GuardNews": asked(
        {
            "state": {"enum": [*STATES, None]},
            "progress": nullable(_PROGRESS),
            "before": _BEFORE,
        }
    ),
    "GuardEnd": asked(
        {
            "status": told(nullable(_STATUS), "The command's exit status, or the guard's own."),
            "message": nullable(_LINE),
            "left_on": told(nullable(YES_NO), "Whether the flag stays on."),
            "progress": nullable(_PROGRESS),
        }
    ),
    **WEBHOOK_SCHEMAS,
    "Released": thing({"id": TEXT, "revision": WHOLE}),
    "Forgotten": thing({"member": TEXT, "revision": WHOLE}),
    "Explanation": thing(
        {
            "flag": maybe("string"),
            "decision": {"type": "string", "enum": ["forward", "refuse", "hold"]},
            "reason": TEXT,
            "applying": told(several(TEXT), "Flags in mode notice or anonymous that apply to it."),
            "bypassed": told(several(TEXT), "Flags that hold it but for a pass that it bears."),
            "request": thing({"method": TEXT, "host": TEXT, "target": TEXT, "client": TEXT}),
            "revision": WHOLE,
            "verdicts": several(
                thing({"flag": TEXT, "holds": YES_NO, "reason": TEXT, "detail": TEXT})
            ),
        }
    ),
    "Status": thing(
        {
            "revision": WHOLE,
            "members": several(thing(_MEMBER, required=("member", "revision"))),
            "guards": several(reference("Guard")),
            "unseen": told(several(TEXT), "Flags whose requests go on over another proxy."),
            "store": thing(
                {
                    "kind": TEXT,
                    "reachable": YES_NO,
                    "writable": YES_NO,
                    "error": maybe("string"),
                }
            ),
            "config": thing(
                {
                    "path": maybe("string"),
                    "valid": YES_NO,
                    "errors": several(thing(_ERROR)),
                    "notices": {
                        **several(thing(_ERROR)),
                        "description": "Keys that were edited and take effect with a restart.",
                    },
                }
            ),
            "pages": told(
                several(thing({"url": TEXT, "fetched": _MOMENT, "error": maybe("string")})),
                "Those of page.url, each with the time of the copy that is shown.",
            ),
            "failures": {
                **several(TEXT),
                "description": "Tasks of the gateway that fail, each with its error.",
            },
            "in_flight": WHOLE,
            "held": told(WHOLE, "Requests that wait, on all workers."),
            "held_for_app": told(WHOLE, "Those of them that wait for the app."),
            "forgotten": told(
                several(thing({"flag": TEXT, "since": _MOMENT, "max": {"type": "number"}})),
                "Flags that are on for longer than their max.",
            ),
            "traffic": told(
                thing({"in_flight": WHOLE, "forwarded": WHOLE, "refused": WHOLE}),
                "Of all workers of this gateway: under way now, and counted since they started.",
            ),
            "on": several(TEXT),
        }
    ),
    "Audit": thing(
        {
            "entries": several(
                thing(
                    {
                        "id": {**WHOLE, "description": "Counts up; give it as before."},
                        "at": _MOMENT,
                        "by": TEXT,
                        "action": TEXT,
                        "flag": TEXT,
                        "reason": TEXT,
                        "changes": maybe("object"),
                        "revision": WHOLE,
                    }
                )
            )
        }
    ),
    "Description": {"type": "object", "description": "An OpenAPI 3.1 document."},
    "Health": thing({"status": TEXT}),
    "Problem": thing(_PROBLEM, required=_ALWAYS_OF_A_PROBLEM),
    "NotDrained": thing({**_DRAINED, **_PROBLEM}, required=(*_ALWAYS_OF_A_PROBLEM, *_DRAINED)),
}
