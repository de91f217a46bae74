"""The dashboard: the control API's flags, status and audit as pages for people."""
