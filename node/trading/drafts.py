"""Drafts: what was typed and not sent yet, saved as it is typed; and the second pair of eyes before publication.

A save names the version that it was made from, so that two windows of one person do not overwrite each other unseen.
Whoever approves a draft is not who wrote it, and approves what stands in it: saving it again asks for approval again.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, and_, delete, func, insert, select, update

from node.domain.hands import Approval
from node.errors import NotAllowed, NotFound, Overtaken, Refused, TooLarge
from node.store.tables import table
from node.store.tables_trading import WorkDraft

MAX_DRAFTS = 200
"""Of one account, at one time."""
MAX_BYTES = 512 * 1024
MAX_TEXT = 600
KEEP_USED_MS = 90 * 86_400_000
OPEN, WAITING, APPROVED, RETURNED, USED = "open", "waiting", "approved", "returned", "used"
_drafts = table(WorkDraft)


@dataclass(frozen=True, slots=True)
class Draft:
    """`form` is `<category>/<act>`; `content` what was typed, by the names of the form's inputs."""

    id: str
    account: str
    form: str
    trade: str
    title: str
    content: dict[str, Any]
    version: int
    state: str
    second: str
    note: str
    approval: Approval | None
    made_ms: int
    changed_ms: int


def save(
    conn: Connection,
    account: str,
    form: str,
    content: Mapping[str, Any],
    *,
    now_ms: int,
    trade: str = "",
    title: str = "",
    draft: str = "",
    version: int = 0,
) -> Draft:
    """Save; without `draft` a new one, else the version after `version`, of the same form and trade.

    Raises Overtaken when it was saved elsewhere meanwhile, NotFound, TooLarge.
    """
    text = msgspec.json.encode(content).decode()
    if len(text.encode()) > MAX_BYTES or max(len(form), len(title)) > MAX_TEXT or len(trade) > 64:
        raise TooLarge(f"a draft holds {MAX_BYTES} bytes", zh=f"草稿不得超过 {MAX_BYTES // 1024} KB", field="content")
    if draft:
        before = _own(conn, draft, account)
        if before.state == USED:
            raise Overtaken("this draft has been published", zh="该草稿已经发布", field="draft")
        values = {
            "content": text,
            "title": title or before.title,
            "state": OPEN,
            "second": "",
            "approval": "",
            "changed_ms": now_ms,
        }
        _move(conn, before, version, values)
        return load(conn, draft, account)
    _make_room(conn, account, now_ms)
    draft = secrets.token_hex(16)
    more = {"made_ms": now_ms, "form": form, "trade": trade, "title": title, "content": text, "changed_ms": now_ms}
    made = {"id": draft, "account": account, "version": 1, "state": OPEN, "second": "", "note": "", "approval": ""}
    conn.execute(insert(_drafts), [{**more, **made}])
    return load(conn, draft, account)


def load(conn: Connection, draft: str, account: str) -> Draft:
    """One's own draft. Raises NotFound."""
    return _own(conn, draft, account)


def find(conn: Connection, account: str, form: str, trade: str = "") -> Draft | None:
    """The newest draft of a form that one has not finished, to go on with."""
    which = and_(
        _drafts.c.account == account, _drafts.c.form == form, _drafts.c.trade == trade, _drafts.c.state != USED
    )
    row = conn.execute(select(_drafts).where(which).order_by(_drafts.c.changed_ms.desc()).limit(1)).mappings().first()
    return None if row is None else _draft(row)


def mine(conn: Connection, account: str) -> list[Draft]:
    """All that one has not finished, newest first."""
    which = and_(_drafts.c.account == account, _drafts.c.state != USED)
    rows = conn.execute(select(_drafts).where(which).order_by(_drafts.c.changed_ms.desc()).limit(MAX_DRAFTS))
    return [_draft(row) for row in rows.mappings()]


def waiting(conn: Connection, account: str, *, limit: int = 200) -> list[Draft]:
    """What waits for a second pair of eyes, of anybody but this account; oldest first."""
    which = and_(_drafts.c.state == WAITING, _drafts.c.account != account)
    rows = conn.execute(select(_drafts).where(which).order_by(_drafts.c.changed_ms).limit(limit))
    return [_draft(row) for row in rows.mappings()]


def discard(conn: Connection, draft: str, account: str) -> None:
    """Throw one's own draft away. Raises NotFound."""
    _own(conn, draft, account)
    conn.execute(delete(_drafts).where(_drafts.c.id == draft))


def submit(conn: Connection, draft: str, account: str, version: int, *, now_ms: int) -> Draft:
    """Hand it to a second person. Raises Overtaken, NotFound."""
    before = _own(conn, draft, account)
    if before.state not in (OPEN, RETURNED, APPROVED):
        raise Refused(f"this draft is {before.state}", zh="该草稿已提交或已发布", field="draft")
    _move(conn, before, version, {"state": WAITING, "second": "", "note": "", "approval": "", "changed_ms": now_ms})
    return load(conn, draft, account)


def decide(
    conn: Connection, draft: str, account: str, version: int, *, approval: Approval | None, note: str = "", now_ms: int
) -> Draft:
    """Approve a draft that waits, with a signature, or return it with a note (`approval` None).

    Raises NotAllowed to its author, Overtaken, NotFound.
    """
    before = _any(conn, draft)
    if before.account == account:
        raise NotAllowed("who wrote it does not approve it", zh="起草人不能复核自己的草稿")
    if before.state != WAITING:
        raise Overtaken(f"this draft is {before.state}", zh="该草稿不在待复核状态", field="draft")
    if approval is None and not note.strip():
        raise Refused("a draft that is returned says why", zh="退回须说明原因", field="note")
    said = "" if approval is None else msgspec.json.encode(approval).decode()
    values = {"second": account, "note": note[:MAX_TEXT], "approval": said, "changed_ms": now_ms}
    _move(conn, before, version, {"state": RETURNED if approval is None else APPROVED, **values})
    return _any(conn, draft)


def view(conn: Connection, draft: str, account: str) -> Draft:
    """A draft for its author, or for who is to look at it while it waits. Raises NotFound."""
    found = _any(conn, draft)
    if found.account != account and found.state != WAITING:
        raise _missing(draft)
    return found


def approved(conn: Connection, draft: str, account: str, version: int) -> Draft:
    """One's own draft as it was approved: what is published is what `content` says. Raises NotAllowed, Overtaken."""
    found = _own(conn, draft, account)
    if found.version != version:
        raise _overtaken()
    if found.state != APPROVED:
        raise NotAllowed("nobody has approved this draft yet", zh="该草稿尚未经复核通过")
    return found


def finish(conn: Connection, draft: str, account: str, *, now_ms: int) -> None:
    """Say that it was published; it leaves the lists and is kept for a while."""
    of = and_(_drafts.c.id == draft, _drafts.c.account == account)
    conn.execute(update(_drafts).where(of).values(state=USED, changed_ms=now_ms))


def _make_room(conn: Connection, account: str, now_ms: int) -> None:
    old = and_(_drafts.c.state == USED, _drafts.c.changed_ms < now_ms - KEEP_USED_MS)
    conn.execute(delete(_drafts).where(old))
    which = and_(_drafts.c.account == account, _drafts.c.state != USED)
    if conn.execute(select(func.count()).select_from(_drafts).where(which)).scalar_one() >= MAX_DRAFTS:
        raise TooLarge(
            f"an account has at most {MAX_DRAFTS} drafts",
            zh=f"每个账号最多 {MAX_DRAFTS} 份草稿",
            advice_zh="请先删除不再需要的草稿。",
            advice_en="Throw away what is no longer needed.",
        )


def _move(conn: Connection, before: Draft, version: int, values: Mapping[str, Any]) -> None:
    of = and_(_drafts.c.id == before.id, _drafts.c.version == version)
    done = conn.execute(update(_drafts).where(of).values(version=version + 1, **values))
    if done.rowcount != 1:
        raise _overtaken()


def _own(conn: Connection, draft: str, account: str) -> Draft:
    found = _any(conn, draft)
    if found.account != account:
        raise _missing(draft)
    return found


def _any(conn: Connection, draft: str) -> Draft:
    row = conn.execute(select(_drafts).where(_drafts.c.id == draft)).mappings().first()
    if row is None:
        raise _missing(draft)
    return _draft(row)


def _draft(row: Mapping[Any, Any]) -> Draft:
    approval = msgspec.json.decode(row["approval"], type=Approval) if row["approval"] else None
    return Draft(**{**row, "content": msgspec.json.decode(row["content"]), "approval": approval})


def _missing(draft: str) -> NotFound:
    return NotFound(f"no draft {draft}", zh="没有该草稿，或不属于您", field="draft")


def _overtaken() -> Overtaken:
    return Overtaken("this draft was saved elsewhere meanwhile", zh="该草稿已在别处保存过", field="version")
