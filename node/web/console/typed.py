"""Small forms of the console beside those of acts: texts of inputs into values, each fault beside its input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from node.domain.record import Party
from node.errors import NodeError
from node.web.console.inputs import Note, Wrong, one_line, read
from node.web.session import Fields


class Typed:
    """The texts of a form, and the notes beside its inputs as they are read."""

    def __init__(self, given: Fields | Mapping[str, Any]) -> None:
        self.texts = {name: one_line(text) for name, text in given.items() if isinstance(text, str)}
        self.notes: dict[str, Note] = {}

    def __getitem__(self, name: str) -> str:
        return self.texts.get(name, "")

    def read(self, sort: str, name: str, *, required: bool = True) -> Any:
        """A value, None with a note beside the input where there is none."""
        try:
            found = read(sort, self[name], unit=self[f"{name}.unit"] or "元")
        except Wrong as wrong:
            self.notes[name] = wrong.note
            return None
        if found is None and required:
            self.notes[name] = Note("请填写此项。", "Fill this in.")
        return found

    def party(self, name: str = "name", uscc: str = "uscc") -> Party:
        return Party(str(self.read("text", name) or ""), str(self.read("uscc", uscc, required=False) or ""))

    def number(self, name: str) -> int:
        """A number that the page itself put into the form; 0 for anything else."""
        text = self[name]
        return int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else 0

    def refuse(self, error: NodeError, names: Mapping[str, str]) -> None:
        """What a stage refused, beside the input that its field is, else above the form (under '')."""
        field = names.get(error.field or "", error.field or "")
        self.notes[field if field in self.texts else ""] = Note(error.zh, error.detail)
