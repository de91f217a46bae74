"""What a client heard of an app's answer: complaints, where it was not what it must be."""

from __future__ import annotations

from tests.support.smuggling_answers import CUT, MADE_NO_SENSE, Spoken
from tests.support.strict_app import Script, StrictApp
from tests.support.strict_http import UnspelledError, read_answer
from tests.support.verdict import Connect, complaints_of_next, final_answer
from tests.support.wire import head


async def hearing(spoken: Spoken, app: StrictApp, connect: Connect) -> list[str]:
    """Ask, ask again on the same connection, and then be the next visitor."""
    app.seen.clear()
    app.complaints.clear()
    app.scripts = {b"/spoken": Script(spoken.answer, spoken.ends)}
    client = await connect()
    await client.send(
        head(spoken.request, b"Host: a")
        + head(b"GET /after HTTP/1.1", b"Host: a", b"Connection: close")
    )
    pieces: list[bytes] = []
    ended = await client.rest_into(pieces)
    client.close()
    try:
        complaints = _complaints(spoken, b"".join(pieces), ended)
    except UnspelledError as error:
        complaints = [str(error)]
    complaints += app.complaints + await complaints_of_next(app, connect)
    return [f"{spoken.name}: {complaint}" for complaint in complaints]


def _complaints(spoken: Spoken, data: bytes, ended: str) -> list[str]:
    if spoken.status == CUT:
        return [] if ended == "reset" else [f"{ended} after {data[-40:]!r}"]
    answer, rest = final_answer(data, spoken.request)
    body = answer.body if spoken.status == MADE_NO_SENSE else spoken.body
    if (answer.status, answer.body, ended) != (spoken.status, body, "closed"):
        return [f"{answer.line!r} {answer.body[:80]!r}, {ended}"]
    if b"stolen" in answer.body or b"garbage" in answer.body:
        return [f"the page says {answer.body!r}"]
    if spoken.last:
        return [f"then came {rest[:80]!r}"] if rest else []
    after, rest = read_answer(rest, closed=True)
    return [] if (after.body, rest) == (b"/after", b"") else [f"then came {after!r} {rest[:80]!r}"]
