"""Trades taken over from the five former centres and old systems (R62-R64): which they are, and under which rules.

A trade that was begun elsewhere finishes under the rules of its beginning, which this program never had as data. So
each category has a version `legacy`, derived from its first packaged version: the same stages and acts, so that every
office goes on as it knows, and neither clock nor limit of the new rules. Its registration keeps the old number, and an
act for each stage says where the old system had come to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from node.domain.record import Party
from node.domain.rulebook import ActRule, Choice, Condition, FieldRule, Package
from node.domain.rulefaults import convert
from node.errors import NotFound

VERSION = "legacy"
HERE, ELSEWHERE = "here", "elsewhere"
SWITCH, BACK, NOTE = "legacy_switch", "legacy_back", "legacy_note"
_FIRST_DAY = "0001-01-01"
"""The version is older than every other, so a new trade takes it only where no other version was in force yet."""
_POSTS = ["administrator"]


class Source(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A former centre or old system, and the categories that it held; `sector` is what its trades are of, if one."""

    id: str
    zh: str
    en: str
    categories: list[str]
    sector: str = ""


class StageWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Words of old systems for the stages of a package: the first that is contained decides."""

    package: str
    words: list[tuple[str, str]]


class LegacyTable(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"sources": "source", "stages": "stage"}
):
    """`config/rules/legacy.toml`."""

    version: str
    legal_basis: str
    sources: list[Source]
    stages: list[StageWords]

    def source(self, name: str) -> Source:
        """A source by its id or its Chinese name. Raises NotFound, naming all."""
        for each in self.sources:
            if name in (each.id, each.zh):
                return each
        known = "、".join(f"{each.id}（{each.zh}）" for each in self.sources)
        raise NotFound(
            f"no source {name!r}; known are {', '.join(each.id for each in self.sources)}",
            zh=f"没有名为 {name} 的原平台",
            field="--source",
            advice_zh=f"请用其中一个：{known}。",
            advice_en="Name one of them with --source.",
        )

    def stage_of(self, package: str, words: str) -> str:
        """The stage that an old system's words mean; empty when they mean none that is known.

        >>> table = LegacyTable("", "", [], [StageWords("a", [("结果", "awarded"), ("公告", "noticed")])])
        >>> table.stage_of("a", "中标结果公告"), table.stage_of("a", "其它"), table.stage_of("b", "公告")
        ('awarded', '', '')
        """
        for each in self.stages:
            if each.package == package:
                return next((stage for word, stage in each.words if word in words), "")
        return ""


def table_from(values: object, source: str) -> LegacyTable:
    """The table from plain data. Raises Malformed, which names the row and `source`."""
    return convert(values, LegacyTable, source)


def trade_key(node: str, source: str, number: str, section: str) -> str:
    """The key of a trade taken over: the same old number taken over again by the same node is the same trade.

    A UUID of version 8, which says that its maker has chosen the bits.
    """
    digest = bytearray(hashlib.sha256("\0".join(("ggzy/legacy/v1", node, source, number, section)).encode()).digest())
    digest[6], digest[8] = 0x80 | digest[6] & 0x0F, 0x80 | digest[8] & 0x3F
    return digest[:16].hex()


def takeover(stage: str) -> str:
    """The act that says that the old system had come to a stage."""
    return f"takeover_{stage}"


def is_legacy(rules: str) -> bool:
    """Whether an act's `rules` names a legacy version.

    >>> is_legacy("land@legacy"), is_legacy("land@1")
    (True, False)
    """
    return rules.endswith(f"@{VERSION}")


def packages(held: Iterable[Package], table: LegacyTable) -> list[Package]:
    """The legacy version of each package: derived from the first version of it that is held."""
    first: dict[str, Package] = {}
    for package in held:
        known = first.get(package.id)
        if known is None or (package.effective_from, package.version) < (known.effective_from, known.version):
            first[package.id] = package
    return [_derived(package, table) for package in first.values()]


def _derived(package: Package, table: LegacyTable) -> Package:
    register, *rest = package.acts
    here = Condition("legacy_held", [HERE])
    away = Condition("legacy_held", [ELSEWHERE])
    ordinary = [msgspec.structs.replace(act, when=[*act.when, here], needs=[], fields=act.fields) for act in rest]
    stages = [
        ActRule(
            id=takeover(stage.id),
            zh=f"承接：{stage.zh}",
            en=f"Taken over: {stage.en}",
            takes=["*"],
            gives=stage.id,
            again=True,
            posts=_POSTS,
            fields=_row_fields(),
            basis=table.legal_basis,
        )
        for stage in package.stages
    ]
    note = ActRule(
        id=NOTE,
        zh="承接：补充内容",
        en="Taken over: what else the old system says",
        takes=["*", *(stage.id for stage in package.stages if stage.final)],
        again=True,
        while_suspended=True,
        posts=_POSTS,
        fields=_row_fields(),
        basis=table.legal_basis,
    )
    return msgspec.structs.replace(
        package,
        version=VERSION,
        zh=f"{package.zh}（承接）",
        en=f"{package.en} (taken over)",
        effective_from=_FIRST_DAY,
        effective_to="",
        acts=[
            _register(register, table),
            *stages,
            note,
            _moved(SWITCH, "转入本平台办理", "Goes on here from now", [away], table),
            _moved(BACK, "退回原平台办理", "Goes back to the old system", [here], table),
            *ordinary,
        ],
        clocks=[],
        limits=[],
        notices=[],
    )


def _register(rule: ActRule, table: LegacyTable) -> ActRule:
    """The registration of a trade begun elsewhere: public, and nothing required that the old system may lack."""
    relaxed = [
        msgspec.structs.replace(
            field,
            required=False,
            when=[],
            columns=[msgspec.structs.replace(column, required=column.name == "number") for column in field.columns],
        )
        for field in rule.fields
    ]
    return msgspec.structs.replace(
        rule,
        zh=f"{rule.zh}（承接）",
        en=f"{rule.en} (taken over)",
        public=True,
        posts=_POSTS,
        four_eyes=False,
        needs=[],
        basis=table.legal_basis,
        fields=[
            _field("legacy_number", "原项目编号", "Old project number", required=True, max=200),
            FieldRule(
                name="legacy_source",
                zh="原平台",
                en="Former centre",
                type="code",
                required=True,
                choices=[Choice(each.id, each.zh, each.en) for each in table.sources],
            ),
            _held_field(),
            _field("legacy_section", "原标段（包）编号", "Old section number", max=200),
            *_row_fields(),
            *relaxed,
        ],
    )


def _row_fields() -> list[FieldRule]:
    """What one row of an old system's file says beside the facts that a registration has fields for."""
    return [
        _field("stage_name", "原系统阶段", "Stage in the old system"),
        _as_of(),
        _field("legacy_url", "原公告网址", "Address of the old notice", max=1000),
        FieldRule(
            name="legacy_facts",
            zh="原系统其他内容",
            en="What else the old system says",
            type="rows",
            max=100,
            columns=[
                _field("name", "名称", "Name", required=True, max=100),
                _field("value", "内容", "Value", max=20_000, type="long"),
            ],
        ),
    ]


def _moved(id: str, zh: str, en: str, when: list[Condition], table: LegacyTable) -> ActRule:
    return ActRule(
        id=id,
        zh=zh,
        en=en,
        takes=["*"],
        per="trade",
        again=True,
        when=when,
        amends=["register"],
        posts=_POSTS,
        fields=[_held_field(), _field("stage_name", "说明", "Remark")],
        basis=table.legal_basis,
    )


def _held_field() -> FieldRule:
    return FieldRule(
        name="legacy_held",
        zh="现在何处办理",
        en="Where it is held now",
        type="code",
        required=True,
        choices=[Choice(HERE, "本平台", "here"), Choice(ELSEWHERE, "原平台（双轨运行）", "the old system (dual run)")],
    )


def _as_of() -> FieldRule:
    return FieldRule(name="legacy_as_of", zh="原系统日期", en="Day in the old system", type="day")


def _field(name: str, zh: str, en: str, *, required: bool = False, max: int = 400, type: str = "text") -> FieldRule:
    return msgspec.convert(
        {"name": name, "zh": zh, "en": en, "required": required, "max": max, "type": type}, FieldRule
    )


@dataclass(frozen=True, slots=True)
class Old:
    """One row of an old system's file: a trade (or one section of it) and where it had come to.

    `stage` are the old system's words. `day` is the row's day (ISO, as exact as it is), `details` what else it says.
    """

    number: str
    category: str
    title: str
    stage: str
    section: str = ""
    day: str = ""
    division: str = ""
    owner: Party | None = None
    agency: Party | None = None
    estimate_fen: int | None = None
    url: str = ""
    details: tuple[tuple[str, str], ...] = ()


def stage_in(package: Package, table: LegacyTable, words: str) -> tuple[str, bool]:
    """(stage, whether the words said so): a stage's own name or id, else what the table knows, else the first."""
    for stage in package.stages:
        if words in (stage.id, stage.zh):
            return stage.id, True
    found = table.stage_of(package.id, words)
    return (found, True) if found else (package.stages[0].id, False)
