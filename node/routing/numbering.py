"""Numbers for a trade that is registered without one: project, tender project, each lot's section and unified code.

Each is asked for under the trade's key, so that a form sent twice, or one sent again after a crash, gets the same. Lots
that are laid out anew keep what their numbers had; what a clerk typed stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from node.domain.acts import Act
from node.domain.faults import Fault
from node.errors import NodeError
from node.routing.issuing import Issuer, WantedLot


class Numbering:
    """Gives numbers by an `Issuer`; `unified` is whether the settings name the platform that unified codes hold."""

    def __init__(self, issuer: Issuer, *, unified: bool) -> None:
        self._issuer = issuer
        self._unified = unified

    async def __call__(self, act: Act) -> tuple[Act, list[Fault]]:
        """The act with its numbers.

        A project code that was brought stays: under one of our own form lots are numbered as ever, under a foreign one
        their sections' numbers come from where it does. Unified codes are this platform's own, so each lot gets one
        whatever its project is called. What an older system began keeps what it was called there.
        A number that cannot be given stops no registration: it is told of, and can be given later.
        """
        brought = bool(act.project_code) if act.seq == 1 else not await self._issuer.given("project", act.trade)
        if act.fields.get("legacy_source") or (act.seq != 1 and not act.project_code):
            return act, []
        try:
            if not brought:
                project = (await self._issuer.project(act.category, subject=act.title, request=act.trade)).code
                act = msgspec.structs.replace(act, project_code=project)
            return await self._numbered(act, sections=not brought or self._issuer.is_own_project(act.project_code)), []
        except NodeError as error:
            zh, en = f"未能编齐编号：{error.zh}", f"not every number could be given: {error.detail}"
            return act, [Fault("project_code", "numbering", zh, en, severity="warn")]

    async def _numbered(self, act: Act, *, sections: bool) -> Act:
        tender = ""
        if sections:
            tender = (await self._issuer.tender(act.project_code, subject=act.title, request=act.trade)).code
        rows = act.fields.get("lots")
        if not isinstance(rows, list):
            return act
        lots = [dict(row) if isinstance(row, Mapping) else row for row in rows]
        # Titles of lots are not unique in a trade, their numbers are.
        numbered = [row for row in lots if isinstance(row, dict) and row.get("number")]
        wanted = [
            WantedLot(
                f"{act.trade}/{row['number']}",
                str(row.get("name") or act.title),
                section=sections and not row.get("section_code"),
                unified=self._unified and not row.get("unified_code"),
            )
            for row in numbered
        ]
        given = await self._issuer.lots(wanted, tender=tender, category=act.category)
        for row, (section, unified) in zip(numbered, given, strict=True):
            row |= {"section_code": section} if section else {}
            row |= {"unified_code": unified} if unified else {}
        return msgspec.structs.replace(act, fields={**act.fields, "lots": lots})
