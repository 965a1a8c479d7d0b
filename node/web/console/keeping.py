"""Drafts as the console uses them: whose they are, who may look at them, and how they go from pair of eyes to another.

The rows are `work_draft` of the desk's working tables; what a draft holds is `sent.Sent`.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from aiohttp import web
from sqlalchemy import Connection, and_, delete, insert, select, update

from node.accounts.person import Person
from node.errors import NotAllowed, Overtaken
from node.store.tables import table
from node.store.tables_trading import WorkDraft
from node.web.console import shell
from node.web.console.sent import Sent
from node.web.keys import STORE
from node.wire.ids import uuid7

if TYPE_CHECKING:
    from node.web.console.acting import Subject

_drafts = table(WorkDraft)
LISTED = 200
TITLE = 300


@dataclass(frozen=True, slots=True)
class Draft:
    """A row of `work_draft`. `state` is open, waiting, approved, returned or used."""

    id: str
    account: str
    form: str
    trade: str
    title: str
    content: str
    version: int
    state: str
    second: str
    note: str
    made_ms: int
    changed_ms: int


async def load(request: web.Request, who: Person, id: str) -> Draft | None:
    """A draft of this person, or one that waits for a second pair of eyes such as this person has; else None."""
    if not id:
        return None
    draft = await request.app[STORE].read(partial(_one, id=id))
    if draft is None or draft.state == "used":
        return None
    if draft.account == who.account or (draft.state == "waiting" and who.may("trade.second")):
        return draft
    return None


async def save(request: web.Request, who: Person, id: str, about: Subject, got: Sent) -> str:
    """Keep what was typed; an approval or a return of what was there before no longer holds. Gives the draft's id."""
    now = shell.now_ms(request)
    title = (got.title or about.title or got.raw.get("project_name", "") or about.rule.zh)[:TITLE]
    changed = {
        "form": about.form,
        "trade": about.trade.key if about.trade else "",
        "title": title if about.trade else f"{about.rule.zh}：{title}",
        "content": got.content(),
        "state": "open",
        "second": "",
        "changed_ms": now,
    }
    key = id or uuid7(now, secrets.token_bytes).hex()

    def write(conn: Connection) -> None:
        if id:
            mine = and_(_drafts.c.id == id, _drafts.c.account == who.account, _drafts.c.state != "used")
            done = conn.execute(update(_drafts).where(mine).values(**changed, version=_drafts.c.version + 1))
            if done.rowcount == 1:
                return
        fresh = {"id": key, "account": who.account, "version": 1, "note": "", "made_ms": now}
        conn.execute(insert(_drafts).values(**fresh, **changed))

    await request.app[STORE].write(write)
    return key


async def lists(request: web.Request, who: Person) -> tuple[list[Draft], list[Draft]]:
    """(this person's, those of others that wait for this person's eyes), the newest change first."""

    def read(conn: Connection) -> tuple[list[Draft], list[Draft]]:
        newest = _drafts.c.changed_ms.desc()
        mine = and_(_drafts.c.account == who.account, _drafts.c.state != "used")
        others = and_(_drafts.c.account != who.account, _drafts.c.state == "waiting")
        own = [_draft(row) for row in conn.execute(select(_drafts).where(mine).order_by(newest).limit(LISTED))]
        if not who.may("trade.second"):
            return own, []
        return own, [_draft(row) for row in conn.execute(select(_drafts).where(others).order_by(newest).limit(LISTED))]

    return await request.app[STORE].read(read)


async def submit(request: web.Request, who: Person, draft: Draft) -> None:
    """Give it to another person. Raises NotAllowed for another's draft, Overtaken."""
    _require_own(who, draft)
    await _move(request, draft, {"state": "waiting", "second": "", "note": ""})


async def review(request: web.Request, who: Person, draft: Draft, *, approved: bool, note: str) -> None:
    """Say what a second pair of eyes saw. Raises NotAllowed for one's own draft, Overtaken when it has changed."""
    if draft.account == who.account or draft.state != "waiting" or not who.may("trade.second"):
        raise NotAllowed(
            "a draft is reviewed by another person, while it waits for that",
            zh="草稿须由另一人复核，且处于等待复核状态",
            advice_zh="请由另一名信息发布人员复核。",
            advice_en="Let another person of the publication post look at it.",
        )
    state = "approved" if approved else "returned"
    await _move(request, draft, {"state": state, "second": who.account, "note": note})


async def used(request: web.Request, who: Person, draft: Draft) -> None:
    """The act is published: the draft is kept, and no longer shown."""
    await _move(request, draft, {"state": "used"})


async def discard(request: web.Request, who: Person, draft: Draft) -> None:
    """Raises NotAllowed for another's draft."""
    _require_own(who, draft)
    await request.app[STORE].write(lambda conn: conn.execute(delete(_drafts).where(_drafts.c.id == draft.id)))


async def _move(request: web.Request, draft: Draft, changed: dict[str, Any]) -> None:
    """Only what this person saw is moved on: a version that has risen since is another draft."""
    now = shell.now_ms(request)

    def write(conn: Connection) -> None:
        same = and_(_drafts.c.id == draft.id, _drafts.c.version == draft.version, _drafts.c.state == draft.state)
        done = conn.execute(update(_drafts).where(same).values(**changed, version=draft.version + 1, changed_ms=now))
        if done.rowcount != 1:
            raise Overtaken(f"draft {draft.id} has changed meanwhile", zh="草稿刚刚被改动，请刷新后再试", field="draft")

    await request.app[STORE].write(write)


def _one(conn: Connection, id: str) -> Draft | None:
    row = conn.execute(select(_drafts).where(_drafts.c.id == id)).first()
    return None if row is None else _draft(row)


def _draft(row: Any) -> Draft:
    return Draft(**row._mapping)


def _require_own(who: Person, draft: Draft) -> None:
    if draft.account != who.account:
        raise NotAllowed(f"{draft.id} is another person's draft", zh="这是他人的草稿")
