"""What a decision can come to, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why: one word for the log, the metric, the header and the API."""

    # Forwarded
    NO_FLAG_HOLDS = "no_flag_holds"
    DISABLED = "disabled"
    OTHER_HOST = "other_host"
    OTHER_PATH = "other_path"
    OTHER_METHOD = "other_method"
    SAFE_METHOD = "safe_method"
    EXEMPT_PATH = "exempt_path"
    EXEMPT_ADDRESS = "exempt_address"
    EXEMPT_USER = "exempt_user"
    BYPASSED = "bypassed"
    NO_IDENTITY = "no_identity"
    USER_NOT_LISTED = "user_not_listed"
    NOTICE = "notice"
    ANONYMOUS = "anonymous"
    OWN_PATH = "own_path"
    # Held back
    SITE = "site"
    FEATURE = "feature"
    USER_LISTED = "user_listed"
    USER_IN_ROLLOUT = "user_in_rollout"
    IDENTITY_MISSING = "identity_missing"
    LEASE_OUT = "lease_out"
    BYPASS_VOID = "bypass_void"


@dataclass(frozen=True, slots=True)
class Forward:
    """Hand the request to the app: untouched, unless flags apply to what goes on.

    ``applying`` names those, of the modes ``notice`` and ``anonymous``, in the order written.
    ``bypassed`` names those that would hold it but for a pass that it bears. With ``OWN_PATH`` the
    request is for what the gateway has itself: a style sheet of a notice, or a pass.
    """

    reason: Reason
    applying: tuple[str, ...] = ()
    bypassed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer in the app's place, with the page of ``flag``."""

    flag: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Hold:
    """Let it wait until ``flag`` holds it no more; if it may not wait (on), it is refused."""

    flag: str
    reason: Reason


HeldBack = Refuse | Hold
Decision = Forward | HeldBack
