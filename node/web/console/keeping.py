"""Drafts as the console uses them: what a form holds (`sent.Sent`) kept by `node/trading/drafts.py`."""

from __future__ import annotations

from functools import partial

import msgspec
from aiohttp import web
from sqlalchemy import Connection

from node.accounts.person import Person
from node.errors import NotAllowed, NotFound
from node.trading import drafts
from node.trading.drafts import Draft
from node.web.console import shell
from node.web.console.sent import Sent
from node.web.console.subjects import Subject
from node.web.keys import STORE

__all__ = ["Draft", "discard", "lists", "load", "review", "save", "submit", "used"]
TITLE = 300


async def load(request: web.Request, who: Person, id: str) -> Draft | None:
    """A draft of this person, or one that waits for a second pair of eyes such as this person has; else None."""
    if not id:
        return None
    try:
        draft = await request.app[STORE].read(partial(drafts.view, draft=id, account=who.account))
    except NotFound:
        return None
    if draft.state == drafts.USED or (draft.account != who.account and not who.may("trade.second")):
        return None
    return draft


async def save(
    request: web.Request, who: Person, draft: Draft | None, about: Subject, got: Sent, version: int = 0
) -> Draft:
    """Keep what was typed; an approval of what was there before no longer holds.

    `version` is that from which the form was made, 0 for the newest. Raises Overtaken where another window saved it.
    """
    title = got.title or about.title or got.raw.get("project_name", "")
    if about.trade is None:
        title = f"{about.rule.zh}{'：' if title else ''}{title}"
    return await request.app[STORE].write(
        partial(
            drafts.save,
            account=who.account,
            form=about.form,
            content=msgspec.to_builtins(got),
            now_ms=shell.now_ms(request),
            trade=about.trade.key if about.trade else "",
            title=title[:TITLE],
            draft=draft.id if draft else "",
            version=version or (draft.version if draft else 0),
        )
    )


async def lists(request: web.Request, who: Person) -> tuple[list[Draft], list[Draft]]:
    """(this person's, those of others that wait for this person's eyes)."""

    def read(conn: Connection) -> tuple[list[Draft], list[Draft]]:
        others = drafts.waiting(conn, who.account) if who.may("trade.second") else []
        # Drafts of rules lie in the same table and have pages of their own.
        return _of_trades(drafts.mine(conn, who.account)), _of_trades(others)

    return await request.app[STORE].read(read)


def _of_trades(found: list[Draft]) -> list[Draft]:
    return [each for each in found if not each.form.startswith("rules/")]


async def submit(request: web.Request, who: Person, draft: Draft) -> None:
    """Give it to another person. Raises Overtaken, NotFound, Refused."""
    now = shell.now_ms(request)
    await request.app[STORE].write(
        partial(drafts.submit, draft=draft.id, account=who.account, version=draft.version, now_ms=now)
    )


async def review(request: web.Request, who: Person, draft: Draft, *, approved: bool, note: str) -> None:
    """Say what a second pair of eyes saw. Raises NotAllowed for one's own draft and without the post, Overtaken."""
    if not who.may("trade.second"):
        raise NotAllowed("no post of this person looks at drafts a second time", zh="您的岗位不能复核草稿")
    await request.app[STORE].write(
        partial(
            drafts.decide,
            draft=draft.id,
            account=who.account,
            version=draft.version,
            approve=approved,
            note=note,
            now_ms=shell.now_ms(request),
        )
    )


async def used(request: web.Request, who: Person, draft: Draft) -> None:
    """The act is published: the draft is kept for a while, and no longer shown."""
    now = shell.now_ms(request)
    await request.app[STORE].write(partial(drafts.finish, draft=draft.id, account=who.account, now_ms=now))


async def discard(request: web.Request, who: Person, draft: Draft) -> None:
    """Raises NotFound for another's draft."""
    await request.app[STORE].write(partial(drafts.discard, draft=draft.id, account=who.account))
