"""Giving out numbers, each once: of projects, tender projects and sections, and unified trade identification codes.

A series' last serial lies in the node's database and moves in the transaction that gives the number out, so that
neither a restart nor another worker gives it again. Between nodes nothing need be asked: a project's number holds the
node's own division (zones have serials of their own), a unified code the credit code of the node's own platform.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import structlog
from sqlalchemy import Connection, and_, insert, select

from node.clock import Clock
from node.domain import tradecodes
from node.domain.calendar import day_of
from node.domain.identifiers import check_uscc
from node.domain.tradecodes import CodeTable, Range
from node.errors import Conflict, NodeError, Refused
from node.settings import Settings
from node.store.db import Store
from node.store.tables import table
from node.store.tables_routing import CodeIssued, CodeSerial
from node.store.upsert import insert_or_replace

_log = structlog.get_logger(__name__)
_serials, _issued = table(CodeSerial), table(CodeIssued)
MAX_SUBJECT = 200


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

    @property
    def _table(self) -> CodeTable:
        return self._table_on(day_of(self._clock()))

    async def project(self, category: str, *, subject: str = "", request: str = "") -> Given:
        """The next project number (17) of a category, of today. Raises Refused when the day's serials are used up."""
        day = day_of(self._clock())
        letter, division = self._table.letter(category), self._settings.division
        series = f"project/{letter}{division}/{day}/{self._settings.zone}"
        return await self._give(
            "project",
            series,
            tradecodes.serials(self._table, self._settings.zone),
            lambda serial: tradecodes.project_code(letter, division, day, serial),
            subject=subject,
            request=request,
        )

    async def given(self, sort: str, request: str) -> str:
        """What a request of this node was answered with: a `sort` of number, empty if it never was."""
        held = await self._store.read(partial(_given, asker=self._settings.name, request=f"{sort}:{request}"))
        return held.code if held is not None else ""

    async def tender(self, project: str, *, subject: str = "", request: str = "") -> Given:
        """The next tender project number (20) under a project's. Raises Refused when that is none of ours."""
        self._require_own(project, tradecodes.PROJECT)
        return await self._give(
            "tender",
            f"tender/{project}",
            Range(1, 999),
            lambda serial: tradecodes.tender_code(project, serial),
            subject=subject,
            request=request,
        )

    async def section(self, tender: str, *, subject: str = "", request: str = "") -> Given:
        """The next section number (23) under a tender project's."""
        self._require_own(tender, tradecodes.TENDER)
        return await self._give(
            "section",
            f"section/{tender}",
            tradecodes.SECTIONS,
            lambda serial: tradecodes.section_code(tender, serial),
            subject=subject,
            request=request,
        )

    async def unified(self, *, category: str = "", cls: str = "", subject: str = "", request: str = "") -> Given:
        """A unified trade identification code for a lot, of today; `cls` is its class if not the category's own.

        Raises Refused without the credit code of the platform in the settings.
        """
        wanted = Wanted(request or secrets.token_hex(16), cls or self._table.class_of(category), subject)
        held = await self._store.read(partial(_given, asker=self._settings.name, request=f"unified:{wanted.request}"))
        if held is not None:
            return held
        if self._ask_hub is not None:
            try:
                code = await self._ask_hub(wanted)
            except NodeError as error:
                # Registration must not wait for a line: the codes of two platforms cannot meet.
                _log.info("unified_code_issued_here", error=type(error).__name__, detail=error.detail)
            else:
                return await self._keep(wanted, code)
        return await self.issue_unified(self._settings.name, wanted)

    async def issue_unified(self, asker: str, wanted: Wanted) -> Given:
        """Issue by ourselves, for a node that asks; its request once answered gets the same code again.

        Raises Refused for an unknown class, Conflict when the request was made for another class or subject.
        """
        platform = self._platform()
        if not self._table.known(wanted.cls):
            raise Refused(
                f"no class {wanted.cls!r} in the table of codes", zh=f"没有分类代码 {wanted.cls}", field="class"
            )
        day = day_of(self._clock())
        given = await self._give(
            "unified",
            f"unified/{platform}/{day}",
            tradecodes.UNIFIED_SERIALS,
            lambda serial: str(tradecodes.unified_code(wanted.cls, platform, day, serial)),
            subject=wanted.subject,
            request=wanted.request,
            asker=asker,
        )
        if given.again and not given.code.startswith(f"{wanted.cls}-"):
            raise Conflict(f"request {wanted.request} was answered with {given.code}, of another class")
        return given

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

    async def _give(
        self,
        sort: str,
        series: str,
        allowed: Range,
        make: Callable[[int], str],
        *,
        subject: str,
        request: str,
        asker: str = "",
    ) -> Given:
        asker, request = asker or self._settings.name, f"{sort}:{request or secrets.token_hex(16)}"
        now_ms, name = self._clock(), self._settings.name

        def work(conn: Connection) -> Given:
            held = _given(conn, asker, request)
            if held is not None:
                return held
            serial = max(_last(conn, series) + 1, allowed.first)
            if serial > allowed.last:
                raise Refused(
                    f"the series {series} is used up ({allowed.last})",
                    zh=f"编号段已用完（{series}，至 {allowed.last}）",
                    field="code",
                    advice_zh="请次日再编，或改用外部编号。",
                    advice_en="Go on tomorrow, or use a number from elsewhere.",
                )
            code = make(serial)
            insert_or_replace(conn, _serials, [{"series": series, "last": serial}])
            row = {"asker": asker, "request": request, "sort": sort, "code": code, "subject": subject[:MAX_SUBJECT]}
            conn.execute(insert(_issued).values(**row, issuer=name, at_ms=now_ms))
            return Given(code, name)

        return await self._store.write(work)

    async def _keep(self, wanted: Wanted, code: str) -> Given:
        """Remember a code that the hub gave; of two answers to one request the first stays."""
        parts = tradecodes.read_unified(code)
        if parts is None or parts.cls != wanted.cls or not parts.fits:
            raise Refused(f"the node above gave {code!r}, which is no code of class {wanted.cls}", field="code")
        me, request, hub = self._settings.name, f"unified:{wanted.request}", f"platform {parts.platform}"
        now_ms = self._clock()

        def work(conn: Connection) -> Given:
            held = _given(conn, me, request)
            if held is not None:
                return held
            row = {"asker": me, "request": request, "sort": "unified", "code": code}
            conn.execute(insert(_issued).values(**row, subject=wanted.subject[:MAX_SUBJECT], issuer=hub, at_ms=now_ms))
            return Given(code, hub)

        return await self._store.write(work)


def _given(conn: Connection, asker: str, request: str) -> Given | None:
    row = conn.execute(
        select(_issued.c.code, _issued.c.issuer).where(and_(_issued.c.asker == asker, _issued.c.request == request))
    ).first()
    return None if row is None else Given(row.code, row.issuer, again=True)


def _last(conn: Connection, series: str) -> int:
    return int(conn.execute(select(_serials.c.last).where(_serials.c.series == series)).scalar() or 0)


def heed(conn: Connection, platform: str, codes: list[str]) -> None:
    """Never give out again what stands in our own log: after a restore the database may be older than the log.

    What the uplink gave lies in a block of its own and says nothing of this series.
    """
    newest: dict[str, int] = {}
    for code in codes:
        parts = tradecodes.read_unified(code)
        if parts is not None and parts.platform == platform and parts.serial <= tradecodes.UNIFIED_SERIALS.last:
            series = f"unified/{platform}/{parts.day}"
            newest[series] = max(newest.get(series, 0), parts.serial)
    rows = [{"series": name, "last": last} for name, last in newest.items() if last > _last(conn, name)]
    insert_or_replace(conn, _serials, rows)
