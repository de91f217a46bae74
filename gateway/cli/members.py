"""Members and guards as lines of ``gateway status``."""

from __future__ import annotations

from gateway.cli.client import Document
from gateway.cli.wording import ago, span

_ELSEWHERE = frozenset({"member", "state", "since", "unmoved", "lease", "abandoned", "host"})
_SHOUTED = {"silent": "SILENT", "crashed": "CRASHED", "leaving": "leaving"}


def member_line(member: Document, now: float) -> str:
    """``web1-42-0-9f: pid 42, revision 7, in_flight 3, started 5m ago``; what is wrong first."""
    told = {key: value for key, value in member.items() if key not in _ELSEWHERE}
    words = [f"{key} {value}" for key, value in told.items()]
    if state := _SHOUTED.get(str(member.get("state"))):
        words.insert(0, _gone(state, member))
    if member.get("abandoned"):
        words.append(f"{member['abandoned']} given up")
    if since := ago(member.get("since"), now):
        words.append(f"started {since}")
    return f"{member.get('member')}: {', '.join(words)}"


def guard_line(guard: Document, now: float) -> str:
    """``reindex for alice: by ci on web1, 5m ago, 3 of 10: ./reindex.sh``"""
    what = str(guard.get("flag"))
    if guard.get("user") is not None:
        what += f" for {guard['user']}"
    where = f" on {guard['host']}" if guard.get("host") else ""
    words = [f"by {guard.get('by')}{where}", ago(guard.get("since"), now)]
    progress = guard.get("progress")
    if isinstance(progress, dict):
        words.append(f"{progress.get('done')} of {progress.get('of')}")
    elif guard.get("state"):
        words.append(str(guard["state"]))
    if guard.get("abandoned"):
        words.append("ABANDONED: the flag stays on")
    command = f": {guard['command']}" if guard.get("command") else ""
    return f"{what}: {', '.join(filter(None, words))}{command}"


def _gone(state: str, member: Document) -> str:
    unmoved = member.get("unmoved")
    seconds = isinstance(unmoved, int | float) and state != "leaving"
    return f"{state} for {span(float(unmoved))}" if seconds else state  # type: ignore[arg-type]
