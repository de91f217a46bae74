"""What a page of the app shows to whoever gets past a flag by a bypass link: that they do.

It is made and styled as a notice is, and ends with a way to be a visitor like any other again.
"""

from __future__ import annotations

from gateway.core.passes import OWN_PATHS
from gateway.pages.notice import BANNER_STYLE, make_sheet

END = b"end"  # the last part of the address where a pass is taken back

# Links of a page are in any colour; here they have that of the text.
_LINK_STYLE = """\
.maintenance-notice.maintenance-notice > a {
  all: revert; color: inherit !important; text-decoration: underline; margin-inline-start: 0.75em;
}
"""

# No flag's name begins with a hyphen.
REMINDER_SHEET = make_sheet(OWN_PATHS + b"-", BANNER_STYLE + _LINK_STYLE)


def reminder(flags: tuple[str, ...]) -> bytes:
    """The element that says which flags are got past, with a link for each that ends it."""
    ends = b"".join(
        b'<a href="%b%b/%b" rel="nofollow">End the bypass of %b</a>' % (OWN_PATHS, name, END, name)
        for name in map(str.encode, flags)
    )
    return (
        b'<div class="maintenance-notice" role="status" lang="en" dir="ltr">'
        b"You see this in spite of maintenance, which others are shown now.%b</div>" % ends
    )
