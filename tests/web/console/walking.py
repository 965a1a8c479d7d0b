"""A clerk at a node's console: logs in, fills in forms as their pages are, and takes trades from act to act."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from typing import Any

from node.app import Node
from node.domain import engine
from node.domain.calendar import DAY_MS, day_of
from node.domain.rulebook import ActRule, FieldRule, Package
from node.trading import register
from node.web.console import forms
from tests.web.persons import PASSWORD, Browser, Clock

POSTS = ("acceptance", "venue", "publication", "archive")
FIRM = {"name": "重庆某某建设有限公司", "uscc": "91350100M000100Y43"}


class FormPage(HTMLParser):
    """The inputs of the form with `id="act-form"`, else of the last form of the page, with what they hold."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fields: list[tuple[str, str]] = []
        self._select: str | None = None
        self._first: str | None = None
        self._area: str | None = None
        self._chosen = False
        self._in_form = False
        self._wanted = 'id="act-form"' in page
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "form":
            self._in_form = found.get("id") == "act-form" if self._wanted else found.get("method") == "post"
        if not self._in_form:
            return
        name = found.get("name") or ""
        if tag == "input" and name and found.get("type") not in ("checkbox", "file"):
            self.fields.append((name, found.get("value") or ""))
        elif tag == "input" and name and "checked" in found and "disabled" not in found:
            self.fields.append((name, found.get("value") or ""))
        elif tag == "textarea":
            self._area = name
            self.fields.append((name, ""))
        elif tag == "select":
            self._select, self._chosen, self._first = name, False, None
        elif tag == "option" and self._select is not None and ("selected" in found or self._first is None):
            value = found.get("value")
            self._first = value or ""
            if "selected" in found or self._select.endswith(".unit"):
                self._set(self._select, value if value is not None else "元")
            else:
                self._set(self._select, value or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = None
        elif tag == "textarea":
            self._area = None
        elif tag == "form":
            self._in_form = False

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            name, before = self.fields[-1]
            self.fields[-1] = (name, before + data)

    def _set(self, name: str, value: str) -> None:
        self.fields = [each for each in self.fields if each[0] != name] + [(name, value)]


def value(field: FieldRule, now_ms: int) -> Any:
    """Something that fits a field."""
    plain: Mapping[str, Any] = {
        "text": "某某",
        "long": "公告全文。\n第二段。",
        "day": day_of(now_ms),
        "moment": now_ms,
        "money": max(1_000_000_00, field.least or 0),
        "integer": max(3, field.least or 0),
        "share": 100,
        "flag": False,
        "party": FIRM,
        "parties": [FIRM],
        "texts": ["某专家"],
    }
    if field.type == "code":
        return field.choices[0].value if field.choices else "500103"
    if field.type == "rows":
        return [{column.name: value(column, now_ms) for column in field.columns if column.required}]
    return plain[field.type]


class Clerk:
    """One person in a browser. `told` are the warnings of the last preview."""

    def __init__(self, node: Node, client: Any, clock: Clock) -> None:
        self.node, self.clock = node, clock
        self.browser = Browser(client)
        self.page, self.account = "", ""

    async def log_in(self, account: str) -> Clerk:
        self.account = account
        assert await self.browser.log_in(account, PASSWORD) == 303
        return self

    async def get(self, path: str, status: int = 200) -> str:
        found, self.page = await self.browser.get(path)
        assert found == status, (path, found, self.page[:3000])
        return self.page

    async def send(self, path: str, fields: list[tuple[str, str]], status: int = 303) -> str:
        """POST; gives where it leads."""
        given = [(name, text) for name, text in fields if name != "csrf"]
        token = next((text for name, text in fields if name == "csrf"), "")
        found, self.page = await self.browser.post(path, given, token=token)
        assert found == status, (path, found, problems(self.page) or self.page[:3000])
        assert self.browser.last is not None
        return self.browser.last.headers.get("Location", "")

    async def fill(
        self,
        path: str,
        rules: Sequence[FieldRule],
        values: Mapping[str, Any],
        do: str = "preview",
        status: int = 303,
        lots: Sequence[str] | None = None,
    ) -> str:
        """The form of a page, filled in over what it holds, and sent; `lots` are those ticked, None as shown."""
        shown = FormPage(await self.get(path)).fields
        typed = [(f"f.{name}", text) for name, text in forms.fill(rules, values).items()]
        # What was there for a field that is typed anew goes, all its lines too.
        gone = {"do", *(f"f.{name}" for name in values), *(name for name, _ in typed)}
        lines = tuple(f"f.{name}." for name in values)
        kept = [(name, text) for name, text in shown if name not in gone and not name.startswith(lines)]
        if lots is not None:
            kept = [each for each in kept if each[0] != "lots"] + [("lots", number) for number in lots]
        return await self.send(path, [*kept, *typed, ("do", do)], status)

    async def publish(self, draft: str) -> str:
        """From the preview to the record; gives the trade's page."""
        fields = FormPage(await self.get(draft)).fields
        assert 'value="publish"' in self.page, problems(self.page) or self.page
        return await self.send(draft, [*fields, ("do", "publish")])

    async def register(self, package: Package, **facts: Any) -> str:
        """A trade's key."""
        rule = package.acts[0]
        draft = await self.fill(f"/console/trades/new/{package.id}", rule.fields, self.values(rule, {}, facts))
        page = await self.publish(draft)
        found = re.fullmatch(r"/console/trades/([0-9a-f]{32})\?done=published", page)
        assert found, page
        return found[1]

    async def act(
        self,
        trade: str,
        package: Package,
        act: str,
        *,
        lots: Sequence[str] | None = None,
        about: int = 0,
        refused: bool = False,
        **fields: Any,
    ) -> list[str]:
        """An act through its form and preview; `about` is the act that it answers or amends.

        One that must be refused leaves the form with its faults, which are given.
        """
        rule = package.act(act)
        assert rule is not None, act
        found, _ = await self.recorded(trade)
        target = found.act(about) if about and rule.amends else None
        known = engine.fields_of(package, rule, package.act(target.act) if target else None)
        path = f"/console/trades/{trade}/{act}" + (f"?corrects={about}" if about else "")
        shown = {
            name.split(".")[1] for name, text in FormPage(await self.get(path)).fields if name[:2] == "f." and text
        }
        values = {
            name: each
            for name, each in self.values(known, found.facts, fields).items()
            if name in fields or name not in shown
        }
        draft = await self.fill(path, known, values, status=400 if refused else 303, lots=lots)
        if refused:
            return problems(self.page)
        page = await self.publish(draft)
        assert page == f"/console/trades/{trade}?done=published"
        return []

    async def withdraw(self, trade: str, seq: int, reason: str) -> None:
        path = f"/console/trades/{trade}/withdraw/{seq}"
        token = FormPage(await self.get(path)).fields[:1]
        await self.send(path, [*token, ("reason", reason)])

    def values(
        self, rules: ActRule | Sequence[FieldRule], facts: Mapping[str, Any], given: Mapping[str, Any]
    ) -> dict[str, Any]:
        """What is asked for, where nothing is given."""
        found = dict(given)
        for field in rules.fields if isinstance(rules, ActRule) else rules:
            if field.required and field.name not in found and engine.holds(field.when, {**facts, **found}):
                found[field.name] = value(field, self.clock())
        return found

    async def recorded(self, trade: str) -> tuple[Any, Any]:
        """The trade and its records."""
        return await self.node.store.read(lambda conn: register.trade_of(conn, self.node.rules.book, trade))

    async def facts(self, trade: str) -> dict[str, Any]:
        return dict((await self.recorded(trade))[0].facts)

    async def forward(self, days: float) -> None:
        """Later; a session does not last over night, so the clerk logs in again."""
        self.clock.now_ms += int(days * DAY_MS)
        if days >= 0.1:
            await self.log_in(self.account)

    def day(self, days: int = 0) -> str:
        return day_of(self.clock() + days * DAY_MS)

    def moment(self, days: float = 0) -> int:
        # To the minute, as a form's input has it.
        return (self.clock() + int(days * DAY_MS)) // 60_000 * 60_000


def problems(page: str) -> list[str]:
    """The messages of a page that was refused."""
    found = re.findall(r'class="(?:error|notice bad[^"]*)"[^>]*>(.*?)</(?:p|div)>', page, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", " ", each).split()) for each in found]
