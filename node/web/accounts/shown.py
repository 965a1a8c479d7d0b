"""A form that is shown again with what was wrong, instead of a page that only says so."""

from __future__ import annotations

from dataclasses import dataclass, field

from node.errors import NodeError
from node.web.portal_text import Pair


@dataclass
class Shown:
    """A form as it is shown: values by name (passwords are never among them), errors by name, one for all of it."""

    values: dict[str, str] = field(default_factory=dict)
    errors: dict[str, Pair] = field(default_factory=dict)
    problem: Pair | None = None
    done: Pair | None = None

    def value(self, name: str) -> str:
        return self.values.get(name, "")

    def error(self, name: str) -> Pair | None:
        return self.errors.get(name)

    def refuse(self, error: NodeError) -> None:
        """Show an error beside its field where the form has that, else above the form."""
        pair = (f"{error.zh}。{error.advice_zh}", f"{_sentence(error.detail)} {error.advice_en}")
        if error.field in self.values:
            self.errors[error.field] = pair
        else:
            self.problem = pair


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
