"""What became of bundles that were imported: one line for each log, each file and each set of parts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from node.errors import NodeError
from node.wire.bundle import PartFrame

MAX_TOLD = 20
"""Reasons of one log, faults and unknown types of one file that are told one by one: a file could hold any number."""


# What to do about a piece of a bundle; the errors' general advice speaks to a sender on the line.
_AGAIN = ("请由发出节点重新导出。", "Have the sender export again.")
_ADVICE = {
    "malformed": _AGAIN,
    "too-large": _AGAIN,
    "bad-signature": (
        "请核对文件来源；如对方刚更换密钥，请先取得新版信任策略。",
        "Check where the file comes from; if keys were changed, get the newer trust policy first.",
    ),
    "bad-proof": (
        "内容与已签名的不符，未接收；如对方日志已分叉，ggzy status 会显示证据，请通知监督部门。",
        "It is not what was signed and was not taken; if that log has forked, ggzy status shows the evidence: tell the "
        "supervisor.",
    ),
    "conflict": (
        "请重新导入同一文件；如仍出现，请由发出节点按本节点现状（ggzy bundle standing）重新导出。",
        "Import the same file again; if it comes back, have the sender export from this node's standing.",
    ),
    "not-found": (
        "请先取得列有该日志的新版信任策略；否则请核对文件来源。",
        "Get the newer trust policy that names this log first; else check where the file comes from.",
    ),
}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something was not taken, in both languages; `code` is that of the error."""

    code: str
    zh: str
    en: str

    @classmethod
    def of(cls, error: NodeError) -> Reason:
        zh, en = error.advice_zh, error.advice_en
        if zh == type(error).advice_zh:
            zh, en = _ADVICE.get(error.code, (zh, en))
        return cls(error.code, f"{error.zh}：{zh}", f"{error.detail}. {en}")


@dataclass
class LogTally:
    """What was taken of one log, how many pieces were held already, and each reason with how many pieces it stopped."""

    entries: int = 0
    payloads: int = 0
    cosignatures: int = 0
    custody: int = 0
    wraps: int = 0
    held: int = 0
    refused: dict[Reason, int] = field(default_factory=dict)


@dataclass
class FileTally:
    """One file: what it says it is, whether it was read to its end unharmed, and its faults (byte, text)."""

    name: str
    part: PartFrame | None = None
    whole: bool = False
    faults: list[tuple[int, str]] = field(default_factory=list)
    refused: Reason | None = None
    unknown: dict[str, int] = field(default_factory=dict)

    def note_fault(self, byte: int, text: str) -> None:
        if len(self.faults) < MAX_TOLD:
            self.faults.append((byte, text))

    def note_unknown(self, kind: str) -> None:
        kind = kind if kind in self.unknown or len(self.unknown) < MAX_TOLD else "…"
        self.unknown[kind] = self.unknown.get(kind, 0) + 1


@dataclass
class SetTally:
    """One export: which of its parts were read now. `count` is 0 while no part told how many there are."""

    sender: str
    made_ms: int
    count: int = 0
    seen: set[int] = field(default_factory=set)

    def absent(self) -> list[int]:
        return [number for number in range(1, max(self.count, *self.seen) + 1) if number not in self.seen]


@dataclass
class ImportReport:
    """The whole of an import. `general` is what belongs to no log: the trust policy, standing notes."""

    files: list[FileTally] = field(default_factory=list)
    sets: dict[bytes, SetTally] = field(default_factory=dict)
    logs: dict[str, LogTally] = field(default_factory=dict)
    general: LogTally = field(default_factory=LogTally)
    policies: int = 0
    standings: int = 0

    def of(self, origin: str) -> LogTally:
        return self.logs.setdefault(origin, LogTally()) if origin else self.general

    def refuse(self, origin: str, error: NodeError) -> None:
        reasons, reason = self.of(origin).refused, Reason.of(error)
        if reason not in reasons and len(reasons) >= MAX_TOLD:
            reason = Reason("more", "其他原因，略", "other reasons, left out")
        reasons[reason] = reasons.get(reason, 0) + 1

    @property
    def clean(self) -> bool:
        """Whether nothing was refused and every file was whole."""
        tallies = [self.general, *self.logs.values()]
        return not any(tally.refused for tally in tallies) and all(f.whole and f.refused is None for f in self.files)

    def plain(self) -> dict[str, Any]:
        """The report as JSON can hold it."""

        def reasons(tally: LogTally) -> list[dict[str, Any]]:
            return [{"code": r.code, "zh": r.zh, "en": r.en, "count": n} for r, n in tally.refused.items()]

        counted = ("entries", "payloads", "cosignatures", "custody", "wraps", "held")
        return {
            "clean": self.clean,
            "policies": self.policies,
            "standings": self.standings,
            "refused": reasons(self.general),
            "logs": [
                {"origin": origin} | {name: getattr(tally, name) for name in counted} | {"refused": reasons(tally)}
                for origin, tally in sorted(self.logs.items())
            ],
            "files": [
                {
                    "file": file.name,
                    "sender": file.part.sender if file.part else None,
                    "part": file.part.number if file.part else None,
                    "whole": file.whole,
                    "faults": [{"byte": byte, "text": text} for byte, text in file.faults],
                    "refused": None if file.refused is None else file.refused.en,
                    "unknown": file.unknown,
                }
                for file in self.files
            ],
            "sets": [
                {"sender": s.sender, "made_ms": s.made_ms, "count": s.count, "absent": s.absent()}
                for s in self.sets.values()
            ],
        }
