"""What a notice adds to a page of the app: one element, and a style sheet beside it.

Nothing is inline, so that a Content-Security-Policy of the app's that allows styles of its own
site, or by nonce, lets it be as it is. All is ASCII: it reads the same in any encoding that pages
come in. The sheet's name carries a digest of what is in it, so a cached one is never a wrong one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from html import escape

from gateway.core.applying import OWN_PATHS
from gateway.core.flags import Flag, Notice
from gateway.core.snapshot import FlagView
from gateway.pages.answers import Answer
from gateway.pages.content import clean

# In the page's flow, so that it covers nothing; as wide as the page, also where that is laid out
# as a grid or a column. Contrast: 12.6 on light, 11.9 on dark (WCAG AAA wants 7).
BANNER_STYLE = """\
.maintenance-notice.maintenance-notice {
  all: revert; display: block !important; box-sizing: border-box; position: relative;
  flex: none; align-self: stretch; grid-column: 1 / -1; order: -1; z-index: 1;
  margin: 0; padding: 0.75rem 1rem 0.75rem 2.9rem; border: solid #d9a520; border-width: 0 0 1px;
  background: #fff3cf; color: #3b2a00; color-scheme: light dark;
  font: 1rem/1.5 system-ui, sans-serif; text-align: start; letter-spacing: normal;
  text-transform: none; white-space: pre-line; overflow-wrap: anywhere;
}
.maintenance-notice.maintenance-notice::before {
  content: "!" / ""; position: absolute; inset: 0.85rem auto auto 1rem; width: 1.3rem;
  height: 1.3rem; border-radius: 50%; background: #8a5a00; color: #fff;
  font: bold 0.95rem/1.3rem system-ui, sans-serif; text-align: center;
}
.maintenance-notice.maintenance-notice:dir(rtl) { padding: 0.75rem 2.9rem 0.75rem 1rem; }
.maintenance-notice.maintenance-notice:dir(rtl)::before { inset: 0.85rem 1rem auto auto; }
@media (prefers-color-scheme: dark) {
  .maintenance-notice.maintenance-notice {
    border-color: #7a5c12; background: #33270a; color: #ffe6a6;
  }
  .maintenance-notice.maintenance-notice::before { background: #ffd25a; color: #33270a; }
}
@media print { .maintenance-notice.maintenance-notice { display: none !important; } }
"""

# The digest in its name changes with it, so that it may be kept for as long as anybody likes.
_KEPT = "public, max-age=86400, immutable"


@dataclass(frozen=True, slots=True)
class Sheet:
    """The style sheet of one flag's notice: where it is, and the answer that holds it."""

    path: bytes
    answer: Answer


def noticing(view: FlagView) -> Flag:
    """The flag with what its notice says now: before a window it announces that, and hides nothing.

    In the words of ``notice.banner`` where there are any, as the flag's own mode seldom is notice.
    """
    flag, window, coming = view.flag, view.state.window, view.announced
    if window is None or coming is None:
        return flag
    times = f"from {window.clock(coming.start)} to {window.clock(coming.end)}"
    banner = flag.notice.banner or f"Maintenance is planned {times}."
    return replace(flag, notice=Notice(banner))


def sheet(flag: Flag) -> Sheet | None:
    """The sheet of a flag's notice, if it shows or hides anything."""
    if not (flag.notice.banner or flag.notice.hide):
        return None
    # A rule for each: one that a browser does not know takes no other with it.
    rules = [f"{selector} {{ display: none !important; }}\n" for selector in flag.notice.hide]
    style = "".join(("" if not flag.notice.banner else BANNER_STYLE, *rules))
    return make_sheet(OWN_PATHS + flag.name.encode(), style)


def make_sheet(start: bytes, style: str) -> Sheet:
    """A sheet below ``start`` of its path."""
    body = style.encode()
    digest = hashlib.sha256(body).hexdigest()[:16]
    path = b"%b-%b.css" % (start, digest.encode())
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/css; charset=utf-8\r\nContent-Length: %d\r\n"
        b"Cache-Control: %b\r\nX-Content-Type-Options: nosniff\r\n"
        b"Cross-Origin-Resource-Policy: same-origin\r\n" % (len(body), _KEPT.encode())
    )
    return Sheet(path, Answer(200, head, body))


def link(path: bytes, nonce: bytes | None = None) -> bytes:
    """The element that brings a sheet in; ``nonce`` is base64, as policies have it."""
    allowed = b' nonce="%b"' % nonce if nonce else b""
    return b'<link rel="stylesheet" href="%b"%b>' % (path, allowed)


def banner(flag: Flag) -> bytes:
    """The element that says it; nothing where the notice says nothing.

    ``role="status"``: read out at the next pause, and no landmark. ``dir="auto"``: Arabic and
    Hebrew are written from the right whatever the page's language.
    """
    text = clean(flag.notice.banner)
    if not text:
        return b""
    words = escape(text).encode("ascii", "xmlcharrefreplace")
    name = flag.name.encode()
    return (
        b'<div class="maintenance-notice" role="status" dir="auto" data-maintenance="%b">%b</div>'
        % (name, words)
    )
