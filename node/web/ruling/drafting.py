"""A draft of rules: who may have it, the text that it is, what that text says, and its publication."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from aiohttp import web

from node.accounts.person import Person
from node.domain import ruletext
from node.domain.calendar import day_of
from node.domain.hands import Approval, Stated
from node.domain.record import Amendment
from node.domain.rulebook import Package
from node.domain.rulefaults import RuleFault, RulesMalformed, is_day
from node.errors import Malformed, NodeError, NotAllowed, Refused
from node.publishing import rules as publishing
from node.rule_judging import Body
from node.rules import data_of, read_text
from node.trading import drafts
from node.trading.drafts import Draft
from node.web import session
from node.web.keys import AUDIT, CLOCK, PUBLISHER, RULE_RECORDS, RULES, SETTINGS, STORE, TAKE_OVER_RULES, TRUSTED
from node.web.supervision import scope
from node.wire import hand_check
from node.wire import payload as payloads

FORM = "rules/"
MAX_TEXT = 400_000


@dataclass(frozen=True, slots=True)
class Read:
    """What a draft's text says. `values` is its plain data, None where it is no TOML; `body` where it has its shape."""

    values: dict[str, Any] | None
    body: Body | None
    faults: list[RuleFault] = field(default_factory=list)


def permission(request: web.Request) -> str:
    """By what a person rules here: a department's supervisor, or at the hub whoever gives out the city's tables."""
    return "rule.publish" if request.app[SETTINGS].role == "supervision" else "rule.distribute"


async def need(request: web.Request) -> Person:
    """Who is logged in and may draft rules here. Raises NotAllowed."""
    who = await session.need(request, permission(request))
    await request.app[RULE_RECORDS].refresh()
    return who


def require_scope(request: web.Request, who: Person, body: Body) -> None:
    """Raise NotAllowed for a package of a category that is not this supervisor's, Refused for another department's."""
    request.app[RULE_RECORDS].require_own(body)
    if not in_scope(request, who, body):
        assert isinstance(body, Package)
        raise NotAllowed(
            f"the category {body.category} is not one of this supervisor's sectors",
            zh=f"“{body.category}”不在您的监管行业范围内",
            advice_zh="请由负责该行业的监管人员起草。",
            advice_en="Somebody who supervises that sector drafts it.",
        )


def in_scope(request: web.Request, who: Person, body: Body) -> bool:
    """Whether this person may draft it: a supervisor of some sectors only the packages of their categories."""
    if not isinstance(body, Package) or not who.sectors:
        return True
    held, now = request.app[RULES].by_day, request.app[CLOCK]()
    return scope.within(held, frozenset(who.sectors), body.category, "", now)


def read(request: web.Request, text: str) -> Read:
    """What a text says, and everything that is wrong with it."""
    try:
        values = data_of(text)
    except tomllib.TOMLDecodeError as error:
        return Read(None, None, [RuleFault("", f"无法解析：{error}", f"it cannot be read: {error}")])
    try:
        body = read_text(text, "")
    except RulesMalformed as error:
        return Read(values, None, list(error.faults))
    except Malformed as error:
        return Read(values, None, [RuleFault(error.field or "", error.zh, error.detail)])
    records, today = request.app[RULE_RECORDS], day_of(request.app[CLOCK]())
    found = publishing.faults(body, request.app[RULES].book.in_force(today))
    if is_day(body.effective_from) and body.effective_from < today:
        zh = f"生效日早于今天（{today}），规则不溯及既往"
        found.append(RuleFault("effective_from", zh, f"it would hold back in time: today is {today}"))
    if any(each.name == body.name for each in records.versions(body.id)):
        found.append(
            RuleFault("version", f"已有 {body.name}，请换用新的版本号", f"{body.name} is held: give it another")
        )
    if why := records.may_issue(body):
        found.append(RuleFault("department", f"各节点不会采用：{why[0]}", f"no node would take it over: {why[1]}"))
    return Read(values, body, found)


def text_from(body: Body, held: list[Body], tomorrow: str) -> str:
    """The text of a next version: the same rules under a new name, from tomorrow on until somebody says otherwise."""
    values = ruletext.plain(body)
    taken = {each.version for each in held}
    number = max([int(each) for each in taken if each.isdigit() and len(each) < 4], default=1) + 1
    values["version"] = str(number) if body.version.isdigit() and len(body.version) < 4 else _unused(tomorrow, taken)
    values["effective_from"] = tomorrow
    values.pop("effective_to", None)
    return ruletext.dumps(values)


def _unused(name: str, taken: set[str]) -> str:
    return next(each for each in (name, *(f"{name}-{at}" for at in range(2, len(taken) + 3))) if each not in taken)


async def save(request: web.Request, who: Person, text: str, based_on: str, draft: Draft | None = None) -> Draft:
    """Keep a text; the newest version of an existing draft. Raises Overtaken, TooLarge."""
    try:
        values = data_of(text)
        title = f"{values.get('zh', '')} {values.get('id', '')}@{values.get('version', '')}"
    except tomllib.TOMLDecodeError:
        title = draft.title if draft else based_on
    work = partial(
        drafts.save,
        account=who.account,
        form=f"{FORM}{based_on}"[:200],
        content={"text": text, "based_on": based_on},
        now_ms=request.app[CLOCK](),
        title=title[:300],
        draft=draft.id if draft else "",
        version=draft.version if draft else 0,
    )
    return await request.app[STORE].write(work)


def title_of(request: web.Request, node: str) -> str:
    """What a node is called by the policy; its name where that does not list it."""
    policy = request.app[TRUSTED].held
    member = policy.member(node) if policy is not None else None
    return member.title if member is not None else node


def needs_second(request: web.Request) -> bool:
    """Rules are public: they are looked at twice where this node's settings ask it of what is public."""
    return request.app[SETTINGS].four_eyes == "public"


async def publish(request: web.Request, who: Person, draft: Draft, body: Body) -> None:
    """Sign the rules by hand and node, publish them, and take them over here. Raises NodeError."""
    require_scope(request, who, body)
    approval: Approval | None = None
    if needs_second(request):
        work = partial(drafts.approved, draft=draft.id, account=who.account, version=draft.version)
        approval = (await request.app[STORE].read(work)).approval
    today, title = day_of(request.app[CLOCK]()), request.app[SETTINGS].title
    stated = Stated(publishing.kind_of(body), body.name, payloads.encode(publishing.document(body, title)))
    hand = who.sign(stated, permission(request), approval=approval)
    if needs_second(request) and not hand_check.approved(hand, stated, body):
        raise Refused(
            "what was approved is not what is to be published",
            zh="复核通过的内容与将发布的内容不符",
            advice_zh="请重新提交复核。",
            advice_en="Submit it for a second look again.",
        )
    packages = request.app[RULES].book.in_force(today)
    await _log(request, publishing.draft(body, title, today=today, hand=hand, packages=packages))
    finish = partial(drafts.finish, draft=draft.id, account=who.account, now_ms=request.app[CLOCK]())
    await request.app[STORE].write(finish)
    await request.app[AUDIT].note(who, "rule.publish", body.name, body.effective_from, permission=permission(request))


async def withdraw(request: web.Request, who: Person, body: Body, reason: str) -> None:
    """Take back a version of this node's that is not in force yet. Raises NodeError."""
    require_scope(request, who, body)
    await _log(request, publishing.withdrawal(body, reason))
    await request.app[AUDIT].note(who, "rule.withdraw", body.name, reason, permission=permission(request))


async def _log(request: web.Request, amendment: Amendment) -> None:
    (outcome,) = await request.app[PUBLISHER].publish([amendment])
    if outcome.error is not None:
        assert isinstance(outcome.error, NodeError)
        raise outcome.error
    await request.app[TAKE_OVER_RULES]()
