"""The members as status shows them, and the operator's word that one is gone."""

from __future__ import annotations

from aiohttp import web

from gateway.control.auth import actor
from gateway.control.bodies import read_reason
from gateway.control.documents import Document, answer, moment
from gateway.control.problems import Problem, shown
from gateway.control.services import SERVICES, Barrier, Services
from gateway.core.leases import MEMBER
from gateway.state.membership import MemberIsHere
from gateway.state.roll import Member
from gateway.stores.base import AuditEntry, StoreError

_TOLD = ("host", "pid", "slot", "revision", "in_flight", "abandoned")


def barrier(request: web.Request) -> Barrier:
    """What is asked of the members; 503 while there are none."""
    found = request.app[SERVICES].barrier
    if found is None:
        raise Problem(503, "This gateway has no members yet.", headers={"Retry-After": "1"})
    return found


async def forget_member(request: web.Request) -> web.Response:
    """Has a member that is silent or crashed forgotten, with all it had in flight."""
    name = request.match_info["member"]
    services = request.app[SERVICES]
    reason, by = await read_reason(request), actor(request)
    try:
        await barrier(request).membership.forget(name)
    except MemberIsHere as error:
        raise Problem(409, f"The member {shown(name)} is here: it beats.") from error
    except LookupError as error:
        raise Problem(404, f"There is no member {shown(name)}.") from error
    revision = services.state.snapshot.revision
    said = f"member {name} is gone{f': {reason}' if reason else ''}"
    await services.state.record(
        AuditEntry(services.clock(), by, "forget", "", said, revision=revision)
    )
    return answer({"member": name, "revision": revision}, revision)


async def member_documents(services: Services) -> list[Document]:
    """All members as this one sees them, itself with what only it can tell.

    Where the store is out of reach: as they were last seen.
    """
    own = dict(services.member())
    if isinstance(since := own.get("since"), float):
        own["since"] = moment(since)
    if services.barrier is None:
        return [own]
    membership = services.barrier.membership
    try:
        members = await membership.look()
    except StoreError:
        members = membership.members
    told = [_document(member) for member in members]
    by_name = {str(each["member"]): each for each in told}
    name = str(own.get("member"))
    by_name[name] = {**own, **by_name.get(name, {})}
    return list(by_name.values())


def _document(member: Member) -> Document:
    document = member.record.document
    since = document.get("since")
    return {
        "member": member.name,
        "state": member.standing.value,
        **{key: document[key] for key in _TOLD if key in document},
        "since": moment(since) if isinstance(since, float) else None,
        "unmoved": round(member.unmoved, 1),
        "lease": max(0.0, round(MEMBER.lasts - member.unmoved, 1)),
    }
