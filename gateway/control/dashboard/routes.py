"""All of the dashboard's pages, forms and files."""

from __future__ import annotations

from gateway.control.dashboard.actions import change_flag, change_users_of_flag
from gateway.control.dashboard.assets import show_asset
from gateway.control.dashboard.login import log_in, log_out, show_log_in
from gateway.control.dashboard.page import Page
from gateway.control.dashboard.preview import show_preview
from gateway.control.dashboard.views import show_audit_page, show_explain_page, show_flag_page
from gateway.control.events import stream_signals

_FLAG = "/flags/{flag}"

PAGES: tuple[Page, ...] = (
    Page("GET", "/login", show_log_in, open=True),
    Page("POST", "/login", log_in, open=True),
    Page("POST", "/logout", log_out, open=True),
    Page("GET", "/assets/{file}", show_asset, open=True),
    Page("GET", _FLAG, show_flag_page),
    Page("POST", _FLAG, change_flag),
    Page("POST", f"{_FLAG}/users", change_users_of_flag),
    Page("GET", f"{_FLAG}/page", show_preview),
    Page("GET", "/audit", show_audit_page),
    Page("GET", "/explain", show_explain_page),
    Page("GET", "/events", stream_signals),
)
