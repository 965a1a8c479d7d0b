"""Numbers for a trade that is registered without one: project, tender project, each lot's section and unified code.

Each is asked for under the trade's key, so that a form sent twice, or one sent again after a crash, gets the same. Lots
that are laid out anew keep what their numbers had; what a clerk typed stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from node.domain.acts import Act
from node.domain.faults import Fault
from node.errors import NodeError
from node.routing.issuing import Issuer


class Numbering:
    """Gives numbers by an `Issuer`; `unified` is whether the settings name the platform that unified codes hold."""

    def __init__(self, issuer: Issuer, *, unified: bool) -> None:
        self._issuer = issuer
        self._unified = unified

    async def __call__(self, act: Act) -> tuple[Act, list[Fault]]:
        """The act with its numbers. A trade that brought a number of its own is left alone.

        A number that cannot be given stops no registration: it is told of, and can be given later.
        """
        if act.project_code if act.seq == 1 else not await self._issuer.given("project", act.trade):
            return act, []
        try:
            project = (await self._issuer.project(act.category, subject=act.title, request=act.trade)).code
            act = msgspec.structs.replace(act, project_code=project)
            return await self._numbered(act), []
        except NodeError as error:
            zh, en = f"未能编齐编号：{error.zh}", f"not every number could be given: {error.detail}"
            return act, [Fault("project_code", "numbering", zh, en, severity="warn")]

    async def _numbered(self, act: Act) -> Act:
        tender = (await self._issuer.tender(act.project_code, subject=act.title, request=act.trade)).code
        rows = act.fields.get("lots")
        if not isinstance(rows, list):
            return act
        lots = [await self._lot(act, tender, row) for row in rows]
        return msgspec.structs.replace(act, fields={**act.fields, "lots": lots})

    async def _lot(self, act: Act, tender: str, row: Any) -> Any:
        if not isinstance(row, Mapping) or not row.get("number"):
            return row
        # Titles of lots are not unique in a trade, their numbers are.
        request, subject, found = f"{act.trade}/{row['number']}", str(row.get("name") or act.title), dict(row)
        if not found.get("section_code"):
            found["section_code"] = (await self._issuer.section(tender, subject=subject, request=request)).code
        if self._unified and not found.get("unified_code"):
            given = await self._issuer.unified(category=act.category, subject=subject, request=request)
            found["unified_code"] = given.code
        return found
