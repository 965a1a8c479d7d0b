"""A record's page: one version shown in full, all versions with what changed, who signed, and what is held here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from node.domain import KINDS
from node.domain.audience import TITLES
from node.domain.record import FLAGS, Document, Flag
from node.domain.rulebook import Rulebook
from node.domain.trades import Trade
from node.projections.reading import HELD, MARKS
from node.projections.shape import address
from node.store.view_record import RecordHistory, SectionState, VersionView
from node.web.disclosures import records
from node.web.disclosures.shapes import PUBLIC as ACT
from node.web.portal_fields import Field, changes, document, fields
from node.web.portal_labels import LABELS
from node.web.portal_people import People
from node.web.portal_text import CONTENTS, SECTION_STATES, SECTIONS, STATES, Pair


def page_of(
    history: RecordHistory, shown: VersionView, people: People, book: Rulebook, *, asked: str
) -> dict[str, Any]:
    """Everything `record.html` shows; `asked` is the origin in the address, kept in the links to other versions."""
    documents = {version.version: document(version) for version in history.versions}
    found = documents[shown.version]
    kind = KINDS.get(shown.kind)
    origin = {"origin": asked} if asked else {}
    version = {} if shown is history.versions[0] else {"version": shown.version}
    signers = [
        {
            "who": people.signer(each.name, shown.log.origin),
            "size": each.size,
            "at_ms": None if each.signed_s is None else each.signed_s * 1000,
        }
        for each in history.cosigners
    ]
    return {
        "id": history.record_id.hex(),
        "history": history,
        "shown": shown,
        "document": found,
        "title": shown.title if shown.content == HELD else MARKS[shown.content],
        "kind_names": (kind.zh, kind.en) if kind else (shown.kind, shown.kind),
        "state_names": STATES[shown.state],
        "publisher": (people.of_origin(history.log.origin), people.tier_of_origin(history.log.origin)),
        "fields": _fields(shown.kind, found, book) if found else [],
        "trade": found.body.trade if found and shown.kind == ACT else "",
        "project": _project(found.body) if found else "",
        "source_url": address(found.source.url) if found else "",
        "flags": _flags(found.flags) if found else [],
        "no_content": CONTENTS[shown.content],
        "versions": _versions(history, shown, documents),
        "signers": signers,
        "only_own": [each.name for each in history.cosigners] == [shown.log.origin],
        "sections": [_section(section) for section in shown.sections],
        "elsewhere": [(other, people.of_origin(other)) for other in history.elsewhere],
        "origin_query": _query(origin),
        "origin_more": f"&{urlencode(origin)}" if origin else "",
        "api_query": _query({**origin, **version}),
    }


def _project(body: Any) -> str:
    """The code by which a record of a former centre is put together with others."""
    return body.project_code or body.section_code if isinstance(body, Trade) else ""


def _fields(kind: str, found: Document[Any], book: Rulebook) -> list[Field]:
    return records.fields(found, book) if kind == ACT else fields(kind, found)


def _versions(
    history: RecordHistory, shown: VersionView, documents: dict[int, Document[Any] | None]
) -> list[dict[str, Any]]:
    by_number = {version.version: version for version in history.versions}
    rows = []
    for version in history.versions:
        before = by_number.get(version.version - 1)
        new, old = documents[version.version], documents[before.version] if before else None
        rows.append(
            {
                "number": version.version,
                "claimed_ms": version.claimed_ms,
                "state": STATES[version.state],
                "here": version is shown,
                "first": version.version == 1,
                "changes": changes(version.kind, old, new) if old and new else None,
            }
        )
    return rows


def _flags(flags: Sequence[Flag]) -> list[tuple[tuple[Pair, Pair], list[str]]]:
    """Name of the field and what the flag means, once each, with all texts as found."""
    found: dict[tuple[Pair, Pair], list[str]] = {}
    for flag in flags:
        name = flag.field.partition(".")[0].partition("[")[0]
        label, meaning = LABELS.get(name, (flag.field, flag.field)), FLAGS.get(flag.code, (flag.code, flag.code))
        texts = found.setdefault((label, meaning), [])
        if flag.text and flag.text not in texts:
            texts.append(flag.text)
    return list(found.items())


def _section(section: SectionState) -> dict[str, Any]:
    ref = section.ref
    return {
        "name": ref.name,
        "title": SECTIONS.get(ref.name, (ref.name, ref.name)),
        "audience": TITLES.get(ref.audience, (ref.audience, ref.audience)),
        "sealed": ref.size_class > 0,
        "state": SECTION_STATES[section.state],
    }


def _query(values: dict[str, Any]) -> str:
    return f"?{urlencode(values)}" if values else ""
