"""Sessions: a signed cookie, and nothing that is kept on this side.

A session is signed with the secret of the token that was shown when it began. So any worker of
any replica knows it, and it ends with the token: once that is edited or taken out of the YAML, no
key verifies it any more. Where nobody has shown a token, a session is signed with the store's
epoch, which all members share too. It then stands for nobody, and serves alone to tell our own
forms from others'.
"""

from __future__ import annotations

import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from itsdangerous import BadSignature, TimestampSigner

from gateway.config.settings import Token

LASTS = 12 * 3600.0  # seconds
SKEW = 60.0  # seconds by which the clocks of two replicas may differ

_SALT = b"maintenance gateway, session"
_FORMS = b"maintenance gateway, forms of "


@dataclass(frozen=True, slots=True)
class Session:
    """``cookie`` is what the browser keeps, ``form`` what each form has to bring along.

    ``until`` is seconds since the epoch.
    """

    cookie: str
    form: str
    key: Token
    until: float
    new: bool = False

    def wrote(self, form: str) -> bool:
        """Whether a form is one of this session's."""
        return hmac.compare_digest(form.encode(), self.form.encode())


def begin(key: Token, now: float) -> Session:
    """A session of whoever has shown this token."""
    cookie = _Signer(key, now).sign(secrets.token_urlsafe(18)).decode()
    return Session(cookie, _form(cookie, key), key, now + LASTS, new=True)


def read(cookie: str, keys: Iterable[Token], now: float) -> Session | None:
    """The session of a cookie, None where none of the keys signed it or it is over."""
    for key in keys:
        try:
            _, began = _Signer(key, now).unsign(cookie, return_timestamp=True)
        except (BadSignature, UnicodeError):
            continue
        until = began.timestamp() + LASTS
        if now < until <= now + LASTS + SKEW:
            return Session(cookie, _form(cookie, key), key, until)
    return None


class _Signer(TimestampSigner):
    # By a clock that is handed in, and with SHA-256 for the library's SHA-1.

    def __init__(self, key: Token, now: float) -> None:
        secret = key.secret.encode("utf-8", "surrogateescape")
        super().__init__(secret, salt=_SALT, key_derivation="hmac", digest_method=sha256)
        self._now = now

    def get_timestamp(self) -> int:
        return int(self._now)


def _form(cookie: str, key: Token) -> str:
    secret = key.secret.encode("utf-8", "surrogateescape")
    digest = hmac.digest(secret, _FORMS + cookie.encode(), "sha256")
    return urlsafe_b64encode(digest).decode().rstrip("=")
