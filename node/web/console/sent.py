"""What a form of an act holds beside its fields: which lots, when, what it answers, its title and its files.

Kept in a draft as it was typed, so that a draft opens as its clerk left it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from multidict import MultiMapping

from node.domain.acts import Attached
from node.domain.rulebook import FieldRule
from node.web.console.forms import typed
from node.web.console.inputs import Note, Wrong, one_line, read


class Sent(msgspec.Struct, omit_defaults=True, kw_only=True):
    """`raw` are the typed fields; `key` that of a trade to be registered, so that a form sent twice makes one trade.

    `expect` is the number that the act had when the form was made: a trade that has gone on is noticed.
    """

    raw: dict[str, str] = {}
    lots: list[str] = []
    at: str = ""
    title: str = ""
    corrects: int = 0
    key: str = ""
    expect: int = 0
    attachments: list[Attached] = []
    made_up: bool = False

    def moment(self) -> tuple[int | None, Note | None]:
        """When it happened, None for now; or why that cannot be read."""
        try:
            return read("moment", self.at), None
        except Wrong as wrong:
            return None, wrong.note


def opened(content: Mapping[str, Any]) -> Sent:
    """A draft's content; an empty form where it cannot be read."""
    try:
        return msgspec.convert(content, Sent)
    except msgspec.ValidationError:
        return Sent()


def of_form(given: MultiMapping[Any], rules: Sequence[FieldRule], before: Sent) -> Sent:
    """What was sent, over what was there `before` where the form has no input for it."""
    texts = {name: value for name, value in given.items() if isinstance(value, str)}
    return Sent(
        raw=typed(rules, texts),
        lots=[one_line(str(number)) for number in given.getall("lots", [])],
        at=texts.get("at", "").strip(),
        title=one_line(texts.get("title", "")),
        corrects=number_of(texts.get("corrects", "")) or before.corrects,
        key=before.key or _key(texts.get("key", "")),
        expect=number_of(texts.get("expect", "")),
        attachments=before.attachments,
        made_up=before.made_up,
    )


def number_of(text: str) -> int:
    """A number of an act in a form or an address; 0 for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else 0


def carried(sent: Sent) -> Mapping[str, str]:
    """The hidden inputs of a form."""
    return {"key": sent.key, "expect": str(sent.expect or "")}


def _key(text: str) -> str:
    return text if len(text) == 32 and all(char in "0123456789abcdef" for char in text) else ""
