"""A form from the rules of an act: inputs in the order of its fields, typed texts to values and back, errors by input.

What was typed is `Raw`: name of an input -> text, as a browser sends it and as a draft keeps it, so that half a
sentence survives. Names are paths: `owner.name`, `lots.0.estimate`, `lots.0.estimate.unit`. Whether the values are
allowed is the engine's business (`judge`); here a text only becomes a value of its type. Works without script: a line
is added or taken away by a submit button that sends the form back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from node.domain.rulebook import Condition, FieldRule
from node.web.console.inputs import SELECT_UP_TO, UNITS, Choice, Note, Wrong, read, show
from node.web.portal_format import money
from node.web.portal_text import Pair

Raw = Mapping[str, str]
Tables = Mapping[str, Sequence[Choice]]
"""Code tables that this node holds: name -> choices."""
Notes = Mapping[str, Sequence[Note]]
"""Notes by the path of their input."""

MAX_LINES = 200
"""Lines of one repeatable field in a form; more come by Excel."""

PARTY = (
    FieldRule(name="name", zh="名称", en="Name", max=200),
    FieldRule(name="uscc", zh="统一社会信用代码", en="Unified social credit code", max=18),
)
_REPEATED = frozenset({"rows", "parties"})

_ISO: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?)?")


@dataclass(slots=True)
class Input:
    """One input as a template draws it; a party has `parts`, a repeatable field `lines` of inputs.

    `path` is its name in `Raw` and in errors, `sort` how it is drawn: the field's type, or `search` for a code with a
    long list, `uscc` for a credit code.
    """

    rule: FieldRule
    path: str
    sort: str
    value: str = ""
    unit: str = "元"
    notes: list[Note] = field(default_factory=list)
    choices: Sequence[Choice] = ()
    parts: list[Input] = field(default_factory=list)
    lines: list[list[Input]] = field(default_factory=list)
    shown: Pair | None = None

    @property
    def id(self) -> str:
        return "f-" + self.path.replace(".", "-")

    @property
    def label(self) -> Pair:
        return self.rule.zh, self.rule.en

    @property
    def hint(self) -> Pair:
        return self.rule.hint_zh, self.rule.hint_en or self.rule.hint_zh

    @property
    def bad(self) -> bool:
        return any(note.severity == "refuse" for note in self.notes)

    @property
    def picked(self) -> bool:
        """Whether a browser's date input can show the value; what it cannot is shown as it was typed."""
        return not self.value or _ISO.fullmatch(self.value) is not None

    @property
    def focus(self) -> str:
        """The id that a link of the error summary leads to: something that takes the focus."""
        return self.parts[0].id if self.parts else self.id


@dataclass(slots=True)
class Reading:
    """Values by field, and what could not be read by path."""

    values: dict[str, Any] = field(default_factory=dict)
    notes: dict[str, list[Note]] = field(default_factory=dict)


def read_form(rules: Sequence[FieldRule], raw: Raw, tables: Tables) -> Reading:
    """What a form says. A field that was left empty, or cannot be read, is not among the values."""
    found = Reading()
    for rule in rules:
        value = _value(rule, rule.name, raw, tables, found.notes)
        if value is not None:
            found.values[rule.name] = value
    return found


def fill(rules: Sequence[FieldRule], values: Mapping[str, Any]) -> dict[str, str]:
    """The texts that `read_form` reads as these values: to correct an act, or begin from a template."""
    raw: dict[str, str] = {}
    for rule in rules:
        if values.get(rule.name) is not None:
            _fill(rule, rule.name, values[rule.name], raw)
    return raw


def draw(rules: Sequence[FieldRule], raw: Raw, tables: Tables, notes: Notes) -> list[Input]:
    """The inputs of a form, filled with what was typed and with the notes beside them."""
    return [_draw(rule, rule.name, raw, tables, notes) for rule in rules]


def typed(rules: Sequence[FieldRule], given: Mapping[str, str], prefix: str = "f.") -> dict[str, str]:
    """The texts of a sent form that belong to these fields; how much a form may hold, `session.form` says."""
    names = {rule.name for rule in rules}
    return {
        path: text
        for name, text in given.items()
        if name.startswith(prefix) and (path := name[len(prefix) :]).split(".")[0] in names
    }


def add_line(raw: Raw, path: str) -> dict[str, str]:
    """With one more, empty, line of a repeatable field."""
    count = max(count_lines(raw, path), 1)
    return dict(raw) | ({f"{path}.{count}": ""} if count < MAX_LINES else {})


def drop_line(raw: Raw, path: str) -> dict[str, str]:
    """Without one line (`lots.2`); those after it move up."""
    base, _, number = path.rpartition(".")
    gone = int(number) if number.isascii() and number.isdigit() else MAX_LINES
    kept = {}
    for name, text in raw.items():
        words = name[len(base) + 1 :].split(".") if base and name.startswith(f"{base}.") else []
        if words and words[0].isascii() and words[0].isdigit() and int(words[0]) >= gone:
            if int(words[0]) == gone:
                continue
            name = ".".join([base, str(int(words[0]) - 1), *words[1:]])
        kept[name] = text
    return kept


def count_lines(raw: Raw, path: str) -> int:
    """How many lines of a repeatable field were sent, empty ones too."""
    pattern = re.compile(rf"{re.escape(path)}\.([0-9]{{1,4}})(?:\.|$)")
    return min(max((int(hit[1]) + 1 for name in raw if (hit := pattern.match(name))), default=0), MAX_LINES)


def place(notes: Iterable[tuple[str, Note]], inputs: Sequence[Input]) -> dict[str, list[Note]]:
    """Notes by the path of the input that exists for them; what has none (an act as a whole) stands under ''.

    A fault of a whole party or line goes to its first input; one of a field that has no input goes to ''.
    """
    paths = {each.path: each for each in flat(inputs)}
    found: dict[str, list[Note]] = {}
    for name, note in notes:
        # The engine counts rows from 1, as people do; names of inputs count from 0.
        path = re.sub(r"\[(\d+)\]", lambda found: f".{int(found[1]) - 1}", name).strip(".")
        while path and path not in paths:
            path = path.rpartition(".")[0]
        found.setdefault(path, []).append(note)
    return found


def flat(inputs: Iterable[Input]) -> Iterator[Input]:
    """All inputs, inner ones after the one that holds them."""
    for each in inputs:
        yield each
        yield from flat(each.parts)
        for line in each.lines:
            yield from flat(line)


def choices_of(rule: FieldRule, tables: Tables) -> Sequence[Choice]:
    """What a code may be: the field's own list, else its table of the city; empty where that is not held here."""
    return [(each.value, each.zh, each.en) for each in rule.choices] or tables.get(rule.table, ())


def conditions(rule: FieldRule, labels: Mapping[str, Pair], names: Mapping[str, Mapping[str, Pair]]) -> Pair | None:
    """When the field must be filled, in words; None where it always must, or never."""
    if not rule.when or not rule.required:
        return None
    said = [_condition(each, labels, names) for each in rule.when]
    return "且".join(zh for zh, _ in said), " and ".join(en for _, en in said)


# --- one field --------------------------------------------------------------------------------------------------------


def _value(rule: FieldRule, path: str, raw: Raw, tables: Tables, notes: dict[str, list[Note]]) -> Any:
    if rule.type in _REPEATED:
        lines = [_line(rule, f"{path}.{number}", raw, tables, notes) for number in range(count_lines(raw, path))]
        return [line for line in lines if line is not None] or None
    if rule.type == "party":
        return _party(path, raw, notes)
    try:
        unit = raw.get(f"{path}.unit", "元")
        return read(
            rule.type,
            raw.get(path, ""),
            unit=unit if unit in UNITS else "元",
            choices=choices_of(rule, tables),
        )
    except Wrong as wrong:
        notes.setdefault(path, []).append(wrong.note)
        return None


def _line(rule: FieldRule, path: str, raw: Raw, tables: Tables, notes: dict[str, list[Note]]) -> Any:
    if rule.type == "parties":
        return _party(path, raw, notes)
    found = {
        column.name: value
        for column in rule.columns
        if (value := _value(column, f"{path}.{column.name}", raw, tables, notes)) is not None
    }
    return found or None


def _party(path: str, raw: Raw, notes: dict[str, list[Note]]) -> dict[str, str] | None:
    name = read("text", raw.get(f"{path}.name", ""))
    try:
        code = read("uscc", raw.get(f"{path}.uscc", ""))
    except Wrong as wrong:
        notes.setdefault(f"{path}.uscc", []).append(wrong.note)
        return None
    if code and not name:
        notes.setdefault(f"{path}.name", []).append(Note("填了代码，还需填名称。", "A code needs its name."))
        return None
    if not name:
        return None
    return {"name": name, "uscc": code} if code else {"name": name}


def _fill(rule: FieldRule, path: str, value: Any, raw: dict[str, str]) -> None:
    if rule.type == "party":
        raw |= {f"{path}.{part.name}": str(value.get(part.name, "")) for part in PARTY}
    elif rule.type == "parties":
        for number, each in enumerate(value):
            raw |= {f"{path}.{number}.{part.name}": str(each.get(part.name, "")) for part in PARTY}
    elif rule.type == "rows":
        for number, each in enumerate(value):
            for column in rule.columns:
                if each.get(column.name) is not None:
                    _fill(column, f"{path}.{number}.{column.name}", each[column.name], raw)
    else:
        raw[path] = show(rule.type, value)


def _draw(rule: FieldRule, path: str, raw: Raw, tables: Tables, notes: Notes) -> Input:
    made = Input(rule, path, rule.type, notes=list(notes.get(path, ())))
    if rule.type in _REPEATED:
        for number in range(max(count_lines(raw, path), 1)):
            made.lines.append(_draw_line(rule, f"{path}.{number}", raw, tables, notes))
        return made
    if rule.type == "party":
        made.parts = _draw_party(path, raw, notes)
        return made
    made.value = raw.get(path, "")
    if rule.type == "code":
        made.choices = choices_of(rule, tables)
        made.sort = "code" if 0 < len(made.choices) <= SELECT_UP_TO else "search"
    if rule.type == "money":
        unit = raw.get(f"{path}.unit", "元")
        made.unit = unit if unit in UNITS else "元"
        made.shown = _sum(made)
    return made


def _draw_line(rule: FieldRule, path: str, raw: Raw, tables: Tables, notes: Notes) -> list[Input]:
    if rule.type == "parties":
        return _draw_party(path, raw, notes)
    return [_draw(column, f"{path}.{column.name}", raw, tables, notes) for column in rule.columns]


def _draw_party(path: str, raw: Raw, notes: Notes) -> list[Input]:
    made = []
    for part in PARTY:
        inner = f"{path}.{part.name}"
        sort = "uscc" if part.name == "uscc" else "text"
        made.append(Input(part, inner, sort, raw.get(inner, ""), notes=list(notes.get(inner, ()))))
    return made


def _sum(made: Input) -> Pair | None:
    """A sum read back to its clerk: a zero too many is seen there."""
    try:
        value = read("money", made.value, unit=made.unit)
    except Wrong:
        return None
    return None if value is None else money(value)


def _condition(rule: Condition, labels: Mapping[str, Pair], names: Mapping[str, Mapping[str, Pair]]) -> Pair:
    zh, en = labels.get(rule.field, (rule.field, rule.field))
    known = names.get(rule.field, {})
    told: list[Pair] = []
    if rule.is_in is not None:
        said = [_said(value, known) for value in rule.is_in]
        told.append(("、".join(each[0] for each in said), " or ".join(each[1] for each in said)))
    if rule.least is not None:
        told.append((f"不小于 {rule.least}", f"at least {rule.least}"))
    if rule.below is not None:
        told.append((f"小于 {rule.below}", f"below {rule.below}"))
    not_zh, not_en = ("不", "not ") if rule.negate else ("", "")
    return (
        f"“{zh}”{not_zh}为{'且'.join(each[0] for each in told)}",
        f"“{en}” is {not_en}{', '.join(e for _, e in told)}",
    )


def _said(value: Any, known: Mapping[str, Pair]) -> Pair:
    if isinstance(value, bool):
        return ("是", "yes") if value else ("否", "no")
    return known.get(str(value), (str(value), str(value)))
