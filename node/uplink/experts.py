"""专家 -> data set 212 (评标专家). Pure.

Who the expert is lies sealed (DESIGN L23), and the uplink opens nothing: the sets' personal fields stay empty, so the
lint holds the record and says which fields a person with the right to open them has to report.
"""

from __future__ import annotations

from node.domain.experts import ExpertProfile
from node.uplink.shape import Fields, Message, moment


def messages(base: str, profile: ExpertProfile) -> list[Message]:
    fields: Fields = {
        "AREA": f"{profile.division}000" if len(profile.division) == 6 else profile.division,
        "DMISSON": "1" if profile.standing in ("", "在库", "可用", "active") else "0",
        "ENTER_DATE": moment(profile.entered_on)[:8],
        "MAJOR_CODE": profile.classes[0][:7] if profile.classes else "",
        "IS_MAIN": "1" if profile.classes else "",
    }
    return [Message("212", base, {name: value for name, value in fields.items() if value})]
