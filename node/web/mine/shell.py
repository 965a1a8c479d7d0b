"""What all pages of a party share: who it is, what has been shown of that, and the frame with its own navigation.

Everything here is asked for by the account that is logged in: no address and no form says whose things are meant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web
from sqlalchemy import Connection, Row

from node.accounts import bindings
from node.accounts.person import Person
from node.domain.posts import ROLES
from node.domain.rulebook import Package
from node.settings import Settings
from node.trading.bidders import Holder
from node.trusted import newest
from node.web import hands_shown, pages, session
from node.web.console.shell import left, stage_name
from node.web.keys import CLOCK, RULES, STORE
from node.web.portal_people import People
from node.web.portal_text import Pair

PERMISSION: Final = "own.read"
NAVIGATION: Final[tuple[tuple[str, Pair, frozenset[str]], ...]] = (
    ("/mine", ("概览", "Overview"), frozenset(ROLES)),
    ("/mine/bids", ("投标与回执", "Bids, receipts"), frozenset({"bidder"})),
    ("/mine/deposits", ("保证金", "Deposits"), frozenset({"bidder"})),
    ("/mine/credit", ("信用记录", "Credit"), frozenset({"owner", "agency", "bidder", "association"})),
)
"""(address, title, the roles to which it is shown)."""


@dataclass(frozen=True, slots=True)
class Party:
    """Who is logged in. `code` is the credit code, or the number in the pool of experts, as the account says;
    `binding` the record by which that was seen by papers, None while nobody has."""

    who: Person
    code: str
    binding: Row[Any] | None

    @property
    def proven(self) -> bool:
        return self.binding is not None

    @property
    def is_expert(self) -> bool:
        return "expert" in self.who.roles

    @property
    def holder(self) -> Holder:
        """Whose bids: those this account handed in, and its organisation's once that is shown to be its."""
        return Holder(self.who.account, self.code if self.proven and not self.is_expert else "")


async def party(request: web.Request) -> Party:
    """Raises NotAllowed for accounts of other realms; who is not logged in is sent to do that."""
    who = await session.need(request, PERMISSION)
    node_of = hands_shown.node_of(request)
    binding = await request.app[STORE].read(lambda conn: bindings.proven(conn, who, node_of))
    return Party(who, bindings.code_of(who.roles, who.name, who.org), binding)


def people(conn: Connection, settings: Settings) -> People:
    return People(settings, newest(conn))


def package_of(request: web.Request, rules: str) -> Package | None:
    return request.app[RULES].book.get(rules)


def now_ms(request: web.Request) -> int:
    return request.app[CLOCK]()


def render(request: web.Request, template: str, one: Party, *, status: int = 200, **context: Any) -> web.Response:
    """A page for one party; never kept by a cache."""
    path = request.path
    shown = [(each, title) for each, title, roles in NAVIGATION if one.who.roles & roles]
    here = max((each for each, _ in shown if path == each or path.startswith(f"{each}/")), key=len, default="")
    response = pages.render(
        request,
        f"mine/{template}",
        status=status,
        one=one,
        who=one.who,
        mine_navigation=[(each, title, each == here) for each, title in shown],
        role_names=[(ROLES[role].zh, ROLES[role].en) for role in sorted(one.who.roles) if role in ROLES],
        left=left,
        **context,
    )
    response.headers["Cache-Control"] = "private, no-store"
    return response


__all__ = [
    "Party",
    "left",
    "now_ms",
    "package_of",
    "party",
    "people",
    "render",
    "stage_name",
]
