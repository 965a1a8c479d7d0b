"""Giving out numbers, each once: of projects, tender projects and sections, and unified trade identification codes.

A series' last serial lies in the node's database and moves in the transaction that gives the number out, so that
neither a restart nor another worker gives it again; after a restore the log says
what was given (`relearn.py`). Between nodes nothing need be asked: a project's number holds the node's own division
(zones have serials of their own), a unified code the credit code of the node's own platform.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

import structlog
from sqlalchemy import Connection, insert

from node.clock import Clock
from node.domain import tradecodes
from node.domain.calendar import day_of
from node.domain.identifiers import check_uscc
from node.domain.tradecodes import CodeTable, Range
from node.errors import Conflict, NodeError, Refused
from node.routing import relearn, series
from node.routing.series import MAX_SUBJECT, Owner
from node.settings import Settings
from node.store.db import Store
from node.store.tables import table
from node.store.tables_routing import CodeIssued

_log = structlog.get_logger(__name__)
_issued = table(CodeIssued)


@dataclass(frozen=True, slots=True)
class Given:
    """A number that was given out. `issuer` is the node that gave it; `again` that this request had been answered."""

    code: str
    issuer: str
    again: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request for a unified code. `request` is what the asker calls it: the same name gets the same code."""

    request: str
    cls: str
    subject: str = ""


@dataclass(frozen=True, slots=True)
class WantedLot:
    """A lot that wants numbers; `request` is what the asker calls it."""

    request: str
    subject: str
    section: bool
    unified: bool


@dataclass(frozen=True, slots=True)
class _Series:
    """A series to give from: `sort` of number, its name, the serials it may use, and what makes a number of one."""

    sort: str
    name: str
    allowed: Range
    make: Callable[[int], str]


AskHub = Callable[[Wanted], Awaitable[str]]
"""Asks the node above for a unified code. Raises NodeError when it cannot be had there."""


class Issuer:
    """Gives numbers out for this node, and unified codes for nodes that ask.

    `table_on` gives the table of letters and classes that is in force on a day. `ask_hub` is given where the settings
    want the hub to issue: when it cannot be reached, this node issues by itself.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        table_on: Callable[[str], CodeTable],
        clock: Clock,
        *,
        ask_hub: AskHub | None = None,
    ) -> None:
        self._store = store
        self._settings = settings
        self._table_on = table_on
        self._clock = clock
        self._ask_hub = ask_hub
        self._owner = Owner(settings.name, settings.division, settings.zone, settings.platform_uscc)

    @property
    def _table(self) -> CodeTable:
        return self._table_on(day_of(self._clock()))

    async def project(self, category: str, *, subject: str = "", request: str = "") -> Given:
        """The next project number (17) of a category, of today. Raises Refused when the day's serials are used up."""
        day = day_of(self._clock())
        letter, division, zone = self._table.letter(category), self._settings.division, self._settings.zone
        kind = _Series(
            "project",
            f"project/{letter}{division}/{day}/{zone}",
            tradecodes.serials(self._table, zone),
            lambda serial: tradecodes.project_code(letter, division, day, serial),
        )
        return await self._give(kind, subject, request)

    def is_own_project(self, code: str) -> bool:
        """Whether this node may number tender projects under a project: it could have given that number."""
        return series.of_project(code, self._owner, self._table) is not None

    async def given(self, sort: str, request: str) -> str:
        """What a request of this node was answered with: a `sort` of number, empty if it never was."""
        work = partial(series.answered, asker=self._settings.name, request=f"{sort}:{request}")
        held = await self._store.read(work)
        return held[0] if held is not None else ""

    async def tender(self, project: str, *, subject: str = "", request: str = "") -> Given:
        """The next tender project number (20) under a project's. Raises Refused when that is none of ours."""
        self._require_own(project, tradecodes.PROJECT)
        kind = _Series("tender", f"tender/{project}", Range(1, 999), partial(tradecodes.tender_code, project))
        return await self._give(kind, subject, request)

    async def section(self, tender: str, *, subject: str = "", request: str = "") -> Given:
        """The next section number (23) under a tender project's."""
        return await self._give(self._sections(tender), subject, request)

    async def lots(self, lots: Sequence[WantedLot], *, tender: str, category: str) -> list[tuple[str, str]]:
        """Section number and unified code of each lot, empty where it wants none: all in one transaction.

        `tender` is empty where no lot wants a section's number. Raises Refused, and then no number was taken.
        """
        codes = await self._from_hub(lots, category)
        sections = self._sections(tender) if tender else None
        cls = self._table.class_of(category) if any(lot.unified for lot in lots) else ""
        own = self._unified(cls) if any(lot.unified and lot.request not in codes for lot in lots) else None
        await relearn.catch_up(self._store, self._owner, self._table)

        def work(conn: Connection) -> list[tuple[str, str]]:
            found = []
            for lot in lots:
                code, section = codes.get(lot.request, ""), ""
                if lot.section and sections is not None:
                    section = self._next(conn, sections, lot.subject, lot.request).code
                if lot.unified and own is not None and not code:
                    code = self._next(conn, own, lot.subject, lot.request).code
                found.append((section, code))
            return found

        return await self._store.write(work)

    async def unified(self, *, category: str = "", cls: str = "", subject: str = "", request: str = "") -> Given:
        """A unified trade identification code for a lot, of today; `cls` is its class if not the category's own.

        Raises Refused without the credit code of the platform in the settings.
        """
        wanted = Wanted(request or secrets.token_hex(16), cls or self._table.class_of(category), subject)
        me, name = self._settings.name, f"unified:{wanted.request}"
        held = await self._store.read(partial(series.answered, asker=me, request=name))
        if held is not None:
            return Given(*held, again=True)
        if (code := await self._asked(wanted)) is not None:
            return code
        return await self.issue_unified(self._settings.name, wanted)

    async def _asked(self, wanted: Wanted) -> Given | None:
        """The code that the node above gives, kept; None where it is not to be asked, or cannot be."""
        if self._ask_hub is None:
            return None
        try:
            code = await self._ask_hub(wanted)
        except NodeError as error:
            # Registration must not wait for a line: the codes of two platforms cannot meet.
            _log.info("unified_code_issued_here", error=type(error).__name__, detail=error.detail)
            return None
        return await self._keep(wanted, code)

    async def _from_hub(self, lots: Sequence[WantedLot], category: str) -> dict[str, str]:
        """Unified codes that were given before or that the node above gives, by request; it is left alone once away."""
        me, wanted = self._settings.name, [lot for lot in lots if lot.unified]
        requests = [f"unified:{lot.request}" for lot in wanted]
        held = await self._store.read(lambda conn: [series.answered(conn, me, request) for request in requests])
        codes = {lot.request: there[0] for lot, there in zip(wanted, held, strict=True) if there is not None}
        for lot in wanted:
            if lot.request not in codes:
                given = await self._asked(Wanted(lot.request, self._table.class_of(category), lot.subject))
                if given is None:
                    break
                codes[lot.request] = given.code
        return codes

    async def issue_unified(self, asker: str, wanted: Wanted) -> Given:
        """Issue by ourselves, for a node that asks; its request once answered gets the same code again.

        Raises Refused for an unknown class, Conflict when the request was made for another class or subject.
        """
        given = await self._give(self._unified(wanted.cls), wanted.subject, wanted.request, asker=asker)
        if given.again and not given.code.startswith(f"{wanted.cls}-"):
            raise Conflict(f"request {wanted.request} was answered with {given.code}, of another class")
        return given

    def _sections(self, tender: str) -> _Series:
        self._require_own(tender, tradecodes.TENDER)
        make = partial(tradecodes.section_code, tender)
        return _Series("section", f"section/{tender}", tradecodes.SECTIONS, make)

    def _unified(self, cls: str) -> _Series:
        platform = self._platform()
        if not self._table.known(cls):
            raise Refused(f"no class {cls!r} in the table of codes", zh=f"没有分类代码 {cls}", field="class")
        day = day_of(self._clock())
        return _Series(
            "unified",
            f"unified/{platform}/{day}",
            tradecodes.UNIFIED_SERIALS,
            lambda serial: str(tradecodes.unified_code(cls, platform, day, serial)),
        )

    def _platform(self) -> str:
        code = self._settings.platform_uscc
        if not code or not check_uscc(code).valid:
            raise Refused(
                "the settings give no valid credit code of this platform (platform_uscc)",
                zh="配置中没有有效的平台统一社会信用代码（platform_uscc）",
                field="platform_uscc",
                advice_zh="请在 config.toml 填写本中心的统一社会信用代码后重启。",
                advice_en="Put the centre's unified social credit code into config.toml and restart.",
            )
        return code

    def _require_own(self, code: str, length: int) -> None:
        if len(code) != length or not tradecodes.is_own_form(code, self._table):
            raise Refused(
                f"{code!r} is no number of this platform with {length} characters",
                zh=f"{code} 不是本平台的 {length} 位编号，不能在其下续编",
                field="code",
                advice_zh="外来编号请原样使用，其标段编号由原平台给出。",
                advice_en="Use a foreign number as it is; its sections are numbered where it comes from.",
            )

    async def _give(self, kind: _Series, subject: str, request: str, *, asker: str = "") -> Given:
        await relearn.catch_up(self._store, self._owner, self._table)
        work = partial(self._next, kind=kind, subject=subject, request=request, asker=asker)
        return await self._store.write(work)

    def _next(self, conn: Connection, kind: _Series, subject: str, request: str, asker: str = "") -> Given:
        """The next number of a series, in the caller's transaction; the one that this request has already."""
        name, wanted = asker or self._settings.name, f"{kind.sort}:{request or secrets.token_hex(16)}"
        held = series.answered(conn, name, wanted)
        if held is not None:
            return Given(*held, again=True)
        serial = max(series.last(conn, kind.name) + 1, kind.allowed.first)
        if serial > kind.allowed.last:
            raise Refused(
                f"the series {kind.name} is used up ({kind.allowed.last})",
                zh=f"编号段已用完（{kind.name}，至 {kind.allowed.last}）",
                field="code",
                advice_zh="请次日再编，或改用外部编号。",
                advice_en="Go on tomorrow, or use a number from elsewhere.",
            )
        code = kind.make(serial)
        series.move(conn, kind.name, serial)
        row = {"asker": name, "request": wanted, "sort": kind.sort, "code": code, "subject": subject[:MAX_SUBJECT]}
        conn.execute(insert(_issued).values(**row, issuer=self._settings.name, at_ms=self._clock()))
        return Given(code, self._settings.name)

    async def _keep(self, wanted: Wanted, code: str) -> Given:
        """Remember a code that the hub gave; of two answers to one request the first stays."""
        parts = tradecodes.read_unified(code)
        if parts is None or parts.cls != wanted.cls or not parts.fits:
            raise Refused(f"the node above gave {code!r}, which is no code of class {wanted.cls}", field="code")
        me, request, hub = self._settings.name, f"unified:{wanted.request}", f"platform {parts.platform}"
        now_ms = self._clock()

        def work(conn: Connection) -> Given:
            held = series.answered(conn, me, request)
            if held is not None:
                return Given(*held, again=True)
            row = {"asker": me, "request": request, "sort": "unified", "code": code}
            conn.execute(insert(_issued).values(**row, subject=wanted.subject[:MAX_SUBJECT], issuer=hub, at_ms=now_ms))
            return Given(code, hub)

        return await self._store.write(work)
