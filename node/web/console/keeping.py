"""Drafts as the console uses them: what a form holds (`sent.Sent`) kept by `node/trading/drafts.py`."""

from __future__ import annotations

from functools import partial

import msgspec
from aiohttp import web
from sqlalchemy import Connection

from node.accounts.person import Person
from node.domain.acts import Act
from node.domain.hands import Approval
from node.domain.promises import PUBLICATION
from node.errors import NotAllowed, NotFound
from node.trading import drafts, services
from node.trading.drafts import Draft
from node.web.console import shell
from node.web.console.sent import Sent
from node.web.console.subjects import Subject
from node.web.keys import STORE

__all__ = ["Draft", "approve", "discard", "give_back", "lists", "load", "require_second", "save", "submit", "used"]
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
    now = shell.now_ms(request)

    def work(conn: Connection) -> Draft:
        if draft is not None and draft.state in (drafts.WAITING, drafts.APPROVED):
            services.finish(conn, PUBLICATION, draft.id, now, done=False)  # taken back; it is handed over anew
        return drafts.save(
            conn,
            who.account,
            about.form,
            msgspec.to_builtins(got),
            now_ms=now,
            trade=about.trade.key if about.trade else "",
            title=title[:TITLE],
            draft=draft.id if draft else "",
            version=version or (draft.version if draft else 0),
        )

    return await request.app[STORE].write(work)


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
    now, rules = shell.now_ms(request), shell.desk(request).rules

    def work(conn: Connection) -> None:
        drafts.submit(conn, draft.id, who.account, draft.version, now_ms=now)
        services.ask(
            conn,
            PUBLICATION,
            rules.promises.get(PUBLICATION),
            rules.calendar,
            subject=draft.id,
            title=draft.title,
            asked_ms=now,
            account=who.account,
            trade=draft.trade,
        )

    await request.app[STORE].write(work)


def require_second(who: Person, draft: Draft) -> None:
    """Raises NotAllowed for one's own draft and without the post."""
    if not who.may("trade.second"):
        raise NotAllowed("no post of this person looks at drafts a second time", zh="您的岗位不能复核草稿")
    if draft.account == who.account:
        raise NotAllowed("who wrote it does not approve it", zh="起草人不能复核自己的草稿")


async def approve(request: web.Request, who: Person, draft: Draft, act: Act, *, note: str) -> None:
    """Sign what a second pair of eyes has seen: the act that the draft's author is to publish. Raises Overtaken."""
    require_second(who, draft)
    await _decide(request, who, draft, who.approve(act, draft.account, shell.now_ms(request)), note)


async def give_back(request: web.Request, who: Person, draft: Draft, *, note: str) -> None:
    """Return it to its author with a note. Raises NotAllowed, Overtaken."""
    require_second(who, draft)
    await _decide(request, who, draft, None, note)


async def _decide(request: web.Request, who: Person, draft: Draft, approval: Approval | None, note: str) -> None:
    now = shell.now_ms(request)

    def work(conn: Connection) -> None:
        drafts.decide(conn, draft.id, who.account, draft.version, approval=approval, note=note, now_ms=now)
        if approval is None:  # the request is answered: with its faults
            services.finish(conn, PUBLICATION, draft.id, now)

    await request.app[STORE].write(work)


async def used(request: web.Request, who: Person, draft: Draft) -> None:
    """The act is published: the draft is kept for a while, and no longer shown."""
    now = shell.now_ms(request)

    def work(conn: Connection) -> None:
        drafts.finish(conn, draft.id, who.account, now_ms=now)
        services.finish(conn, PUBLICATION, draft.id, now)

    await request.app[STORE].write(work)


async def discard(request: web.Request, who: Person, draft: Draft) -> None:
    """Raises NotFound for another's draft."""
    now = shell.now_ms(request)

    def work(conn: Connection) -> None:
        drafts.discard(conn, draft.id, who.account)
        services.finish(conn, PUBLICATION, draft.id, now, done=False)

    await request.app[STORE].write(work)
