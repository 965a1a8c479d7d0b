"""The national rules in the district, before anything is published: the faults that an act or draft would meet above.

Importable by whoever holds an act: `faults_of_act` for an act as it would be published, `faults_of` for messages that
exist already. What only the receiver can know (whether a name is taken elsewhere) is left to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from node.domain.acts import Act
from node.domain.faults import Fault
from node.domain.folding import Trade
from node.domain.record import Document
from node.domain.standard import Standard
from node.domain.standard_lint import Context, lint, lint_files
from node.uplink import acts, held, legacy, mapping
from node.uplink.mapping import Fill
from node.uplink.shape import Case, Message, Numbers, Sender

DRAFT_SENDER = Sender(
    system_no="0000", platform_code="0" * 18, service_code="0" * 18, plat_no="0" * 11, service_no="0" * 11
)
"""The hub fills in who sends; a district's faults must not be about that."""
# What a hub issues where a trade has none: of the right length, so that only its absence elsewhere is a fault.
_ISSUED = ("A" + "0" * 16, "A" + "0" * 19, "A" + "0" * 22, "A01-" + "0" * 18 + "-20000101-000001-0")


def faults_of_act(
    act: Act,
    trade: Trade | None,
    *,
    inner: Mapping[str, Any] | None = None,
    centre: str = "",
    division: str = "",
    url: str = "https://example.invalid/records/0",
    standard: Standard | None = None,
    fills: Sequence[Fill] | None = None,
) -> list[Fault]:
    """The faults of an act in every data set that it becomes; `trade` is the fold with the act in it, if there is one.

    A fault's `field` is our own field's name where the rule package says which one it is, else the element's.
    """
    known = standard or held.packaged()
    case = acts.case_of("draft", act, trade, known, inner=inner, centre=centre, place=division, url=url)
    found = faults_of_case(known, case, fills)
    names = {element: name for element, (name, _) in case.elements.items()}
    return [
        Fault(names.get(fault.field, fault.field), fault.rule, fault.zh, fault.en, fault.basis, fault.severity)
        for fault in found
    ]


def warnings_for(
    centre: str,
    division: str,
    url: str,
    standard: Callable[[], Standard] = held.packaged,
    fills: Sequence[Fill] | None = None,
) -> Callable[[Act, Trade], list[Fault]]:
    """What the desk tells a clerk before an act is published: what would be refused above, as warnings.

    A legal notice is not held up by what a receiver asks for; nor does a clerk need to hear of what is filled in, or of
    code tables that nobody has.
    """

    def warn(act: Act, trade: Trade) -> list[Fault]:
        found = faults_of_act(act, trade, centre=centre, division=division, url=url, standard=standard(), fills=fills)
        return [
            replace(
                fault,
                rule=f"national:{fault.rule}",
                zh=f"上报国家平台时会被退回：{fault.zh}",
                en=f"The national platform would refuse it: {fault.en}",
                severity="warn",
            )
            for fault in found
            if fault.severity == "refuse"
        ]

    return warn


def faults_of_document(base: str, document: Document[Any], standard: Standard | None = None) -> list[Fault]:
    """The faults of an imported trade record."""
    known = standard or held.packaged()
    case = legacy.case_of(
        base, document, claimed_ms=0, centre=document.source.name, place=document.body.division, url=document.source.url
    )
    return faults_of_case(known, case)


def faults_of_case(standard: Standard, case: Case, fills: Sequence[Fill] | None = None) -> list[Fault]:
    """The faults of all messages of a case, each once."""
    lots = [str(lot.get("number", "")) for lot in case.lots]
    project, tender, section, unified = _ISSUED
    numbers = Numbers(project, tender, dict.fromkeys(lots, section), dict.fromkeys(lots, unified))
    if case.category not in mapping.TEMPLATES or not any(case.sets):
        return []
    made = mapping.of_case(standard, case, numbers, DRAFT_SENDER)
    words = mapping.words_of(case, DRAFT_SENDER)
    return faults_of(standard, made, words, fills)


def faults_of(
    standard: Standard, made: Sequence[Message], words: Mapping[str, str], fills: Sequence[Fill] | None = None
) -> list[Fault]:
    """The faults of messages as they would be sent, filled in and with the common fields."""
    found: dict[tuple[str, str, str], Fault] = {}
    for message in made:
        dataset = standard.sets[message.number]
        fields, told = mapping.fill(dataset, message.fields, held.fills() if fills is None else fills, words)
        whole = mapping.with_trailer(dataset, fields, DRAFT_SENDER, 0)
        named = lint_files(standard, [(each.dictionary, each.name) for each in message.files])
        for fault in (*lint(standard, dataset, whole, Context()), *named, *told):
            found.setdefault((dataset.name, fault.field, fault.rule), fault)
    return sorted(found.values(), key=lambda fault: fault.severity != "refuse")
